"""Processes as the plan sees them: pods."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from estimator_operator.plan import Observed, Pod
from estimatorctl.local.child import Child
from estimatorctl.local.launch import LOOPBACK

NODE: Final = "localhost"


def observed(children: Iterable[Child]) -> Observed:
    """What the plan is told of a local run: its processes and their progress; all else it needs is there."""
    known = tuple(children)
    return Observed(
        pods=tuple(map(pod_of, known)),
        progress={
            one.launch.replica: one.progress for one in known if one.progress is not None and one.alive
        },
        heard_at={
            one.launch.replica: one.heard_at for one in known if one.heard_at is not None and one.alive
        },
        service_exists=True,
        claim_exists=True,
    )


def pod_of(child: Child) -> Pod:
    """The pod that a process stands for."""
    launch, ending = child.launch, child.ending
    exit_code = None if ending is None else ending.exit_code
    return Pod(
        name=launch.pod,
        uid=launch.pod,
        replica=launch.replica,
        attempt=launch.attempt,
        phase="Running" if ending is None else "Failed" if exit_code else "Succeeded",
        ready=child.ready and child.alive,
        deleting=child.stop_by is not None,
        exit_code=exit_code,
        reason="Error" if exit_code else None,
        message=None if ending is None else ending.message or None,
        node=NODE,
        ip=LOOPBACK,
        created_at=child.started_at,
        finished_at=None if ending is None else ending.time,
        report=None if ending is None else ending.report,
        delete_by=child.stop_by,
    )
