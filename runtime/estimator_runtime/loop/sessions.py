"""Where operations are placed and which session runs them.

Training runs in the equal of a MonitoredTrainingSession, which restores the newest checkpoint that can be read and
survives a lost parameter server; how its sessions are made is in `session_creators`. Evaluation and prediction run in
a MonitoredSession on one given checkpoint. How a step is run in these is in `steps`.
"""

from collections.abc import Callable, Iterable
from typing import Any

import tensorflow as tf

from estimator_runtime import checkpoints
from estimator_runtime.cluster.chief_watch import ChiefWatch
from estimator_runtime.cluster.peers import PeerWatch
from estimator_runtime.config.run_config import RunConfig
from estimator_runtime.distribution import common_end
from estimator_runtime.distribution.collective_session import (
    CallHook,
    CollectiveSessionCreator,
    OneSession,
    ReturnHook,
)
from estimator_runtime.distribution.step_collectives import SameSteps, StepCollectives, summaries
from estimator_runtime.loop.live_variables import LiveVariables
from estimator_runtime.loop.session_creators import (
    CheckpointRestorer,
    PacedSessionCreator,
    RestoringSessionCreator,
    WorkerSessionCreator,
)
from estimator_runtime.loop.steps import merging_session
from estimator_runtime.loop.stretches.default_hooks import CommonSummaryHook, SpeedHook, StopHook, SummaryHook

_STOP_GRACE_SECS = 120.0  # TensorFlow's
_STUCK_STOP_GRACE_SECS = 2.0
_WAITS_FOR_GRADIENTS = frozenset(
    {"AccumulatorTakeGradient", "ResourceAccumulatorTakeGradient", "SparseAccumulatorTakeGradient"}
)
_MONITORED_TRAINING_SESSION = tf.compat.v1.train.MonitoredTrainingSession


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
    watch: ChiefWatch | None = None,
    ahead: merging_session.Ahead | None = None,
    peers: PeerWatch | None = None,
    fetches: Iterable[Any] = (),
    first_values: Callable[[], Any] | None = None,
) -> Any:
    """The session of a training loop in the default graph; checkpoints are the hooks' business.

    It is put together here as MonitoredTrainingSession would do it, but for how sessions are made. A program that has
    replaced MonitoredTrainingSession gets its own called all the same. `watch` tells a worker when there is no chief to
    wait for any more. `ahead` is what is done before each step, where the steps are this package's. `peers` is told when
    this task waits for those that make every step with it.

    Raises:
        CheckpointDamagedError: the model directory's checkpoint cannot be read, and there is no earlier one.
        TrainingEnded: this is a worker, and the chief left before the worker had a session.
    """
    if config.is_chief and config.model_dir is not None:
        checkpoints.repair(config.model_dir)
    if peers is not None:
        hooks, chief_only_hooks = list(hooks), list(chief_only_hooks)
        graph = tf.compat.v1.get_default_graph()
        collectives = StepCollectives(graph, config.train_distribute, fetches)
        collectives.check(hooks, chief_only_hooks)
        is_of_all = collectives.are_not_enough_for(summaries(scaffold))
        return _collective_session(
            config,
            scaffold,
            peers,
            [
                *(chief_only_hooks if config.is_chief else ()),
                *_reports(config, scaffold, save_summaries_steps, log_step_count_steps, is_of_all=is_of_all),
                *(_in_same_steps(hook, collectives) for hook in hooks),
            ],
            ahead,
            first_values,
        )
    if tf.compat.v1.train.MonitoredTrainingSession is _MONITORED_TRAINING_SESSION:
        return created_session(
            config,
            _session_creator(config, scaffold, watch),
            [
                *(chief_only_hooks if config.is_chief else ()),
                *_reports(config, scaffold, save_summaries_steps, log_step_count_steps),
                *hooks,
            ],
            stop_grace_period_secs=_stop_grace_secs(tf.compat.v1.get_default_graph()),
            ahead=ahead,
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


def _collective_session(
    config: RunConfig,
    scaffold: Any,
    peers: PeerWatch,
    hooks: list[Any],
    ahead: merging_session.Ahead | None,
    first_values: Callable[[], Any] | None,
) -> Any:
    """The session of a task that makes every step together with the others."""
    end = common_end.of(tf.compat.v1.get_default_graph())
    if end is not None:
        hooks = end.hooks(hooks, of_all=(StopHook,))
    restorer = CheckpointRestorer(scaffold, config.model_dir) if config.is_chief else None
    creator = CollectiveSessionCreator(
        config.train_distribute, scaffold, config.master, config.session_config, restorer, peers, first_values
    )
    # A task waits for the others in the call of the session, not while its hooks save.
    return created_session(
        config, OneSession(creator, peers), [ReturnHook(peers), *hooks, CallHook(peers)], ahead=ahead
    )


def _session_creator(config: RunConfig, scaffold: Any, watch: ChiefWatch | None) -> Any:
    if config.is_chief:
        live = LiveVariables(config) if config.num_ps_replicas else None
        restoring = RestoringSessionCreator(
            scaffold, config.master, config.session_config, config.model_dir, live
        )
        return PacedSessionCreator(restoring) if config.master else restoring
    worker = WorkerSessionCreator(
        scaffold, config.master, config.session_config, config.session_creation_timeout_secs, watch
    )
    return PacedSessionCreator(worker)


def _stop_grace_secs(graph: Any) -> float:
    """How long the end of a session waits for its threads before it is closed.

    SyncReplicasOptimizer's thread in the chief waits for gradients, which nobody sends any more, and nothing but the
    closing of the session ends that: waiting for it holds every task of the cluster.
    """
    is_stuck = any(operation.type in _WAITS_FOR_GRADIENTS for operation in graph.get_operations())
    return _STUCK_STOP_GRACE_SECS if is_stuck else _STOP_GRACE_SECS


def _reports(
    config: RunConfig,
    scaffold: Any,
    save_steps: int | None,
    log_steps: int | None,
    *,
    is_of_all: bool = False,
) -> list[Any]:
    """The chief's hooks for summaries and for the speed of training; `is_of_all` where summaries take all tasks."""
    hooks: list[Any] = []
    if config.is_chief and log_steps:
        hooks.append(SpeedHook(log_steps, config.model_dir))
    if save_steps and is_of_all:
        output_dir = config.model_dir if config.is_chief else None
        hooks.append(CommonSummaryHook(save_steps, output_dir, scaffold))
    elif config.is_chief and save_steps:
        hooks.append(SummaryHook(save_steps, config.model_dir, scaffold))
    return hooks


def _in_same_steps(hook: Any, collectives: StepCollectives) -> Any:
    """The hook, or one that asks in the same steps as that of the other tasks does."""
    is_summary = isinstance(hook, tf.compat.v1.train.SummarySaverHook)
    return SameSteps(hook) if is_summary and collectives.are_asked_for_by(hook) else hook


def checkpoint_session(
    config: RunConfig,
    *,
    master: str,
    scaffold: Any,
    checkpoint_path: str | None,
    hooks: Iterable[Any],
    ahead: merging_session.Ahead | None = None,
) -> Any:
    """A session in the default graph on the variables of one checkpoint, or on fresh ones for None.

    `ahead` is what is done before each step.
    """
    creator = tf.compat.v1.train.ChiefSessionCreator(
        scaffold=scaffold,
        master=master,
        config=config.session_config,
        checkpoint_filename_with_path=checkpoint_path,
    )
    return created_session(config, creator, hooks, ahead=ahead)


def created_session(
    config: RunConfig,
    creator: Any,
    hooks: Iterable[Any],
    *,
    stop_grace_period_secs: float = _STOP_GRACE_SECS,
    ahead: merging_session.Ahead | None = None,
) -> Any:
    """A session in the default graph with these hooks; `creator` makes it, and another when it was lost.

    Its creator has the session options of `config`.
    """
    return merging_session.session(
        lambda all_hooks: tf.compat.v1.train.MonitoredSession(
            session_creator=creator, hooks=all_hooks, stop_grace_period_secs=stop_grace_period_secs
        ),
        hooks,
        config.session_config,
        ahead,
    )
