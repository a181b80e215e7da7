"""Variables of a graph that stand for those of a Keras 3 model, metric or layer, under the names that Keras gives them."""

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, Self

import tensorflow as tf

v1: Any = tf.compat.v1


def names_of(variables: Sequence[Any]) -> list[str]:
    """A name for each `keras.Variable`: its path, with a number where another one has the same."""
    names: dict[str, None] = {}
    for variable in variables:
        name, number = variable.path, 0
        while name in names:
            number += 1
            name = f"{variable.path}_{number}"
        names[name] = None
    return list(names)


def of_model(variables: Sequence[Any], trainable: Sequence[Any], first: Mapping[str, Any]) -> list[Any]:
    """A variable of the default graph for each of a model's.

    Args:
        variables: all `keras.Variable`s of the model.
        trainable: those that are trained.
        first: dict from name to first value, a numpy array, but for those that a warm start will give.

    Returns:
        `tf.Variable`s in the order of `variables`. Those that are not trained have one value over all replicas of a
        strategy: the mean, or for whole numbers (seeds, counts) the first replica's.
    """
    ids = {id(variable) for variable in trainable}
    made = []
    for name, variable in zip(names_of(variables), variables, strict=True):
        is_trained = id(variable) in ids
        dtype = tf.as_dtype(variable.dtype)
        made.append(
            v1.get_variable(
                name,
                tuple(variable.shape),
                dtype,
                _value(first[name]) if name in first else v1.zeros_initializer(),
                trainable=is_trained,
                use_resource=True,
                constraint=variable.constraint,
                aggregation=_aggregation(dtype, is_trained=is_trained),
            )
        )
    return made


def of_metrics(variables: Sequence[Any], first: Sequence[Any]) -> list[Any]:
    """A local variable of the default graph for each of some metrics'.

    Args:
        variables: the `keras.Variable`s of the metrics.
        first: the first value of each, a numpy array.

    Returns:
        `tf.Variable`s in the order of `variables`. On the replicas of a strategy each counts for itself; read outside of
        them, they are the sum. So each begins with its share of the first value, as with Keras.
    """
    replicated: dict[str, Any] = {}
    if tf.distribute.has_strategy():
        count = tf.distribute.get_strategy().num_replicas_in_sync
        first = [(value / count).astype(value.dtype) if value.any() else value for value in first]
        replicated = {
            "synchronization": tf.VariableSynchronization.ON_READ,
            "aggregation": tf.VariableAggregation.SUM,
        }
    return [
        v1.get_variable(
            f"metrics/{name}",
            tuple(variable.shape),
            tf.as_dtype(variable.dtype),
            _value(value),
            trainable=False,
            use_resource=True,
            collections=[v1.GraphKeys.LOCAL_VARIABLES, v1.GraphKeys.METRIC_VARIABLES],
            **replicated,
        )
        for name, variable, value in zip(names_of(variables), variables, first, strict=True)
    ]


class Values:
    """A `keras.StatelessScope`: in it some variables of Keras have the values of those that stand for them.

    Args:
        variables: `keras.Variable`s.
        own: what stands for each.
        zero: `keras.Variable`s that are 0 in it, and for which nothing stands.
    """

    def __init__(self, variables: Sequence[Any], own: Sequence[Any], zero: Sequence[Any] = ()) -> None:
        keras: Any = importlib.import_module("keras")

        # Each is read once: what is computed with it and what it is changed by are of the same step.
        state = [(one, tf.convert_to_tensor(other)) for one, other in zip(variables, own, strict=True)]
        state += [(one, tf.zeros(tuple(one.shape), tf.as_dtype(one.dtype))) for one in zero]
        self._scope = keras.StatelessScope(state_mapping=state, collect_losses=True)
        self._before = {id(one): self._scope.get_current_value(one) for one in variables}

    def __enter__(self) -> Self:
        self._scope.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._scope.__exit__(*error)

    def changes(self, variables: Sequence[Any], own: Sequence[Any]) -> list[tuple[Any, Any]]:
        """(what stands for it, new value) of those of some variables that were assigned."""
        now = [
            (other, self._scope.get_current_value(one), self._before[id(one)])
            for one, other in zip(variables, own, strict=True)
        ]
        return [(other, value) for other, value, before in now if value is not before]


def _value(array: Any) -> Any:
    def initializer(shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        del shape, partition_info
        return tf.constant(array, dtype)

    return initializer


def _aggregation(dtype: Any, *, is_trained: bool) -> Any:
    if is_trained:
        return tf.VariableAggregation.NONE
    if dtype.is_floating:
        return tf.VariableAggregation.MEAN
    return tf.VariableAggregation.ONLY_FIRST_REPLICA
