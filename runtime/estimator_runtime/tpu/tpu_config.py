"""TPUConfig and InputPipelineConfig: how a program would be spread over TPUs.

Without a TPU nothing of it is used but `iterations_per_loop`, and that for the steps between two lines of speed in the log
alone, as in tf.estimator; how many steps a call of the session makes is `RunConfig(steps_per_loop)`.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

from estimator_runtime.cluster import tf_config

_CORES = (1, 2, 4, 8, 16, 32, 64, 128)
_COUNT_OR_TIME = re.compile(r"[1-9]\d*[smh]?")
_SECS = {"s": 1, "m": 60, "h": 3600}


class InputPipelineConfig:
    """Where input functions of TPU programs are called: once a core, once a host, or once for all."""

    PER_SHARD_V1 = 1
    PER_HOST_V1 = 2
    PER_HOST_V2 = 3
    BROADCAST = 4
    SLICED = 5


_EVALUATION_INPUTS = (InputPipelineConfig.PER_HOST_V1, InputPipelineConfig.SLICED)


class _Fields(NamedTuple):
    iterations_per_loop: Any
    num_shards: Any
    num_cores_per_replica: Any
    per_host_input_for_training: Any
    tpu_job_name: Any
    initial_infeed_sleep_secs: Any
    input_partition_dims: Any
    eval_training_input_configuration: Any
    experimental_host_call_every_n_steps: Any
    experimental_allow_per_host_v2_parallel_get_next: Any
    experimental_feed_hook: Any


class TPUConfig(_Fields):
    """Configuration of a TPU.

    Args:
        iterations_per_loop: training steps that a TPU makes before it comes back to the host: a positive number, or a time
            ("30s", "5m", "1h").
        num_shards: number of replicas.
        num_cores_per_replica: cores of one replica, a power of 2 up to 128.
        per_host_input_for_training: an `InputPipelineConfig` value; True is PER_HOST_V1, False PER_SHARD_V1.
        tpu_job_name: name of the job of the TPU workers; None for that of TF_CONFIG's `service`, if it has one.
        initial_infeed_sleep_secs: seconds before the first batch is sent.
        input_partition_dims: one dict or list of partitions, or two, for features and labels; needs PER_HOST_V2.
        eval_training_input_configuration: PER_HOST_V1 or SLICED.
        experimental_host_call_every_n_steps: steps between two host calls on a TPU.
        experimental_allow_per_host_v2_parallel_get_next: whether hosts read their inputs at the same time.
        experimental_feed_hook: class of a hook that feeds TPUs.

    Raises:
        ValueError: a value is none of those that may be.
        TypeError: a number is no integer.
    """

    __slots__ = ()

    def __new__(  # noqa: D102 - the class documents its arguments, in tf.estimator's order
        cls,
        iterations_per_loop: int | str = 2,
        num_shards: int | None = None,
        num_cores_per_replica: int | None = None,
        per_host_input_for_training: bool | int = True,
        tpu_job_name: str | None = None,
        initial_infeed_sleep_secs: int | None = None,
        input_partition_dims: Sequence[Any] | None = None,
        eval_training_input_configuration: int = InputPipelineConfig.PER_HOST_V1,
        experimental_host_call_every_n_steps: int = 1,
        experimental_allow_per_host_v2_parallel_get_next: bool = False,
        experimental_feed_hook: Any = None,
    ) -> Self:
        check_iterations(iterations_per_loop)
        if num_shards is not None:
            _check_positive_integer("num_shards", num_shards)
        if input_partition_dims is not None:
            if len(input_partition_dims) not in (1, 2):
                raise ValueError(
                    "input_partition_dims must be a list/tuple with one or two elements (of features, or of features and "
                    f"labels), given: {input_partition_dims}"
                )
            if per_host_input_for_training != InputPipelineConfig.PER_HOST_V2:
                raise ValueError(
                    "input_partition_dims is only supported in PER_HOST_V2 mode. per_host_input_for_training is "
                    f"{per_host_input_for_training}."
                )
        if num_cores_per_replica is not None and num_cores_per_replica not in _CORES:
            raise ValueError(
                f"num_cores_per_replica must be {', '.join(map(str, _CORES))}; got {num_cores_per_replica}"
            )
        if eval_training_input_configuration not in _EVALUATION_INPUTS:
            raise ValueError(
                "eval_training_input_configuration must be PER_HOST_V1 or SLICED; got "
                f"{eval_training_input_configuration}"
            )
        if initial_infeed_sleep_secs:
            _check_positive_integer("initial_infeed_sleep_secs", initial_infeed_sleep_secs)
        if isinstance(per_host_input_for_training, bool):
            per_host_input_for_training = (
                InputPipelineConfig.PER_HOST_V1
                if per_host_input_for_training
                else InputPipelineConfig.PER_SHARD_V1
            )
        return super().__new__(
            cls,
            iterations_per_loop=iterations_per_loop,
            num_shards=num_shards,
            num_cores_per_replica=num_cores_per_replica,
            per_host_input_for_training=per_host_input_for_training,
            tpu_job_name=tpu_job_name or _job_name(),
            initial_infeed_sleep_secs=initial_infeed_sleep_secs,
            input_partition_dims=input_partition_dims,
            eval_training_input_configuration=eval_training_input_configuration,
            experimental_host_call_every_n_steps=experimental_host_call_every_n_steps,
            experimental_allow_per_host_v2_parallel_get_next=experimental_allow_per_host_v2_parallel_get_next,
            experimental_feed_hook=experimental_feed_hook,
        )


def check_iterations(iterations_per_loop: Any) -> None:
    """Refuses what is neither a number of steps nor a time.

    Raises:
        ValueError: it is none.
    """
    value = str(iterations_per_loop) if isinstance(iterations_per_loop, int | str) else ""
    if _COUNT_OR_TIME.fullmatch(value) is None:
        raise ValueError(
            "Invalid TPUConfig `iterations_per_loop` value. It must be a positive integer, a number of steps, or a time such "
            f"as `3600s`, `60m` or `1h`; given: {iterations_per_loop!r}"
        )


def steps_of(iterations_per_loop: int | str) -> int | None:
    """The number of steps that an `iterations_per_loop` is; None for a time."""
    return int(iterations_per_loop) if str(iterations_per_loop).isdigit() else None


def seconds_of(iterations_per_loop: int | str) -> int:
    """The number of seconds that an `iterations_per_loop` is that is a time."""
    value = str(iterations_per_loop)
    return int(value[:-1]) * _SECS[value[-1]]


def _check_positive_integer(name: str, value: Any) -> None:
    if not isinstance(value, int):
        raise TypeError(f"TPUConfig {name} must be int, got {type(value)}")
    if value <= 0:
        raise ValueError(f"TPUConfig {name} must be positive, got {value}")


def _job_name() -> Any:
    service = (tf_config.read_tf_config() or {}).get("service") or {}
    return service.get("tpu_worker_job_name")
