"""The recurrent layer of a model: of a cell type and numbers of units, or of a function that returns cells.

Layers are those of `tf.keras.layers`, so their variables have the names that Keras gives them, which are the same in both
versions: `rnn_model/rnn/lstm_cell/kernel` of units in a list, `rnn_model/lstm/lstm_cell/kernel` of one number.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import tensorflow as tf

from estimator_runtime import arguments
from estimator_runtime.errors import ValueKindError

USE_DEFAULT: Final = object()
"""The cell type that was not given: "simple_rnn" where no function returns cells."""

_LAYERS: Final[Mapping[str, str]] = {"simple_rnn": "SimpleRNN", "lstm": "LSTM", "gru": "GRU"}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RecurrentLayer:
    """What a recurrent layer is made of; see `RNNEstimator`.

    Attributes:
        units: a number of units, or one for each layer of cells; None with `cell_fn`.
        cell_type: "simple_rnn", "lstm", "gru", or a function of a number of units that returns a cell, as a class is.
        cell_fn: function that returns a cell, or None.

    Raises:
        ValueError: there are `cell_fn` and one of the others, or neither.
    """

    units: Any
    cell_type: Any
    cell_fn: Callable[[], Any] | None

    def __post_init__(self) -> None:
        if self.cell_fn and (self.units or self.cell_type is not USE_DEFAULT):
            raise ValueError("units and cell_type must not be specified when using rnn_cell_fn")
        if not self.cell_fn and not isinstance(self.units, int | Iterable):
            raise ValueKindError(f"units must be an integer or a list of integers. Given: {self.units}")

    def build(self, *, return_sequences: bool) -> Any:
        """A new layer of Keras, in the default graph.

        Keras 3 would choose the operations of cuDNN when the graph is made on a host with a GPU: an export would be served on
        GPUs alone, and a sequence without a step would be an error. Keras 2 chooses when the graph runs.

        Raises:
            ValueError: there are no units, or no cells of the type.
        """
        if self.cell_fn:
            return tf.keras.layers.RNN(self.cell_fn(), return_sequences=return_sequences)
        if isinstance(self.units, int) and isinstance(self.cell_type, str) and self.cell_type in _LAYERS:
            layer = getattr(tf.keras.layers, _LAYERS[self.cell_type])
            on_every_device = {"use_cudnn": False} if "use_cudnn" in arguments.declared(layer) else {}
            return layer(self.units, return_sequences=return_sequences, **_seeded(), **on_every_device)
        cells = [self._cell(units) for units in ([self.units] if isinstance(self.units, int) else self.units)]
        if not cells:
            raise ValueError("units must not be empty: a recurrent layer has cells.")
        cell = cells[0] if len(cells) == 1 else tf.keras.layers.StackedRNNCells(cells)
        return tf.keras.layers.RNN(cell, return_sequences=return_sequences)

    def _cell(self, units: Any) -> Any:
        """A new cell with a number of units."""
        kind = "simple_rnn" if self.cell_type is USE_DEFAULT else self.cell_type
        if isinstance(kind, str) and kind in _LAYERS:
            return getattr(tf.keras.layers, f"{_LAYERS[kind]}Cell")(units, **_seeded())
        if not callable(kind):
            raise ValueError(  # noqa: TRY004 - tf.estimator's type
                "`cell_type` should be a class producing a RNN cell, or a string specifying the cell type. Supported strings "
                f"are: {list(_LAYERS)}."
            )
        cell = kind(units)
        if not (hasattr(cell, "call") and hasattr(cell, "state_size")):
            raise ValueError("RNN cell should have a `call` and `state_size` method.")
        return cell


def dense(units: int) -> Any:
    """A new layer of Keras for the logits."""
    kernel = {name: value for name, value in _seeded().items() if name == "kernel_initializer"}
    return tf.keras.layers.Dense(units, name="logits", **kernel)


def _is_keras_3() -> bool:
    return "use_cudnn" in arguments.declared(tf.keras.layers.LSTM)


def _seeded() -> dict[str, Any]:
    """Arguments with which first weights follow from the graph's seed, as those of Keras 2 do by themselves."""
    if not _is_keras_3():
        return {}
    v1 = tf.compat.v1
    return {
        "kernel_initializer": _initializer(v1.glorot_uniform_initializer()),
        "recurrent_initializer": _initializer(v1.orthogonal_initializer()),
    }


def _initializer(make: Callable[..., Any]) -> Callable[..., Any]:
    """One of `tf.compat.v1` as Keras 3 calls it."""
    return lambda shape, dtype: make(shape, tf.as_dtype(dtype))


def forget_unused_seeds(layer: Any) -> None:
    """Takes the seeds of cells without dropout out of the graph's variables.

    Every cell of Keras 3 has one, which would be in checkpoints and be missing in those of tf.estimator.
    """
    unused = set()
    for cell in getattr(layer.cell, "cells", [layer.cell]):
        seed = getattr(getattr(cell, "seed_generator", None), "state", None)
        if seed is not None and not (cell.dropout or cell.recurrent_dropout):
            unused.add(id(seed.value))
    variables = tf.compat.v1.get_collection_ref(tf.compat.v1.GraphKeys.GLOBAL_VARIABLES)
    variables[:] = [variable for variable in variables if id(variable) not in unused]
