"""Steps that a model function makes with an optimizer of Keras 3.

An optimizer of Keras 3 assigns when it is called, and returns no operation that a program could run. So in an Estimator's
graph the methods that it had in Keras 2 (`minimize`, `get_updates`, `get_gradients`) hand the step to the optimizer of
`tf.compat.v1.train` with its formula, and return an operation. What that one cannot do is refused with the way out.

As in Keras 2 an optimizer counts its steps in the variable that was set as its `iterations`: the global step, for a program
of tf.estimator. Without one nothing is counted, and the program advances the global step itself.

`apply_gradients` and `apply` do the same once `iterations` was set or one of these methods was used. Otherwise they are
Keras' own, of any optimizer, inside a tf.function that orders what it reads and assigns: the training step runs it
(`layer_state`), and checkpoints hold its variables.

The variables that Keras makes with an optimizer (its learning rate, its own count) are local ones unless Keras' own step or
`build` needs them: no step changes them, and no checkpoint holds them, whether the optimizer is made in all modes or in
training alone.
"""

import functools
import threading
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import tensorflow as tf

from estimator_runtime.keras import keras_optimizers, layer_state, step_intervals
from estimator_runtime.keras.legacy_api import OfKeras2

_TEACHING = threading.Lock()
_STEPS = "estimator_runtime_keras_3_steps"


class _Steps:
    """What one optimizer of Keras is in one graph.

    Attributes:
        optimizer: the optimizer of Keras, held so that its id stays its own.
        counter: the variable that counts steps, or None.
        replaced: whether steps are those of `tf.compat.v1.train`, and not Keras' own.
        replacement: the optimizer of `tf.compat.v1.train`, or None before its first step.
    """

    def __init__(self, optimizer: Any) -> None:
        self.optimizer = optimizer
        self.counter: Any = None
        self.replaced = False
        self.replacement: Any = None

    def make(self, gradients: Sequence[Any], variables: Sequence[Any]) -> Any:
        """The operation that applies gradients, Tensors or IndexedSlices, to as many variables."""
        pairs = [
            (gradient, _of_graph(variable))
            for gradient, variable in zip(gradients, variables, strict=True)
            if gradient is not None
        ]
        if not pairs:
            raise ValueError("No gradients provided for any variable.")
        if self.replacement is None:
            self.replacement = keras_optimizers.translated(self.optimizer)
        clipped = keras_optimizers.clipped(self.optimizer, [gradient for gradient, _ in pairs])
        pairs = list(zip(clipped, (variable for _, variable in pairs), strict=True))
        return self.replacement.apply_gradients(pairs, global_step=self.counter)


def teach(optimizer_class: Any, scaling_class: Any, graphs: weakref.WeakSet[Any]) -> None:
    """Makes optimizers step in graphs, in those of the (growing) set `graphs`; elsewhere they stay what they are.

    Args:
        optimizer_class: `keras.Optimizer`.
        scaling_class: `keras.optimizers.LossScaleOptimizer`, whose step has a condition of its own around that of another one.
        graphs: of Estimators.
    """
    with _TEACHING:
        if hasattr(optimizer_class.apply, "steps_in_graphs"):
            return
        for kind in (optimizer_class, scaling_class):
            kind.apply = _applying(kind.apply, graphs)
        optimizer_class.apply_gradients = _applying_pairs(optimizer_class.apply_gradients, graphs)
        optimizer_class.build = _building(optimizer_class.build, graphs)
        optimizer_class.iterations = _counting(optimizer_class.iterations, graphs)
        optimizer_class._track_variable = _tracking_local(optimizer_class._track_variable, graphs)  # noqa: SLF001
        for name, method in _KERAS_2.items():
            setattr(optimizer_class, name, OfKeras2(name, _stepping(method, graphs)))


def _graph(graphs: weakref.WeakSet[Any]) -> Any:
    """The Estimator's graph in which this is called, be it in a function or a branch of that; None outside of one."""
    if tf.executing_eagerly():
        return None
    with tf.init_scope():
        if tf.executing_eagerly():
            return None
        graph = tf.compat.v1.get_default_graph()
    return graph if graph in graphs else None


def _here(optimizer: Any, graphs: weakref.WeakSet[Any]) -> _Steps | None:
    """What the optimizer is in the Estimator's graph; None outside of one."""
    graph = _graph(graphs)
    if graph is None:
        return None
    # Kept by the graph, to which the steps hold on: a dictionary of weak keys would never let go of it.
    with _TEACHING:
        if not hasattr(graph, _STEPS):
            setattr(graph, _STEPS, {})
        steps: dict[int, _Steps] = getattr(graph, _STEPS)
        return steps.setdefault(id(optimizer), _Steps(optimizer))


def _applying(apply: Callable[..., Any], graphs: weakref.WeakSet[Any]) -> Callable[..., Any]:
    @functools.wraps(apply)
    def apply_in_graph(optimizer: Any, grads: Sequence[Any], trainable_variables: Any = None) -> Any:
        steps = _here(optimizer, graphs)
        if steps is None:
            return apply(optimizer, grads, trainable_variables)
        if not steps.replaced:
            graph = _graph(graphs)
            _keep(optimizer, graph)
            # In a function everything is in order already, and replicas cannot call one.
            if graph is not tf.compat.v1.get_default_graph() or tf.distribute.has_strategy():
                with step_intervals.compared(optimizer):
                    return apply(optimizer, grads, trainable_variables)
            return _in_order(apply, optimizer, list(grads), trainable_variables, graph)
        if trainable_variables is None:
            raise ValueError(
                "In a model_fn, apply takes the variables too: optimizer.apply(gradients, variables)."
            )
        return steps.make(list(grads), list(trainable_variables))

    apply_in_graph.steps_in_graphs = True  # type: ignore[attr-defined]  # a mark on the function
    return apply_in_graph


def _in_order(
    apply: Callable[..., Any], optimizer: Any, grads: list[Any], trainable_variables: Any, graph: Any
) -> None:
    """Keras' own step inside a tf.function, which the training step of the graph runs.

    Keras reads what it has assigned the moment before (the averages of Adam), and nothing in a graph orders the one behind
    the other: it would read the values of the step before.
    """
    variables = None if trainable_variables is None else list(trainable_variables)
    if not optimizer.built and variables is not None:
        optimizer.build(variables)
    given = [number for number, gradient in enumerate(grads) if gradient is not None]

    def applied(*gradients: Any) -> Any:
        all_of_them: list[Any] = [None] * len(grads)
        for number, gradient in zip(given, gradients, strict=True):
            all_of_them[number] = gradient
        with step_intervals.compared(optimizer):
            apply(optimizer, all_of_them, variables)
        return tf.constant(0)

    called = tf.function(applied, autograph=False)(*(grads[number] for number in given))
    layer_state.run_with_step(graph, called.op)


def _applying_pairs(apply: Callable[..., Any], graphs: weakref.WeakSet[Any]) -> Callable[..., Any]:
    @functools.wraps(apply)
    def apply_gradients(optimizer: Any, grads_and_vars: Iterable[Any], *args: Any, **kwargs: Any) -> Any:
        steps = _here(optimizer, graphs)
        if steps is None or not steps.replaced:
            return apply(optimizer, grads_and_vars, *args, **kwargs)
        pairs = list(grads_and_vars)
        return steps.make([gradient for gradient, _ in pairs], [variable for _, variable in pairs])

    return apply_gradients


def _building(build: Callable[..., Any], graphs: weakref.WeakSet[Any]) -> Callable[..., Any]:
    @functools.wraps(build)
    def build_in_graph(optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        graph = _graph(graphs)
        built = build(optimizer, *args, **kwargs)
        if graph is not None:
            _keep(optimizer, graph)  # also what it made before it was built: averages, sums of gradients
        return built

    return build_in_graph


def _counting(iterations: property, graphs: weakref.WeakSet[Any]) -> property:
    def get(optimizer: Any) -> Any:
        steps = _here(optimizer, graphs)
        if steps is None or steps.counter is None:
            assert iterations.fget is not None
            with step_intervals.counted(optimizer):
                return iterations.fget(optimizer)
        return steps.counter

    def set_counter(optimizer: Any, variable: Any) -> None:
        steps = _here(optimizer, graphs)
        if steps is None:
            raise AttributeError(
                f"property 'iterations' of {type(optimizer).__name__!r} object has no setter"
            )
        if steps.replacement is not None or optimizer.built:
            raise RuntimeError(
                "The optimizer has made a step already. Set its `iterations` before: "
                "optimizer.iterations = tf.compat.v1.train.get_or_create_global_step()."
            )
        steps.counter = variable
        steps.replaced = True

    return property(get, set_counter, doc=iterations.__doc__)


def _tracking_local(track: Callable[..., Any], graphs: weakref.WeakSet[Any]) -> Callable[..., Any]:
    @functools.wraps(track)
    def track_variable(optimizer: Any, variable: Any) -> None:
        track(optimizer, variable)
        graph = None if optimizer.built else _graph(graphs)
        if graph is not None:
            _move(
                graph,
                [variable],
                tf.compat.v1.GraphKeys.GLOBAL_VARIABLES,
                tf.compat.v1.GraphKeys.LOCAL_VARIABLES,
            )

    return track_variable


def _keep(optimizer: Any, graph: Any) -> None:
    """Makes global variables of an optimizer's, for one that is itself applied: its state belongs into checkpoints."""
    keys = tf.compat.v1.GraphKeys
    _move(graph, optimizer.variables, keys.LOCAL_VARIABLES, keys.GLOBAL_VARIABLES)


def _move(graph: Any, variables: Iterable[Any], source: str, target: str) -> None:
    """Moves those of the `keras.Variable`s that are in one collection of the graph to another one."""
    names: set[str] = set()
    for variable in variables:
        own = _of_graph(variable)
        # Under a strategy a copy on each device is in the collection too.
        names.update(
            part.name for part in [own, *tf.distribute.get_strategy().experimental_local_results(own)]
        )
    found = graph.get_collection_ref(source)
    moved = [one for one in found if one.name in names]
    found[:] = [one for one in found if one.name not in names]
    for one in moved:
        graph.add_to_collection(target, one)


def _stepping(method: Callable[..., Any], graphs: weakref.WeakSet[Any]) -> Callable[[Any], Any]:
    def find(optimizer: Any) -> Any:
        steps = _here(optimizer, graphs)
        return None if steps is None else functools.partial(method, steps)

    return find


def _minimize(
    steps: _Steps, loss: Any, var_list: Any, grad_loss: Any = None, name: str | None = None, tape: Any = None
) -> Any:
    del name
    steps.replaced = True
    if callable(var_list):
        var_list = var_list()
    variables = [_of_graph(variable) for variable in var_list]
    if callable(loss):
        loss = loss()
    if tape is None:
        gradients = tf.gradients(loss, variables, grad_loss)
    else:
        gradients = tape.gradient(loss, variables, grad_loss)
    with tf.control_dependencies([loss]):
        return steps.make(gradients, variables)


def _get_gradients(steps: _Steps, loss: Any, params: Iterable[Any]) -> list[Any]:
    steps.replaced = True
    variables = [_of_graph(variable) for variable in params]
    gradients = tf.gradients(loss, variables)
    missing = [
        variable.name for variable, gradient in zip(variables, gradients, strict=True) if gradient is None
    ]
    if missing:
        raise ValueError(
            f"The loss has no gradient with respect to {missing}: leave these variables out of `params`."
        )
    return list(keras_optimizers.clipped(steps.optimizer, gradients))


def _get_updates(steps: _Steps, loss: Any, params: Iterable[Any]) -> list[Any]:
    return [_minimize(steps, loss, list(params))]


_KERAS_2: dict[str, Callable[..., Any]] = {
    "get_gradients": _get_gradients,
    "get_updates": _get_updates,
    "minimize": _minimize,
}


def _of_graph(variable: Any) -> Any:
    """The `tf.Variable` of a variable of Keras; another one as it is."""
    value = getattr(variable, "value", variable)
    return value if isinstance(value, tf.Variable) else variable
