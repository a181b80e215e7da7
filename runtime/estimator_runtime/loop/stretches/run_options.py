"""Whether a training may make several steps in one call, as far as its configuration says."""

import os
from typing import Any

import tensorflow as tf

from estimator_runtime.config.run_config import RunConfig
from estimator_runtime.loop.stretches.step_graph import NotLoopableError

# RewriterConfig.Toggle
_ON = 1


def check(config: RunConfig, graph: Any, *, is_together: bool = False) -> None:
    """Refuses what makes a step more than a call of a session in this process.

    Args:
        config: the Estimator's.
        graph: the graph.
        is_together: whether all tasks of the cluster make the steps of the loop together.

    Raises:
        NotLoopableError: it is.
    """
    if not is_together and (config.master or config.num_ps_replicas or config.num_worker_replicas > 1):
        raise NotLoopableError("it is part of a cluster")
    if not is_together and tf.distribute.has_strategy():
        raise NotLoopableError("a strategy replicates it")
    if config.device_fn is not None:
        raise NotLoopableError("RunConfig.device_fn places the operations")
    if not tf.compat.v1.control_flow_v2_enabled():
        raise NotLoopableError("TensorFlow 2's control flow is disabled")
    if graph.get_collection(tf.compat.v1.GraphKeys.QUEUE_RUNNERS):
        raise NotLoopableError("its input has queues")
    if "xla_auto_jit" in os.environ.get("TF_XLA_FLAGS", ""):
        raise NotLoopableError("TF_XLA_FLAGS has XLA compile steps")
    _check_session_config(config.session_config)


def _check_session_config(session_config: Any) -> None:
    if session_config is None:
        return
    if session_config.operation_timeout_in_ms:
        raise NotLoopableError("session_config limits the time of a call")
    if session_config.graph_options.optimizer_options.global_jit_level > 0:
        raise NotLoopableError("session_config has XLA compile steps")
    if session_config.graph_options.rewrite_options.auto_mixed_precision == _ON:
        raise NotLoopableError("session_config has the types of its operations changed")
    if session_config.experimental.executor_type:
        raise NotLoopableError("session_config names an executor")
    if session_config.experimental.disable_functional_ops_lowering:
        raise NotLoopableError("session_config keeps loops as functions")
