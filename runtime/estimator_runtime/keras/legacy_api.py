"""What a program that needs Keras 2 is told when TensorFlow comes with Keras 3."""

import contextlib
from collections.abc import Iterator

from estimator_runtime.errors import LegacyKerasError

# TensorFlow's own words, for `tf.compat.v1.layers.dense` and its like.
_REFUSAL = "is not available with Keras 3"


def _replacement(refusal: str) -> str:
    if "rnn_cell" in refusal or "Cell" in refusal:
        return (
            "The cells of tf.compat.v1.nn.rnn_cell need Keras 2. Use a layer of tf.keras.layers instead, whose "
            "variables have other names (tf.keras.layers.LSTM in place of BasicLSTMCell with dynamic_rnn)."
        )
    return (
        "The functions of tf.compat.v1.layers need Keras 2. Use the layer of the same kind in tf.keras.layers, which "
        "makes the same variables (tf.keras.layers.Dense for dense)."
    )


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Surrounds a model function: a refused `tf.compat.v1.layers` function becomes an error that names the ways out.

    Raises:
        LegacyKerasError: (an AttributeError) the function was refused.
    """
    try:
        yield
    except AttributeError as error:
        if _REFUSAL not in str(error) or isinstance(error, LegacyKerasError):
            raise
        raise LegacyKerasError(
            f"{error} {_replacement(str(error))} Or install tf_keras "
            "(pip install --no-deps tf-keras), with the environment variable TF_USE_LEGACY_KERAS=1 in place before "
            "TensorFlow is imported."
        ) from error
