"""Choosing the first centers, over as many batches as it takes, before the first step.

Every run of the operation reads a batch, unless centers are given, and chooses centers of its points until there are
enough. Only the chief runs it; the other workers wait for it.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from estimator_runtime.clustering import distances, points
from estimator_runtime.clustering.state import State

RANDOM = "random"
KMEANS_PLUS_PLUS = "kmeans_plus_plus"
_LOOK_FOR_CENTERS_SECS = 1.0

Choice = Callable[[list[Any], Any], Any]
"""Function of the parts of a batch and of the number of centers that are missing, int32 []; float32 [centers, dimension]."""


def random_choice(seed: int | None) -> Choice:
    """Points of a batch at random, with replacement; all of them if it has no more than are missing."""

    def choose(parts: list[Any], missing: Any) -> Any:
        candidates = points.joined(parts)
        count = tf.shape(candidates)[0]

        def drawn() -> Any:
            rows = tf.random.uniform([missing], 0, tf.cast(count, tf.int64), dtype=tf.int64, seed=seed)
            return tf.gather(candidates, rows)

        return tf.cond(count <= missing, lambda: candidates, drawn)

    return choose


def kmeans_plus_plus_choice(seed: int | None, retries: int, metric: str) -> Choice:
    """Points of a batch by k-means++, each far from those before it (Arthur and Vassilvitskii, 2007).

    Args:
        seed: of the random numbers; None for another one each time.
        retries: how many more candidates are drawn for each center, the best of which is taken.
        metric: a name of `distances.METRICS`.
    """

    def choose(parts: list[Any], missing: Any) -> Any:
        candidates = points.joined(parts)
        enough = tf.debugging.assert_greater_equal(
            tf.shape(candidates)[0],
            missing,
            "initial_clusters='kmeans_plus_plus' takes all centers from one batch, which has fewer points than num_clusters.",
        )
        with tf.control_dependencies([enough]):
            candidates = tf.identity(candidates)
        drawn = tf.random.uniform([], maxval=tf.int64.max, dtype=tf.int64)
        return tf.raw_ops.KmeansPlusPlusInitialization(
            points=distances.normalized(candidates) if metric == distances.COSINE else candidates,
            num_to_sample=tf.cast(missing, tf.int64),
            seed=drawn if seed is None else tf.constant(seed, tf.int64),
            num_retries_per_sample=tf.constant(retries, tf.int64),
        )

    return choose


def operation(state: State, parts: list[Any], num_clusters: Any, choose: Choice, metric: str) -> Any:
    """The operation that chooses centers of one batch and notes whether there are enough.

    Raises:
        ValueError: (also a TypeError) what `choose` returns are no points.
        tf.errors.InvalidArgumentError: (when run) more centers were chosen than there are clusters.
    """
    before = state.centers.read_value()
    chosen_before = tf.shape(before)[0]
    missing = num_clusters - chosen_before
    with tf.control_dependencies([tf.debugging.assert_positive(missing)]):
        chosen = tf.convert_to_tensor(choose(parts, tf.identity(missing)))
        points.check_points(chosen, "initial_clusters")
        if metric == distances.COSINE:
            chosen = distances.normalized(chosen)
        centers = tf.concat([tf.reshape(before, [chosen_before, tf.shape(chosen)[1]]), chosen], axis=0)
    variables = [state.centers] if state.updated is state.centers else [state.centers, state.updated]
    with tf.control_dependencies([one.assign(centers, read_value=False) for one in variables]):
        return state.initialized.assign(tf.equal(tf.shape(centers)[0], num_clusters), read_value=False)


class InitializationHook(tf.compat.v1.train.SessionRunHook):  # type: ignore[misc]  # TensorFlow is untyped
    """Chooses the first centers when a session is made, or waits until the chief has.

    Args:
        initialized: bool Tensor [], whether all are chosen.
        step: operation that chooses some.
        is_chief: whether this task chooses.
    """

    def __init__(self, initialized: Any, step: Any, *, is_chief: bool) -> None:
        self._initialized = initialized
        self._step = step
        self._is_chief = is_chief

    def after_create_session(self, session: Any, coord: Any) -> None:
        """Comes back when all centers are chosen, or when the training is to stop.

        Raises:
            tf.errors.OutOfRangeError: the input ends before there are enough points.
        """
        while not session.run(self._initialized):
            if self._is_chief:
                self._choose(session)
            elif coord.wait_for_stop(_LOOK_FOR_CENTERS_SECS):
                return

    def _choose(self, session: Any) -> None:
        try:
            session.run(self._step)
        except tf.errors.OutOfRangeError as error:
            raise tf.errors.OutOfRangeError(
                None,
                None,
                "The input of KMeans ended before the first centers were chosen: it has fewer points than num_clusters. "
                f"{error.message}",
            ) from error
