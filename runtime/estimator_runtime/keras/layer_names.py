"""Keras layers under the same names in every graph, and under those that tf.estimator 2.15 gave them.

Keras 3 is made for eager execution and differs in two ways from the Keras of TensorFlow 2.15:

* It numbers its layers without a name per process, not per graph: the second graph of a model function would call its
  variables `dense_1/kernel`, and no checkpoint of the first would fit. So the numbering of the calling thread starts
  anew for each graph. `clear_session`, the public way to do that, replaces the state of all threads, with the dtype
  policy, the custom objects and whatever else the program has set: models that are built in other threads meanwhile
  would lose count. So the counters alone are reset, by the function that Keras has for it inside.
* It opens a layer's name scope twice, to build the layer and to call it. In a graph the second one becomes `dense_1`,
  and the next layer, which Keras calls `dense_1`, gets the variable `dense_1_1/kernel`. So the second scope enters the
  first one again, and checkpoints of 2.15 fit.

Legacy Keras does both by itself and is left alone, and so is Keras 3 outside the graphs of an Estimator.
"""

import functools
import importlib
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import tensorflow as tf

from estimator_runtime.keras import metric_variables, optimizer_steps

_graphs: weakref.WeakSet[Any] = weakref.WeakSet()
_TEACHING = threading.Lock()
_NAMING = "keras.src.utils.naming"


def restart() -> None:
    """Prepares Keras 3 for a model in the default graph; does nothing if it has not been imported."""
    keras: Any = sys.modules.get("keras")
    if keras is None or not hasattr(keras, "dtype_policies"):
        return
    _restart_numbering(keras)
    _graphs.add(tf.compat.v1.get_default_graph())
    _teach_scopes(keras.Layer)
    metric_variables.teach(keras.Metric, _graphs)
    optimizer_steps.teach(keras.Optimizer, keras.optimizers.LossScaleOptimizer, _graphs)


def _restart_numbering(keras: Any) -> None:
    try:
        reset = importlib.import_module(_NAMING).reset_uids
    except (ImportError, AttributeError):
        # A Keras that has it elsewhere: models of one thread at a time.
        policy = keras.config.dtype_policy()
        clearing = threading.Thread(target=keras.utils.clear_session, kwargs={"free_memory": False})
        clearing.start()
        clearing.join()
        if keras.config.dtype_policy() != policy:
            keras.config.set_dtype_policy(policy)
    else:
        reset()


def _teach_scopes(layer_class: Any) -> None:
    """Makes a call of a layer open one name scope, in the graphs that `restart` has seen."""
    with _TEACHING:
        call = layer_class.__call__
        if not hasattr(call, "opens_one_scope"):
            layer_class.__call__ = _in_one_scope(call)


def _in_one_scope(call: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(call)
    def call_in_one_scope(layer: Any, *args: Any, **kwargs: Any) -> Any:
        graph = None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()
        if graph is None or graph not in _graphs:
            return call(layer, *args, **kwargs)
        with one_scope(graph, layer.name):
            return call(layer, *args, **kwargs)

    call_in_one_scope.opens_one_scope = True  # type: ignore[attr-defined]  # a mark on the function
    return call_in_one_scope


@contextmanager
def one_scope(graph: Any, layer_name: str) -> Iterator[None]:
    """Surrounds what Keras makes for a layer, or an optimizer, of this name: its name scope is opened once."""
    open_scope = graph.name_scope
    outer = graph.get_name_scope()
    opened: list[str] = []

    @contextmanager
    def enter(name: str, **kwargs: Any) -> Iterator[str]:
        is_the_layers = name == layer_name and graph.get_name_scope() == outer
        scope: AbstractContextManager[str] = open_scope(
            opened[0] if is_the_layers and opened else name, **kwargs
        )
        with scope as entered:
            if is_the_layers:
                opened.append(entered)
            yield entered

    graph.name_scope = enter
    try:
        yield
    finally:
        graph.name_scope = open_scope
