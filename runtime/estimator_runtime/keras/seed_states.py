"""The states of the seeds of Keras 3, from which Dropout and cells draw their masks: variables that Keras 2 did not have.

Those of a training are in its checkpoints, so that it goes on with other masks. Evaluations, predictions and exports ask no
checkpoint for them: there they are local variables. So the checkpoints of tf.estimator fit a model with Dropout.
"""

import re
from typing import Any

import tensorflow as tf

# As Keras calls it; the end is TensorFlow's, of a second one in a scope, and of a strategy's copies.
_NAME = re.compile(r"(.*/)?seed_generator_state(_\d+)?(/replica_\d+)?")


def global_ones() -> list[Any]:
    """Those among the global variables of the default graph."""
    return [one for one in tf.compat.v1.global_variables() if _NAME.fullmatch(one.op.name)]


def make_local() -> None:
    """Makes local variables of all of them in the default graph."""
    moved = global_ones()
    if not moved:
        return
    names = {one.op.name for one in moved}
    keys = tf.compat.v1.GraphKeys
    variables = tf.compat.v1.get_collection_ref(keys.GLOBAL_VARIABLES)
    variables[:] = [one for one in variables if one.op.name not in names]
    for one in moved:
        tf.compat.v1.add_to_collection(keys.LOCAL_VARIABLES, one)
