"""What a program that needs Keras 2 is told when TensorFlow comes with Keras 3."""

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Any

from estimator_runtime.errors import LegacyKerasError

REFUSAL = "is not available with Keras 3"
"""TensorFlow's own words, for `tf.compat.v1.layers.dense` and its like."""

# Python's words, for what optimizers of Keras 2 had. Those of Keras 3 have it in an Estimator's graph (`optimizer_steps`), but
# for one around another and one in an eager scope.
_OF_OPTIMIZERS = re.compile(
    r"'(\w+)' object has no attribute '(?:get_updates|get_gradients|minimize)'"
    r"|property 'iterations' of '(\w+)' object has no setter"
)


class OfKeras2:
    """A name that objects of Keras 3 have in an Estimator's graph alone; one that is set on an object, or by a class, goes first.

    Args:
        name: the name.
        find: function of the object that returns the value there, and None elsewhere.
    """

    def __init__(self, name: str, find: Callable[[Any], Any]) -> None:
        self.name = name
        self.find = find

    def __get__(self, given: Any, kind: Any = None) -> Any:
        value = None if given is None else self.find(given)
        if value is None:
            owner = f"type object {kind.__name__!r}" if given is None else f"{type(given).__name__!r} object"
            raise AttributeError(f"{owner} has no attribute {self.name!r}")
        return value


def _replacement(refusal: str) -> str:
    if "rnn_cell" in refusal or "Cell" in refusal:
        return (
            "The cells of tf.compat.v1.nn.rnn_cell are of Keras 2. Use a layer of tf.keras.layers instead, whose "
            "variables have other names (tf.keras.layers.LSTM in place of BasicLSTMCell with dynamic_rnn)."
        )
    return (
        "The functions of tf.compat.v1.layers are of Keras 2. Use the layer of the same kind in tf.keras.layers, which "
        "makes the same variables (tf.keras.layers.Dense for dense)."
    )


def _way_of_optimizers(error: AttributeError, name: str) -> str:
    return (
        f"{error}: {name} of Keras 3 makes no step here. Use tf.compat.v1.train.AdamOptimizer or its like "
        "(train_op = optimizer.minimize(loss, tf.compat.v1.train.get_global_step())). Or give the optimizer to what takes it: "
        "tf.estimator.Head.create_estimator_spec(optimizer=...), a canned Estimator, model.compile before "
        "model_to_estimator. Or use Keras 2: install tf_keras, with the environment variable TF_USE_LEGACY_KERAS=1 in place "
        "before TensorFlow is imported, and take tf.keras.optimizers.legacy."
    )


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Surrounds a model function: what only Keras 2 had becomes an error that names the ways out.

    Raises:
        LegacyKerasError: (an AttributeError) a `tf.compat.v1.layers` function was refused, or an optimizer of Keras 3 was
            asked for a step that it cannot make.
    """
    try:
        yield
    except AttributeError as error:
        of_optimizer = _OF_OPTIMIZERS.search(str(error))
        if of_optimizer is not None and not isinstance(error, LegacyKerasError):
            raise LegacyKerasError(_way_of_optimizers(error, of_optimizer[1] or of_optimizer[2])) from error
        if REFUSAL not in str(error) or isinstance(error, LegacyKerasError):
            raise
        raise LegacyKerasError(
            f"{error} {_replacement(str(error))} Or call estimator_runtime.compat.install(), which gives TensorFlow both "
            "again. Or use Keras 2: install tf_keras (pip install --no-deps tf-keras), with the environment variable "
            "TF_USE_LEGACY_KERAS=1 in place before TensorFlow is imported."
        ) from error
