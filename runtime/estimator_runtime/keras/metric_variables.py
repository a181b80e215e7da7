"""Where the variables of Keras 3 metrics belong in a graph: to an evaluation, not to the model.

Keras 3 makes a metric's variables as it makes a layer's, so a graph counts them among those of the model: a checkpoint
would hold them, and an evaluation would look for them in one that was written before the metric was there. So they are
made local variables, as those of `tf.compat.v1.metrics` are: no checkpoint has them, and each evaluation begins with
their first values. Inside a model function that happens when they are made, before the model function can hand its
variables to a saver of its own.

Legacy Keras keeps the variables of its metrics out of all collections by itself.
"""

import contextlib
import functools
import sys
import threading
import types
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from estimator_runtime.errors import MetricsError

_KEYS = tf.compat.v1.GraphKeys
_TEACHING = threading.Lock()
_names: weakref.WeakKeyDictionary[Any, set[str]] = weakref.WeakKeyDictionary()


def is_metric(value: Any) -> bool:
    """Whether `value` is a metric of Keras 3."""
    keras: Any = sys.modules.get("keras")
    return keras is not None and hasattr(keras, "dtype_policies") and isinstance(value, keras.Metric)


def teach(metric_class: Any, graphs: weakref.WeakSet[Any]) -> None:
    """Makes metrics add local variables, in the graphs of the (growing) set `graphs`."""
    with _TEACHING:
        add_variable = metric_class.add_variable
        if not hasattr(add_variable, "adds_local_variables"):
            metric_class.add_variable = _adding_local(add_variable, graphs)


def _adding_local(add_variable: Callable[..., Any], graphs: weakref.WeakSet[Any]) -> Callable[..., Any]:
    @functools.wraps(add_variable)
    def add_local_variable(metric: Any, *args: Any, **kwargs: Any) -> Any:
        variable = add_variable(metric, *args, **kwargs)
        if not tf.executing_eagerly() and tf.compat.v1.get_default_graph() in graphs:
            _make_local(variable.value)
        return variable

    add_local_variable.adds_local_variables = True  # type: ignore[attr-defined]  # a mark on the function
    return add_local_variable


def localised(metric: Any) -> list[Any]:
    """The `tf.Variable`s of a metric, each a local variable of the default graph from now on.

    Raises:
        MetricsError: the metric was made outside of this graph.
    """
    variables = [variable.value for variable in metric.variables]
    if any(_is_foreign(variable) for variable in variables):
        raise MetricsError(_made_elsewhere(metric))
    for variable in variables:
        _make_local(variable)
    return variables


def of_graph() -> list[Any]:
    """The `tf.Variable`s of metrics of Keras 3 in the default graph."""
    names = _names.get(tf.compat.v1.get_default_graph(), set())
    if not names:
        return []
    return [one for one in tf.compat.v1.get_collection(_KEYS.METRIC_VARIABLES) if one.name in names]


def with_initialisers(scaffold: Any) -> Any:
    """The scaffold, which also initialises the metrics' variables of the default graph.

    Without an operation of its own a scaffold initialises all local variables anyway.
    """
    variables = of_graph()
    if scaffold.local_init_op is None or not variables:
        return scaffold
    local_init = tf.group(scaffold.local_init_op, tf.compat.v1.variables_initializer(variables))
    return tf.compat.v1.train.Scaffold(local_init_op=local_init, copy_from_scaffold=scaffold)


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Surrounds a model function: the failure of a metric that was made outside of it becomes an error that says so.

    Raises:
        MetricsError: the model function failed inside of such a metric.
    """
    try:
        yield
    except (RuntimeError, TypeError, ValueError) as error:
        metric = _foreign_metric(error.__traceback__)
        if metric is None or isinstance(error, MetricsError):
            raise
        raise MetricsError(f"{_made_elsewhere(metric)} ({error})") from error


def _foreign_metric(traceback: types.TracebackType | None) -> Any:
    """The metric of another graph in whose method an exception was raised, or None."""
    while traceback is not None:
        owner: Any = traceback.tb_frame.f_locals.get("self")
        if is_metric(owner) and any(_is_foreign(variable.value) for variable in owner.variables):
            return owner
        traceback = traceback.tb_next
    return None


def _is_foreign(variable: Any) -> bool:
    # A variable that was made eagerly has no graph.
    return getattr(variable, "graph", None) is not tf.compat.v1.get_default_graph()


def _made_elsewhere(metric: Any) -> str:
    return (
        f"The Keras metric {metric.name} was made outside of this call of model_fn, and its variables are in no graph "
        "or in another one. Make it inside model_fn: each call builds a graph of its own."
    )


def _make_local(variable: Any) -> None:
    if not isinstance(variable, tf.Variable):
        # Keras tries something out, and keeps no variable.
        return
    graph = tf.compat.v1.get_default_graph()
    # Under a strategy a copy on each device is in the collection too.
    parts = [variable, *tf.distribute.get_strategy().experimental_local_results(variable)]
    # What a CentralStorageStrategy keeps inside is none of its parts, and has its name.
    names = {part.name for part in parts}
    global_variables = graph.get_collection_ref(_KEYS.GLOBAL_VARIABLES)
    global_variables[:] = [one for one in global_variables if one.name not in names]
    for key in (_KEYS.LOCAL_VARIABLES, _KEYS.METRIC_VARIABLES):
        if all(one is not variable for one in graph.get_collection_ref(key)):
            graph.add_to_collection(key, variable)
    _names.setdefault(graph, set()).add(variable.name)
