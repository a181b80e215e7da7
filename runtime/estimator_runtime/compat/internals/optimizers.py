"""What tf.estimator's `canned.optimizers` had: the optimizer that a name, a function or an optimizer stands for."""

from typing import Any

from estimator_runtime.canned.heads import optimizers


def get_optimizer_instance(opt: Any, learning_rate: float | None = None) -> Any:
    """The optimizer of `tf.compat.v1.train` that `opt` stands for.

    Args:
        opt: "Adagrad", "Adam", "Ftrl", "RMSProp", "SGD", an optimizer, or a function that returns one.
        learning_rate: for one given by name, which needs it.

    Raises:
        ValueError: it is no optimizer, the name of none, or a name without a learning rate.
    """
    if isinstance(opt, str) and not learning_rate and optimizers.is_known(opt):
        raise ValueError("learning_rate must be specified when opt is string.")
    return optimizers.of_v1(opt, learning_rate or 0.0)


def get_optimizer_instance_v2(opt: Any, learning_rate: float | None = None) -> Any:
    """As `get_optimizer_instance`, with the defaults that Keras has for an optimizer given by name.

    Args:
        opt: as there; an optimizer may be one of `tf.keras.optimizers`.
        learning_rate: for one given by name; None for Keras' default.

    Returns:
        An optimizer that trains in a graph: of Keras 2 as it is, of Keras 3 the one of `tf.compat.v1.train` that takes the
        same steps.

    Raises:
        ValueError: it is no optimizer, or the name of none.
    """
    return optimizers.of_v2(opt, learning_rate)
