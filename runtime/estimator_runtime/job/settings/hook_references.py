"""Hooks that a section of the job names."""

from collections.abc import Iterable
from typing import Any

import tensorflow as tf

from estimator_runtime.job.settings.errors import JobConfigError
from estimator_runtime.job.settings.references import resolve


def resolve_hooks(references: Iterable[str] | None, *, field: str) -> list[Any]:
    """The hooks that `references` name, each an instance or a function (or class) that returns one.

    Args:
        references: as the section has them.
        field: path of the list, for the error.

    Raises:
        JobConfigError: one cannot be imported or is no hook.
    """
    hooks = []
    for index, reference in enumerate(references or []):
        found = resolve(reference, field=f"{field}[{index}]")
        is_hook = isinstance(found, tf.compat.v1.train.SessionRunHook)
        hook = found if is_hook or not callable(found) else found()
        if not isinstance(hook, tf.compat.v1.train.SessionRunHook):
            raise JobConfigError(
                f"{field}[{index}]: {reference} is no SessionRunHook and returns none, but {type(hook).__name__}"
            )
        hooks.append(hook)
    return hooks
