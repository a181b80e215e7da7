"""Where operations are placed and which session runs them.

Training runs in a MonitoredTrainingSession (in a cluster: in its equal, whose sessions come sooner and are made again
with more patience), which restores the latest checkpoint and survives a lost parameter server. Evaluation and
prediction run in a MonitoredSession on one given checkpoint.
"""

import time
from collections.abc import Iterable
from typing import Any

import tensorflow as tf

from estimator_runtime.run_config import RunConfig

_MONITORED_TRAINING_SESSION = tf.compat.v1.train.MonitoredTrainingSession
_FIRST_LOOK_FOR_MODEL_SECS = 0.5
_LAST_LOOK_FOR_MODEL_SECS = 30.0
_FIRST_PAUSE_SECS = 0.5
_LONGEST_PAUSE_SECS = 8.0
_STEADY_AFTER_SECS = 60.0


class WorkerSessionCreator(tf.compat.v1.train.SessionCreator):  # type: ignore[misc]  # TensorFlow is untyped
    """Makes a worker's session as soon as the chief has initialised or restored the variables.

    TensorFlow's own creator looks every 30 seconds, and a worker is nearly always early: after every start and every
    loss of a parameter server it would stand still for half a minute. This one looks again after half a second, then
    after twice as long each time, up to those 30 seconds, since each look sends the whole graph to the servers.

    Args:
        scaffold: the model's Scaffold.
        master: address of the worker's own server.
        config: ConfigProto of the session.
        max_wait_secs: how long to wait for the chief; None for ever.
    """

    def __init__(self, scaffold: Any, master: str, config: Any, max_wait_secs: float | None) -> None:
        self._scaffold = scaffold
        self._master = master
        self._config = config
        self._max_wait_secs = float("inf") if max_wait_secs is None else max_wait_secs

    def create_session(self) -> Any:
        """Waits for the model and returns a `tf.compat.v1.Session` on it.

        Raises:
            tf.errors.DeadlineExceededError: the chief did not initialise the model in time.
        """
        self._scaffold.finalize()
        pause = _FIRST_LOOK_FOR_MODEL_SECS
        manager = tf.compat.v1.train.SessionManager(
            local_init_op=self._scaffold.local_init_op,
            local_init_feed_dict=self._scaffold.local_init_feed_dict,
            ready_op=self._scaffold.ready_op,
            ready_for_local_init_op=self._scaffold.ready_for_local_init_op,
            graph=tf.compat.v1.get_default_graph(),
        )
        end = time.monotonic() + self._max_wait_secs
        while True:
            try:
                # With no time to wait this is one look.
                return manager.wait_for_session(self._master, config=self._config, max_wait_secs=0)
            except tf.errors.DeadlineExceededError:
                left = end - time.monotonic()
                if left <= 0:
                    raise
                pause = min(pause, left)
                tf.compat.v1.logging.info(
                    "Waiting %.3g secs for the chief to initialise or restore the model.", pause
                )
                time.sleep(pause)
                pause = min(2 * pause, _LAST_LOOK_FOR_MODEL_SECS)


class PacedSessionCreator(tf.compat.v1.train.SessionCreator):  # type: ignore[misc]  # TensorFlow is untyped
    """Makes sessions with another creator, and takes its time when they are lost one after another.

    A monitored session asks for a new session as soon as one is lost or cannot be made. A server that came back at
    another address is not found for about twenty seconds, in which it would ask, and log, hundreds of times.

    Args:
        creator: the creator that makes the sessions.
    """

    def __init__(self, creator: Any) -> None:
        self._creator = creator
        self._pause = 0.0
        self._asked_at = float("-inf")

    def create_session(self) -> Any:
        """Returns a session: the first at once, later ones after growing pauses, until one has lasted a minute."""
        if time.monotonic() - self._asked_at >= _STEADY_AFTER_SECS:
            self._pause = 0.0
        else:
            self._pause = min(2 * self._pause or _FIRST_PAUSE_SECS, _LONGEST_PAUSE_SECS)
            time.sleep(self._pause)
        self._asked_at = time.monotonic()
        return self._creator.create_session()


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
    """The session of a training loop in the default graph; checkpoints are the hooks' business.

    In a cluster it is put together here as MonitoredTrainingSession would do it, but for how sessions are made. A
    program that has replaced MonitoredTrainingSession gets its own called all the same.
    """
    if config.master and tf.compat.v1.train.MonitoredTrainingSession is _MONITORED_TRAINING_SESSION:
        return tf.compat.v1.train.MonitoredSession(
            session_creator=PacedSessionCreator(_session_creator(config, scaffold)),
            hooks=[
                *(chief_only_hooks if config.is_chief else ()),
                *_reports(config, scaffold, save_summaries_steps, log_step_count_steps),
                *hooks,
            ],
        )
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


def _session_creator(config: RunConfig, scaffold: Any) -> Any:
    if config.is_chief:
        return tf.compat.v1.train.ChiefSessionCreator(
            scaffold=scaffold,
            master=config.master,
            config=config.session_config,
            checkpoint_dir=config.model_dir,
        )
    return WorkerSessionCreator(
        scaffold, config.master, config.session_config, config.session_creation_timeout_secs
    )


def _reports(config: RunConfig, scaffold: Any, save_steps: int | None, log_steps: int | None) -> list[Any]:
    """The chief's hooks for summaries and for the speed of training."""
    hooks: list[Any] = []
    if config.is_chief and log_steps:
        hooks.append(tf.compat.v1.train.StepCounterHook(output_dir=config.model_dir, every_n_steps=log_steps))
    if config.is_chief and save_steps:
        hooks.append(
            tf.compat.v1.train.SummarySaverHook(
                scaffold=scaffold, save_steps=save_steps, output_dir=config.model_dir
            )
        )
    return hooks


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
