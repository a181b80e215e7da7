"""Where operations are placed and which session runs them.

Training runs in a MonitoredTrainingSession, which restores the latest checkpoint and survives a lost parameter
server. Evaluation and prediction run in a MonitoredSession on one given checkpoint.
"""

from collections.abc import Iterable
from typing import Any

import tensorflow as tf

from estimator_runtime.run_config import RunConfig


def default_session_config() -> Any:
    """Session options outside a cluster: soft placement and one pass of the graph optimizer."""
    config = tf.compat.v1.ConfigProto(allow_soft_placement=True)
    config.graph_options.rewrite_options.meta_optimizer_iterations = 1
    return config


def replica_device_fn(config: RunConfig) -> Any:
    """Placement of variables on the parameter servers and of everything else on this task; None without any."""
    if config.num_ps_replicas <= 0:
        return None
    worker = f"/job:{config.task_type}/task:{config.task_id}" if config.task_type else "/job:worker"
    return tf.compat.v1.train.replica_device_setter(
        ps_tasks=config.num_ps_replicas,
        worker_device=worker,
        merge_devices=True,
        cluster=config.cluster_spec,
    )


def training_session(
    config: RunConfig,
    *,
    scaffold: Any,
    hooks: Iterable[Any],
    chief_only_hooks: Iterable[Any],
    save_summaries_steps: int | None,
    log_step_count_steps: int | None,
) -> Any:
    """The session of a training loop in the default graph; checkpoints are the hooks' business."""
    return tf.compat.v1.train.MonitoredTrainingSession(
        master=config.master,
        is_chief=config.is_chief,
        checkpoint_dir=config.model_dir,
        scaffold=scaffold,
        hooks=list(hooks),
        chief_only_hooks=list(chief_only_hooks),
        save_checkpoint_secs=0,
        save_summaries_steps=save_summaries_steps,
        config=config.session_config,
        max_wait_secs=config.session_creation_timeout_secs,
        log_step_count_steps=log_step_count_steps,
        save_graph_def=config.checkpoint_save_graph_def,
    )


def checkpoint_session(
    config: RunConfig, *, master: str, scaffold: Any, checkpoint_path: str | None, hooks: Iterable[Any]
) -> Any:
    """A session in the default graph on the variables of one checkpoint, or on fresh ones for None."""
    return tf.compat.v1.train.MonitoredSession(
        session_creator=tf.compat.v1.train.ChiefSessionCreator(
            scaffold=scaffold,
            master=master,
            config=config.session_config,
            checkpoint_filename_with_path=checkpoint_path,
        ),
        hooks=list(hooks),
    )
