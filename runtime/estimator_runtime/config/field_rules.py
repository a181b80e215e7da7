"""What the fields of a RunConfig must satisfy, each by itself."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from estimator_runtime import arguments


def _at_least_zero(value: float) -> bool:
    return value >= 0


def _above_zero(value: float) -> bool:
    return value > 0


def _is_integer(value: object) -> bool:
    return isinstance(value, int)


def _takes_one_op(device_fn: object) -> bool:
    return (
        callable(device_fn)
        and "op" in arguments.declared(device_fn)
        and not arguments.unexpected(device_fn, ("op",))
    )


def _is_auto_or_count(value: object) -> bool:
    return value == "auto" or (isinstance(value, int) and not isinstance(value, bool) and value >= 1)


RULES: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    ("model_dir", bool, "model_dir should be non-empty"),
    ("save_summary_steps", _at_least_zero, "save_summary_steps should be >= 0"),
    ("save_checkpoints_steps", _at_least_zero, "save_checkpoints_steps should be >= 0"),
    ("save_checkpoints_secs", _at_least_zero, "save_checkpoints_secs should be >= 0"),
    (
        "session_config",
        lambda value: isinstance(value, tf.compat.v1.ConfigProto),
        "session_config must be instance of ConfigProto",
    ),
    ("keep_checkpoint_max", _at_least_zero, "keep_checkpoint_max should be >= 0"),
    ("keep_checkpoint_every_n_hours", _above_zero, "keep_checkpoint_every_n_hours should be > 0"),
    ("log_step_count_steps", _above_zero, "log_step_count_steps should be > 0"),
    ("tf_random_seed", _is_integer, "tf_random_seed must be integer."),
    (
        "experimental_max_worker_delay_secs",
        _is_integer,
        "experimental_max_worker_delay_secs must be an integer if set.",
    ),
    ("session_creation_timeout_secs", _above_zero, "session_creation_timeout_secs should be > 0"),
    ("device_fn", _takes_one_op, 'device_fn must be callable with exactly one argument "op".'),
    ("protocol", lambda value: value in ("grpc", "grpc+verbs"), "protocol should be grpc or grpc+verbs"),
    ("steps_per_loop", _is_auto_or_count, 'steps_per_loop should be "auto" or an integer >= 1'),
)
"""Property, what a value other than None must satisfy, and what is said when it does not."""
