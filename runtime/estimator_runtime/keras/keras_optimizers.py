"""Optimizers of Keras in a graph.

An optimizer of Keras 3 keeps its state where a graph's session does not find it. Those with the formula of an
optimizer of `tf.compat.v1.train` are replaced by that one, with their own hyperparameters; so are the optimizers that
Keras 2 had since TensorFlow 2.11. The older ones of Keras 2 (`tf_keras.optimizers.legacy`) run in graphs and are used
as they are.
"""

import copy
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import tensorflow as tf

from estimator_runtime import arguments
from estimator_runtime.keras import former_checkpoints
from estimator_runtime.keras.rms_prop import RMSPropFromZero, RMSPropOfKeras2

_PACKAGES = ("keras", "tf_keras")
# What a replacement would leave out.
_BEYOND = ("amsgrad", "gradient_accumulation_steps", "loss_scale_factor", "use_ema", "weight_decay")
_BY_ITSELF = (
    "In a model_fn, apply_gradients of an optimizer whose `iterations` were not set takes Keras' own step, which knows all of "
    "that."
)
# Adagrad of tf.compat.v1 has no epsilon, which is nothing beside its accumulator as long as it is as small as this.
_NEGLIGIBLE = 1e-6


BY_NAME: Mapping[str, Callable[[float | None], Any]] = {
    "Adagrad": lambda rate: tf.compat.v1.train.AdagradOptimizer(rate or 0.001),
    "Adam": lambda rate: tf.compat.v1.train.AdamOptimizer(rate or 0.001, epsilon=1e-7),
    "Ftrl": lambda rate: tf.compat.v1.train.FtrlOptimizer(rate or 0.001),
    "RMSProp": lambda rate: RMSPropOfKeras2(rate or 0.001, epsilon=1e-7),
    "SGD": lambda rate: tf.compat.v1.train.GradientDescentOptimizer(rate or 0.01),
}
"""Optimizer by its name in Keras -> function of the learning rate, with Keras' defaults."""


def runs_in_graphs(given: Any) -> bool:
    """Whether `given` is an optimizer of Keras that is used as it is."""
    # In an Estimator's graph those of Keras 3 have the first two as well.
    return (
        hasattr(given, "get_updates")
        and hasattr(given, "apply_gradients")
        and not hasattr(given, "stateless_apply")
        and not isinstance(given, type)
    )


def anew(optimizer: Any) -> Any:
    """An optimizer of Keras 2 that runs in graphs, in the state in which `optimizer` was made."""
    kind = type(optimizer)
    try:
        config = _config(optimizer)
        made_with = set(arguments.declared(kind.__init__)) - {"self"}
        if kind.__module__.partition(".")[0] in _PACKAGES or made_with <= set(config):
            return kind.from_config(config)
    except (KeyError, NotImplementedError, TypeError, ValueError):
        pass  # a program's own, that nobody has asked for a config
    made = copy.copy(optimizer)
    # Its variables will be in these, each in its own.
    vars(made).update(
        (name, copy.copy(value)) for name, value in vars(made).items() if type(value) in (dict, list, set)
    )
    return made


def _config(optimizer: Any) -> dict[str, Any]:
    """The config of an optimizer of Keras 2, with its schedules and functions themselves.

    A schedule of a program's own may have none, and be found by no name; a function's config is its value of now.
    """
    own = {name: value for name, value in vars(optimizer).get("_hyper", {}).items() if callable(value)}
    if not own:
        return dict(optimizer.get_config())
    told = object.__new__(type(optimizer))
    vars(told).update(vars(optimizer), _hyper={**vars(optimizer)["_hyper"], **dict.fromkeys(own, 0.0)})
    config = dict(told.get_config())
    return {**config, **{name: value for name, value in own.items() if name in config}}


def is_translatable(given: Any) -> bool:
    """Whether `given` is an optimizer of Keras that a graph cannot run, or of a class that is made of one."""
    packages = {base.__module__.partition(".")[0] for base in type(given).__mro__}
    return (
        not packages.isdisjoint(_PACKAGES)
        and hasattr(given, "apply_gradients")
        and hasattr(given, "get_config")
        and not isinstance(given, type)
        and not runs_in_graphs(given)
    )


def translated(optimizer: Any) -> Any:
    """The optimizer of `tf.compat.v1.train` that does what `optimizer` of Keras does.

    Raises:
        ValueError: there is none, or it lacks something that `optimizer` was told to do.
    """
    kind = type(optimizer).__name__
    if kind not in _FORMULAS or type(optimizer).__module__.partition(".")[0] not in _PACKAGES:
        raise ValueError(
            f"The optimizer {kind} of Keras has no counterpart that runs in a graph; these have: "
            f"{', '.join(sorted(_FORMULAS))}. Or give an optimizer of tf.compat.v1.train. {_BY_ITSELF}"
        )
    beyond = [name for name in _BEYOND if getattr(optimizer, name, None)]
    if beyond:
        raise ValueError(
            f"The optimizer {kind} of Keras was given {', '.join(beyond)}, which its counterpart in "
            "tf.compat.v1.train does not know. Leave it out, or give an optimizer of tf.compat.v1.train. "
            f"{_BY_ITSELF}"
        )
    made = _FORMULAS[kind](_rate(optimizer), optimizer)
    _clip(made, optimizer)
    return former_checkpoints.taking_over(made)


def _adagrad(rate: Any, given: Any) -> Any:
    if given.epsilon > _NEGLIGIBLE:
        raise ValueError(
            f"Adagrad in tf.compat.v1.train has no epsilon; Keras' has {given.epsilon}, which is not negligible."
        )
    return tf.compat.v1.train.AdagradOptimizer(rate, given.initial_accumulator_value)


def _ftrl(rate: Any, given: Any) -> Any:
    return tf.compat.v1.train.FtrlOptimizer(
        rate,
        learning_rate_power=given.learning_rate_power,
        initial_accumulator_value=given.initial_accumulator_value,
        l1_regularization_strength=given.l1_regularization_strength,
        l2_regularization_strength=given.l2_regularization_strength,
        l2_shrinkage_regularization_strength=given.l2_shrinkage_regularization_strength,
        beta=given.beta,
    )


def _sgd(rate: Any, given: Any) -> Any:
    if not given.momentum:
        return tf.compat.v1.train.GradientDescentOptimizer(rate)
    return tf.compat.v1.train.MomentumOptimizer(rate, given.momentum, use_nesterov=given.nesterov)


_FORMULAS: Mapping[str, Callable[[Any, Any], Any]] = {
    "Adadelta": lambda rate, given: tf.compat.v1.train.AdadeltaOptimizer(rate, given.rho, given.epsilon),
    "Adagrad": _adagrad,
    "Adam": lambda rate, given: tf.compat.v1.train.AdamOptimizer(
        rate, given.beta_1, given.beta_2, given.epsilon
    ),
    "Ftrl": _ftrl,
    "RMSprop": lambda rate, given: RMSPropFromZero(
        rate, given.rho, given.momentum, given.epsilon, centered=given.centered
    ),
    "SGD": _sgd,
}


def forget_variables(optimizer: Any) -> None:
    """Takes the variables of an optimizer that was made in the graph out of it: they would be in its checkpoints."""
    own = {id(getattr(variable, "value", variable)) for variable in optimizer.variables}
    variables = tf.compat.v1.get_collection_ref(tf.compat.v1.GraphKeys.GLOBAL_VARIABLES)
    variables[:] = [variable for variable in variables if id(variable) not in own]


def _rate(optimizer: Any) -> Any:
    """A learning rate: a number, or a Tensor where Keras has a schedule of the step or a function.

    Keras has a variable for a number. That is one of the eager runtime, unless the optimizer was made in a graph: then
    it is as good as its first value, or as what the program has set since.
    """
    given = optimizer._learning_rate  # noqa: SLF001 - what is public is the rate at Keras' own step
    if hasattr(given, "get_config"):
        return given(tf.compat.v1.train.get_or_create_global_step())
    variable = given if callable(getattr(given, "value", None)) else getattr(given, "value", given)
    if not isinstance(variable, tf.Variable):
        return given()
    if hasattr(variable, "graph"):
        assigned = [op for op in variable.handle.consumers() if op.type == "AssignVariableOp"]
        if len(assigned) > 1:  # the first one initialises it
            return assigned[-1].inputs[1]
        return float(tf.get_static_value(variable.initial_value))
    with ThreadPoolExecutor(1) as without_graph:
        return float(without_graph.submit(variable.numpy).result())


def clipped(given: Any, gradients: list[Any]) -> list[Any]:
    """Gradients (Tensors or IndexedSlices) as `given` of Keras clips them; those of embeddings stay sparse."""
    if getattr(given, "clipnorm", None):
        return [tf.clip_by_norm(gradient, given.clipnorm) for gradient in gradients]
    if getattr(given, "global_clipnorm", None):
        return list(tf.clip_by_global_norm(gradients, given.global_clipnorm)[0])
    if getattr(given, "clipvalue", None):
        return [tf.clip_by_value(gradient, -given.clipvalue, given.clipvalue) for gradient in gradients]
    return gradients


def _clip(optimizer: Any, given: Any) -> None:
    """Makes `optimizer` clip gradients as `given` of Keras would."""
    if any(getattr(given, name, None) for name in ("clipnorm", "global_clipnorm", "clipvalue")):
        _change_gradients(optimizer, lambda gradients: clipped(given, gradients))


def clip_each(optimizer: Any, norm: float) -> None:
    """Makes an optimizer of `tf.compat.v1.train` clip the gradient of each variable to `norm`."""
    _change_gradients(optimizer, lambda gradients: [tf.clip_by_norm(one, norm) for one in gradients])


def _change_gradients(optimizer: Any, change: Callable[[list[Any]], list[Any]]) -> None:
    """Makes an optimizer of `tf.compat.v1.train` take what `change` returns of its gradients."""
    compute = optimizer.compute_gradients

    def computed(*args: Any, **kwargs: Any) -> list[tuple[Any, Any]]:
        pairs = [pair for pair in compute(*args, **kwargs) if pair[0] is not None]
        gradients = change([gradient for gradient, _ in pairs])
        return list(zip(gradients, (variable for _, variable in pairs), strict=True))

    optimizer.compute_gradients = computed
