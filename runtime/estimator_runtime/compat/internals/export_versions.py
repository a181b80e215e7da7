"""What tf.estimator's `gc` had: which of the exports in a directory are to be kept.

A filter is a function from a list of Paths to the Paths that it keeps. They are put together by `union` and `negation`.
"""

import heapq
import math
import os
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import tensorflow as tf


class Path(NamedTuple):
    """An export.

    Attributes:
        path: where it is.
        export_version: its number, as the parser of `get_paths` reads it.
    """

    path: Any
    export_version: Any


Filter = Callable[[Iterable[Path]], list[Path]]


def largest_export_versions(n: int) -> Filter:
    """A filter that keeps the `n` Paths with the largest versions, in the order of their versions."""

    def keep(paths: Iterable[Path]) -> list[Path]:
        places = enumerate(paths)
        largest = heapq.nlargest(n, places, key=lambda place: (place[1].export_version, place[0]))
        return sorted(path for _, path in largest)

    return keep


def one_of_every_n_export_versions(n: int) -> Filter:
    """A filter that keeps the largest version of each of the intervals [0, n], (n, 2n], (2n, 3n], ..."""

    def keep(paths: Iterable[Path]) -> list[Path]:
        kept: dict[int, Path] = {}
        for path in paths:
            interval = max(0, math.ceil(path.export_version / n) - 1)
            if interval not in kept or kept[interval].export_version < path.export_version:
                kept[interval] = path
        return sorted(kept.values())

    return keep


def mod_export_version(n: int) -> Filter:
    """A filter that keeps the versions that are multiples of `n`."""

    def keep(paths: Iterable[Path]) -> list[Path]:
        return sorted(path for path in paths if path.export_version % n == 0)

    return keep


def union(lf: Filter, rf: Filter) -> Filter:
    """A filter that keeps what one of two filters keeps."""

    def keep(paths: Iterable[Path]) -> list[Path]:
        given = list(paths)
        return sorted({*lf(given), *rf(given)})

    return keep


def negation(f: Filter) -> Filter:
    """A filter that keeps what `f` does not keep."""

    def keep(paths: Iterable[Path]) -> list[Path]:
        given = list(paths)
        left = set(f(given))
        return sorted(path for path in given if path not in left)

    return keep


def get_paths(base_dir: str | bytes | os.PathLike[str], parser: Callable[[Path], Path | None]) -> list[Path]:
    """The Paths in a directory, sorted.

    Args:
        base_dir: the directory.
        parser: function of a Path without a version; returns it with one, or None for what is no export.
    """
    base = os.fsdecode(base_dir)
    parsed = []
    for listed in tf.compat.v1.gfile.ListDirectory(base):
        name = tf.compat.as_str_any(listed).rstrip("/")
        parsed.append(parser(Path(os.path.join(base, name), None)))  # noqa: PTH118 - may be a gs:// address
    return sorted(path for path in parsed if path)
