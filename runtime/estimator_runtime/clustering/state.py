"""The variables of KMeans, by the names that they have in tf.estimator's checkpoints."""

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

CENTERS = "clusters"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The variables of a model.

    Attributes:
        centers: float32 [clusters chosen so far, dimension]; [0] before the first are chosen.
        initialized: bool [], whether all are chosen.
        counts: int64 [clusters], how many points each has taken part of; None where whole batches are averaged.
        updated: float32, as `centers`: what mini-batches move. The centers themselves, where each step is an iteration.
        steps_left: int64 [], steps before `updated` becomes `centers`; None where each step is an iteration.
    """

    centers: Any
    initialized: Any
    counts: Any
    updated: Any
    steps_left: Any


def made(num_clusters: Any, *, use_mini_batch: bool, steps_per_iteration: int) -> State:
    """Makes the variables, in the order in which tf.estimator has them in its collections.

    Args:
        num_clusters: int or int32 Tensor [].
        use_mini_batch: whether a batch moves the centers, rather than replacing them.
        steps_per_iteration: number of steps that see the same centers; only with mini-batches.
    """
    several = use_mini_batch and steps_per_iteration > 1
    # Of no known shape: how many are chosen, and their dimension, is known when the input has been read.
    none = tf.compat.v1.placeholder_with_default(tf.zeros([0]), shape=None)
    centers = _variable(none, CENTERS, validate_shape=False)
    initialized = _variable(False, "initialized")
    updated, steps_left, counts = centers, None, None
    if several:
        updated = _variable(none, "clusters_updated", validate_shape=False)
        steps_left = _variable(tf.constant(steps_per_iteration, tf.int64), "update_in_steps")
    if use_mini_batch:
        # A center that was chosen is a point itself, unless the centers of an iteration are yet to be moved.
        first = 0 if several else 1
        counts = _variable(tf.fill([num_clusters], tf.constant(first, tf.int64)), "Variable")
    return State(
        centers=centers, initialized=initialized, counts=counts, updated=updated, steps_left=steps_left
    )


def _variable(value: Any, name: str, *, validate_shape: bool = True) -> Any:
    return tf.compat.v1.Variable(value, name=name, validate_shape=validate_shape, use_resource=True)
