"""Numbers, times and conditions as people read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from estimator_api import EstimatorJobStatus
from estimator_api import constants as c
from estimator_api.status import Failure, Metric, TensorBoardStatus, TrainingProgress

_METRICS_MOST: Final = 6
GOOD: Final = "green"
BAD: Final = "bold red"
BUSY: Final = "yellow"
_AT_WORK: Final = (c.REASON_TRAINING, c.REASON_EVALUATING, c.REASON_PREDICTING, c.REASON_EXPORTING)
_ORDINARY: Final = frozenset({c.READY, c.RECONCILING, c.COMPLETE, c.FAILED, c.SUSPENDED})
"""Conditions that the state in a word tells of."""
_ABNORMAL: Final = {
    c.EVALUATOR_DEGRADED: ("Evaluator", "given up: ", "runs again"),
    c.PROGRESS_UNKNOWN: ("Progress", "not known: ", "known again"),
    c.MODEL_DIR_BEHIND: ("Model", "not saved: ", "saved again"),
}
"""How conditions that are there only while something is wrong are told: label, beginning, and their end."""
_STYLES: Final = {
    **dict.fromkeys(_AT_WORK, "cyan"),
    c.REASON_COMPLETED: GOOD,
    c.REASON_SUSPENDED: BUSY,
}


def is_final(status: EstimatorJobStatus) -> bool:
    """The job has completed or failed."""
    return status.is_true(c.COMPLETE) or status.is_true(c.FAILED)


def is_at_work(status: EstimatorJobStatus) -> bool:
    """The job trains, evaluates, predicts or exports: its rate and what remains are of now."""
    ready = status.condition(c.READY)
    return ready is not None and ready.status == "True" and ready.reason in _AT_WORK


def state(status: EstimatorJobStatus) -> tuple[str, str]:
    """The state in a word, and what is to be said about it."""
    ready = status.condition(c.READY)
    if ready is None:
        return "New", "no operator has looked at it yet"
    if status.is_true(c.FAILED):
        return f"Failed ({ready.reason})", ready.message
    if status.is_true(c.STALLED):
        # The same reason may end a job; this one waits, and its pods run.
        return f"Stalled ({ready.reason})", ready.message
    return ready.reason, ready.message


def state_style(status: EstimatorJobStatus) -> str:
    """The colour of the state."""
    ready = status.condition(c.READY)
    if status.is_true(c.FAILED) or status.is_true(c.STALLED):
        return BAD
    return BUSY if ready is None else _STYLES.get(ready.reason, BUSY)


def abnormal(status: EstimatorJobStatus) -> dict[str, str]:
    """What is not as it should be beside the state, by label; conditions that this version does not know, too."""
    ready = status.condition(c.READY)
    said = "" if ready is None else ready.message
    told = {}
    for one in status.conditions:
        if one.status != "True" or one.type in _ORDINARY or (one.type == c.STALLED and one.message == said):
            continue
        label, beginning, _ = _ABNORMAL.get(one.type, (one.type, "", ""))
        told[label] = f"{beginning}{one.message or one.reason}"
    return told


def no_longer(label: str) -> str:
    """That what `abnormal` told under a label is over."""
    end = next((its for known, _, its in _ABNORMAL.values() if known == label), "no more")
    return f"{label}: {end}"


def duration(seconds: float) -> str:
    """`45 s`, `3 min 05 s`, `2 h 03 min`, `3 d 4 h`."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def moment(text: str | None) -> datetime | None:
    """A time of the status, or None when it is absent or no time."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def running_time(status: EstimatorJobStatus, now: datetime) -> str | None:
    """How long the job has run or ran."""
    start = moment(status.start_time)
    if start is None:
        return None
    end = moment(status.completion_time) or now
    return duration((end - start).total_seconds())


def metrics_text(metrics: Iterable[Metric]) -> str:
    """`accuracy 0.9733  loss 0.0812`: the first metrics, global_step apart."""
    shown = [one for one in metrics if one.name != "global_step"]
    text = "  ".join(f"{one.name} {short_number(one.value)}" for one in shown[:_METRICS_MOST])
    return text + (f"  and {len(shown) - _METRICS_MOST} more" if len(shown) > _METRICS_MOST else "")


def pace(progress: TrainingProgress, *, at_work: bool) -> list[str]:
    """The loss, and the rate while the job is at work: `loss 0.0731`, `412.5 steps/s`."""
    parts = []
    if progress.loss is not None:
        parts.append(f"loss {short_number(progress.loss)}")
    if progress.steps_per_second is not None and at_work:
        parts.append(f"{short_number(progress.steps_per_second)} steps/s")
    return parts


def time_left(progress: TrainingProgress, *, at_work: bool) -> str:
    """`2 min 05 s left`, or "" when it is not known or the job is not at work: the estimate is from the last rate."""
    seconds = progress.remaining_seconds
    return f"{duration(seconds)} left" if seconds and at_work else ""


def short_number(text: str) -> str:
    """At most four significant digits of a number that is written as text."""
    try:
        return f"{float(text):.4g}"
    except ValueError:
        return text


def failure_text(one: Failure) -> str:
    """What happened to a replica, in one line."""
    code = "" if one.exit_code is None else f", exit code {one.exit_code}"
    reason = "failed" if one.reason == "Error" else one.reason
    why = f": {one.message}" if one.message else ""
    attempt = f" (restart {one.attempt})" if one.attempt else ""
    return f"{one.replica}{attempt} {reason}{code}{why}"


def elastic_workers(document: Mapping[str, Any], status: EstimatorJobStatus) -> str | None:
    """`2, elastic from 1 to 4`: the workers of an elastic job that has been looked at; None for others."""
    elastic = document.get("spec", {}).get("elastic")
    if not elastic or status.worker_replicas is None:
        return None
    return (
        f"{status.worker_replicas}, elastic from {elastic.get('minReplicas', 0)} to {elastic['maxReplicas']}"
    )


def port_forward(document: Mapping[str, Any], board: TensorBoardStatus) -> str:
    """The command that brings a job's TensorBoard to http://localhost:6006."""
    space = document["metadata"].get("namespace", "default")
    return f"kubectl port-forward -n {space} service/{board.service} {c.TENSORBOARD_PORT}"
