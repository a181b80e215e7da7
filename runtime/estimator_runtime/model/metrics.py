"""The metrics of an evaluation, brought to one form: name -> (value, update).

A metric is given as such a pair, as `tf.compat.v1.metrics` makes it, as a Keras 3 metric, or as a legacy Keras metric
(`tf_keras`, or any object with `updates`, `result()` and `variables`): those are known by their attributes, not by their
class, so the optional package need not be installed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from estimator_runtime.errors import MetricsError
from estimator_runtime.keras import metric_updates, metric_variables

_WITHOUT_UPDATE = " (update_state of Keras 3 returns nothing: give the metric itself in place of the pair)"


def checked(eval_metric_ops: Mapping[str, Any] | None, loss: Any = None) -> dict[str, tuple[Any, Any]]:
    """The metrics as (value, update) pairs; a value may be a nested structure of Tensors.

    Args:
        eval_metric_ops: the metrics, or None.
        loss: Tensor without which no batch is counted by a Keras 3 metric, or None.

    Raises:
        MetricsError: (a TypeError and a ValueError) `eval_metric_ops` is no dict or a value is no metric.
    """
    if eval_metric_ops is None:
        return {}
    if not isinstance(eval_metric_ops, Mapping):
        raise MetricsError(f"eval_metric_ops must be a dict, given: {eval_metric_ops}")
    return {name: _pair(name, metric, loss) for name, metric in eval_metric_ops.items()}


def check_counted(metric_ops: Mapping[str, tuple[Any, Any]], loss: Any) -> None:
    """Holds the values of an evaluation's metrics against its updates.

    Args:
        metric_ops: what `checked` returned, in the call of the model function.
        loss: the loss, a Tensor.

    Raises:
        MetricsError: a value is made of variables of a Keras 3 metric, which no update takes a batch into: it would be 0. Or
            several replicas share them, and it would count the first batches more than the last.
    """
    if tf.distribute.in_cross_replica_context():
        return  # each replica has looked
    variables = metric_variables.of_graph()
    if not variables:
        return
    _check_replicas_do_not_share(metric_ops, variables)
    run = [loss, *tf.nest.flatten([update for _, update in metric_ops.values()])]
    for name, (value, _) in metric_ops.items():
        if metric_updates.is_left_out(value, variables, run):
            raise MetricsError(
                f"The value of eval_metric_ops[{name}] is that of a Keras metric into which no batch is taken: update_state "
                "of Keras 3 returns nothing that an evaluation could run. Give the metric itself in place of the pair."
            )


def _check_replicas_do_not_share(metric_ops: Mapping[str, tuple[Any, Any]], variables: Sequence[Any]) -> None:
    """Refuses metrics of Keras 3 on a CentralStorageStrategy's replicas, of which each assigns the sum of all batches so far."""
    strategy = tf.distribute.get_strategy()
    kinds = (
        tf.distribute.experimental.CentralStorageStrategy,
        tf.compat.v1.distribute.experimental.CentralStorageStrategy,
    )
    if not isinstance(strategy, kinds) or strategy.num_replicas_in_sync == 1:
        return
    for name, (value, _) in metric_ops.items():
        if metric_updates.is_made_of(value, variables):
            raise MetricsError(
                f"eval_metric_ops[{name}] is a Keras metric, whose variables the {strategy.num_replicas_in_sync} replicas of a "
                "CentralStorageStrategy share: it would not count each batch once. Evaluate with a MirroredStrategy or without "
                "eval_distribute, or give a metric of tf.compat.v1.metrics."
            )


def _pair(name: str, metric: Any, loss: Any) -> tuple[Any, Any]:
    if callable(getattr(metric, "update_state", None)) and callable(getattr(metric, "result", None)):
        return _keras_pair(name, metric, loss)
    if not isinstance(metric, tuple) or len(metric) != 2:
        raise MetricsError(
            f"Values of eval_metric_ops must be (metric_value, update_op) tuples, given: {metric} for key: {name}"
        )
    value, update = metric
    for part in tf.nest.flatten(value):
        # An Operation has no value: the metric's is None then, as in tf.estimator.
        if not _can_be_run(part):
            raise MetricsError(f"metric_value of eval_metric_ops[{name}] must be Tensor, given: {part}")
    for part in tf.nest.flatten(update):
        if not _can_be_run(part):
            raise MetricsError(
                f"update_op of eval_metric_ops[{name}] must be Operation or Tensor, given: {part}"
                f"{_WITHOUT_UPDATE if part is None else ''}"
            )
    return value, update


def _can_be_run(part: Any) -> bool:
    # A RaggedTensor is a tensor to `tf.is_tensor`, and belongs to no graph.
    is_tensor = tf.is_tensor(part) and not isinstance(part, tf.RaggedTensor)
    return is_tensor or isinstance(part, tf.Operation)


def _not_updated(name: str, metric: Any) -> str:
    known_as = getattr(metric, "name", name)
    return f'Please call update_state(...) on the "{known_as}" metric before it goes into eval_metric_ops[{name}].'


def _keras_pair(name: str, metric: Any, loss: Any) -> tuple[Any, Any]:
    if metric_variables.is_metric(metric):
        return _keras_3_pair(name, metric, loss)
    if not hasattr(metric, "updates"):
        raise MetricsError(
            f"eval_metric_ops[{name}] is {metric}, which is no metric of Keras 3 and has no `updates` as those of Keras 2 "
            "have, for an evaluation session to run."
        )
    if not metric.updates:
        raise MetricsError(_not_updated(name, metric))
    for variable in metric.variables:
        for collection in (tf.compat.v1.GraphKeys.LOCAL_VARIABLES, tf.compat.v1.GraphKeys.METRIC_VARIABLES):
            if not any(variable is known for known in tf.compat.v1.get_collection(collection)):
                tf.compat.v1.add_to_collection(collection, variable)
    return metric.result(), tf.group(*metric.updates)


def _keras_3_pair(name: str, metric: Any, loss: Any) -> tuple[Any, Any]:
    updates = metric_updates.updates(name, metric_variables.localised(metric), loss)
    if not updates:
        raise MetricsError(
            f"{_not_updated(name, metric)} What it counts must be in variables that its add_weight makes."
        )
    return metric_updates.value(metric), tf.group(*updates)
