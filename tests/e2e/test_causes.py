"""What cannot work ends or waits with its cause in one line in the status."""

from __future__ import annotations

import copy

import pytest
from kubectl import Kubectl, condition, is_true
from steady_job import CODE, chief_alone

pytestmark = pytest.mark.timeout(300)


def failed(job):
    """Whether the job has failed."""
    return is_true(job, "Failed")


def test_causes_of_failure(kubectl: Kubectl) -> None:
    missing = chief_alone("missing-module")
    missing["spec"]["estimator"] = copy.deepcopy(missing["spec"]["estimator"])
    missing["spec"]["estimator"]["modelFn"] = "no_such_module:model_fn"
    broken = chief_alone("broken-model", runPolicy={"backoffLimit": 0})
    broken["spec"]["estimator"]["params"] = {"broken": True}
    kubectl.apply(CODE, missing, broken)

    job = kubectl.wait("missing-module", failed, what="failed")
    verdict = condition(job, "Failed")
    assert verdict["reason"] == "ConfigurationError"
    assert "chief-0" in verdict["message"]
    assert "no_such_module" in verdict["message"]
    assert "exit code 78" in verdict["message"]
    assert "\n" not in verdict["message"]

    job = kubectl.wait("broken-model", failed, what="failed")
    verdict = condition(job, "Failed")
    assert verdict["reason"] == "BackoffLimitExceeded"
    assert "the model is broken on purpose" in verdict["message"]
    assert "exit code 1" in verdict["message"]


def test_causes_of_waiting(kubectl: Kubectl) -> None:
    no_code = chief_alone("no-code", code={"configMap": {"name": "not-there"}})
    no_claim = chief_alone("no-claim", modelDir={"persistentVolumeClaim": {"claimName": "not-there-either"}})
    no_image = chief_alone("no-image", image="localhost:1/no/such/image:1")
    kubectl.apply(CODE, no_code, no_claim, no_image)
    for name, cause in (
        ("no-claim", "not-there-either"),
        ("no-image", "no/such/image"),
        ("no-code", "not-there"),
    ):
        job = kubectl.wait(
            name,
            lambda job, cause=cause: cause in condition(job, "Ready").get("message", ""),
            what=f"cause of {name}",
        )
        ready = condition(job, "Ready")
        assert (ready["status"], ready["reason"]) == ("False", "PodsPending")
        assert "chief-0" in ready["message"]
        assert "\n" not in ready["message"]
        assert not failed(job)
