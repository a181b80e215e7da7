"""How embeddings would be trained in the memories of TPUs: `tf.compat.v1.tpu.experimental.AdagradParameters` and the like.

TensorFlow 2.15 had these classes, which an EmbeddingConfigSpec needs; without a TPU nothing is done by them.
"""

from typing import Any


class OptimizationParameters:
    """What the optimizers have in common.

    Args:
        learning_rate: a number.
        use_gradient_accumulation: whether the gradients of a batch are added up before they are applied.
        clip_weight_min: least value of a weight; None for none.
        clip_weight_max: greatest value of a weight; None for none.
        weight_decay_factor: weight of the decay; None for none.
        multiply_weight_decay_factor_by_learning_rate: whether the decay is multiplied by the learning rate.
        clip_gradient_min: least value of a gradient, which needs the accumulation; None for none.
        clip_gradient_max: greatest value of a gradient, likewise.

    Raises:
        ValueError: gradients are to be clipped and not to be accumulated.
    """

    def __init__(
        self,
        learning_rate: float,
        use_gradient_accumulation: bool = True,
        clip_weight_min: float | None = None,
        clip_weight_max: float | None = None,
        weight_decay_factor: float | None = None,
        multiply_weight_decay_factor_by_learning_rate: bool | None = None,
        clip_gradient_min: float | None = None,
        clip_gradient_max: float | None = None,
    ) -> None:
        if not use_gradient_accumulation and (clip_gradient_min is not None or clip_gradient_max is not None):
            raise ValueError("When using gradient clipping limits, gradient  accumulation must be enabled.")
        self.learning_rate = learning_rate
        self.use_gradient_accumulation = use_gradient_accumulation
        self.clip_weight_min = clip_weight_min
        self.clip_weight_max = clip_weight_max
        self.weight_decay_factor = weight_decay_factor
        self.multiply_weight_decay_factor_by_learning_rate = multiply_weight_decay_factor_by_learning_rate
        self.clip_gradient_min = clip_gradient_min
        self.clip_gradient_max = clip_gradient_max


class StochasticGradientDescentParameters(OptimizationParameters):
    """Plain gradient descent; for the arguments see `OptimizationParameters`."""


class AdagradParameters(OptimizationParameters):
    """Adagrad; see `OptimizationParameters` for the other arguments.

    Args:
        initial_accumulator: where the sums of squares begin; above 0.

    Raises:
        ValueError: it is not.
    """

    def __init__(
        self,
        learning_rate: float,
        initial_accumulator: float = 0.1,
        *more: Any,
        **named: Any,
    ) -> None:
        super().__init__(learning_rate, *more, **named)
        if initial_accumulator <= 0:
            raise ValueError(
                f"Adagrad initial_accumulator must be greater than zero. Received: {initial_accumulator}."
            )
        self.initial_accumulator = initial_accumulator


class AdamParameters(OptimizationParameters):
    """Adam; see `OptimizationParameters` for the other arguments.

    Args:
        beta1: decay of the first moment, in [0, 1).
        beta2: decay of the second moment, in [0, 1).
        epsilon: what is added to the denominator; above 0.
        lazy_adam: whether only the rows of a batch move.
        sum_inside_sqrt: whether epsilon is added within the root.

    Raises:
        ValueError: a number is outside of its range.
    """

    def __init__(
        self,
        learning_rate: float,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-08,
        lazy_adam: bool = True,
        sum_inside_sqrt: bool = True,
        *more: Any,
        **named: Any,
    ) -> None:
        super().__init__(learning_rate, *more, **named)
        for name, value in (("beta1", beta1), ("beta2", beta2)):
            if not 0 <= value < 1:
                raise ValueError(f"{name} must be between 0. and 1; got {value}.")
        if epsilon <= 0:
            raise ValueError(f"epsilon must be positive; got {epsilon}.")
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.lazy_adam = lazy_adam
        self.sum_inside_sqrt = sum_inside_sqrt


class FtrlParameters(OptimizationParameters):
    """FTRL; see `OptimizationParameters` for the other arguments.

    Args:
        learning_rate_power: how the rate falls; at most 0.
        initial_accumulator_value: where the sums of squares begin; at least 0.
        l1_regularization_strength: at least 0.
        l2_regularization_strength: at least 0.
        multiply_linear_by_learning_rate: whether the linear slot is kept multiplied by the rate.
        beta: what is added to the root of the accumulator.
        allow_zero_accumulator: whether an accumulator may be 0.

    Raises:
        ValueError: a number is outside of its range.
    """

    def __init__(
        self,
        learning_rate: float,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        use_gradient_accumulation: bool = True,
        clip_weight_min: float | None = None,
        clip_weight_max: float | None = None,
        weight_decay_factor: float | None = None,
        multiply_weight_decay_factor_by_learning_rate: bool | None = None,
        multiply_linear_by_learning_rate: bool = False,
        beta: float = 0,
        allow_zero_accumulator: bool = False,
        clip_gradient_min: float | None = None,
        clip_gradient_max: float | None = None,
    ) -> None:
        super().__init__(
            learning_rate,
            use_gradient_accumulation,
            clip_weight_min,
            clip_weight_max,
            weight_decay_factor,
            multiply_weight_decay_factor_by_learning_rate,
            clip_gradient_min,
            clip_gradient_max,
        )
        if learning_rate_power > 0:
            raise ValueError(
                f"learning_rate_power must be less than or equal to 0. got {learning_rate_power}."
            )
        at_least_0 = {
            "initial_accumulator_value": initial_accumulator_value,
            "l1_regularization_strength": l1_regularization_strength,
            "l2_regularization_strength": l2_regularization_strength,
        }
        for name, value in at_least_0.items():
            if value < 0:
                raise ValueError(f"{name} must be greater than or equal to 0. got {value}.")
        self.learning_rate_power = learning_rate_power
        self.initial_accumulator_value = initial_accumulator_value
        self.initial_linear_value = 0.0
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.multiply_linear_by_learning_rate = multiply_linear_by_learning_rate
        self.beta = beta
        self.allow_zero_accumulator = allow_zero_accumulator
