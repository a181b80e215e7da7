"""What an input function returns, as a Keras model takes it: tensors in the order of its inputs and outputs."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from estimator_runtime.errors import MissingNameError

_WEIGHTED = {"features", "sample_weights"}


def without_weights(features: Any) -> tuple[Any, Any]:
    """(features, sample weights) of a batch; None for the weights where it has none.

    A batch with weights has the features {"features": ..., "sample_weights": ...}.
    """
    if isinstance(features, Mapping) and set(features) == _WEIGHTED:
        return features["features"], features["sample_weights"]
    return features, None


def ordered(given: Any, names: Sequence[str] | None, kind: str) -> Any:
    """The tensors of a batch in the order of a model's inputs or outputs.

    Args:
        given: a tensor, a list of them, or a dict by name; None for none.
        names: the model's names; None for a model that has none, which takes a dict as it is.
        kind: "input" or "output", for the error.

    Returns:
        A tensor where one is given, else a list of tensors.

    Raises:
        KeyError: one of the model's names is missing. What has another name is left out.
    """
    if given is None or not isinstance(given, Mapping | list | tuple):
        return _tensor(given)
    if not isinstance(given, Mapping):
        return [_tensor(one) for one in given]
    if not names:
        return {name: _tensor(one) for name, one in given.items()}
    missing = [name for name in names if name not in given]
    if missing:
        what = {"input": "features", "output": "labels"}[kind]
        raise MissingNameError(
            f"The dictionary passed into {what} does not cover requested {kind}s keys defined in the keras model. "
            f"Expected keys: {sorted(names)}, {what} keys: {sorted(map(str, given))}, missed keys: {sorted(missing)}."
        )
    return [_tensor(given[name]) for name in names]


def check_labels(labels: Any, loss: Any) -> None:
    """Refuses a batch without labels where the model was compiled with a loss.

    Raises:
        ValueError: there are none.
    """
    if labels is None and loss:
        raise ValueError(
            "The Keras model was compiled with a loss, which needs labels, and there are none: return (features, labels) "
            "from input_fn."
        )


def _tensor(given: Any) -> Any:
    if given is None or tf.is_tensor(given) or isinstance(given, tf.SparseTensor):
        return given
    return tf.convert_to_tensor(given)
