"""Which of two evaluations is the better one, and the record of the best one beside the exports.

What decides is the exporter's `compare_fn`. It is asked with results that note what it reads, because Python's
comparisons with NaN are all false: a NaN that came first would be the best for ever.
"""

import json
import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from estimator_runtime import whole_file

FILE_NAME = "best_eval_result.json"


class _Noted(dict[str, Any]):
    """A result that notes which of its metrics are read by name; who takes all of them reads none in particular."""

    def __init__(self, result: Mapping[str, Any], read: set[str]) -> None:
        super().__init__(result)
        self._read = read

    def __getitem__(self, name: str) -> Any:
        self._read.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        """As `dict.get`."""
        self._read.add(name)
        return super().get(name, default)


def is_better(
    compare_fn: Callable[..., Any], *, best: Mapping[str, Any], current: Mapping[str, Any] | None
) -> bool:
    """Whether `compare_fn` prefers `current`, where a number counts as better than NaN.

    Of the metrics that `compare_fn` read, one that is NaN in `current` alone makes it no better, one that is NaN in
    `best` alone makes it better. Where that does not decide, `compare_fn` does.

    Args:
        compare_fn: function of `best_eval_result` and `current_eval_result`.
        best: the result to beat.
        current: the result that is judged; None where nobody has evaluated.
    """
    read: set[str] = set()
    judged = None if current is None else _Noted(current, read)
    preferred = bool(compare_fn(best_eval_result=_Noted(best, read), current_eval_result=judged))
    current = current or {}
    nan_in_best = {name for name in read if _is_nan(best.get(name))}
    nan_in_current = {name for name in read if _is_nan(current.get(name))}
    lost, gained = nan_in_current - nan_in_best, nan_in_best - nan_in_current
    if bool(lost) == bool(gained):
        return preferred
    return bool(gained)


def best_of(
    compare_fn: Callable[..., Any], results: Mapping[int, Mapping[str, Any]], *, current: Mapping[str, Any]
) -> Mapping[str, Any] | None:
    """The best of earlier results, given by global step; None when there is none.

    They are from event files, in which others write as well: a step without what `compare_fn` reads is passed over.

    Args:
        compare_fn: function of `best_eval_result` and `current_eval_result`.
        results: dict from global step to metrics.
        current: a complete result of the same evaluation, which tells what is missing in another.
    """
    best: Mapping[str, Any] | None = None
    for step, result in results.items():
        if not _is_comparable(compare_fn, result, current):
            tf.compat.v1.logging.info(
                "Passing over step %d of the event files, which lacks what is compared.", step
            )
        elif best is None or is_better(compare_fn, best=best, current=result):
            best = result
    return best


def _is_comparable(
    compare_fn: Callable[..., Any], result: Mapping[str, Any], current: Mapping[str, Any]
) -> bool:
    try:
        compare_fn(best_eval_result=result, current_eval_result=current)
        compare_fn(best_eval_result=current, current_eval_result=result)
    except (LookupError, TypeError, ValueError):
        # For want of a metric; a function that fails with all metrics as well is the user's mistake.
        compare_fn(best_eval_result=current, current_eval_result=current)
        return False
    return True


def is_better_than_recorded(
    compare_fn: Callable[..., Any], *, recorded: Mapping[str, Any], current: Mapping[str, Any] | None
) -> bool:
    """As `is_better`; a record that lacks what `compare_fn` reads in `current` counts as none.

    The record holds scalars only, as the event files of earlier evaluations do.
    """
    try:
        return is_better(compare_fn, best=recorded, current=current)
    except KeyError as error:
        missing = error.args[0] if error.args else None
        if missing in recorded or missing not in (current or {}):
            raise
        tf.compat.v1.logging.warning(
            "The record of the best evaluation has no %s, and counts as none.", missing
        )
        return True


def read(export_path: str) -> dict[str, Any] | None:
    """The record in `export_path`: {metric: number}; None when there is none that can be read."""
    try:
        with tf.io.gfile.GFile(_path(export_path)) as file:
            result = json.loads(file.read())
    except tf.errors.NotFoundError:
        return None
    except ValueError as error:
        tf.compat.v1.logging.warning("Ignoring %s: %s", _path(export_path), error)
        return None
    return result if isinstance(result, dict) and result else None


def write(export_path: str, eval_result: Mapping[str, Any]) -> None:
    """Replaces the record in `export_path` by the numbers of `eval_result`; arrays and texts are left out."""
    scalars = {
        name: value.item() if hasattr(value, "item") else value
        for name, value in eval_result.items()
        if getattr(value, "ndim", 0) == 0
    }
    numbers = {name: value for name, value in scalars.items() if isinstance(value, int | float)}
    whole_file.write(_path(export_path), json.dumps(numbers, sort_keys=True))


def _path(export_path: str) -> str:
    return os.path.join(export_path, FILE_NAME)  # noqa: PTH118 - export_path may be a URI


def _is_nan(value: Any) -> bool:
    return isinstance(value, float | np.floating) and bool(np.isnan(value))
