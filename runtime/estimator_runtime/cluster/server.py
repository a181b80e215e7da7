"""The TensorFlow server of a task in a cluster: started before training, joined by parameter servers."""

import socket
import threading
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from estimator_runtime import interruption, observation
from estimator_runtime.cluster import finished
from estimator_runtime.cluster.tf_config import TaskType
from estimator_runtime.cluster.watcher import Sight, Watcher

_TRAINING_TASKS = (TaskType.CHIEF, TaskType.MASTER, TaskType.WORKER)
_LOOK_FOR_INTERRUPTION_SECS = 0.5
_CONNECT_SECS = 2.0


def start(config: Any, spanning: Any = None) -> Any:
    """Starts the server of a task.

    Args:
        config: the task's `RunConfig`.
        spanning: the strategy whose replicas are in all tasks that train; None for another or none.

    Returns:
        The `tf.distribute.Server`; None when the task is the only one of its cluster and needs none, or when a task of a
        spanning strategy has one: its strategy, made eagerly, has started it, or an earlier call.

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
    session_config = tf.compat.v1.ConfigProto(log_device_placement=False)
    if spanning:
        if listens(config.cluster_spec.task_address(config.task_type, config.task_id)):
            tf.compat.v1.logging.info("This task's server is there already.")
            return None
        # Collectives are made by the server, so it needs the leader as the sessions do.
        session_config = spanning.update_config_proto(session_config)
    tf.compat.v1.logging.info("Start Tensorflow server.")
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


def join(server: Any, *, end: Callable[[], Sight] = lambda: Sight.NOTHING) -> None:
    """Serves until the process is interrupted, or `end` says that nobody needs the server any more.

    `Server.join` itself never returns and keeps Python from running its signal handlers, so it has a thread of its
    own, and so have the looks for the end; the main thread stays free for SIGTERM.

    Args:
        server: the `tf.distribute.Server`.
        end: looks once for the end.
    """
    serving = threading.Thread(target=server.join, name="tensorflow-server", daemon=True)
    with observation.current().serving(), Watcher(end, "the end of the training") as watcher:
        serving.start()
        while serving.is_alive() and not interruption.requested():
            if watcher.wait(_LOOK_FOR_INTERRUPTION_SECS):
                tf.compat.v1.logging.info("Training has ended, and nobody needs this server any more.")
                return


class ClusterEnd:
    """Tells a parameter server when it may go: training has ended, and the tasks that trained are gone.

    The `finished` marker alone is not enough. A worker may be in its last step, and a chief's program may go on to
    predict with the variables. They are gone when nobody listens at their addresses any more.

    Args:
        config: the parameter server's `RunConfig`.
        model_dir: where the marker appears; None means that there can be none.
        max_steps: the parameter server's `TrainSpec.max_steps`.
    """

    def __init__(self, config: Any, model_dir: str | None, max_steps: int | None) -> None:
        self._model_dir = model_dir
        self._max_steps = max_steps
        self._appearance = finished.Appearance(model_dir)
        tasks = config.cluster_spec.as_dict() if config.cluster_spec else {}
        self._trainers = [address for task in _TRAINING_TASKS for address in tasks.get(task, ())]

    def __call__(self) -> Sight:
        """Looks once; the end is near when training has ended and somebody who trained is still there."""
        if not self._training_has_ended():
            return Sight.NOTHING
        return Sight.NEAR if any(map(listens, self._trainers)) else Sight.THERE

    def _training_has_ended(self) -> bool:
        if self._appearance.seen():
            return True
        marker = None if self._model_dir is None else finished.read(self._model_dir)
        return marker is not None and marker.covers(self._max_steps)


def listens(address: str) -> bool:
    """Tells whether somebody listens at an address, "host:port"; within two seconds."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_SECS):
            return True
    except OSError:
        return False
