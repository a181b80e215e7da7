"""What Argo CD makes of an EstimatorJob, by the Lua check that the chart ships, in the dialect of Argo CD's interpreter."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from code_blocks import code_blocks
from lupa import lua51
from rendered_chart import CHART, REPOSITORY

from estimator_api import EstimatorJobStatus
from estimator_api import constants as c
from estimator_operator.plan import conditions

NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
SCRIPT = (CHART / "files/argocd-health.lua").read_text()
GUIDE = REPOSITORY / "docs/operations.md"
KEY = f"resource.customizations.health.{c.GROUP}_{c.KIND}"
Conditions = dict[str, tuple[str, str]]


def status(known: Conditions, *, generation: int = 1) -> dict[str, Any]:
    """A status by its conditions: type to status and reason."""
    found = [
        {"type": kind, "status": truth, "reason": reason, "message": f"{kind}: {reason}"}
        for kind, (truth, reason) in known.items()
    ]
    return {"observedGeneration": generation, "conditions": found}


def health(document: dict[str, Any] | None, *, generation: int = 1, script: str = SCRIPT) -> tuple[str, str]:
    """Status and message that Argo CD shows."""
    job: dict[str, Any] = {"metadata": {"name": "mnist", "generation": generation}, "spec": {}}
    if document is not None:
        job["status"] = document
    runtime = lua51.LuaRuntime(register_eval=False, unpack_returned_tuples=True)
    runtime.globals().obj = runtime.table_from(job, recursive=True)
    for name in ("io", "os", "string", "table", "math", "require", "python"):  # Argo CD offers none of them
        runtime.globals()[name] = None
    found = runtime.execute(script)
    return found.status, found.message


def waiting(reason: str) -> Conditions:
    """The operator is at work, the job is not ready."""
    return {c.READY: ("False", reason), c.RECONCILING: ("True", reason)}


RUNNING: Conditions = {kind: ("False", c.REASON_RUNNING) for kind in (c.COMPLETE, c.FAILED, c.SUSPENDED)}
CASES: dict[str, tuple[dict[str, Any] | None, str, str]] = {
    "new": (None, "Progressing", "has not looked"),
    "empty": ({}, "Progressing", "has not looked"),
    "no-conditions": ({"observedGeneration": 1}, "Progressing", "no condition Ready"),
    "pods-pending": (status(RUNNING | waiting(c.REASON_PODS_PENDING)), "Progressing", "PodsPending"),
    "refused": (
        status(RUNNING | waiting(c.REASON_POD_CREATION_FORBIDDEN)),
        "Progressing",
        "PodCreationForbidden",
    ),
    "restarting": (status(RUNNING | waiting(c.REASON_RESTARTING)), "Progressing", "Restarting"),
    "training": (status({c.READY: ("True", "Training")} | RUNNING), "Healthy", "Ready: Training"),
    "suspending": (status(RUNNING | waiting(c.REASON_SUSPENDING)), "Progressing", "Suspending"),
    "suspended": (
        status({c.READY: ("True", "Suspended")} | RUNNING | {c.SUSPENDED: ("True", "Suspended")}),
        "Suspended",
        "Suspended: Suspended",
    ),
    "complete": (
        status({c.READY: ("True", "Completed")} | RUNNING | {c.COMPLETE: ("True", "Completed")}),
        "Healthy",
        "Complete: Completed",
    ),
    "failed": (
        status(
            {c.READY: ("False", "OOM"), c.STALLED: ("True", "OOM")} | RUNNING | {c.FAILED: ("True", "OOM")}
        ),
        "Degraded",
        "Failed: OOM",
    ),
    "unreadable": (
        status({c.READY: ("False", "InvalidSpec"), c.STALLED: ("True", "InvalidSpec")} | RUNNING),
        "Degraded",
        "Stalled: InvalidSpec",
    ),
    "without-evaluator": (
        status(
            {c.READY: ("True", "Training")} | RUNNING | {c.EVALUATOR_DEGRADED: ("True", "EvaluatorFailed")}
        ),
        "Healthy",
        "EvaluatorDegraded: EvaluatorFailed",
    ),
    "unheard": (
        status({c.READY: ("True", "Training")} | RUNNING | {"ProgressUnknown": ("True", "NotHeard")}),
        "Healthy",
        "ProgressUnknown: NotHeard",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_health_by_state(name: str) -> None:
    document, expected, words = CASES[name]
    found, message = health(document)
    assert found == expected
    assert words in message


def kstatus(document: dict[str, Any] | None, *, generation: int = 1) -> str:
    """What Flux, `helm --wait` and `kubectl wait` make of the same: the rules of sigs.k8s.io/cli-utils."""
    found = document or {}
    truths = {one["type"]: one["status"] for one in found.get("conditions", ())}
    if found.get("observedGeneration", generation) != generation:
        return "InProgress"
    if truths.get(c.RECONCILING) == "True":
        return "InProgress"
    if truths.get(c.STALLED) == "True":
        return "Failed"
    return "Current" if truths.get(c.READY, "True") == "True" else "InProgress"


ALIKE = {"Current": {"Healthy", "Suspended"}, "InProgress": {"Progressing"}, "Failed": {"Degraded"}}


@pytest.mark.parametrize("name", [one for one in CASES if one not in ("new", "empty", "no-conditions")])
def test_argo_cd_judges_as_those_do_who_know_kstatus(name: str) -> None:
    """The user guide says so. Only before the operator's first look does the check know better: it is not healthy."""
    document, health_of_argo_cd, _ = CASES[name]
    assert health_of_argo_cd in ALIKE[kstatus(document)]


def test_every_state_that_the_plan_knows_is_judged() -> None:
    rows = {
        "pending": conditions.pending(c.REASON_PODS_PENDING, "waits"),
        "running": conditions.running(c.REASON_TRAINING, "trains"),
        "unheard": conditions.progress_unknown(conditions.running(c.REASON_TRAINING, "trains"), "not heard"),
        "suspending": conditions.suspending("goes"),
        "suspended": conditions.suspended("gone"),
        "complete": conditions.complete("done"),
        "failed": conditions.failed(c.REASON_DEADLINE_EXCEEDED, "late"),
        "unreadable": conditions.unhandled(c.REASON_INVALID_SPEC, "what?", EstimatorJobStatus()),
    }
    for name, row in rows.items():
        settled = conditions.settle(EstimatorJobStatus(), row, generation=1, now=NOW)
        written = {"observedGeneration": 1, "conditions": [one.to_json() for one in settled]}
        assert health(written)[0] in ALIKE[kstatus(written)], name


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({c.READY: ("True", "Training")}, "Progressing"),
        ({c.READY: ("True", "Suspended"), c.SUSPENDED: ("True", "Suspended")}, "Progressing"),
        ({c.READY: ("True", "Completed"), c.COMPLETE: ("True", "Completed")}, "Healthy"),
        ({c.READY: ("False", "Error"), c.FAILED: ("True", "Error")}, "Degraded"),
    ],
)
def test_a_newer_spec_is_waited_for_unless_the_job_has_ended(found: Conditions, expected: str) -> None:
    assert health(status(found, generation=1), generation=2)[0] == expected


def test_a_condition_without_a_message_tells_its_reason() -> None:
    assert health(
        {"observedGeneration": 1, "conditions": [{"type": "Ready", "status": "True", "reason": "A"}]}
    ) == (
        "Healthy",
        "A",
    )


def test_the_guide_has_the_script_for_argocd_cm() -> None:
    (config,) = (
        document
        for kind, text in code_blocks(GUIDE)
        if kind == "yaml"
        for document in yaml.safe_load_all(text)
        if document["metadata"]["name"] == "argocd-cm"
    )
    code = re.sub(r"^--.*\n", "", SCRIPT, flags=re.MULTILINE)
    assert config["data"][KEY].strip() == code.strip()
