"""Optimizers of Keras in a graph.

An optimizer of Keras 3 keeps its state where a graph's session does not find it. Those with the formula of an
optimizer of `tf.compat.v1.train` are replaced by that one, with their own hyperparameters; so are the optimizers that
Keras 2 had since TensorFlow 2.11. The older ones of Keras 2 (`tf_keras.optimizers.legacy`) run in graphs and are used
as they are.
"""

import threading
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

_PACKAGES = ("keras", "tf_keras")
# What a replacement would leave out, and the value that says that there is nothing to leave out.
_UNKNOWN = {
    "weight_decay": None,
    "use_ema": False,
    "loss_scale_factor": None,
    "gradient_accumulation_steps": None,
    "amsgrad": False,
}
# Adagrad of tf.compat.v1 has no epsilon, which is nothing beside its accumulator as long as it is as small as this.
_NEGLIGIBLE = 1e-6


class RMSPropFromZero(tf.compat.v1.train.RMSPropOptimizer):  # type: ignore[misc]  # TensorFlow has no types
    """RMSProp whose mean of squares begins with 0, as Keras' does, and not with 1."""

    def _create_slots(self, var_list: list[Any]) -> None:
        for variable in var_list:
            for slot in ("rms", "momentum", *(["mg"] if self._centered else [])):
                self._zeros_slot(variable, slot, self._name)


BY_NAME: Mapping[str, Callable[[float | None], Any]] = {
    "Adagrad": lambda rate: tf.compat.v1.train.AdagradOptimizer(rate or 0.001),
    "Adam": lambda rate: tf.compat.v1.train.AdamOptimizer(rate or 0.001, epsilon=1e-7),
    "Ftrl": lambda rate: tf.compat.v1.train.FtrlOptimizer(rate or 0.001),
    "RMSProp": lambda rate: RMSPropFromZero(rate or 0.001, epsilon=1e-7),
    "SGD": lambda rate: tf.compat.v1.train.GradientDescentOptimizer(rate or 0.01),
}
"""Optimizer by its name in Keras -> function of the learning rate, with Keras' defaults."""


def runs_in_graphs(given: Any) -> bool:
    """Whether `given` is an optimizer of Keras that is used as it is."""
    return hasattr(given, "get_updates") and hasattr(given, "apply_gradients")


def is_translatable(given: Any) -> bool:
    """Whether `given` is an optimizer of Keras that a graph cannot run."""
    package = type(given).__module__.partition(".")[0]
    return (
        package in _PACKAGES
        and hasattr(given, "apply_gradients")
        and hasattr(given, "get_config")
        and not runs_in_graphs(given)
    )


def translated(optimizer: Any) -> Any:
    """The optimizer of `tf.compat.v1.train` that does what `optimizer` of Keras does.

    Raises:
        ValueError: there is none, or it lacks something that `optimizer` was told to do.
    """
    kind = type(optimizer).__name__
    if kind not in _FORMULAS:
        raise ValueError(
            f"The optimizer {kind} of Keras has no counterpart that runs in a graph; these have: "
            f"{', '.join(sorted(_FORMULAS))}. Or give an optimizer of tf.compat.v1.train."
        )
    config = _config(optimizer)
    beyond = sorted(name for name, nothing in _UNKNOWN.items() if config.get(name, nothing) != nothing)
    if beyond:
        raise ValueError(
            f"The optimizer {kind} of Keras was given {', '.join(beyond)}, which its counterpart in "
            "tf.compat.v1.train does not know. Leave it out, or give an optimizer of tf.compat.v1.train."
        )
    made = _FORMULAS[kind](_rate(config["learning_rate"]), config)
    _clip(made, config)
    return made


def _adagrad(rate: Any, config: Mapping[str, Any]) -> Any:
    if config["epsilon"] > _NEGLIGIBLE:
        raise ValueError(
            f"Adagrad in tf.compat.v1.train has no epsilon; Keras' has {config['epsilon']}, which is not negligible."
        )
    return tf.compat.v1.train.AdagradOptimizer(rate, config["initial_accumulator_value"])


def _ftrl(rate: Any, config: Mapping[str, Any]) -> Any:
    return tf.compat.v1.train.FtrlOptimizer(
        rate,
        learning_rate_power=config["learning_rate_power"],
        initial_accumulator_value=config["initial_accumulator_value"],
        l1_regularization_strength=config["l1_regularization_strength"],
        l2_regularization_strength=config["l2_regularization_strength"],
        l2_shrinkage_regularization_strength=config["l2_shrinkage_regularization_strength"],
        beta=config["beta"],
    )


def _sgd(rate: Any, config: Mapping[str, Any]) -> Any:
    if not config["momentum"]:
        return tf.compat.v1.train.GradientDescentOptimizer(rate)
    return tf.compat.v1.train.MomentumOptimizer(rate, config["momentum"], use_nesterov=config["nesterov"])


_FORMULAS: Mapping[str, Callable[[Any, Mapping[str, Any]], Any]] = {
    "Adadelta": lambda rate, config: tf.compat.v1.train.AdadeltaOptimizer(
        rate, config["rho"], config["epsilon"]
    ),
    "Adagrad": _adagrad,
    "Adam": lambda rate, config: tf.compat.v1.train.AdamOptimizer(
        rate, config["beta_1"], config["beta_2"], config["epsilon"]
    ),
    "Ftrl": _ftrl,
    "RMSprop": lambda rate, config: RMSPropFromZero(
        rate, config["rho"], config["momentum"], config["epsilon"], centered=config["centered"]
    ),
    "SGD": _sgd,
}


def _config(optimizer: Any) -> Mapping[str, Any]:
    """The optimizer's hyperparameters.

    Keras reads the learning rate from a variable of the eager runtime, so it is asked in a thread without a graph.
    """
    try:
        config: Mapping[str, Any] = made_eagerly(optimizer.get_config)
    except Exception as error:
        raise ValueError(
            f"The hyperparameters of the optimizer {type(optimizer).__name__} of Keras cannot be read: {error} Make "
            "it before the model function is called, or give an optimizer of tf.compat.v1.train."
        ) from error
    return config


def made_eagerly(make: Callable[[], Any]) -> Any:
    """What `make` returns when it is called in a thread without a graph."""
    found: dict[str, Any] = {}

    def call() -> None:
        try:
            found["made"] = make()
        except Exception as error:  # noqa: BLE001 - raised again
            found["error"] = error

    calling = threading.Thread(target=call)
    calling.start()
    calling.join()
    if "error" in found:
        raise found["error"]
    return found["made"]


def _rate(given: Any) -> Any:
    """A learning rate: a number, or a Tensor that follows the global step where Keras has a schedule."""
    if isinstance(given, int | float):
        return given
    if isinstance(given, Mapping):
        schedule = tf.keras.optimizers.schedules.deserialize(given)
        return schedule(tf.compat.v1.train.get_or_create_global_step())
    raise ValueError(
        f"The learning rate of an optimizer of Keras has to be a number or a schedule here; it is {given}. An "
        "optimizer of tf.compat.v1.train takes Tensors and functions."
    )


def _clip(optimizer: Any, config: Mapping[str, Any]) -> None:
    """Makes `optimizer` clip gradients as Keras would."""
    limits: dict[str, Any] = {name: config.get(name) for name in ("clipnorm", "global_clipnorm", "clipvalue")}
    if not any(limits.values()):
        return
    compute = optimizer.compute_gradients

    def computed(*args: Any, **kwargs: Any) -> list[tuple[Any, Any]]:
        pairs = [pair for pair in compute(*args, **kwargs) if pair[0] is not None]
        gradients = [tf.convert_to_tensor(gradient) for gradient, _ in pairs]
        if limits["clipnorm"]:
            gradients = [tf.clip_by_norm(gradient, limits["clipnorm"]) for gradient in gradients]
        elif limits["global_clipnorm"]:
            gradients, _ = tf.clip_by_global_norm(gradients, limits["global_clipnorm"])
        else:
            bound = limits["clipvalue"]
            gradients = [tf.clip_by_value(gradient, -bound, bound) for gradient in gradients]
        return list(zip(gradients, (variable for _, variable in pairs), strict=True))

    optimizer.compute_gradients = computed
