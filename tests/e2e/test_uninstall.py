"""What taking the operator away leaves. The last file in the order of names: the other tests need the operator."""

from __future__ import annotations

import subprocess

import pytest
from helm import RELEASE, helm
from kubectl import REPOSITORY, Kubectl, condition, is_complete, restarts, step
from steady_job import CODE, steady_job, stop_training


@pytest.mark.timeout(600)
def test_training_goes_on_and_a_new_install_takes_over(kubectl: Kubectl) -> None:
    kubectl.apply(CODE, steady_job("lasting"))
    before = kubectl.wait("lasting", lambda job: step(job) > 0, what="training")
    pods = uids(kubectl)
    helm("uninstall", RELEASE, "--wait")
    after = kubectl.get("estimatorjob", "lasting")
    assert after["metadata"]["uid"] == before["metadata"]["uid"], "the CRD and the jobs stay"

    subprocess.run([REPOSITORY / "hack/deploy"], check=True, capture_output=True, timeout=300)
    job = kubectl.wait(
        "lasting", lambda job: step(job) > step(after) + 20, what="progress in the new install"
    )
    assert uids(kubectl) == pods
    assert restarts(job) == {}
    stop_training(kubectl, "lasting")
    job = kubectl.wait("lasting", is_complete, what="completion")
    assert condition(job, "Ready")["reason"] == "Completed"


def uids(kubectl: Kubectl) -> set[str]:
    """The job's pods."""
    return {one["metadata"]["uid"] for one in kubectl.list("pods", "estimator.dev/job-name=lasting")}
