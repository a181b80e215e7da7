"""From the progress documents of the replicas to progress, evaluation, checkpoints, exports and predictions in the status.

The chief's document is the authority for training, the evaluator's for evaluation and exports (the chief's own when
it is alone). A missing field means "not known" and changes nothing. Documents can arrive out of order (a poll that
answers late, the termination message), so a lower step is believed only from a document made after the step in the
status was: then training has really gone back, to a restored checkpoint.

The clock of a replica may be hours off. Its times are compared with one another only: with those of the same pod
(`progress.reportTime`), and a higher step is newer whatever the times say. `progress.lastUpdateTime` is the
operator's own time of noticing; when the chief's pod was created after it, what the status knows is of an earlier
pod, and the new one's document is believed as it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

from estimator_api import EstimatorJob, EstimatorJobStatus, Progress
from estimator_api import constants as c
from estimator_api.progress import (
    CheckpointProgress,
    EvaluationProgress,
    ExportProgress,
    PredictionsProgress,
)
from estimator_api.status import (
    Checkpoint,
    Checkpoints,
    Evaluation,
    ExportStatus,
    Metric,
    Predictions,
    TrainingProgress,
)
from estimator_operator.plan.cluster_spec import CHIEF_REPLICA, EVALUATOR_REPLICA
from estimator_operator.plan.observed import Observed, Pod
from estimator_operator.plan.roster import Member, Roster, runs
from estimator_operator.plan.stall import watches_steps
from estimator_operator.plan.store_outage import behind_since
from estimator_operator.plan.timestamps import from_text, to_text

_EXPORTS_MOST = 16
_METRICS_MOST = 256
_SIGNATURES_MOST = 64
_NAME_MOST = 253
_PATH_MOST = 2048
_STEP_MOST = 2**63 - 1
_COUNT_MOST = 2**31 - 1
_SECONDS_MOST = 2**53
_Section = TypeVar("_Section", CheckpointProgress, EvaluationProgress, ExportProgress)


def merge_progress(
    job: EstimatorJob, observed: Observed, roster: Roster, now: datetime
) -> EstimatorJobStatus:
    """The job's status with what the replicas say of themselves merged in."""
    status = job.status
    chief = _document(roster, observed, c.CHIEF)
    evaluator = _document(roster, observed, c.EVALUATOR) if job.spec.replicas(c.EVALUATOR) else chief
    pod = next((one.pod for one in roster.members if one.replica == CHIEF_REPLICA), None)
    training = _begun(status.progress, pod, now) if watches_steps(job) else status.progress
    if chief is not None:
        training = _training(training, chief, pod, now)
    checkpoints = _checkpoints(job, status.checkpoints, chief) if chief is not None else status.checkpoints
    evaluation, exports = status.evaluation, status.exports
    if evaluator is not None:
        evaluation = _evaluation(evaluation, evaluator.evaluation)
        exports = _exports(job, exports, evaluator.exports)
    return status.model_copy(
        update={
            "progress": training,
            "checkpoints": checkpoints,
            "evaluation": evaluation,
            "exports": exports,
            "predictions": _predictions(job, status.predictions, chief),
        }
    )


def uri_of(job: EstimatorJob, path: str) -> str | None:
    """`path` in the model directory as it is named from outside: `pvc://claim/path`, or itself when it is a URI.

    None for a path in a volume of the template's own, which only the template can name, and for one too long.
    """
    if "://" in path:
        return path
    model_dir = job.spec.model_dir
    claim = model_dir.claim_name(job.metadata.name)
    inside = path == c.MODEL_MOUNT_PATH or path.startswith(f"{c.MODEL_MOUNT_PATH}/")
    if claim is None or not inside:
        return None
    sub_path = model_dir.persistent_volume_claim.sub_path if model_dir.persistent_volume_claim else None
    parts = [claim, *(sub_path or "").split("/"), *path.removeprefix(c.MODEL_MOUNT_PATH).split("/")]
    uri = "pvc://" + "/".join(part for part in parts if part)
    return uri if len(uri) <= _PATH_MOST else None


def number_text(value: float | None) -> str:
    """A float as the status writes it: six significant digits, `nan` when it is not known to be finite."""
    return "nan" if value is None else f"{value:.6g}"


def _document(roster: Roster, observed: Observed, role: str) -> Progress | None:
    """The newest document of the role's first replica: the final report once its pod has ended, else the poll."""
    replica = CHIEF_REPLICA if role == c.CHIEF else EVALUATOR_REPLICA
    members = [one for one in roster.members if one.replica == replica]
    report = _report(members[0]) if members else None
    document = report if report is not None else observed.progress.get(replica)
    return None if document is None else _sound(document)


def _sound(document: Progress) -> Progress:
    """The document without what the status cannot hold."""
    return document.model_copy(
        update={
            "global_step": document.global_step if _is_step(document.global_step) else None,
            "max_steps": document.max_steps if _is_step(document.max_steps) else None,
            "checkpoint": _fitting(document.checkpoint),
            "restored_from": _fitting(document.restored_from),
            "evaluation": _fitting(document.evaluation),
            "exports": [one for one in document.exports if _fitting(one) is not None],
            "predictions": document.predictions if _holds(document.predictions) else None,
        }
    )


def _fitting(one: _Section | None) -> _Section | None:
    if one is None or not _is_step(one.global_step):
        return None
    path = one.checkpoint if isinstance(one, EvaluationProgress) else one.path
    name = one.name if isinstance(one, ExportProgress) else ""
    kept = one.kept if isinstance(one, CheckpointProgress) else None
    fits = (
        len(path or "") <= _PATH_MOST
        and len(name) <= _NAME_MOST
        and (kept is None or 0 <= kept <= _COUNT_MOST)
    )
    return one if fits else None


def _holds(one: PredictionsProgress | None) -> bool:
    return one is not None and len(one.path) <= _PATH_MOST and 0 <= one.examples <= _STEP_MOST


def _is_step(step: int | None) -> bool:
    return step is None or 0 <= step <= _STEP_MOST


def _report(member: Member) -> Progress | None:
    return member.pod.report if member.pod is not None else None


def _begun(old: TrainingProgress | None, pod: Pod | None, now: datetime) -> TrainingProgress | None:
    """What is known when the chief's present pod is first seen to run: nothing new, but since when."""
    if pod is None or not runs(pod) or not _is_of_earlier_pod(old, pod):
        return old
    since = max(now, pod.created_at) if pod.created_at is not None else now
    before = old or TrainingProgress()
    return before.model_copy(update={"last_update_time": to_text(since), "report_time": None})


def _is_of_earlier_pod(known: TrainingProgress | None, pod: Pod | None) -> bool:
    """The status knows nothing yet of this pod of the chief."""
    updated = from_text(known.last_update_time) if known is not None else None
    if updated is None or pod is None or pod.created_at is None:
        return updated is None
    return updated < pod.created_at.replace(microsecond=0)


def _training(
    old: TrainingProgress | None, new: Progress, pod: Pod | None, now: datetime
) -> TrainingProgress | None:
    before = old or TrainingProgress()
    if new.global_step is None and new.max_steps is None:
        return old
    step = new.global_step if new.global_step is not None else before.global_step
    changed = step != before.global_step
    if changed and not _is_of_earlier_pod(old, pod) and _is_behind(before, step, new):
        return old
    most = new.max_steps if new.max_steps is not None else before.max_steps
    rate = new.steps_per_second
    loss = number_text(new.loss) if new.loss is not None else (None if changed else before.loss)
    return TrainingProgress(
        global_step=step,
        max_steps=most,
        percent=_percent(step, most),
        steps_per_second=number_text(rate)
        if rate is not None and math.isfinite(rate)
        else before.steps_per_second,
        remaining_seconds=_remaining(step, most, rate),
        loss=loss,
        last_update_time=to_text(now) if changed else before.last_update_time,
        finished=new.state == "Finished" or None,
        report_time=_known(new.time) if changed else before.report_time,
    )


def _is_behind(before: TrainingProgress, step: int | None, new: Progress) -> bool:
    """The document is older than what the status knows."""
    if step is None or before.global_step is None or step >= before.global_step:
        return False
    made, known = from_text(new.time), from_text(before.report_time)
    if made is None:
        return new.restored_from is None
    return known is not None and made <= known


def _percent(step: int | None, most: int | None) -> int | None:
    return None if step is None or not most else max(0, min(100, 100 * step // most))


def _remaining(step: int | None, most: int | None, rate: float | None) -> int | None:
    if step is None or most is None:
        return None
    if step >= most:
        return 0
    if rate is None or not math.isfinite(rate) or rate <= 0:
        return None
    seconds = (most - step) / rate
    return math.ceil(seconds) if seconds < _SECONDS_MOST else _SECONDS_MOST


def _checkpoints(job: EstimatorJob, old: Checkpoints | None, new: Progress) -> Checkpoints | None:
    before = old or Checkpoints()
    latest, kept = before.latest, before.kept
    if new.checkpoint is not None and not _is_older(new.checkpoint, before.latest):
        latest = _checkpoint(job, new.checkpoint)
        kept = new.checkpoint.kept if new.checkpoint.kept is not None else kept
    restored = before.restored_from
    if new.restored_from is not None:
        restored = _checkpoint(job, new.restored_from)
    behind = before.behind_since if new.mirror is None else behind_since(new.mirror)
    made = Checkpoints(latest=latest, kept=kept, restored_from=restored, behind_since=behind)
    return old if made == before else made


def _is_older(new: _Section, old: object | None) -> bool:
    """`new` was made before `old`: its step is no higher, and its time is earlier (its step lower, without times)."""
    if old is None:
        return False
    made, known = from_text(new.time), from_text(getattr(old, "time", None))
    step, old_step = new.global_step, getattr(old, "global_step", None)
    further = None if step is None or old_step is None else step - old_step
    if made is not None and known is not None:
        return made < known and (further is None or further <= 0)
    return further is not None and further < 0


def _checkpoint(job: EstimatorJob, one: CheckpointProgress) -> Checkpoint:
    return Checkpoint(
        path=one.path, uri=uri_of(job, one.path), global_step=one.global_step, time=_known(one.time)
    )


def _evaluation(old: Evaluation | None, new: EvaluationProgress | None) -> Evaluation | None:
    if new is None or _is_older(new, old):
        return old
    return Evaluation(
        global_step=new.global_step,
        checkpoint=new.checkpoint,
        time=_known(new.time),
        metrics=_metrics(new.metrics),
    )


def _exports(job: EstimatorJob, old: list[ExportStatus], new: list[ExportProgress]) -> list[ExportStatus]:
    merged = {one.name: one for one in old}
    for one in new:
        if _is_older(one, merged.get(one.name)):
            continue
        before = merged.get(one.name)
        metrics = _metrics(one.metrics)
        if not metrics and before is not None and before.path == one.path:
            # A termination message leaves metrics out when room is short; what a poll brought is kept.
            metrics = before.metrics
        merged[one.name] = ExportStatus(
            name=one.name,
            path=one.path,
            uri=uri_of(job, one.path),
            global_step=one.global_step,
            time=_known(one.time),
            signatures=[name[:_NAME_MOST] for name in one.signatures[:_SIGNATURES_MOST]],
            metrics=metrics,
        )
    return list(merged.values())[:_EXPORTS_MOST]


def _predictions(job: EstimatorJob, old: Predictions | None, chief: Progress | None) -> Predictions | None:
    new: PredictionsProgress | None = chief.predictions if chief is not None else None
    if new is None:
        return old
    return Predictions(path=new.path, uri=uri_of(job, new.path), examples=new.examples)


def _metrics(metrics: Mapping[str, float | None]) -> list[Metric]:
    names = sorted(name for name in metrics if 0 < len(name) <= _NAME_MOST)
    return [Metric(name=name, value=number_text(metrics[name])) for name in names[:_METRICS_MOST]]


def _known(text: str | None) -> str | None:
    """A reported time in the status's form, or None when it is no time."""
    moment = from_text(text)
    return to_text(moment) if moment is not None else None
