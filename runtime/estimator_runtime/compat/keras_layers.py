"""`tf.compat.v1.layers` and `tf.compat.v1.nn.rnn_cell`, which TensorFlow refuses beside Keras 3.

The layers are those of tf_keras where it is installed, whatever `tf.keras` is; else TensorFlow's own, which make the same
variables and lack BatchNormalization. The cells are in a module of that name, which can be imported; only as an attribute of
`tf.compat.v1.nn` it is refused.
"""

import functools
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterable
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_LAYERS = "tensorflow.compat.v1.layers"
_CELLS = "tensorflow.compat.v1.nn.rnn_cell"
_OF_TF_KERAS = "tf_keras.api._v1.keras.__internal__.legacy.layers"
_OF_TENSORFLOW = "tensorflow.python.layers.layers"


class LegacyModule(ModuleType):
    """A module of TensorFlow that asks Keras 2 for its names: TensorFlow's own answer, or what stands in for it.

    Args:
        name: name of the module.
        asked: what TensorFlow has in its place; with Keras 2 it has everything.
        stand_in: gives the value of a name that `asked` refuses for Keras 3; AttributeError where there is none.
    """

    def __init__(self, name: str, asked: Any, stand_in: Callable[[str], Any]) -> None:
        super().__init__(name, f"{name}, with Keras 2 and without; see estimator_runtime.compat.")
        self.__spec__ = ModuleSpec(name, loader=None)
        self._asked = asked
        self._stand_in = stand_in

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        try:
            value = getattr(self._asked, name)
        except AttributeError as error:
            # It imports TensorFlow, and this module is imported before the program has done so.
            from estimator_runtime.keras.legacy_api import REFUSAL

            if REFUSAL not in str(error):
                raise
            value = self._stand_in(name)
        setattr(self, name, value)
        return value


def _layer(name: str) -> Any:
    layers = _layers()
    try:
        return getattr(layers, name)
    except AttributeError:
        if layers.__name__ != _OF_TENSORFLOW:
            raise
        from estimator_runtime.errors import LegacyKerasError

        raise LegacyKerasError(
            f"tf.compat.v1.layers.{name} needs Keras 2: pip install --no-deps 'tf-keras>=2.21,<2.22'. Or use the layer of "
            "the same kind in tf.keras.layers, which makes the same variables."
        ) from None


@functools.cache
def _layers() -> ModuleType:
    installed = importlib.util.find_spec("tf_keras") is not None
    return importlib.import_module(_OF_TF_KERAS if installed else _OF_TENSORFLOW)


def _cell(name: str) -> Any:
    return getattr(importlib.import_module(_CELLS), name)


def give(holders: Iterable[Any]) -> None:
    """Puts both modules in the place of TensorFlow's, and has that of layers imported; that of cells is there.

    Args:
        holders: the modules that are `tf.compat.v1`.
    """
    for holder in holders:
        if not isinstance(holder.layers, LegacyModule):
            holder.layers = LegacyModule(_LAYERS, holder.layers, _layer)
            sys.modules.setdefault(_LAYERS, holder.layers)
        if not isinstance(holder.nn.rnn_cell, LegacyModule):
            holder.nn.rnn_cell = LegacyModule(_CELLS, holder.nn.rnn_cell, _cell)
