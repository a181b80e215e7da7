"""Names of `tpu_estimator` and `tpu.util` for programs that have TPUs; what can be made without one is made."""

from collections.abc import Callable
from typing import Any, NamedTuple, Never

from estimator_runtime.errors import TPUNotSupportedError
from estimator_runtime.tpu import tpu_config


class BatchConfig(NamedTuple):
    """How a server puts requests together for a TPU.

    Attributes:
        num_batch_threads: threads that put them together.
        max_batch_size: most requests of a batch.
        batch_timeout_micros: microseconds that an incomplete batch waits.
        allowed_batch_sizes: list of the sizes that batches are filled up to.
        max_enqueued_batches: most batches that wait.
    """

    num_batch_threads: int
    max_batch_size: int
    batch_timeout_micros: int
    allowed_batch_sizes: list[int]
    max_enqueued_batches: int = 100


class IterationsPerLoopCounter(NamedTuple):
    """Steps of a loop on a TPU: a number, or a time.

    Attributes:
        value: how many.
        unit: "count" or "seconds".
    """

    value: int
    unit: str


def model_fn_inference_on_tpu(
    model_fn: Callable[..., Any],
    features: Any,
    labels: Any = None,
    config: Any = None,
    params: Any = None,
    batch_config: BatchConfig | None = None,
) -> Never:
    """Would have a model function's predictions computed on a TPU.

    Raises:
        TPUNotSupportedError: always.
    """
    del model_fn, features, labels, config, params, batch_config
    raise TPUNotSupportedError(
        "model_fn_inference_on_tpu computes predictions on a TPU: call the model_fn itself, and its predictions are computed "
        "on CPUs and GPUs."
    )


def inference_on_tpu(
    computation: Callable[..., Any],
    inputs_to_tpu: Any,
    num_batch_threads: int,
    max_batch_size: int,
    batch_timeout_micros: int,
    allowed_batch_sizes: Any = None,
    max_enqueued_batches: int = 100,
) -> Never:
    """Would have a function computed on a TPU, with requests put together.

    Raises:
        TPUNotSupportedError: always.
    """
    del computation, inputs_to_tpu, num_batch_threads, max_batch_size, batch_timeout_micros
    del allowed_batch_sizes, max_enqueued_batches
    raise TPUNotSupportedError(
        "inference_on_tpu computes on a TPU: call the computation itself, on CPUs and GPUs."
    )


def check_positive_integer(value: Any, name: str) -> None:
    """Holds a value against the positive integers.

    Raises:
        TypeError: it is no integer.
        ValueError: it is not positive.
    """
    if not isinstance(value, int):
        raise TypeError(f"{name} must be int, got {type(value)}")
    if value <= 0:
        raise ValueError(f"{name} must be positive, got {value}")


def parse_iterations_per_loop(iterations_per_loop: int | str) -> IterationsPerLoopCounter:
    """What `TPUConfig.iterations_per_loop` says: a positive number, or a time ("30s", "5m", "1h").

    Raises:
        ValueError: it is neither.
    """
    tpu_config.check_iterations(iterations_per_loop)
    steps = tpu_config.steps_of(iterations_per_loop)
    if steps is None:
        return IterationsPerLoopCounter(tpu_config.seconds_of(iterations_per_loop), "seconds")
    return IterationsPerLoopCounter(steps, "count")
