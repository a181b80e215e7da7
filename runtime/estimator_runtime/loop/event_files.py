"""Finding event files and reading the scalars in them. Names are matched, directories never: theirs may hold what a pattern means."""

import fnmatch
from collections.abc import Iterable, Iterator
from typing import Any

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


def scalars(files: Iterable[str]) -> dict[int, dict[str, float]]:
    """Reads event files: {global step: {tag: value}}, in order of the steps.

    What an evaluation and others, such as its hooks, have written at one step is together.
    """
    found: dict[int, dict[str, float]] = {}
    for event in _events(files):
        values = {
            value.tag: value.simple_value for value in event.summary.value if value.HasField("simple_value")
        }
        if values:
            found.setdefault(event.step, {}).update(values)
    return dict(sorted(found.items()))


def _events(files: Iterable[str]) -> Iterator[Any]:
    for file in files:
        try:
            yield from tf.compat.v1.train.summary_iterator(file)
        except tf.errors.DataLossError as error:
            # An evaluator that is just writing, or was killed while it did, leaves half a record.
            tf.compat.v1.logging.warning("Ignoring data corruption of %s: %s", file, error)


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
