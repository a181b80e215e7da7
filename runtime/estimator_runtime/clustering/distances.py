"""Distances of points to the centers of clusters."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

SQUARED_EUCLIDEAN = "squared_euclidean"
COSINE = "cosine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """The clusters of some points.

    Attributes:
        points: float Tensor [points, dimension], as the metric compares them.
        all_distances: float Tensor [points, clusters].
        index: int64 Tensor [points], of the nearest cluster.
        distance: float Tensor [points], to its center.
    """

    points: Any
    all_distances: Any
    index: Any
    distance: Any


def _by_squared_euclidean(points: Any, centers: Any) -> Assignment:
    of_points = tf.reduce_sum(tf.square(points), axis=1, keepdims=True)
    of_centers = tf.reduce_sum(tf.square(centers), axis=1, keepdims=True)
    products = tf.matmul(points, centers, transpose_b=True)
    index, distance = _nearest(points, centers)
    return Assignment(
        points=points,
        all_distances=of_points - 2 * products + tf.transpose(of_centers),
        index=index,
        distance=tf.squeeze(distance, [-1]),
    )


def _by_cosine(points: Any, centers: Any) -> Assignment:
    points, centers = normalized(points), normalized(centers)
    index, distance = _nearest(points, centers)
    return Assignment(
        points=points,
        all_distances=1 - tf.matmul(points, centers, transpose_b=True),
        index=index,
        # The square of the chord between two points of the unit sphere is twice their cosine distance.
        distance=tf.squeeze(distance * 0.5, [-1]),
    )


METRICS: Mapping[str, Callable[[Any, Any], Assignment]] = {
    SQUARED_EUCLIDEAN: _by_squared_euclidean,
    COSINE: _by_cosine,
}
"""Name of a metric -> function of points [points, dimension] and centers [clusters, dimension]."""


def normalized(vectors: Any) -> Any:
    """Vectors [vectors, dimension] of length 1."""
    return tf.math.l2_normalize(vectors, axis=1)


def _nearest(points: Any, centers: Any) -> tuple[Any, Any]:
    """(int64 [points] of the nearest centers, float [points, 1] squared distances to them)."""
    one = tf.constant(1, tf.int64)
    index, distance = tf.raw_ops.NearestNeighbors(points=points, centers=centers, k=one)
    return tf.squeeze(index, [-1]), distance
