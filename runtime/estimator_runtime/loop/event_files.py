"""Finding event files: names are matched, directories never, for their names may hold what a pattern means by * or [."""

import fnmatch
from collections.abc import Iterator

import tensorflow as tf

_WILD = frozenset("*?[")


def matching(directory: str, pattern: str) -> list[str]:
    """Paths below `directory` that fit a pattern, in the order of their names; empty where there are none.

    Args:
        directory: path or URI, taken as it is.
        pattern: relative path with `*`, `?` or `[...]` in any of its parts; one that is absolute stands alone.
    """
    if pattern.startswith("/") or "://" in pattern:
        return sorted(tf.io.gfile.glob(pattern))
    found = [directory]
    for part in pattern.split("/"):
        found = [path for one in found for path in _children(one, part)]
    return found


def _children(directory: str, part: str) -> Iterator[str]:
    if not _WILD.intersection(part):
        path = str(tf.io.gfile.join(directory, part))
        if tf.io.gfile.exists(path):
            yield path
        return
    try:
        names = [str(name).rstrip("/") for name in tf.io.gfile.listdir(directory)]
    except tf.errors.OpError:  # it is not there, or no directory
        return
    for name in sorted(names):
        if fnmatch.fnmatchcase(name, part):
            yield str(tf.io.gfile.join(directory, name))
