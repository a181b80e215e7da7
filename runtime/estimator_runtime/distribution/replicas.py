"""One model on several devices: a strategy's replicas, built side by side in one graph and made into one model.

The model function is called once per replica, with a batch of its own. Variables are mirrored, and checkpoints hold
them once, under the names that they have without a strategy: they pass from one to the other. What the replicas return
is merged into one EstimatorSpec, and the loops run that as they run any other:

* a training step is every replica's, and counts as one;
* gradients are summed over the replicas. The optimizers divide each replica's loss by their number before, so that the
  mean of the losses is what is minimised, unless the model's last loss is one of `tf.compat.v1.losses` with
  `Reduction.SUM`;
* the loss that is reported in training is what is minimised; in evaluation it is the mean over replicas and batches;
* a metric's value is over all replicas, as `tf.compat.v1.metrics` reduces it, and every replica's update is run;
* hooks, the saver, `init_fn` and summaries are the first replica's; the initialisers of all scaffolds are run;
* a step is made only when each replica has a batch: batches left at the end that are not enough for all are dropped.

The sources of these rules, and how they were measured, are in docs/decisions/strategies.md.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import tensorflow as tf

from estimator_runtime.config import strategies
from estimator_runtime.config.run_config import RunConfig
from estimator_runtime.distribution import collective_input, first_replicas
from estimator_runtime.distribution.common_end import CommonEnd
from estimator_runtime.distribution.each_replica import in_each
from estimator_runtime.inputs import model_input
from estimator_runtime.keras import layer_names
from estimator_runtime.model.bound_model import BoundModel, BuiltModel
from estimator_runtime.model.model_fn import EstimatorSpec, ModeKeys


def scope(strategy: Any) -> AbstractContextManager[Any]:
    """What a loop's session and its hooks run in."""
    return strategy.scope() if strategy else nullcontext()


def begin(model: BoundModel, strategy: Any, graph: Any) -> Any:
    """Seeds the (default) graph and creates its global step, which is returned: one for all replicas of `strategy`."""
    with scope(strategy):
        return model.begin_graph(graph)


def build(
    model: BoundModel,
    strategy: Any,
    graph: Any,
    input_fn: Callable[..., Any] | None,
    mode: str,
    config: RunConfig | None = None,
) -> BuiltModel:
    """Builds input and model in the (default) graph: once per replica of `strategy`, or simply once for what is false.

    The graph has been begun. `config` is what the model function is called with, None for a copy of the model's.

    Raises:
        ValueError: `input_fn` returns no dataset, which a strategy needs; or what the model function may raise.
    """
    if not strategy:
        return model.build(input_fn, mode, config)
    # By this switch optimizers know that they work for an Estimator. It has no public name, and nothing else makes
    # `Optimizer.minimize` scale the loss by the number of replicas.
    with strategy.scope(), strategy._scale_loss_for_estimator_enabled():  # noqa: SLF001
        is_collective = strategies.is_collective(strategy, model.config.cluster_spec)
        hooks: Sequence[Any]
        if is_collective:
            batches, hooks, end = collective_input.batches(model, strategy, input_fn, mode)
        else:
            iterator, hooks = model.calls.iterator(input_fn, mode, strategy)
            parts = _together(strategy.experimental_local_results(iterator.get_next()))
            batches = [model_input.features_and_labels(part) for part in parts]
        with first_replicas.with_summaries(strategy) if is_collective else nullcontext():
            specs = _call_model_fn(model, strategy, batches, mode, config)
        if is_collective:
            specs = _with_loss_of_all(strategy, specs, end)
            _read_step_locally(strategy, tf.compat.v1.train.get_global_step(graph))
    _hide_components(strategy, graph)
    # The optimizers' note on whether they have scaled the loss has no public name either.
    is_mean = mode == ModeKeys.EVAL or graph._is_loss_scaled_by_optimizer  # noqa: SLF001
    if not is_collective:
        return BuiltModel(_merged(specs, loss_is_mean=is_mean), tuple(hooks))
    merged = _merged(specs, loss_is_mean=True)  # each has the sum over all
    mean = merged._replace(loss=merged.loss / strategy.num_replicas_in_sync)
    return BuiltModel(mean if is_mean else merged, tuple(hooks))


def _with_loss_of_all(strategy: Any, specs: list[EstimatorSpec], end: CommonEnd) -> list[EstimatorSpec]:
    """The same, the loss of each being the sum over the replicas of all tasks."""

    def add(number: int) -> EstimatorSpec:
        spec = specs[number]
        return spec._replace(loss=end.loss_of_all(number, tf.reshape(spec.loss, [])))

    return in_each(strategy, add)


def _read_step_locally(strategy: Any, step: Any) -> None:
    """Has hooks read this task's copy of the global step.

    TensorFlow's own read, which it would add for them, holds the broadcast of the step's first value; a task that runs
    that once more than the others (the chief, before it saves) is one collective ahead of them for ever.
    """
    with tf.name_scope("global_step/"):
        value = strategy.experimental_local_results(step)[0].read_value() + 0
    tf.compat.v1.add_to_collection("global_step_read_op_cache", value)


def iterator(
    model: BoundModel, strategy: Any, input_fn: Callable[..., Any] | None, mode: str
) -> tuple[Any, list[Any]]:
    """An iterator over the batches of all replicas, and the hooks that their source needs.

    Raises:
        ValueError: `input_fn` returns neither a dataset nor a callable.
    """

    def dataset(context: Any) -> Any:
        try:
            result = model.calls.call_input_fn(input_fn, mode, context)
        except NotImplementedError as error:
            raise ValueError(
                "input_fn must return a tf.data.Dataset when there is a strategy: the queue that it makes counts "
                "epochs in a variable, which cannot be mirrored."
            ) from error
        if not (model_input.is_dataset(result) or callable(result)):
            raise ValueError(
                "input_fn must return a tf.data.Dataset or a callable when there is a strategy, so that each replica "
                f"has batches of its own, but returned: {result}."
            )
        return result

    with model_input.made_inside():
        made = strategy.make_input_fn_iterator(dataset)
    return made, [model_input.IteratorInitializerHook(made.initializer)]


def _together(batches: Sequence[Any]) -> list[Any]:
    """The same batches, none of which is there before all are: else some replicas would run without the others."""
    with tf.control_dependencies(tf.nest.flatten(list(batches), expand_composites=True)):
        return [tf.nest.map_structure(tf.identity, batch, expand_composites=True) for batch in batches]


def _call_model_fn(
    model: BoundModel,
    strategy: Any,
    batches: list[tuple[Any, Any]],
    mode: str,
    config: RunConfig | None,
) -> list[EstimatorSpec]:
    def build_replica(number: int) -> EstimatorSpec:
        features, labels = batches[number]
        return model.call_model_fn(features, labels, mode, config)

    layer_names.restart()
    return in_each(strategy, build_replica)


def _hide_components(strategy: Any, graph: Any) -> None:
    """Leaves, of each mirrored variable, only the whole in the graph's collections.

    Those that `tf.Variable` makes, and Keras layers by it, add their copies on each device too, before the whole. In a
    checkpoint these would be variables of their own that no checkpoint of one device has.
    """
    keys = tf.compat.v1.GraphKeys
    for key in (keys.GLOBAL_VARIABLES, keys.LOCAL_VARIABLES, keys.TRAINABLE_VARIABLES):
        variables = graph.get_collection_ref(key)
        components = {
            id(component)
            for variable in variables
            for component in strategy.experimental_local_results(variable)
            if component is not variable
        }
        # The first copy bears the name of the whole.
        last_of_name = {variable.name: variable for variable in variables}
        variables[:] = [
            variable
            for variable in variables
            if id(variable) not in components and variable is last_of_name[variable.name]
        ]


def _merged(specs: list[EstimatorSpec], *, loss_is_mean: bool) -> EstimatorSpec:
    first = specs[0]
    if len(specs) == 1:
        return first
    loss = tf.add_n([spec.loss for spec in specs])
    return first._replace(
        loss=loss / len(specs) if loss_is_mean else loss,
        train_op=None if first.train_op is None else tf.group(*[spec.train_op for spec in specs]),
        eval_metric_ops={
            name: (value, tf.group(*tf.nest.flatten([spec.eval_metric_ops[name][1] for spec in specs])))
            for name, (value, _) in first.eval_metric_ops.items()
        },
        scaffold=_merged_scaffold([spec.scaffold for spec in specs]),
    )


def _merged_scaffold(scaffolds: list[Any]) -> Any:
    """The first replica's scaffold, with the initialisers, their feeds and the ready operations of all."""
    first = scaffolds[0]
    merged: dict[str, Any] = {}
    for name in ("init_op", "local_init_op"):
        if getattr(first, name) is not None:
            merged[name] = tf.group(*[getattr(scaffold, name) for scaffold in scaffolds])
    for name in ("ready_op", "ready_for_local_init_op"):
        if getattr(first, name) is not None:
            merged[name] = tf.concat([getattr(scaffold, name) for scaffold in scaffolds], axis=0)
    for name in ("init_feed_dict", "local_init_feed_dict"):
        if getattr(first, name):
            merged[name] = {key: value for each in scaffolds for key, value in getattr(each, name).items()}
    return tf.compat.v1.train.Scaffold(copy_from_scaffold=first, **merged) if merged else first
