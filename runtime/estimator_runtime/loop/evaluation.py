"""The evaluation loop: metrics updated batch by batch, read once at the end.

Everything that counts, the metrics' state and the number of batches, lives in local variables, so a session that is
recovered in the middle starts the whole evaluation again rather than mixing two halves.

In train_and_evaluate one session serves the evaluations whose graphs are the same (`kept`).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from estimator_runtime import checkpoints, observation
from estimator_runtime.config import strategies
from estimator_runtime.config.run_config import RunConfig
from estimator_runtime.distribution import replicas
from estimator_runtime.loop import default_writer, event_writers, sessions, summaries
from estimator_runtime.loop.kept import keeping
from estimator_runtime.loop.kept.kept_session import KeptSession
from estimator_runtime.loop.stretches import evaluated_batches
from estimator_runtime.loop.stretches.looped_graph import LoopedGraph
from estimator_runtime.loop.stretches.stretches import Stretches
from estimator_runtime.model.bound_model import BoundModel
from estimator_runtime.model.model_fn import EstimatorSpec, ModeKeys

LOSS = "loss"
GLOBAL_STEP: str = tf.compat.v1.GraphKeys.GLOBAL_STEP
# An attribute of a graph: what holds on to it could not be held elsewhere without keeping it alive.
_MODEL = "estimator_runtime_evaluated_model"


class EmptyResult(dict[str, Any]):
    """What an evaluation without a batch returns.

    Programs index it, so it has the names of a result, as tf.estimator's, with the values that the metrics begin with.
    They measure nothing: they are no summary, and no comparison may prefer them.
    """


class EvaluationParts(NamedTuple):
    """What one evaluation runs, in the graph that was the default one when it was built.

    Attributes:
        scaffold: the model's Scaffold, which also initialises what the evaluation has added.
        update_op: operation that takes a batch into all metrics.
        eval_dict: dict from name to the metric's value, with "loss" and "global_step".
        all_hooks: hooks of the input, of the caller and of the model, in this order.
    """

    scaffold: Any
    update_op: Any
    eval_dict: dict[str, Any]
    all_hooks: list[Any]


class _Model(NamedTuple):
    """What was built for an evaluation and is not in its parts; it is kept by the graph."""

    spec: EstimatorSpec
    input_hooks: tuple[Any, ...]


def build_model(
    model: BoundModel, input_fn: Callable[..., Any] | None, config: RunConfig | None, strategy: Any
) -> tuple[Any, Sequence[Any], Sequence[Any], Any, dict[str, Any]]:
    """Builds input, model and metrics in the default graph, which has its global step.

    Args:
        model: the model.
        input_fn: its input.
        config: what the model function is called with; None for a copy of the model's.
        strategy: the tf.distribute strategy on whose replicas to build it, or None.

    Returns:
        (scaffold, the model's hooks, the input's hooks, update operation, dict from name to a metric's value).

    Raises:
        ValueError: a metric is called "loss".
    """
    graph = tf.compat.v1.get_default_graph()
    spec, input_hooks = replicas.build(model, strategy, graph, input_fn, ModeKeys.EVAL, config)
    if default_writer.are_lost(graph):
        tf.compat.v1.logging.info(
            "The model function's tf.summary writes nothing in an evaluation, which is one step of many batches. What it "
            "measures belongs in eval_metric_ops."
        )
    setattr(graph, _MODEL, _Model(spec, input_hooks))
    check_name(LOSS, spec.eval_metric_ops)
    pairs = {**spec.eval_metric_ops, LOSS: tf.compat.v1.metrics.mean(spec.loss)}
    values = {name: pairs[name][0] for name in sorted(pairs)}
    updates = tf.group(*tf.nest.flatten([update for _, update in pairs.values()]))
    return spec.scaffold, spec.evaluation_hooks, input_hooks, updates, values


def build(
    model: BoundModel,
    input_fn: Callable[..., Any] | None,
    *,
    hooks: Sequence[Any],
    checkpoint_path: str | None,
    strategy: Any,
) -> EvaluationParts:
    """Builds everything that an evaluation runs in the default graph.

    Args:
        model: the model.
        input_fn: its input.
        hooks: the caller's hooks, with those that end the evaluation.
        checkpoint_path: where the variables' values come from; None for first values, those of the model's warm start if
            it has one.
        strategy: the tf.distribute strategy on whose replicas to build it, or None.

    Raises:
        ValueError: a metric is called "loss" or "global_step".
    """
    graph = tf.compat.v1.get_default_graph()
    step = replicas.begin(model, strategy, graph)
    scaffold, evaluation_hooks, input_hooks, updates, values = model.calls.model_for_evaluation(
        input_fn, strategy
    )
    check_name(GLOBAL_STEP, values)
    model.calls.warm_start(checkpoint_path)
    values = {**values, GLOBAL_STEP: tf.compat.v1.train.get_global_step(graph) if step is None else step}
    evaluated_batches.counted(graph)
    return EvaluationParts(
        _evaluation_scaffold(scaffold), updates, values, [*input_hooks, *hooks, *evaluation_hooks]
    )


def run(
    parts: EvaluationParts,
    session_with: Callable[[list[Any]], Any],
    *,
    stretches: Stretches | None = None,
) -> dict[str, Any]:
    """Runs all batches, or until a hook stops it, and returns the metrics by name.

    Args:
        parts: what is run, in the default graph.
        session_with: makes the monitored session from its hooks.
        stretches: what the session makes ahead of batches that hooks see.

    Returns:
        The metrics by name; an `EmptyResult` when the input had no batch.
    """
    completed, _ = evaluated_batches.counted(tf.compat.v1.get_default_graph())
    evaluated_batches.tell(parts.all_hooks, completed)
    final = tf.compat.v1.train.FinalOpsHook(parts.eval_dict)
    has_batches = False
    with summaries.timed(), session_with([*parts.all_hooks, final]) as session:
        while not session.should_stop():
            session.run([parts.update_op, completed])
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
    hooks: Sequence[Any],
    checkpoint_path: str | None,
    eval_dir: str,
) -> dict[str, Any]:
    """Evaluates one checkpoint (fresh variables for None) until a hook ends it, and writes the result as a summary.

    Returns:
        The metrics by name, with "loss" (the mean over batches) and "global_step"; an `EmptyResult`, of which no summary
        is written, when the input had no batch.

    Raises:
        ValueError: a metric has one of those two names.
    """
    # Hooks of the evaluation may write there too.
    with event_writers.call(eval_dir):
        results = _results(model, input_fn, hooks=hooks, checkpoint_path=checkpoint_path, eval_dir=eval_dir)
    if not isinstance(results, EmptyResult):
        observation.current().evaluated(results, checkpoint_path)
    return results


def run_checkpoint(
    model: BoundModel, parts: EvaluationParts, *, checkpoint_path: str | None, eval_dir: str
) -> dict[str, Any]:
    """Runs an evaluation that is in the default graph, in a session of its own, and writes the result as a summary.

    Args:
        model: the model.
        parts: what is run.
        checkpoint_path: what the session restores; None for first values.
        eval_dir: directory of the summary.
    """
    graph = tf.compat.v1.get_default_graph()
    if checkpoint_path is not None:
        checkpoints.check_trained(checkpoint_path, parts.scaffold.saver)
    built, stretches = getattr(graph, _MODEL, None), None
    # On a server of its own, or in a program's own graph, no loop takes batches that nobody sees.
    if built is not None and isinstance(graph, LoopedGraph) and not model.config.evaluation_master:
        completed, counter = evaluated_batches.counted(graph)
        updates = tf.group(parts.update_op, completed)
        stretches = Stretches(model.config, graph, updates, built.spec.loss, counter, is_training=False)

    def session_with(session_hooks: list[Any]) -> Any:
        return sessions.checkpoint_session(
            model.config,
            master=model.config.evaluation_master,
            scaffold=parts.scaffold,
            checkpoint_path=checkpoint_path,
            hooks=session_hooks,
            ahead=stretches,
        )

    with replicas.scope(strategies.evaluating(model.config.eval_distribute)):
        results = run(parts, session_with, stretches=stretches)
    _write(results, checkpoint_path, eval_dir)
    return results


def _write(results: dict[str, Any], checkpoint_path: str | None, eval_dir: str) -> None:
    if isinstance(results, EmptyResult):
        return
    step = int(results[GLOBAL_STEP])
    summaries.write_metrics(eval_dir, results, step)
    if checkpoint_path is not None:
        summaries.write_checkpoint_path(eval_dir, checkpoint_path, step)


def _results(
    model: BoundModel,
    input_fn: Callable[..., Any] | None,
    *,
    hooks: Sequence[Any],
    checkpoint_path: str | None,
    eval_dir: str,
) -> dict[str, Any]:
    has_own = any(type(hook) is not evaluated_batches.StopAfterBatchesHook for hook in hooks)
    may_keep = not has_own and checkpoint_path is not None and model.calls.keeps_evaluations()
    keeps = keeping.current() if may_keep else None
    promised = None if keeps is None else keeps.promised_session(model, input_fn)
    if promised is not None and checkpoint_path is not None:
        with observation.current().evaluating():
            checkpoints.check_shapes_of(checkpoint_path, promised.trained)
            return _results_of(promised, model, checkpoint_path, hooks, eval_dir)
    with observation.current().evaluating(), LoopedGraph().as_default() as graph:
        parts = EvaluationParts(*model.calls.build_evaluation(input_fn, list(hooks), checkpoint_path))
        if keeps is not None and checkpoint_path is not None:
            built = getattr(graph, _MODEL)
            kept = _kept(keeps, model, input_fn, parts, built)
            if kept is not None:
                checkpoints.check_trained(checkpoint_path, built.spec.scaffold.saver)
                return _results_of(kept, model, checkpoint_path, hooks, eval_dir)
        return model.calls.run_evaluation(
            checkpoint_path=checkpoint_path,
            scaffold=parts.scaffold,
            update_op=parts.update_op,
            eval_dict=parts.eval_dict,
            all_hooks=parts.all_hooks,
            output_dir=eval_dir,
        )


def _kept(
    keeps: keeping.Keeping,
    model: BoundModel,
    input_fn: Callable[..., Any] | None,
    parts: EvaluationParts,
    built: _Model,
) -> KeptSession[EvaluationParts] | None:
    """The session that is kept for this evaluation; None where it has one of its own, for something might differ."""
    if (
        strategies.evaluating(model.config.eval_distribute)
        or model.config.evaluation_master
        or built.spec.evaluation_hooks
        or not all(isinstance(value, tf.Tensor | tf.Variable) for value in parts.eval_dict.values())
    ):
        return None
    completed, _ = evaluated_batches.counted(tf.compat.v1.get_default_graph())
    return keeps.session(
        parts._replace(all_hooks=list(built.input_hooks)),
        model=model,
        input_fn=input_fn,
        scaffold=built.spec.scaffold,
        input_hooks=built.input_hooks,
        runs={
            "updates": parts.update_op,
            "completed": completed,
            **{f"metric {name}": value for name, value in parts.eval_dict.items()},
        },
    )


def _results_of(
    kept: KeptSession[EvaluationParts],
    model: BoundModel,
    checkpoint_path: str,
    hooks: Sequence[Any],
    eval_dir: str,
) -> dict[str, Any]:
    def session_with(session_hooks: list[Any]) -> Any:
        return sessions.created_session(model.config, kept.creator(checkpoint_path), session_hooks)

    with kept.in_use():
        results = run(kept.built._replace(all_hooks=[*kept.built.all_hooks, *hooks]), session_with)
    _write(results, checkpoint_path, eval_dir)
    return results


def check_name(reserved: str, metrics: Mapping[str, Any]) -> None:
    """Refuses metrics of which one has a reserved name, with a ValueError."""
    if reserved in metrics:
        quote = '"' if reserved == LOSS else "`"  # as tf.estimator has it, and programs match
        raise ValueError(
            f"Metric with name {quote}{reserved}{quote} is not allowed, because Estimator already defines a default metric "
            "with the same name."
        )


def _evaluation_scaffold(scaffold: Any) -> Any:
    """The model's scaffold, which also initialises the local variables that the evaluation has added."""
    if scaffold.local_init_op is None:
        return scaffold
    local_init = tf.group(scaffold.local_init_op, tf.compat.v1.train.Scaffold.default_local_init_op())
    return tf.compat.v1.train.Scaffold(local_init_op=local_init, copy_from_scaffold=scaffold)
