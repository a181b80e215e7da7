"""The Estimator for k-means clustering."""

import operator
import os
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np

from estimator_runtime.clustering import distances, initialization, k_means_model, state
from estimator_runtime.config.run_config import RunConfig
from estimator_runtime.errors import NumberOfClassesError
from estimator_runtime.estimator import Estimator

InputFn = Callable[..., Any]


class KMeansClustering(Estimator):
    """Finds clusters of points by k-means.

    Features are points: a float32 Tensor [points, dimension], a list of such Tensors (parts of a batch), or a dict whose
    Tensors [points, n] lie side by side in the order of their names. There are no labels.

    The first centers are chosen before the first step. A batch that has fewer points than clusters is taken whole and the
    next one read, so some batches may be over before the first step (none, where centers are given). The loss is the sum,
    over a batch, of the distances of the points to their centers.

    Args:
        num_clusters: number of clusters. Where centers are given as values it is theirs.
        model_dir: see `Estimator`.
        initial_clusters: how the first centers are chosen: "random" (points of the batches), "kmeans_plus_plus" (of one
            batch that has points enough), values [clusters, dimension] that TensorFlow makes a float32 Tensor of, or a
            function of the list of a batch's parts and of the number of centers that are missing (int32 Tensor []), which
            returns centers.
        distance_metric: "squared_euclidean" or "cosine".
        seed: whether the random choice can be made again. Its value does not count, as in tf.estimator: the config's
            `tf_random_seed` does. None: it can with a `tf_random_seed` only.
        use_mini_batch: whether each batch moves the centers (Sculley, 2010), rather than replacing them by the means of
            its points, for which each batch should be the whole input.
        mini_batch_steps_per_iteration: number of mini-batches that see the same centers; they are moved after these.
        kmeans_plus_plus_num_retries: how many more candidates k-means++ draws for each center.
        relative_tolerance: a training ends when the loss of two steps differs, in relation to 1 + the first, by less.
        config: a `RunConfig`.
        feature_columns: dense feature columns that make the points of a dict.

    Raises:
        ValueError: a metric or a way to choose centers has another name; or, without given centers, the number of
            clusters is no positive whole number (`NumberOfClassesError`).
    """

    SQUARED_EUCLIDEAN_DISTANCE: ClassVar[str] = distances.SQUARED_EUCLIDEAN
    COSINE_DISTANCE: ClassVar[str] = distances.COSINE
    RANDOM_INIT: ClassVar[str] = initialization.RANDOM
    KMEANS_PLUS_PLUS_INIT: ClassVar[str] = initialization.KMEANS_PLUS_PLUS
    SCORE: ClassVar[str] = k_means_model.SCORE
    CLUSTER_INDEX: ClassVar[str] = k_means_model.CLUSTER_INDEX
    ALL_DISTANCES: ClassVar[str] = k_means_model.ALL_DISTANCES
    CLUSTER_CENTERS_VAR_NAME: ClassVar[str] = state.CENTERS

    def __init__(
        self,
        num_clusters: int | None,
        model_dir: str | os.PathLike[str] | None = None,
        initial_clusters: Any = initialization.RANDOM,
        distance_metric: str = distances.SQUARED_EUCLIDEAN,
        seed: int | None = None,
        use_mini_batch: bool = True,
        mini_batch_steps_per_iteration: int = 1,
        kmeans_plus_plus_num_retries: int = 2,
        relative_tolerance: float | None = None,
        config: RunConfig | None = None,
        feature_columns: Any = None,
    ) -> None:
        if isinstance(initial_clusters, str) and initial_clusters not in (
            initialization.RANDOM,
            initialization.KMEANS_PLUS_PLUS,
        ):
            raise ValueError(f"Unsupported initialization algorithm '{initial_clusters}'")
        if distance_metric not in tuple(distances.METRICS):
            raise ValueError(f"Unsupported distance metric '{distance_metric}'")
        if isinstance(initial_clusters, str) or callable(initial_clusters):
            num_clusters = _checked_number(num_clusters)
        self._distance_metric = distance_metric
        model = k_means_model.KMeansModel(
            num_clusters=num_clusters,
            initial_clusters=initial_clusters,
            distance_metric=distance_metric,
            seed=seed,
            use_mini_batch=use_mini_batch,
            mini_batch_steps_per_iteration=mini_batch_steps_per_iteration,
            kmeans_plus_plus_num_retries=kmeans_plus_plus_num_retries,
            relative_tolerance=relative_tolerance,
            feature_columns=feature_columns,
        )
        super().__init__(model.model_fn, model_dir, config)

    def predict_cluster_index(self, input_fn: InputFn) -> Iterator[Any]:
        """Yields the index of each point's cluster, an int64.

        Args:
            input_fn: function that returns points, which must come to an end.
        """
        return self._predicted(input_fn, self.CLUSTER_INDEX)

    def score(self, input_fn: InputFn) -> Any:
        """Returns the sum, over the first batch, of the distances of the points to their centers.

        Args:
            input_fn: function that returns points.
        """
        return self.evaluate(input_fn, steps=1)[self.SCORE]

    def transform(self, input_fn: InputFn) -> Iterator[Any]:
        """Yields each point's distances to all centers, a numpy array [clusters]; not squared, where the metric is.

        Args:
            input_fn: function that returns points, which must come to an end.
        """
        for all_distances in self._predicted(input_fn, self.ALL_DISTANCES):
            is_squared = self._distance_metric == self.SQUARED_EUCLIDEAN_DISTANCE
            yield np.sqrt(all_distances) if is_squared else all_distances

    def cluster_centers(self) -> Any:
        """Returns the centers, a numpy array [clusters, dimension].

        Raises:
            EstimatorNotTrainedError: (a ValueError) there is no checkpoint.
        """
        return self.get_variable_value(self.CLUSTER_CENTERS_VAR_NAME)

    def _predicted(self, input_fn: InputFn, key: str) -> Iterator[Any]:
        for prediction in self.predict(input_fn, predict_keys=[key]):
            yield prediction[key]


def _checked_number(num_clusters: Any) -> int:
    """The number of clusters, of whatever kind of whole number it is.

    Raises:
        ValueError: (`NumberOfClassesError`) it is none, or not positive.
    """
    try:
        number = operator.index(num_clusters)
    except TypeError as error:
        raise NumberOfClassesError(
            f"num_clusters must be a positive integer. Given: {num_clusters}"
        ) from error
    if number < 1:
        raise NumberOfClassesError(f"num_clusters must be a positive integer. Given: {num_clusters}")
    return number
