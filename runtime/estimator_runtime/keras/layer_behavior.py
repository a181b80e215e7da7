"""The ways of TensorFlow 2 that layers of Keras 3 are written for, inside them, in a program that has called disable_v2_behavior().

Without its shapes `shape[0]` is a Dimension, which Keras takes for a list; without its control flow a loop may write an element of
a TensorArray once, and Keras's recurrent layers write the last output over the one before. Layers and functions of the program's
own see the ways that the program has chosen, inside Keras's layers as well.
"""

import functools
import importlib
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import tensorflow as tf

_v1: Any = tf.compat.v1


class _Ways(NamedTuple):
    shapes: bool
    control_flow: bool


_OF_KERAS = _Ways(shapes=True, control_flow=True)


class _Outside:
    """The program's ways, while a layer of Keras is called."""

    ways: _Ways | None = None


def _now() -> _Ways:
    dimension: Any = tf.TensorShape([1])[0]
    # Asked for in the graph of a function, it would be that one's.
    with _anywhere().as_default():
        return _Ways(isinstance(dimension, int), _v1.control_flow_v2_enabled())


@functools.cache
def _anywhere() -> tf.Graph:
    return tf.Graph()


def _set(ways: _Ways) -> None:
    if ways.shapes:
        _v1.enable_v2_tensorshape()
    else:
        _v1.disable_v2_tensorshape()
    if ways.control_flow:
        _v1.enable_control_flow_v2()
    else:
        _v1.disable_control_flow_v2()


@functools.cache
def _is_of_keras(kind: type) -> bool:
    """Whether what the layer calls is Keras's own code; a Lambda calls a function of the program's."""
    lambda_layer: type = importlib.import_module("keras").layers.Lambda
    of_keras: bool = inspect.getattr_static(kind, "call").__module__.startswith("keras.")
    return of_keras and not issubclass(kind, lambda_layer)


@contextmanager
def of_layer(layer: Any) -> Iterator[None]:
    """Surrounds the call of a layer in a graph.

    Args:
        layer: a layer of Keras 3, or of the program's.
    """
    before, outside = _now(), _Outside.ways
    programs = before if outside is None else outside
    kind: Any = type(layer)
    wanted = _OF_KERAS if _is_of_keras(kind) else programs
    if programs == _OF_KERAS or wanted == before:
        yield
        return
    _Outside.ways = programs
    _set(wanted)
    try:
        yield
    finally:
        _set(before)
        _Outside.ways = outside
