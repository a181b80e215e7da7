"""The model function of KMeans."""

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from estimator_runtime.clustering import distances, initialization, points, state, updates
from estimator_runtime.clustering.convergence import ConvergenceHook
from estimator_runtime.config.run_config import RunConfig
from estimator_runtime.model.export_outputs import ExportOutput, PredictOutput
from estimator_runtime.model.model_fn import EstimatorSpec, ModeKeys

CLUSTER_INDEX = "cluster_index"
SCORE = "score"
ALL_DISTANCES = "all_distances"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # arrays do not compare as one
class KMeansModel:
    """What is asked of KMeans; the attributes are `KMeansClustering`'s arguments."""

    num_clusters: int | None
    initial_clusters: Any
    distance_metric: str
    seed: int | None
    use_mini_batch: bool
    mini_batch_steps_per_iteration: int
    kmeans_plus_plus_num_retries: int
    relative_tolerance: float | None
    feature_columns: Any

    def model_fn(self, features: Any, mode: str, config: RunConfig) -> EstimatorSpec:
        """The EstimatorSpec of KMeans; all variables are made in each mode, as in tf.estimator's exports."""
        parts = points.of_features(features, self.feature_columns)
        choose, num_clusters = self._choice()
        variables = state.made(
            num_clusters,
            use_mini_batch=self.use_mini_batch,
            steps_per_iteration=self.mini_batch_steps_per_iteration,
        )
        with tf.control_dependencies(self._before_assignment(variables, mode)):
            centers = variables.centers.read_value()
        assigned = [distances.METRICS[self.distance_metric](part, centers) for part in parts]
        # What is predicted and served is one batch, of one part.
        predictions = {ALL_DISTANCES: assigned[0].all_distances, CLUSTER_INDEX: assigned[0].index}
        outputs: dict[str, ExportOutput] = {
            ALL_DISTANCES: PredictOutput(predictions[ALL_DISTANCES]),
            CLUSTER_INDEX: PredictOutput(predictions[CLUSTER_INDEX]),
            tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY: PredictOutput(predictions[CLUSTER_INDEX]),
        }
        if mode == ModeKeys.PREDICT:
            return EstimatorSpec(mode, predictions=predictions, export_outputs=outputs)
        loss = tf.add_n([tf.reduce_sum(one.distance) for one in assigned])
        tf.compat.v1.summary.scalar("loss/raw", loss)
        if mode == ModeKeys.EVAL:
            return EstimatorSpec(
                mode,
                predictions=predictions,
                loss=loss,
                eval_metric_ops={SCORE: tf.compat.v1.metrics.mean(loss)},
            )
        choosing = initialization.operation(variables, parts, num_clusters, choose, self.distance_metric)
        hooks: list[Any] = [
            initialization.InitializationHook(
                variables.initialized.read_value(), choosing, is_chief=config.is_chief
            )
        ]
        if self.relative_tolerance is not None:
            hooks.append(ConvergenceHook(loss, self.relative_tolerance))
        return EstimatorSpec(
            mode,
            predictions=predictions,
            loss=loss,
            train_op=self._train_op(variables, assigned, num_clusters),
            training_hooks=hooks,
        )

    def _choice(self) -> tuple[initialization.Choice, Any]:
        """How the first centers are chosen, and how many there are (int, or int32 Tensor [])."""
        given = self.initial_clusters
        # Not the seed itself but the graph's decides, or TensorFlow's default one where the graph has none: as in
        # tf.estimator, whose centers these are.
        seed, _ = tf.compat.v1.get_seed(self.seed)
        if isinstance(given, str):
            if given == initialization.RANDOM:
                return initialization.random_choice(seed), self.num_clusters
            retries = self.kmeans_plus_plus_num_retries
            choose = initialization.kmeans_plus_plus_choice(seed, retries, self.distance_metric)
            return choose, self.num_clusters
        if callable(given):
            return given, self.num_clusters
        centers = tf.convert_to_tensor(given)
        points.check_points(centers, "initial_clusters")
        return lambda *_: centers, tf.shape(centers)[0]

    def _before_assignment(self, variables: state.State, mode: str) -> list[Any]:
        """What a step does before it reads the centers."""
        if mode != ModeKeys.TRAIN or variables.steps_left is None:
            return []
        return [updates.iterated(variables, self.mini_batch_steps_per_iteration, self.distance_metric)]

    def _train_op(self, variables: state.State, assigned: list[Any], num_clusters: Any) -> Any:
        if self.use_mini_batch:
            moved = updates.mini_batch(variables, assigned)
        else:
            moved = updates.full_batch(variables, assigned, num_clusters, self.distance_metric)
        # Last, as an optimizer does: hooks that read the step beside it see the one before.
        with tf.control_dependencies([moved]):
            return tf.compat.v1.assign_add(tf.compat.v1.train.get_global_step(), 1).op
