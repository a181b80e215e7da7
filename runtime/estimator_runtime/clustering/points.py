"""The points of a batch, as features give them."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from estimator_runtime.errors import ValueKindError


def of_features(features: Any, columns: Any) -> list[Any]:
    """The points of a batch, float32 Tensors [points, dimension]; one Tensor for each part of the batch.

    Args:
        features: a Tensor [points, dimension]; a list of such Tensors, parts of one batch; or a dict of Tensors that
            lie side by side, in the order of their names.
        columns: feature columns that make one Tensor of a dict; None for the features themselves.

    Raises:
        IndexError: the dict is empty.
        ValueError: (also a TypeError) what is given is no float32 Tensor of rank 2.
    """
    if isinstance(features, Mapping):
        return [_checked(_joined(features, columns))]
    if isinstance(features, list | tuple):
        return [_checked(part) for part in features]
    return [_checked(features)]


def joined(parts: list[Any]) -> Any:
    """All points of a batch in one Tensor."""
    return parts[0] if len(parts) == 1 else tf.concat(parts, axis=0)


def _joined(features: Mapping[str, Any], columns: Any) -> Any:
    if columns:
        return tf.compat.v1.feature_column.input_layer(dict(features), columns)
    if not features:
        raise IndexError("KMeans needs features, and the dict of them is empty.")
    return tf.concat([_checked(features[name], f"feature {name!r}") for name in sorted(features)], axis=1)


def _checked(points: Any, name: str = "features") -> Any:
    if isinstance(points, tf.SparseTensor | tf.RaggedTensor):
        raise ValueKindError(f"KMeans needs dense points; {name}: {points}")
    tensor = tf.convert_to_tensor(points)
    check_points(tensor, name)
    return tensor


def check_points(tensor: Any, name: str) -> None:
    """Refuses what are no points.

    Raises:
        ValueError: (also a TypeError) the Tensor is not of rank 2, or its dtype is not float32.
    """
    if tensor.dtype != tf.float32:
        raise ValueKindError(
            f"KMeans needs points of dtype float32; {name}: {tensor.dtype.name}. Cast them by tf.cast(points, tf.float32)."
        )
    if tensor.shape.rank not in (None, 2):
        raise ValueKindError(f"KMeans needs points of shape [points, dimension]; {name}: {tensor.shape}")
