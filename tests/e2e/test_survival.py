"""Jobs survive the loss of the operator, and of their own pods when suspended; `test_object_store` has that of each role."""

from __future__ import annotations

from collections import Counter

import pytest
from kubectl import Kubectl, is_complete, is_true, restarts, step, trains_beyond
from steady_job import CODE, running_pod, steady_job, stop_training

pytestmark = pytest.mark.timeout(900)


def test_operator_killed_and_job_suspended(kubectl: Kubectl, operator: Kubectl) -> None:
    kubectl.apply(CODE, steady_job("steady"))
    kubectl.wait("steady", lambda job: step(job) > 60, what="training")
    kubectl.run("delete", "pod", running_pod(kubectl, "steady", "worker"), "--wait=false")
    kubectl.wait("steady", lambda job: restarts(job).get("worker-0") == 1, what="restart of worker-0")

    # Both operators die at once, and while they are gone so does another worker.
    operator.run(
        "delete", "pod", "-l", "app.kubernetes.io/name=estimator-operator", "--force", "--grace-period=0"
    )
    kubectl.run("delete", "pod", running_pod(kubectl, "steady", "worker"), "--wait=true", "--grace-period=1")
    job = kubectl.wait(
        "steady", lambda job: restarts(job).get("worker-0") == 2, what="second restart of worker-0"
    )
    job = kubectl.wait("steady", trains_beyond(job), what="training under the new operator")
    live = Counter(
        one["metadata"]["labels"]["estimator.dev/role"]
        for one in kubectl.list("pods", "estimator.dev/job-name=steady")
        if "deletionTimestamp" not in one["metadata"]
    )
    assert live == {"chief": 1, "worker": 1, "ps": 1, "evaluator": 1}
    assert job["status"]["restarts"]["counted"] == 0

    kubectl.estimatorctl("suspend", "steady")
    job = kubectl.wait("steady", lambda job: is_true(job, "Suspended"), what="suspension")
    assert kubectl.list("pods", "estimator.dev/job-name=steady") == []
    saved = job["status"]["checkpoints"]["latest"]["globalStep"]
    assert saved > 0
    kubectl.estimatorctl("resume", "steady")
    job = kubectl.wait("steady", lambda job: step(job) > saved + 60, what="training after the resume")
    assert job["status"]["checkpoints"]["restoredFrom"]["globalStep"] >= saved
    stop_training(kubectl, "steady")
    job = kubectl.wait("steady", is_complete, what="completion")
    assert restarts(job) == {"worker-0": 2}, "suspending is no restart, and no counter is lost"
