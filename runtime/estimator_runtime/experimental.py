"""What tf.estimator has under `experimental`: hooks, receivers, logit functions, KMeans, LinearSDCA, RNNs.

`same_graph_each_time` is of this package alone; KMeans was in `tf.compat.v1.estimator` alone.
"""

from estimator_runtime.canned.linear_sdca import LinearSDCA
from estimator_runtime.canned.rnn.rnn import RNNClassifier, RNNEstimator
from estimator_runtime.clustering.k_means import KMeansClustering as KMeans
from estimator_runtime.export.supervised import build_raw_supervised_input_receiver_fn
from estimator_runtime.loop.kept.promises import same_graph_each_time
from estimator_runtime.model.logit_fn import call_logit_fn
from estimator_runtime.training.early_stopping import (
    make_early_stopping_hook,
    stop_if_higher_hook,
    stop_if_lower_hook,
    stop_if_no_decrease_hook,
    stop_if_no_increase_hook,
)
from estimator_runtime.training.in_memory_evaluation import InMemoryEvaluatorHook
from estimator_runtime.training.stop_at_checkpoint import make_stop_at_checkpoint_step_hook

__all__ = [
    "InMemoryEvaluatorHook",
    "KMeans",
    "LinearSDCA",
    "RNNClassifier",
    "RNNEstimator",
    "build_raw_supervised_input_receiver_fn",
    "call_logit_fn",
    "make_early_stopping_hook",
    "make_stop_at_checkpoint_step_hook",
    "same_graph_each_time",
    "stop_if_higher_hook",
    "stop_if_lower_hook",
    "stop_if_no_decrease_hook",
    "stop_if_no_increase_hook",
]
