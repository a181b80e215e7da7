"""What tf.estimator's `early_stopping` had beside the hooks that are public."""

from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from estimator_runtime.loop import event_files
from estimator_runtime.training import early_stopping

EVENT_FILES = "events.out.tfevents.*"


def stop_if_threshold_crossed_hook(
    estimator: Any,
    metric_name: str,
    threshold: float,
    higher_is_better: bool,
    eval_dir: str | None,
    min_steps: int,
    run_every_secs: float | None,
    run_every_steps: int | None,
) -> Any:
    """`stop_if_higher_hook`, or `stop_if_lower_hook` where lower is better; for the arguments see there."""
    make = early_stopping.stop_if_higher_hook if higher_is_better else early_stopping.stop_if_lower_hook
    return make(estimator, metric_name, threshold, eval_dir, min_steps, run_every_secs, run_every_steps)


def stop_if_no_metric_improvement_hook(
    estimator: Any,
    metric_name: str,
    max_steps_without_improvement: int,
    higher_is_better: bool,
    eval_dir: str | None,
    min_steps: int,
    run_every_secs: float | None,
    run_every_steps: int | None,
) -> Any:
    """`stop_if_no_increase_hook`, or `stop_if_no_decrease_hook` where lower is better; for the arguments see there."""
    make = (
        early_stopping.stop_if_no_increase_hook
        if higher_is_better
        else early_stopping.stop_if_no_decrease_hook
    )
    return make(
        estimator,
        metric_name,
        max_steps_without_improvement,
        eval_dir,
        min_steps,
        run_every_secs,
        run_every_steps,
    )


def summaries(eval_dir: str) -> Iterator[Any]:
    """The tf.compat.v1.Event protos of a directory's event files, in the order of the files' names."""
    for path in event_files.matching(eval_dir, EVENT_FILES):
        yield from tf.compat.v1.train.summary_iterator(path)
