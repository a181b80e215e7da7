"""The TensorFlow server of a task in a cluster: started before training, joined by parameter servers."""

import threading
from typing import Any

import tensorflow as tf

from estimator_runtime import interruption, observation
from estimator_runtime.tf_config import TaskType

_TRAINING_TASKS = (TaskType.CHIEF, TaskType.MASTER, TaskType.WORKER)
_LOOK_FOR_INTERRUPTION_SECS = 0.5


def start(config: Any) -> Any:
    """Starts the server of the task that `config`, a `RunConfig`, describes.

    Returns:
        The `tf.distribute.Server`, or None when the task is the only one of its cluster and needs none.

    Raises:
        RuntimeError: the configuration does not say which server to start.
    """
    if not config.cluster_spec or not config.task_type or config.task_id is None:
        raise RuntimeError(
            "Could not start server; be sure to specify cluster_spec, task_type, and task in RunConfig or set the "
            "TF_CONFIG environment variable."
        )
    if not config.master:
        tasks = sum(config.cluster_spec.num_tasks(job) for job in config.cluster_spec.jobs)
        if tasks == 1 and config.task_type in _TRAINING_TASKS:
            tf.compat.v1.logging.info(
                "Skip starting Tensorflow server as there is only one node in the cluster."
            )
            return None
        raise RuntimeError(
            "Could not start server; be sure to specify master in RunConfig or set the TF_CONFIG environment variable."
        )
    tf.compat.v1.logging.info("Start Tensorflow server.")
    session_config = tf.compat.v1.ConfigProto(log_device_placement=False)
    if config.session_config is not None:
        session_config.gpu_options.CopyFrom(config.session_config.gpu_options)
    server = tf.distribute.Server(
        config.cluster_spec,
        job_name=config.task_type,
        task_index=config.task_id,
        config=session_config,
        start=False,
        protocol=config.protocol,
    )
    server.start()
    return server


def join(server: Any) -> None:
    """Serves until the process is interrupted.

    `Server.join` itself never returns and keeps Python from running its signal handlers, so it has a thread of its
    own; the main thread stays free for SIGTERM.
    """
    serving = threading.Thread(target=server.join, name="tensorflow-server", daemon=True)
    with observation.current().serving():
        serving.start()
        while serving.is_alive() and not interruption.requested():
            serving.join(_LOOK_FOR_INTERRUPTION_SECS)
