"""Keras layers under the same names in every graph, and under those that tf.estimator 2.15 gave them.

Keras 3 is made for eager execution and differs in six ways from the Keras of TensorFlow 2.15:

* It numbers its layers without a name per process, not per graph: the second graph of a model function would call its
  variables `dense_1/kernel`, and no checkpoint of the first would fit. So the numbering of the calling thread starts
  anew for each graph. `clear_session`, the public way to do that, replaces the state of all threads, with the dtype
  policy, the custom objects and whatever else the program has set: models that are built in other threads meanwhile
  would lose count. So the counters alone are reset, by the function that Keras has for it inside.
* It opens a layer's name scope twice, to build the layer and to call it. In a graph the second one becomes `dense_1`,
  and the next layer, which Keras calls `dense_1`, gets the variable `dense_1_1/kernel`. So the second scope enters the
  first one again, and checkpoints of 2.15 fit.
* It builds a Sequential model in the scope of the model's name also where nobody calls it, for the shape of its input is
  known. Keras 2 then called its variables `dense/kernel`, and `sequential/dense/kernel` only where the first call builds
  it. So there it opens no scope, and a layer that is built already, for the model grows layer by layer, none anew.
* It builds the layers of a model or layer of a program's own class in a graph of its own, and makes their variables after
  that, in the scope of the outermost one alone: `model/kernel` and `model/kernel_1`. So their scope is entered again, by the
  path that Keras has noted for each: `model/dense/kernel`, `model/dense_1/kernel`.
* It opens a layer's scope wherever the layer is built or makes a weight; Keras 2 did so in a call alone. What a wrapper
  (TimeDistributed) or a layer of a program's own builds in its own building has that one's names then,
  `time_distributed/kernel`, and a weight that is made in `__init__` those of where the layer is made, `w`. So a layer that is
  not called opens none, but in those of Keras whose inner layers Keras 2 called or gave a scope (recurrent layers,
  attention).
* It has other names for two kinds of weights: those without a name (`variable`, in Keras 2 `Variable`), and the kernels of
  DepthwiseConv (`kernel`, in Keras 2 `depthwise_kernel`).

Where a weight is made its variable is told the weight's constraint, too: Keras 3 keeps that for its own optimizers.

Legacy Keras does all of it by itself and is left alone, and so is Keras 3 outside the graphs of an Estimator.
"""

import contextlib
import functools
import importlib
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import tensorflow as tf

from estimator_runtime.keras import layer_behavior, layer_updates, metric_variables, optimizer_steps

_graphs: weakref.WeakSet[Any] = weakref.WeakSet()
_TEACHING = threading.Lock()
_CALLS = threading.local()
_NAMING = "keras.src.utils.naming"
_PATHS = "keras.src.backend.common.name_scope"


def restart() -> None:
    """Prepares Keras 3 for a model in the default graph; does nothing if it has not been imported."""
    keras: Any = sys.modules.get("keras")
    if keras is None or not hasattr(keras, "dtype_policies"):
        return
    _restart_numbering(keras)
    _graphs.add(tf.compat.v1.get_default_graph())
    _teach_scopes(keras.Layer)
    _teach_building(keras)
    _teach_variables(keras.Variable)
    layer_updates.teach(keras.Layer, _graphs)
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


def _graph() -> Any:
    """The default graph, if `restart` has seen it; None elsewhere."""
    graph = None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()
    return graph if graph is not None and graph in _graphs else None


def _teach_scopes(layer_class: Any) -> None:
    """Makes a call of a layer open one name scope, in the graphs that `restart` has seen."""
    with _TEACHING:
        call = layer_class.__call__
        if not hasattr(call, "opens_one_scope"):
            layer_class.__call__ = _in_one_scope(call)


def _teach_building(keras: Any) -> None:
    """Makes layers that are built or make weights without a call open no name scope, in the graphs of `restart`."""
    with _TEACHING:
        open_scope = keras.Layer._open_name_scope  # noqa: SLF001 - building asks for its scope here alone
        if not hasattr(open_scope, "opens_scopes_of_calls"):
            keras.Layer._open_name_scope = _of_calls(open_scope, keras)  # noqa: SLF001
        add = keras.Layer.add_weight
        if not hasattr(add, "gives_former_names"):
            keras.Layer.add_weight = _with_former_names(add, keras)
        enter = keras.name_scope.__enter__
        if not hasattr(enter, "knows_quiet_layers"):
            keras.name_scope.__enter__ = _but_for_quiet_layers(enter)


def _of_calls(open_scope: Callable[[Any], AbstractContextManager[Any]], keras: Any) -> Callable[..., Any]:
    of_keras = keras.layers
    with_scopes = (
        of_keras.RNN,
        of_keras.Bidirectional,
        of_keras.StackedRNNCells,
        of_keras.MultiHeadAttention,
        of_keras.GroupQueryAttention,
    )
    convolutions = (of_keras.ConvLSTM1D, of_keras.ConvLSTM2D, of_keras.ConvLSTM3D)

    @contextmanager
    def within(layer: Any, *, is_quiet: bool) -> Iterator[None]:
        builders = _stack("builders")
        builders.append(layer)
        try:
            if is_quiet:
                with _building() if isinstance(layer, keras.Sequential) else contextlib.nullcontext():
                    yield
            else:
                with open_scope(layer):
                    yield
        finally:
            builders.pop()

    @functools.wraps(open_scope)
    def open_scope_of_calls(layer: Any) -> AbstractContextManager[Any]:
        if not _is_ours():
            return open_scope(layer)
        outer = next((one for one in reversed(_stack("builders")) if one is not layer), None)
        if isinstance(outer, of_keras.Bidirectional) and layer is outer.backward_layer:
            # Keras 3 leaves one that a program has made its name.
            layer.name = f"backward_{layer.name.removeprefix('backward_')}"
        gives_scope = isinstance(outer, with_scopes) and not isinstance(outer, convolutions)
        return within(layer, is_quiet=not (gives_scope or _is_called(layer)))

    open_scope_of_calls.opens_scopes_of_calls = True  # type: ignore[attr-defined]  # a mark on the function
    return open_scope_of_calls


def _with_former_names(add: Callable[..., Any], keras: Any) -> Callable[..., Any]:
    depthwise = (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)

    @functools.wraps(add)
    def add_weight(layer: Any, *args: Any, **kwargs: Any) -> Any:
        if not _is_ours():
            return add(layer, *args, **kwargs)
        name = kwargs.get("name") or "Variable"
        if name == "kernel" and isinstance(layer, depthwise):
            name = "depthwise_kernel"
        quiet = _stack("quiet")
        quiet.append(layer)
        try:
            with _constrained(keras.constraints.get(kwargs.get("constraint"))):
                return add(layer, *args, **{**kwargs, "name": name})
        finally:
            quiet.pop()

    add_weight.gives_former_names = True  # type: ignore[attr-defined]  # a mark on the function
    return add_weight


def _but_for_quiet_layers(enter: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @functools.wraps(enter)
    def enter_scope(scope: Any) -> Any:
        # A weight is made in the scope that is open: that of its layer, if it is to have one.
        if scope.caller is not None and any(one is scope.caller for one in _stack("quiet")):
            return scope
        return enter(scope)

    enter_scope.knows_quiet_layers = True  # type: ignore[attr-defined]  # a mark on the function
    return enter_scope


@contextmanager
def _building() -> Iterator[None]:
    """Surrounds the building of a Sequential model that nobody calls."""
    _CALLS.building = getattr(_CALLS, "building", 0) + 1
    try:
        yield
    finally:
        _CALLS.building -= 1


def _teach_variables(variable_class: Any) -> None:
    """Makes variables that are made after their layer was built have its scope, in the graphs that `restart` has seen."""
    with _TEACHING:
        make = variable_class._deferred_initialize  # noqa: SLF001 - the one place where they are made
        if not hasattr(make, "enters_paths"):
            variable_class._deferred_initialize = _by_path(make)  # noqa: SLF001


def _by_path(make: Callable[[Any], None]) -> Callable[[Any], None]:
    @functools.wraps(make)
    def make_by_path(variable: Any) -> None:
        graph = _graph()
        if graph is None:
            make(variable)
            return
        inner, outer = _inner_path(variable.path), graph.get_name_scope()
        # With the slash it is that scope and no new one.
        scope = f"{outer}/{inner}/" if outer else f"{inner}/"
        with (
            graph.name_scope(scope) if inner else contextlib.nullcontext(),
            _constrained(variable.constraint),
        ):
            make(variable)

    make_by_path.enters_paths = True  # type: ignore[attr-defined]  # a mark on the function
    return make_by_path


def _constrained(constraint: Callable[[Any], Any] | None) -> AbstractContextManager[Any]:
    """Surrounds the making of a weight: its `tf.Variable` is told the constraint, which Keras tells its own optimizers alone.

    Those of `tf.compat.v1.train`, and what takes the place of Keras's in a graph, ask the variable, as in tf.estimator 2.15.
    """
    if constraint is None:
        return contextlib.nullcontext()

    def creator(make: Callable[..., Any], **given: Any) -> Any:
        return make(**{**given, "constraint": constraint})

    scope: AbstractContextManager[Any] = tf.variable_creator_scope(creator)
    return scope


def _inner_path(path: str) -> str | None:
    """The scopes of a variable's path inside those that Keras is in; None where it has another path."""
    try:
        here = importlib.import_module(_PATHS).current_path()
    except (ImportError, AttributeError):
        return None  # a Keras that has it elsewhere
    if here and not path.startswith(f"{here}/"):
        return None
    return path[len(here) :].strip("/").rpartition("/")[0]


def _stack(name: str) -> list[Any]:
    """This thread's list of the name: layers that are "called", those whose scopes are asked for, "builders", and "quiet"."""
    if not hasattr(_CALLS, name):
        setattr(_CALLS, name, [])
    layers: list[Any] = getattr(_CALLS, name)
    return layers


def _is_called(layer: Any) -> bool:
    return any(one is layer for one in _stack("called"))


def _is_ours() -> bool:
    """Whether layers here are those of a graph of `restart`, or of one that Keras builds for it."""
    return _graph() is not None or bool(_stack("called") or _stack("builders"))


def _in_one_scope(call: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(call)
    def call_in_one_scope(layer: Any, *args: Any, **kwargs: Any) -> Any:
        if not _is_ours():
            return call(layer, *args, **kwargs)
        graph = _graph()
        _stack("called").append(layer)
        try:
            if graph is None:
                with layer_behavior.of_layer(layer):
                    return call(layer, *args, **kwargs)
            # A Sequential model that grows is built again with each of its layers.
            is_built_again = layer.built and getattr(_CALLS, "building", 0) > 0
            with one_scope(graph, layer.name, is_new=not is_built_again), layer_behavior.of_layer(layer):
                return call(layer, *args, **kwargs)
        finally:
            _stack("called").pop()

    call_in_one_scope.opens_one_scope = True  # type: ignore[attr-defined]  # a mark on the function
    return call_in_one_scope


@contextmanager
def one_scope(graph: Any, layer_name: str, *, is_new: bool = True) -> Iterator[None]:
    """Surrounds what Keras makes for a layer, or an optimizer, of this name: its name scope is opened once.

    Args:
        graph: the default graph.
        layer_name: the name.
        is_new: whether the scope is to be another one than all before; else it is the one of the name alone.
    """
    open_scope = graph.name_scope
    outer = graph.get_name_scope()
    opened: list[str] = [] if is_new else [f"{outer}/{layer_name}/" if outer else f"{layer_name}/"]

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
