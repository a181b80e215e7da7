"""The evaluation loop: metrics updated batch by batch, read once at the end.

Everything that counts, the metrics' state and the number of batches, lives in local variables, so a session that is
recovered in the middle starts the whole evaluation again rather than mixing two halves.

In train_and_evaluate one session serves the evaluations whose graphs are the same (`kept`).
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from estimator_runtime import checkpoints, observation
from estimator_runtime.config import strategies
from estimator_runtime.distribution import replicas
from estimator_runtime.loop import default_writer, event_writers, sessions, summaries
from estimator_runtime.loop.kept import keeping
from estimator_runtime.loop.kept.kept_session import KeptSession
from estimator_runtime.loop.stretches.looks import Look
from estimator_runtime.loop.stretches.looped_graph import LoopedGraph
from estimator_runtime.loop.stretches.stretches import Stretches
from estimator_runtime.model.bound_model import BoundModel
from estimator_runtime.model.model_fn import EstimatorSpec, ModeKeys

LOSS = "loss"
GLOBAL_STEP: str = tf.compat.v1.GraphKeys.GLOBAL_STEP


class EmptyResult(dict[str, Any]):
    """What an evaluation without a batch returns.

    Programs index it, so it has the names of a result, as tf.estimator's, with the values that the metrics begin with.
    They measure nothing: they are no summary, and no comparison may prefer them.
    """


class StopAfterBatchesHook(tf.compat.v1.train.SessionRunHook, Look):  # type: ignore[misc]  # TensorFlow is untyped
    """Stops an evaluation after a number of batches.

    Args:
        batches: how many; must be positive.

    Attributes:
        completed: scalar int64 Tensor that counts a batch when it is run; set before the evaluation is.
    """

    completed: Any = None

    def __init__(self, batches: int) -> None:
        self._batches = batches
        self._log_every = max(1, batches // 10)

    @property
    def most_steps(self) -> int:
        """All batches."""
        return self._batches

    @property
    def period(self) -> int:
        """The number of batches between two lines of the log."""
        return self._log_every

    def quiet_steps(self, step: int) -> int:
        """Up to the next line of the log, or the last batch."""
        due = min(step - step % self._log_every + self._log_every, self._batches)
        return due - 1 - step

    def before_run(self, run_context: Any) -> Any:
        """Asks for the number of batches."""
        del run_context
        return tf.compat.v1.train.SessionRunArgs({"completed": self.completed})

    def after_run(self, run_context: Any, run_values: Any) -> None:
        """Stops at the last batch."""
        completed = int(run_values.results["completed"])
        if completed % self._log_every == 0 or completed == self._batches:
            tf.compat.v1.logging.info("Evaluation [%d/%d]", completed, self._batches)
        if completed >= self._batches:
            run_context.request_stop()


class EvaluationGraph(NamedTuple):
    """What one evaluation runs, in the graph that was the default one when it was built.

    Attributes:
        spec: what the model function returned.
        values: dict from name to the metric's value, with "loss" and "global_step".
        updates: operation that takes a batch into all metrics.
        completed: scalar int64 Tensor that counts a batch when it is run.
        counter: the variable that it counts in.
        scaffold: the model's Scaffold, which also initialises what the evaluation has added.
        input_hooks: hooks that the input needs.
    """

    spec: EstimatorSpec
    values: dict[str, Any]
    updates: Any
    completed: Any
    counter: Any
    scaffold: Any
    input_hooks: tuple[Any, ...]


def build(
    model: BoundModel,
    input_fn: Callable[..., Any] | None,
    *,
    checkpoint_path: str | None,
    strategy: Any = None,
) -> EvaluationGraph:
    """Builds the model and its metrics in the default graph.

    Args:
        model: the model.
        input_fn: its input.
        checkpoint_path: where the variables' values come from; None for first values, those of the model's warm start if
            it has one.
        strategy: the tf.distribute strategy on whose replicas to build it, or None.

    Raises:
        ValueError: a metric is called "loss" or "global_step".
    """
    graph = tf.compat.v1.get_default_graph()
    step, spec, input_hooks = replicas.build(model, strategy, graph, input_fn, ModeKeys.EVAL)
    if default_writer.are_lost(graph):
        tf.compat.v1.logging.info(
            "The model function's tf.summary writes nothing in an evaluation, which is one step of many batches. What it "
            "measures belongs in eval_metric_ops."
        )
    model.calls.warm_start(checkpoint_path)
    values, updates = _metrics(spec, step)
    completed, counter = _batch_counter()
    scaffold = _evaluation_scaffold(spec.scaffold)
    return EvaluationGraph(spec, values, updates, completed, counter, scaffold, input_hooks)


def run(
    evaluation: EvaluationGraph,
    session_with: Callable[[list[Any]], Any],
    *,
    stop: Sequence[Any],
    hooks: Sequence[Any],
    stretches: Stretches | None = None,
) -> dict[str, Any]:
    """Runs all batches, or until a hook stops it, and returns the metrics by name.

    Args:
        evaluation: the graph, which is the default one.
        session_with: makes the monitored session from its hooks.
        stop: hooks that end it after a number of batches.
        hooks: the caller's hooks.
        stretches: what the session makes ahead of batches that hooks see.

    Returns:
        The metrics by name; an `EmptyResult` when the input had no batch.
    """
    for hook in stop:
        if isinstance(hook, StopAfterBatchesHook):
            hook.completed = evaluation.completed
    final = tf.compat.v1.train.FinalOpsHook(evaluation.values)
    all_hooks = [*evaluation.input_hooks, *hooks, *stop, *evaluation.spec.evaluation_hooks, final]
    has_batches = False
    with session_with(all_hooks) as session:
        while not session.should_stop():
            session.run([evaluation.updates, evaluation.completed])
            has_batches = True
    results: dict[str, Any] = final.final_ops_values
    if has_batches or (stretches is not None and stretches.made):
        return results
    tf.compat.v1.logging.warning(
        "The evaluation ran no batch. Perhaps input is empty or misspecified. Its metrics measure nothing: they are not "
        "written, and BestExporter passes them over."
    )
    return EmptyResult(results)


def evaluate(
    model: BoundModel,
    input_fn: Callable[..., Any] | None,
    *,
    stop: Sequence[Any],
    hooks: Sequence[Any],
    checkpoint_path: str | None,
    eval_dir: str,
) -> dict[str, Any]:
    """Evaluates one checkpoint (fresh variables for None) until `stop` ends it, and writes the result as a summary.

    Returns:
        The metrics by name, with "loss" (the mean over batches) and "global_step"; an `EmptyResult`, of which no summary
        is written, when the input had no batch.

    Raises:
        ValueError: a metric has one of those two names.
    """
    # Hooks of the evaluation may write there too.
    with event_writers.call(eval_dir):
        results = _results(model, input_fn, stop=stop, hooks=hooks, checkpoint_path=checkpoint_path)
        if isinstance(results, EmptyResult):
            return results
        step = int(results[GLOBAL_STEP])
        summaries.write_metrics(eval_dir, results, step)
        if checkpoint_path is not None:
            summaries.write_checkpoint_path(eval_dir, checkpoint_path, step)
    observation.current().evaluated(results, checkpoint_path)
    return results


def _results(
    model: BoundModel,
    input_fn: Callable[..., Any] | None,
    *,
    stop: Sequence[Any],
    hooks: Sequence[Any],
    checkpoint_path: str | None,
) -> dict[str, Any]:
    has_own = bool(hooks) or any(type(hook) is not StopAfterBatchesHook for hook in stop)
    keeps = None if has_own or checkpoint_path is None else keeping.current()
    promised = None if keeps is None else keeps.promised_session(model, input_fn)
    if promised is not None and checkpoint_path is not None:
        with observation.current().evaluating():
            checkpoints.check_shapes_of(checkpoint_path, promised.trained)
            return _results_of(promised, model, checkpoint_path, stop)
    with observation.current().evaluating(), LoopedGraph().as_default() as graph:
        strategy = strategies.evaluating(model.config.eval_distribute)
        evaluation = build(model, input_fn, checkpoint_path=checkpoint_path, strategy=strategy)
        if checkpoint_path is not None:
            checkpoints.check_trained(checkpoint_path, evaluation.spec.scaffold.saver)
            kept = None if keeps is None else _kept(keeps, model, input_fn, evaluation)
            if kept is not None:
                return _results_of(kept, model, checkpoint_path, stop)

        stretches = Stretches(
            model.config,
            graph,
            tf.group(evaluation.updates, evaluation.completed),
            evaluation.spec.loss,
            evaluation.counter,
            is_training=False,
        )

        def session_with(session_hooks: list[Any]) -> Any:
            return sessions.checkpoint_session(
                model.config,
                master=model.config.evaluation_master,
                scaffold=evaluation.scaffold,
                checkpoint_path=checkpoint_path,
                hooks=session_hooks,
                # On a server of its own everything is as asked: no loop takes batches there that nobody sees.
                ahead=None if model.config.evaluation_master else stretches,
            )

        with replicas.scope(strategy):
            return run(evaluation, session_with, stop=stop, hooks=hooks, stretches=stretches)


def _kept(
    keeps: keeping.Keeping,
    model: BoundModel,
    input_fn: Callable[..., Any] | None,
    evaluation: EvaluationGraph,
) -> KeptSession[EvaluationGraph] | None:
    """The session that is kept for this evaluation; None where it has one of its own, for something might differ."""
    if (
        strategies.evaluating(model.config.eval_distribute)
        or model.config.evaluation_master
        or evaluation.spec.evaluation_hooks
        or not all(isinstance(value, tf.Tensor | tf.Variable) for value in evaluation.values.values())
    ):
        return None
    return keeps.session(
        evaluation,
        model=model,
        input_fn=input_fn,
        scaffold=evaluation.spec.scaffold,
        input_hooks=evaluation.input_hooks,
        runs={
            "updates": evaluation.updates,
            "completed": evaluation.completed,
            **{f"metric {name}": value for name, value in evaluation.values.items()},
        },
    )


def _results_of(
    kept: KeptSession[EvaluationGraph], model: BoundModel, checkpoint_path: str, stop: Sequence[Any]
) -> dict[str, Any]:
    def session_with(session_hooks: list[Any]) -> Any:
        return sessions.created_session(model.config, kept.creator(checkpoint_path), session_hooks)

    with kept.in_use():
        return run(kept.built, session_with, stop=stop, hooks=())


def _metrics(spec: EstimatorSpec, global_step: Any) -> tuple[dict[str, Any], Any]:
    for reserved in (LOSS, GLOBAL_STEP):
        if reserved in spec.eval_metric_ops:
            quote = '"' if reserved == LOSS else "`"  # as tf.estimator has it, and programs match
            raise ValueError(
                f"Metric with name {quote}{reserved}{quote} is not allowed, because Estimator already defines a default metric "
                "with the same name."
            )
    pairs = {**spec.eval_metric_ops, LOSS: tf.compat.v1.metrics.mean(spec.loss)}
    values = {name: pairs[name][0] for name in sorted(pairs)}
    updates = tf.group(*tf.nest.flatten([update for _, update in pairs.values()]))
    return {**values, GLOBAL_STEP: global_step}, updates


def _batch_counter() -> tuple[Any, Any]:
    """What counts a batch when it is run, and the variable."""
    counter = tf.compat.v1.get_variable(
        "eval_step",
        shape=[],
        dtype=tf.int64,
        initializer=tf.compat.v1.zeros_initializer(),
        trainable=False,
        collections=[tf.compat.v1.GraphKeys.LOCAL_VARIABLES, tf.compat.v1.GraphKeys.EVAL_STEP],
    )
    return tf.identity(tf.compat.v1.assign_add(counter, 1, use_locking=True)), counter


def _evaluation_scaffold(scaffold: Any) -> Any:
    """The model's scaffold, which also initialises the local variables that the evaluation has added."""
    if scaffold.local_init_op is None:
        return scaffold
    local_init = tf.group(scaffold.local_init_op, tf.compat.v1.train.Scaffold.default_local_init_op())
    return tf.compat.v1.train.Scaffold(local_init_op=local_init, copy_from_scaffold=scaffold)
