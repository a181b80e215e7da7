"""Holding the hooks and listeners of a call against their types."""

from collections.abc import Iterable
from typing import Any

import tensorflow as tf


def checked_hooks(hooks: Iterable[Any] | None) -> list[Any]:
    """The hooks as a list.

    Raises:
        TypeError: one is no SessionRunHook.
    """
    checked = list(hooks or ())
    for hook in checked:
        if not isinstance(hook, tf.compat.v1.train.SessionRunHook):
            raise TypeError(f"Hooks must be a SessionRunHook, given: {hook}")
    return checked


def checked_listeners(listeners: Iterable[Any] | None) -> list[Any]:
    """The saving listeners as a list.

    Raises:
        TypeError: one is no CheckpointSaverListener.
    """
    checked = list(listeners or ())
    for listener in checked:
        if not isinstance(listener, tf.compat.v1.train.CheckpointSaverListener):
            raise TypeError(f"saving_listeners must be a list of CheckpointSaverListener, given: {listener}")
    return checked
