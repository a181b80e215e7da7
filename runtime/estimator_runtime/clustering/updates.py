"""One step of k-means: moving the centers by a mini-batch (after Sculley, 2010), or replacing them by the means of a batch."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from estimator_runtime.clustering import distances
from estimator_runtime.clustering.distances import Assignment
from estimator_runtime.clustering.state import State

_EPSILON = 1e-6  # points; tf.estimator's, so the center of a cluster without points is the origin


def full_batch(state: State, assignments: Sequence[Assignment], num_clusters: Any, metric: str) -> Any:
    """The operation that replaces each center by the mean of its points of this batch."""
    sums = tf.add_n(
        [tf.math.unsorted_segment_sum(one.points, one.index, num_clusters) for one in assignments]
    )
    counts = tf.add_n(
        [
            tf.math.unsorted_segment_sum(
                tf.ones([tf.shape(one.points)[0], 1], one.points.dtype), one.index, num_clusters
            )
            for one in assignments
        ]
    )
    return state.centers.assign(_kept(sums / (counts + _EPSILON), metric), read_value=False)


def mini_batch(state: State, assignments: Sequence[Assignment]) -> Any:
    """The operation that moves each center towards its points of this batch, the less the more points it had before."""
    # The parts of a batch one after the other, and after all of them have been assigned: reads and writes of the same
    # variables would else come in any order.
    before = [one.index for one in assignments]
    for one in assignments:
        with tf.control_dependencies(before):
            before = _moved(state, one)
    return tf.group(*before)


def iterated(state: State, steps_per_iteration: int, metric: str) -> Any:
    """Counts a step of an iteration of several; at the first, what those of the last have moved becomes the centers.

    Returns:
        An int64 Tensor [] that is there afterwards: the points of the step are assigned to the new centers.
    """

    def ended() -> Any:
        assigned = [
            state.steps_left.assign(steps_per_iteration - 1, read_value=False),
            state.centers.assign(_kept(state.updated.read_value(), metric), read_value=False),
            state.counts.assign(tf.zeros_like(state.counts), read_value=False),
        ]
        with tf.control_dependencies(assigned):
            return state.steps_left.read_value()

    def goes_on() -> Any:
        with tf.control_dependencies([state.steps_left.assign_sub(1, read_value=False)]):
            return state.steps_left.read_value()

    return tf.cond(state.steps_left.read_value() <= 0, ended, goes_on)


def _kept(centers: Any, metric: str) -> Any:
    """Centers as they are kept where they are replaced as a whole: of length 1 with the cosine distance."""
    return distances.normalized(centers) if metric == distances.COSINE else centers


def _moved(state: State, one: Assignment) -> list[Any]:
    """The operations that move the centers by a part of a batch."""
    clusters, position = tf.unique(tf.reshape(one.index, [-1]))
    number = tf.size(clusters)
    centers_before = tf.gather(state.updated, clusters)
    new = tf.math.unsorted_segment_sum(tf.ones_like(position, tf.int64), position, number)
    sums = tf.math.unsorted_segment_sum(one.points, position, number)
    # With the points of this batch in it already. tf.estimator's graph leaves open whether they are, and in batches of up to
    # thousands of points they were: its centers move by less than Sculley's, who counts them once.
    with tf.control_dependencies([tf.compat.v1.scatter_add(state.counts, clusters, new).op]):
        counted = tf.gather(state.counts, clusters)
    rate = tf.math.reciprocal(tf.cast(counted + new, sums.dtype))
    shift = (sums - tf.cast(new[:, tf.newaxis], sums.dtype) * centers_before) * rate[:, tf.newaxis]
    return [tf.compat.v1.scatter_add(state.updated, clusters, shift).op]
