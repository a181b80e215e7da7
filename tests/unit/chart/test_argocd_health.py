"""What Argo CD makes of an EstimatorJob, by the Lua check that the chart ships, in the dialect of Argo CD's interpreter."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from code_blocks import code_blocks
from lupa import lua51
from rendered_chart import CHART, REPOSITORY

from estimator_api import constants as c

SCRIPT = (CHART / "files/argocd-health.lua").read_text()
GUIDE = REPOSITORY / "docs/operations.md"
KEY = f"resource.customizations.health.{c.GROUP}_{c.KIND}"
Conditions = dict[str, tuple[str, str]]


def status(conditions: Conditions, *, generation: int = 1) -> dict[str, Any]:
    """A status by its conditions: type to status and reason."""
    found = [
        {"type": kind, "status": truth, "reason": reason, "message": f"{kind}: {reason}"}
        for kind, (truth, reason) in conditions.items()
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


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({c.READY: ("True", "Training")}, "Progressing"),
        ({c.READY: ("True", "Suspended"), c.SUSPENDED: ("True", "Suspended")}, "Progressing"),
        ({c.READY: ("True", "Completed"), c.COMPLETE: ("True", "Completed")}, "Healthy"),
        ({c.READY: ("False", "Error"), c.FAILED: ("True", "Error")}, "Degraded"),
    ],
)
def test_a_newer_spec_is_waited_for_unless_the_job_has_ended(conditions: Conditions, expected: str) -> None:
    assert health(status(conditions, generation=1), generation=2)[0] == expected


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
