"""Checkpoints of a Keras 2 model's objects, `checkpoint_format="checkpoint"`: values under the layers' attributes.

Keras and tf.train.Checkpoint read them without an Estimator, and so do the Estimators of tf.estimator 2.15, whose
checkpoints of that kind are read here.
"""

import os
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from estimator_runtime.checkpoints import object_based


class _Objects(tf.train.Checkpoint):  # type: ignore[misc]  # TensorFlow is untyped
    """The objects of a model, in the order in which the model names them: of two names of one the first counts."""

    def __init__(self, model: Any, **more: Any) -> None:
        super().__init__()
        self._children = (model, more)
        self._delete_tracking("_children")

    def _trackable_children(self, save_type: str = "checkpoint", **settings: Any) -> Mapping[str, Any]:
        model, more = self._children
        return {**model._trackable_children(save_type, **settings), **more}  # noqa: SLF001 - where trackables say what they hold


def scaffold(model: Any, optimizer: Any) -> Any:
    """A Scaffold whose saver writes and restores the objects of the model in the default graph.

    Args:
        model: the model.
        optimizer: what trains it; None where nothing does.
    """
    return tf.compat.v1.train.Scaffold(saver=_objects(model, optimizer))


def save(model: Any, optimizer: Any, prefix: str) -> None:
    """Writes the objects, and makes them the latest checkpoint of their directory, as Keras does with a model's weights.

    Args:
        model: a model in the default graph, with values in the default session.
        optimizer: what trains it.
        prefix: the checkpoint's path prefix.
    """
    tf.train.Checkpoint(root=_objects(model, optimizer)).write(prefix)
    directory, name = os.path.split(prefix)
    # TensorFlow makes of a path what it is relative to a directory, but for an absolute one, where it keeps what is given.
    given = name if os.path.isabs(directory) else prefix  # noqa: PTH117 - may be a gs:// address
    tf.compat.v1.train.update_checkpoint_state(directory, given)


def _objects(model: Any, optimizer: Any) -> _Objects:
    step = tf.compat.v1.train.get_global_step()
    more = {object_based.STEP_ATTRIBUTE: step}
    if isinstance(optimizer, tf.compat.v1.train.Optimizer):
        # Inside the wrapper that Keras has for it, which counts.
        more["optimizer"] = wrapper = tf.train.Checkpoint(optimizer=optimizer)
        wrapper.global_step = step
    elif optimizer is not None:
        more["optimizer"] = optimizer
    return _Objects(model, **more)


def check(model: Any, *, is_graph_network: bool) -> None:
    """Refuses a model whose objects are not known before it is called.

    Raises:
        ValueError: it is one of a program's own class.
    """
    if not is_graph_network:
        raise ValueError(
            f"Object-based checkpoints are currently not supported with subclassed models, as {type(model).__name__} is: give "
            'checkpoint_format="saver".'
        )
