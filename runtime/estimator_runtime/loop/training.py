"""The training loop: one graph, one monitored session, and for each step that a hook sees one call of the train operation.

The steps that no hook looks at are made before it, in one call (`stretches`).

Invariants:

* hooks are run in the order: input, the caller's, NaN check, logging, the model's, the observer's, on a worker the end of
  the chief's training. On the chief, the counts of tickets, checkpoints and the model's chief hooks come before all of these;
* there is a `loss` summary, and the loss is in the LOSSES collection;
* the caller's saving listeners see every checkpoint of this call and of no later one.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import tensorflow as tf

from estimator_runtime import checkpoints, observation
from estimator_runtime.checkpoints import shared_files, storage
from estimator_runtime.cluster import server, tf_config
from estimator_runtime.cluster.chief_watch import ChiefWatch, EndWithChiefHook, TrainingEnded
from estimator_runtime.cluster.peers import PeerWatch, others
from estimator_runtime.cluster.watcher import WatchingHook
from estimator_runtime.config import strategies
from estimator_runtime.config.run_config import RunConfig, TaskType
from estimator_runtime.distribution import common_end, replicas
from estimator_runtime.distribution.on_read_variables import OnReadVariables
from estimator_runtime.errors import DistributionNotSupportedError
from estimator_runtime.keras import former_checkpoints, layer_state
from estimator_runtime.loop import default_writer, event_writers, sessions
from estimator_runtime.loop.default_writer import DefaultWriter, DefaultWriterHook
from estimator_runtime.loop.graph_events import GraphHook, SaverHook
from estimator_runtime.loop.stretches.default_hooks import LogHook, NanHook
from estimator_runtime.loop.stretches.last_steps import last_steps_of
from estimator_runtime.loop.stretches.looped_graph import LoopedGraph
from estimator_runtime.loop.stretches.stretches import Stretches
from estimator_runtime.loop.stretches.together import Together
from estimator_runtime.model.bound_model import BoundModel
from estimator_runtime.model.model_fn import EstimatorSpec, ModeKeys


def train(
    model: BoundModel,
    input_fn: Callable[..., Any] | None,
    *,
    hooks: Sequence[Any],
    saving_listeners: Sequence[Any],
) -> Any:
    """Trains until a hook stops the session or the input ends.

    Returns:
        The loss of the last step, or None where there was none.

    Raises:
        ValueError: saving listeners are given and nothing saves checkpoints.
        NanLossDuringTrainingError: the loss became NaN.
        CheckpointDamagedError: the model directory's checkpoint cannot be read, and there is no earlier one.
        StorageFullError: there is no room for a checkpoint.
    """
    with (
        event_writers.call(model.model_dir),
        LoopedGraph().as_default() as graph,
        graph.device(model.device_fn),
    ):
        tf2_writer = _default_writer(model.config)
        if tf2_writer is not None:
            model = replace(model, around_model_fn=tf2_writer.in_use)
        strategy = strategies.replicating(model.config.train_distribute)
        step = replicas.begin(model, strategy, graph)
        built = replicas.build(model, strategy, graph, input_fn, ModeKeys.TRAIN)
        if strategy and default_writer.are_lost(graph):
            tf.compat.v1.logging.info(
                "The model function's tf.summary writes nothing with train_distribute: tf.compat.v1.summary does."
            )
        return model.calls.train_with_spec(
            built.spec,
            list(built.input_hooks),
            list(hooks),
            tf.compat.v1.train.get_global_step(graph) if step is None else step,
            list(saving_listeners),
        )


def train_with_spec(
    model: BoundModel,
    spec: EstimatorSpec,
    input_hooks: Sequence[Any],
    *,
    hooks: Sequence[Any],
    step: Any,
    saving_listeners: Sequence[Any],
) -> Any:
    """Trains a model that is in the default graph; see `train`, whose second half it is.

    Args:
        model: the model.
        spec: what its model function returned.
        input_hooks: hooks that its input needs.
        hooks: the caller's hooks.
        step: the global step variable.
        saving_listeners: told of every checkpoint.
    """
    graph = tf.compat.v1.get_default_graph()
    tf2_writer = default_writer.of(graph)
    strategy = strategies.replicating(model.config.train_distribute)
    is_collective = strategies.is_collective(strategy, model.config.cluster_spec)
    if is_collective and not tf_config.is_google_environment():
        # A strategy that was made in a graph has started none, and `Estimator.train` may come without `train_and_evaluate`.
        server.start(model.config, strategy)
    first_values = None
    if model.warm_start is not None and not is_collective:
        model.warm_start_unless(checkpoints.latest(model.model_dir))
    elif model.warm_start is not None and model.config.is_chief:
        first_values = model.first_values_unless(checkpoints.latest(model.model_dir))
    _add_loss_summary(spec.loss)
    on_read = OnReadVariables(strategy) if is_collective else None
    if _add_default_saver(model.config, spec, on_read) and model.config.is_chief:
        # Outside of its strategy a variable that is read by all is read for its name, by a collective that the others lack.
        with replicas.scope(strategy):
            checkpoints.check_shapes(model.model_dir, tf.compat.v1.global_variables())
    peers = (
        PeerWatch(others(model.config), late_secs=model.config.session_creation_timeout_secs)
        if is_collective
        else None
    )
    watch = None if model.config.is_chief or is_collective else ChiefWatch(model.model_dir)
    train_op = layer_state.with_updates(spec.train_op, spec.loss, graph)
    fetches = [on_read.read_after(train_op) if on_read else train_op, spec.loss]
    last_steps = last_steps_of(model.config, hooks, fetches[0], step, watch)
    worker_hooks = [
        *input_hooks,
        *(last_steps.hook if hook is last_steps.replaces else hook for hook in hooks),
        *_loss_hooks(model.config, spec.loss, step),
        *spec.training_hooks,
        *observation.current().training_hooks(loss=spec.loss, step=step),
        *([] if watch is None else [EndWithChiefHook(watch)]),
    ]
    saver_hooks = _saver_hooks(model.config, spec, worker_hooks, saving_listeners)
    if model.config.is_chief and (saver_hooks.added or saver_hooks.existing is not None):
        # The first checkpoint is saved there, maybe before any event.
        with storage.explained(model.model_dir):
            tf.io.gfile.makedirs(model.model_dir)
    summary_steps, log_steps, master_hooks = _chief_reports(model.config, spec)
    if tf2_writer is not None and tf2_writer.is_used and model.config.save_summary_steps:
        master_hooks.append(DefaultWriterHook(tf2_writer, model.config.save_summary_steps))
    end = None if peers is None else common_end.of(graph)
    together = None if peers is None or end is None else Together(strategy, end, peers)
    stretches = Stretches(model.config, graph, fetches[0], spec.loss, step, together=together)
    loss, made, is_stopped = None, 0, False
    with (
        _leaving_with_chief() as left,
        storage.explained(model.model_dir),
        replicas.scope(strategy),
        _listening(saver_hooks.existing, saving_listeners),
        _watching(worker_hooks),
        contextlib.nullcontext() if peers is None else peers.watching(),
        sessions.training_session(
            model.config,
            scaffold=spec.scaffold,
            hooks=worker_hooks + master_hooks,
            chief_only_hooks=[*last_steps.chief_hooks, *saver_hooks.added, *spec.training_chief_hooks],
            save_summaries_steps=summary_steps,
            log_step_count_steps=log_steps,
            watch=watch,
            peers=peers,
            fetches=fetches,
            first_values=first_values,
            # In a graph of the program's own there is no loop.
            ahead=stretches if isinstance(graph, LoopedGraph) else None,
        ) as session,
        # Again, inside: a file that is too large is OutOfRangeError to TensorFlow, and that is the end of the
        # input to a session.
        storage.explained(model.model_dir),
    ):
        # The session swallows the end of the input, so what the last step returned is kept out here.
        while not session.should_stop():
            # TensorBoard's profiler groups by these what belongs to one step.
            with tf.profiler.experimental.Trace("train", step_num=made + stretches.made + 1, _r=1):
                _, loss = session.run(fetches)
            made += 1
        is_stopped = True
    if left.early:
        return None
    is_over = last_steps.hook is not None and last_steps.hook.is_over
    made += stretches.made
    if stretches.loss is not None:
        loss = stretches.loss
    if (
        made
        and not (is_stopped or is_over)
        and any(isinstance(hook, tf.compat.v1.train.StopAtStepHook) for hook in hooks)
    ):
        tf.compat.v1.logging.warning(
            "The input ended after %d steps of this call, before the last step that was asked for.", made
        )
    if loss is None and not is_over:
        tf.compat.v1.logging.warning(
            "Training with estimator made no steps. Perhaps input is empty or misspecified."
        )
    tf.compat.v1.logging.info("Loss for final step: %s.", loss)
    return loss


@contextlib.contextmanager
def _watching(hooks: Sequence[Any]) -> Iterator[None]:
    """Has what hooks need from storage looked for beside the loop."""
    with contextlib.ExitStack() as stack:
        for hook in hooks:
            if isinstance(hook, WatchingHook):
                stack.enter_context(hook.watching())
        yield


@dataclass(slots=True)
class _Leave:
    """Whether a worker left before it had a session, for the chief had ended the training."""

    early: bool = False


@contextlib.contextmanager
def _leaving_with_chief() -> Iterator[_Leave]:
    leave = _Leave()
    try:
        yield leave
    except TrainingEnded:
        leave.early = True
        tf.compat.v1.logging.info("The chief has ended the training while this task waited for a session.")


def _default_writer(config: RunConfig) -> DefaultWriter | None:
    """The writer of the model function's `tf.summary`, on the chief of a training that saves summaries.

    The replicas of a strategy, which are built in threads of their own, have none.
    """
    if not (config.is_chief and config.save_summary_steps) or strategies.replicating(config.train_distribute):
        return None
    assert config.model_dir is not None, "the Estimator fills in model_dir"
    return DefaultWriter(config.model_dir)


def _add_loss_summary(loss: Any) -> None:
    summaries = tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.SUMMARIES)
    if not any(summary.op.name == "loss" for summary in summaries):
        tf.compat.v1.summary.scalar("loss", loss)
    tf.compat.v1.add_to_collection(tf.compat.v1.GraphKeys.LOSSES, loss)


def _add_default_saver(config: RunConfig, spec: EstimatorSpec, on_read: OnReadVariables | None) -> bool:
    """Adds a saver unless the model brings its own; tells whether it did."""
    savers = tf.compat.v1.GraphKeys.SAVERS
    own = [*filter(None, [spec.scaffold.saver]), *tf.compat.v1.get_collection(savers)]
    for saver in own:
        shared_files.check_saver(saver, parameter_servers=config.num_ps_replicas)
    if own:
        if on_read:
            raise DistributionNotSupportedError(
                "The model has a saver of its own, and variables that each replica changes by itself (BatchNormalization of "
                "Keras 2), which the chief alone cannot read in a synchronous training. Leave the saver to the Estimator."
            )
        return False
    options = {
        "sharded": shared_files.are_shared(),
        "max_to_keep": config.keep_checkpoint_max,
        "keep_checkpoint_every_n_hours": config.keep_checkpoint_every_n_hours,
        "save_relative_paths": True,
    }
    saver = on_read.saver(**options) if on_read else tf.compat.v1.train.Saver(defer_build=True, **options)
    if config.is_chief and config.model_dir is not None and not on_read:
        former_checkpoints.taken_by(saver, checkpoints.latest(config.model_dir))
    tf.compat.v1.add_to_collection(savers, saver)
    return True


def _loss_hooks(config: RunConfig, loss: Any, step: Any) -> list[Any]:
    hooks: list[Any] = [NanHook(loss)]
    if config.log_step_count_steps is not None:
        logged = {"loss": loss, "step": step}
        hooks.append(LogHook(logged, config.log_step_count_steps))
    return hooks


class _SaverHooks:
    """The saver hook of this run: one that is there already, or one that is added; the graph's where nothing saves."""

    def __init__(self, existing: Any = None, added: Any = None) -> None:
        self.existing = existing
        self.added = () if added is None else (added,)


def _saver_hooks(
    config: RunConfig, spec: EstimatorSpec, worker_hooks: list[Any], listeners: Sequence[Any]
) -> _SaverHooks:
    for hook in [*worker_hooks, *spec.training_chief_hooks]:
        if isinstance(hook, tf.compat.v1.train.CheckpointSaverHook):
            return _SaverHooks(existing=hook)
    if config.save_checkpoints_secs or config.save_checkpoints_steps:
        assert config.model_dir is not None, "the Estimator fills in model_dir"
        hook = SaverHook(
            config.model_dir,
            save_secs=config.save_checkpoints_secs,
            save_steps=config.save_checkpoints_steps,
            scaffold=spec.scaffold,
            listeners=[*observation.current().saving_listeners(), *_added(listeners)],
            save_graph_def=config.checkpoint_save_graph_def,
        )
        return _SaverHooks(added=hook)
    if listeners:
        raise ValueError(
            "There should be a CheckpointSaverHook to use saving_listeners. Please set one of the "
            "RunConfig.save_checkpoints_steps or RunConfig.save_checkpoints_secs."
        )
    if config.checkpoint_save_graph_def and (config.save_summary_steps or config.log_step_count_steps):
        assert config.model_dir is not None, "the Estimator fills in model_dir"
        return _SaverHooks(added=GraphHook(config.model_dir))
    return _SaverHooks()


def _added(listeners: Sequence[Any], before: Sequence[Any] = ()) -> list[Any]:
    """Those of `listeners` that are not among those `before`, each once: nobody is told of a checkpoint twice."""
    added: list[Any] = []
    for listener in listeners:
        if all(listener is not one for one in (*before, *added)):
            added.append(listener)
    return added


@contextlib.contextmanager
def _listening(saver_hook: Any, listeners: Sequence[Any]) -> Iterator[None]:
    """Attaches listeners to a saver hook that was made elsewhere, for the time of one training call."""
    if saver_hook is None:
        yield
        return
    # The list has no public name, and the hook reads it at every save.
    attached = saver_hook._listeners  # noqa: SLF001
    before = list(attached)
    attached[:] = [*observation.current().saving_listeners(), *before, *_added(listeners, before)]
    try:
        yield
    finally:
        attached[:] = before


def _chief_reports(config: RunConfig, spec: EstimatorSpec) -> tuple[int | None, int | None, list[Any]]:
    """Intervals of summaries and of speed on this task, and hooks that stand in for them.

    Beside a legacy master, which also evaluates, worker 0 writes the summaries: the master's own pauses would show
    as slow steps.
    """
    jobs = config.cluster_spec.jobs if config.cluster_spec else []
    if TaskType.MASTER not in jobs or TaskType.WORKER not in jobs:
        return config.save_summary_steps, config.log_step_count_steps, []
    hooks = []
    if config.task_type == TaskType.WORKER and config.task_id == 0:
        if config.save_summary_steps:
            hooks.append(
                tf.compat.v1.train.SummarySaverHook(
                    scaffold=spec.scaffold, save_steps=config.save_summary_steps, output_dir=config.model_dir
                )
            )
        if config.log_step_count_steps:
            hooks.append(
                tf.compat.v1.train.StepCounterHook(
                    every_n_steps=config.log_step_count_steps, output_dir=config.model_dir
                )
            )
    return 0, None, hooks
