"""Whether the tasks of a cluster see the files of one model directory.

tf.estimator takes it for granted: each parameter server writes its shard of a checkpoint beside those of the others.
Where every process has a local directory of its own, the chief writes all of it: the values come to it over the
network, and go back when a checkpoint is restored.
"""

import contextlib
from collections.abc import Iterator
from typing import Any


class _Current:
    are_shared = True


def are_shared() -> bool:
    """Tells whether the files that one task writes are those that the others read."""
    return _Current.are_shared


@contextlib.contextmanager
def of_this_process_alone() -> Iterator[None]:
    """Surrounds work in a model directory that no other process sees."""
    before = _Current.are_shared
    _Current.are_shared = False
    try:
        yield
    finally:
        _Current.are_shared = before


def check_saver(saver: Any, *, parameter_servers: int) -> None:
    """Refuses a model's own saver that has each parameter server write a part where nobody else would see it.

    Args:
        saver: a `tf.compat.v1.train.Saver`.
        parameter_servers: how many tasks hold variables.

    Raises:
        ValueError: it is sharded, there are parameter servers, and they see other files.
    """
    # The saver has no public name for it.
    if parameter_servers and not _Current.are_shared and getattr(saver, "_sharded", False):
        raise ValueError(
            "The model's own saver is sharded: each parameter server would write its part of a checkpoint to a local "
            "directory of its own. Make it with sharded=False: the chief then writes all of it."
        )
