"""From a pod of the API server to what the plan needs to know of it.

A summary is a few hundred bytes where a pod is ten kilobytes; the operator keeps only summaries. The rules for what
counts as the reason of an end, and in which order they are asked, are here and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, cast

from estimator_api import MalformedProgressError, Progress, parse_progress
from estimator_api import constants as c
from estimator_operator.kube.object_shape import version_of
from estimator_operator.plain_text import one_line, visible
from estimator_operator.plan.observed import (
    NODE_NOT_READY,
    SCHEDULING_GATED,
    STAGING_INPUTS,
    Phase,
    Pod,
    Replica,
)
from estimator_operator.plan.pinned import shown_by

Json = Mapping[str, Any]

_MESSAGE_LENGTH: Final = 1024
_DISRUPTION_REASONS: Final = frozenset(
    {"Evicted", "NodeLost", "NodeShutdown", "Shutdown", "Terminated", "Preempting", "PreemptionByScheduler"}
)
"""`status.reason` of a pod that its node or the scheduler ended; Terminated is a graceful node shutdown's."""
_ROLES: Final = frozenset({*c.ROLES, c.TENSORBOARD})
_PHASES: Final = frozenset({"Pending", "Running", "Succeeded", "Failed", "Unknown"})
_NAME: Final = re.compile(rf"(?P<role>{'|'.join(c.ROLES)})-(?P<index>[0-9]+)(?:-r(?P<attempt>[0-9]+))?")
_INDEX_MOST: Final = 1000
ATTEMPT_MOST: Final = 100_000
_DIGITS_MOST: Final = 9
_CODE_MOST: Final = 2**31
_YEARS: Final = (1970, 9000)
_TEXTS: Final = ("reason", "message", "node", "ip", "unready", "version", "spec_hash", "pinned")
_UNREADABLE: Final = "the pod cannot be read, so nobody knows how it is; the operator's log says why"
_UNREMARKABLE_WAITING: Final = frozenset({"ContainerCreating", "PodInitializing"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PodRecord:
    """A pod's summary, and what tells whether the summary is ours and new.

    Attributes:
        pod: What the plan sees.
        owner_uid: Uid of the job that controls the pod.
        version: resourceVersion as a number.
        host_network: The pod has its node's address.
        readable: False when all that is known of the pod, as it is now, is that it exists.
    """

    pod: Pod
    owner_uid: str
    version: int
    host_network: bool = False
    readable: bool = True


def summarize(pod: Json) -> PodRecord | None:
    """The summary of a pod, or None when it belongs to no EstimatorJob (labels or owner are not ours).

    Raises:
        Exception: It is not what a pod should be, wherever that shows first; `unreadable` is what is left of it.
    """
    metadata = pod["metadata"]
    owner, identity = controller_of(pod), identity_of(pod)
    if owner is None or identity is None:
        return None
    role, index, attempt = identity
    annotations = metadata.get("annotations") or {}
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    statuses = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    names = (c.CONTAINER, c.TENSORBOARD) if role == c.TENSORBOARD else (c.CONTAINER,)
    main = next((one for one in statuses if one.get("name") in names), None)
    ended = ((main or {}).get("state") or {}).get("terminated")
    conditions = {one["type"]: one for one in status.get("conditions") or ()}
    disruption = conditions.get("DisruptionTarget", {})
    phase = status.get("phase", "Pending")
    reason, message, waiting = _explanation(status, statuses, ended)
    if reason in _UNREMARKABLE_WAITING and any(map(_stages_inputs, statuses)):
        reason, message, waiting = STAGING_INPUTS, None, True
    scheduled = conditions.get("PodScheduled", {})
    unschedulable = scheduled.get("status") == "False" and scheduled.get("reason") == "Unschedulable"
    if unschedulable and reason is None:
        reason, message = "Unschedulable", _one_line(scheduled.get("message"))
    if scheduled.get("reason") == SCHEDULING_GATED and scheduled.get("status") == "False" and reason is None:
        reason, message = SCHEDULING_GATED, _gates(spec)
    readiness = conditions.get("Ready", {})
    ready, unready = _readiness(readiness, main)
    disrupted = disruption.get("status") == "True" or status.get("reason") in _DISRUPTION_REASONS
    if disrupted and not status.get("reason") and phase != "Succeeded":
        reason, message = disruption.get("reason") or reason, _one_line(disruption.get("message")) or message
    report = _report(ended)
    if report is not None and report.error:
        message = _one_line(report.error)
    record = PodRecord(
        owner_uid=owner["uid"],
        version=version_of(pod),
        host_network=bool(spec.get("hostNetwork")),
        pod=Pod(
            name=metadata["name"],
            uid=metadata["uid"],
            replica=Replica(role, index),
            attempt=attempt,
            phase=cast("Phase", phase if phase in _PHASES else "Unknown"),
            ready=ready,
            deleting=bool(metadata.get("deletionTimestamp")),
            exit_code=_staging_code(statuses) if ended is None else ended.get("exitCode"),
            reason=reason,
            message=message,
            waiting=waiting,
            unschedulable=unschedulable,
            disrupted=disrupted,
            node=spec.get("nodeName") or None,
            ip=status.get("podIP") or None,
            created_at=_time(metadata.get("creationTimestamp")),
            finished_at=_time((ended or {}).get("finishedAt")),
            report=report,
            delete_by=_time(metadata.get("deletionTimestamp")),
            unready=unready,
            unready_since=None if ready else _time(readiness.get("lastTransitionTime")),
            held=metadata.get("deletionGracePeriodSeconds") == 0,
            version=metadata.get("resourceVersion") or None,
            spec_hash=annotations.get(c.ANNOTATION_SPEC_HASH) or None,
            pinned=annotations.get(c.ANNOTATION_PINNED) or None,
            # Pods of earlier versions do not say what they were made with.
            shown=None if c.ANNOTATION_PINNED in annotations else shown_by(spec),
        ),
    )
    _check_types(record.pod)
    return record


def unreadable(pod: Json, known: PodRecord | None = None) -> PodRecord | None:
    """What is left of a pod that cannot be summarised: that it exists, so that none takes its place.

    Whether it runs is not known, but one that was seen to end has ended.

    Args:
        pod: The pod, whose metadata is in order.
        known: Its last summary.

    Returns:
        None when it belongs to no EstimatorJob, as far as can be told.
    """
    metadata, version = pod["metadata"], version_of(pod)
    if known is None or known.pod.uid != metadata["uid"]:
        owner, identity = controller_of(pod), identity_of(pod)
        if owner is None or identity is None:
            return None
        role, index, attempt = identity
        left = Pod(name=metadata["name"], uid=metadata["uid"], replica=Replica(role, index), attempt=attempt)
        known = PodRecord(owner_uid=owner["uid"], version=version, pod=left)
    left = replace(
        known.pod,
        deleting=known.pod.deleting or bool(metadata.get("deletionTimestamp")),
        version=metadata.get("resourceVersion") or known.pod.version,
    )
    if not left.finished and left.exit_code is None:
        left = replace(
            left,
            phase="Unknown",
            ready=False,
            waiting=True,
            reason="Unreadable",
            message=_UNREADABLE,
            ip=None,
        )
        left = replace(left, unschedulable=False, unready=None, unready_since=None)
    return replace(known, pod=left, version=version or known.version, readable=False)


def controller_of(manifest: Json) -> Mapping[str, Any] | None:
    """The owner reference to the EstimatorJob that controls an object, or None."""
    return next(
        (
            one
            for one in manifest["metadata"].get("ownerReferences") or ()
            if one.get("controller")
            and one.get("kind") == c.KIND
            and one["apiVersion"].startswith(c.GROUP + "/")
        ),
        None,
    )


def _check_types(pod: Pod) -> None:
    """Refuses what the plan would carry into a status that the API server refuses."""
    for key in _TEXTS:
        if not isinstance(getattr(pod, key), str | None):
            raise TypeError(f"the pod's {key} is no text")
    code = pod.exit_code
    if code is not None and (isinstance(code, bool) or not isinstance(code, int) or abs(code) >= _CODE_MOST):
        raise TypeError("the exit code is none")


def _explanation(
    status: Json, statuses: Iterable[Json], ended: Json | None
) -> tuple[str | None, str | None, bool]:
    """Reason, message and whether a container waits: of the pod, else of the main container's end, else of any wait."""
    if status.get("reason"):
        return status["reason"], _one_line(status.get("message")), False
    if ended is not None:
        return ended.get("reason") or None, _last_line(ended.get("message")), False
    first_wait: tuple[str | None, str | None, bool] = (None, None, False)
    for one in statuses:
        state = one.get("state") or {}
        broken = state.get("terminated") or {}
        if broken.get("exitCode"):
            # An init container or a sidecar: the main container may never have started.
            name = one.get("name", "?")
            text = _last_line(broken.get("message"))
            return broken.get("reason") or "Error", f"container {name}: {text or broken['exitCode']}", False
        wait = state.get("waiting")
        if wait is not None and (first_wait[0] is None or first_wait[0] in _UNREMARKABLE_WAITING):
            first_wait = (wait.get("reason") or "Waiting", _one_line(wait.get("message")), True)
    return first_wait


def _stages_inputs(status: Json) -> bool:
    """The container is the one that brings the inputs, and runs."""
    return status.get("name") == c.INPUTS_CONTAINER and bool((status.get("state") or {}).get("running"))


def _staging_code(statuses: Iterable[Json]) -> int | None:
    """The exit code of the container that brings the inputs, when it failed: it stands for the main container's."""
    staging = next((one for one in statuses if one.get("name") == c.INPUTS_CONTAINER), {})
    return ((staging.get("state") or {}).get("terminated") or {}).get("exitCode") or None


def _readiness(condition: Json, main: Json | None) -> tuple[bool, str | None]:
    """Whether the pod is ready as far as its main container goes, and the reason if it is not.

    A sidecar that has ended or is not ready makes the Ready condition False (ContainersNotReady) and is none of the
    job's concern. A node that is NotReady makes it False too, without a reason, and leaves the containers' own
    readiness as it was.
    """
    if condition.get("status") == "True":
        return True, None
    reason = condition.get("reason") or None
    if not condition or (main or {}).get("ready") is not True:
        return False, reason
    if reason == "ContainersNotReady":
        return True, None
    return False, reason or NODE_NOT_READY


def _gates(spec: Json) -> str | None:
    """Names of the scheduling gates that are still there."""
    return _one_line(", ".join(str(one.get("name")) for one in spec.get("schedulingGates") or ()))


def _report(ended: Json | None) -> Progress | None:
    """The final progress document, when the termination message is one."""
    text = (ended or {}).get("message") or ""
    if not text.lstrip().startswith("{"):
        return None
    try:
        return parse_progress(text)
    except MalformedProgressError:
        return None


def _last_line(text: str | None) -> str | None:
    """The last line that is not blank: of a traceback it is the one that says why."""
    lines = [line for line in map(one_line, visible(text or "").splitlines()) if line]
    return lines[-1][:_MESSAGE_LENGTH] if lines else None


def _one_line(text: str | None) -> str | None:
    return one_line(text or "")[:_MESSAGE_LENGTH] or None


def identity_of(pod: Json) -> tuple[str, int, int] | None:
    """Role, index and attempt: of the name, which nobody can change, else of the labels, which anybody can.

    A pod whose name is of another job than its owner was given away: it is no replica of either, whatever it says.
    """
    metadata = pod["metadata"]
    name, labels = metadata["name"], metadata.get("labels") or {}
    job = (controller_of(pod) or {}).get("name")
    if name == f"{job}-{c.TENSORBOARD}":
        return c.TENSORBOARD, 0, 0
    if isinstance(job, str) and name.startswith(f"{job}-"):
        found = _NAME.fullmatch(name, len(job) + 1)
        if found is not None:
            return _within(found["role"], found["index"], found["attempt"] or "0")
    elif isinstance(job, str):
        return None
    role, index, attempt = (labels.get(key) for key in (c.LABEL_ROLE, c.LABEL_INDEX, c.LABEL_ATTEMPT))
    if role == c.TENSORBOARD:
        # It is no replica: there is one, and it need not be numbered.
        index, attempt = index or "0", attempt or "0"
    return _within(role, index, attempt)


def _within(role: Any, index: Any, attempt: Any) -> tuple[str, int, int] | None:
    """The identity, unless it is none that the operator gives: counters of the status are 32 bits wide."""
    if role not in _ROLES or not _is_number(index) or not _is_number(attempt):
        return None
    found = int(index), int(attempt)
    return (str(role), *found) if found[0] <= _INDEX_MOST and found[1] <= ATTEMPT_MOST else None


def _is_number(text: Any) -> bool:
    return isinstance(text, str) and text.isascii() and text.isdecimal() and len(text) <= _DIGITS_MOST


def _time(text: str | None) -> datetime | None:
    """A moment, aware; None where none is given or it is one that nothing can be compared with, as Go's zero time."""
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    if not _YEARS[0] <= moment.year <= _YEARS[1]:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
