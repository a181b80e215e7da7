"""`tf.keras.layers.AbstractRNNCell`, which Keras 3 does not have: what a program's own recurrent cells are derived from."""

from typing import Any

import keras  # type: ignore[import-untyped]


class AbstractRNNCell(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """A cell for `tf.keras.layers.RNN`; a class below has `call(inputs, states)`, `state_size` and `output_size`."""

    def call(self, inputs: Any, states: Any) -> Any:
        """Returns (output, states of the next step).

        Args:
            inputs: Tensor [batch, size] of one step.
            states: list of Tensors [batch, size of the state].
        """
        raise NotImplementedError

    @property
    def state_size(self) -> Any:
        """Size of the state, or a list of the states' sizes."""
        raise NotImplementedError

    @property
    def output_size(self) -> Any:
        """Size of the output."""
        raise NotImplementedError

    def get_initial_state(self, inputs: Any = None, batch_size: Any = None, dtype: Any = None) -> Any:
        """Zeros, in the structure of `state_size`.

        Args:
            inputs: a batch, for its size and dtype.
            batch_size: the size, where there are no inputs.
            dtype: the dtype, where there are none; that of the layer if it is left out.
        """
        if inputs is not None:
            batch_size, dtype = keras.ops.shape(inputs)[0], inputs.dtype

        def zeros(size: Any) -> Any:
            shape = [size] if isinstance(size, int) else list(size)
            return keras.ops.zeros([batch_size, *shape], dtype or self.compute_dtype)

        sizes = self.state_size
        return [zeros(size) for size in sizes] if isinstance(sizes, list | tuple) else zeros(sizes)
