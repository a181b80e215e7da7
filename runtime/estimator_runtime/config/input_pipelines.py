"""Which part of a training's input a task reads, as an input_fn learns it: a `tf.distribute.InputContext`.

Without a strategy each task of TF_CONFIG has an input pipeline of its own. The chief (or master) is pipeline 0 and
worker n is pipeline n + 1, of as many as there are tasks that train. Everything that is not the training of a cluster
reads all of its input: one pipeline. So does each task of a cluster whose workers come and go: nobody would read what is
the share of an absent one.
"""

from typing import Any

import tensorflow as tf

from estimator_runtime.cluster.tf_config import is_elastic
from estimator_runtime.config.run_config import RunConfig, TaskType


def context(config: RunConfig, *, is_training: bool) -> Any:
    """The `tf.distribute.InputContext` of a task; a batch is that of the one replica there is, whoever else trains.

    Args:
        config: the Estimator's.
        is_training: whether the input is a training's.
    """
    pipelines, own = _pipelines(config) if is_training else (1, 0)
    return tf.distribute.InputContext(
        num_input_pipelines=pipelines, input_pipeline_id=own, num_replicas_in_sync=1
    )


def _pipelines(config: RunConfig) -> tuple[int, int]:
    """How many there are, and this task's."""
    if is_elastic(config.service) or not config.cluster_spec:
        return 1, 0
    own = {TaskType.CHIEF: 0, TaskType.MASTER: 0, TaskType.WORKER: config.task_id + 1}.get(config.task_type)
    return (1, 0) if own is None else (config.num_worker_replicas, own)
