"""Chief and workers that make every step together lose workers in each way: all of them start again, nobody else."""

from __future__ import annotations

import json

import pytest
from digits_job import digits_code, paced, saved_step, stop_tasks
from kubectl import Kubectl, Object, is_complete, is_true, metrics_of, restarts
from two_nodes import stays_on, would_rather

pytestmark = pytest.mark.timeout(900)

NAME = "digits-synchronous"
TOGETHER = ("chief-0", "worker-0", "worker-1")


def test_a_pod_deleted_one_evicted_and_a_node_drained(
    kubectl: Kubectl, nodes: tuple[str, str], shared_claim: str
) -> None:
    home, away = nodes
    job = paced("synchronous.yaml", checkpoints=100)
    spec = job["spec"]
    spec["chief"] = spec["evaluator"] = stays_on(home)
    spec["worker"] |= would_rather(away)
    spec["modelDir"] = {"persistentVolumeClaim": {"claimName": shared_claim}}
    kubectl.apply(digits_code(kubectl), job)
    before = kubectl.wait(NAME, lambda job: saved_step(job) > 0, what="a checkpoint")
    evaluator = uid(kubectl, "evaluator-0")

    kubectl.run("delete", "pod", pod_of("worker-0"), "--wait=false")
    before = starts_again(kubectl, before, 1)

    evicted = pod_of("worker-1", 1)
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": evicted, "namespace": kubectl.namespace},
    }
    where = f"/api/v1/namespaces/{kubectl.namespace}/pods/{evicted}/eviction"
    kubectl.run("create", "--raw", where, "-f", "-", stdin=json.dumps(eviction))
    before = starts_again(kubectl, before, 2)

    assert node_of(kubectl, pod_of("worker-0", 2)) == away
    try:
        kubectl.run("drain", away, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=120s")
        starts_again(kubectl, before, 3)
    finally:
        kubectl.run("uncordon", away)
    assert node_of(kubectl, pod_of("worker-0", 3)) == home
    kubectl.wait(NAME, lambda job: saved_step(job) >= 1000, what="step 1,000")

    stop_tasks(kubectl, pod_of("worker-1", 3))
    job = kubectl.wait(NAME, is_complete, what="completion")
    status = job["status"]
    assert restarts(job) == dict.fromkeys(TOGETHER, 3)
    assert status["restarts"] == status["restarts"] | {"total": 9, "counted": 0}
    assert status["progress"]["globalStep"] == saved_step(job), "all tasks ended after the step of the one"
    assert status["evaluation"]["checkpoint"] == status["checkpoints"]["latest"]["path"]
    assert metrics_of(job)["accuracy"] >= 0.95
    assert uid(kubectl, "evaluator-0") == evaluator, "it trains nothing and went on"


def starts_again(kubectl: Kubectl, before: Object, times: int) -> Object:
    """The job once chief and workers have started so many times again and saved a newer checkpoint."""
    for replica in TOGETHER:
        kubectl.wait_pod(
            pod_of(replica, times),
            lambda pod: is_true(pod, "Ready"),
            what=f"start {times} of {replica}",
            timeout=240,
        )
    pods = {one["metadata"]["name"] for one in kubectl.list("pod", f"estimator.dev/job-name={NAME}")}
    assert pods == {pod_of("evaluator-0"), *(pod_of(replica, times) for replica in TOGETHER)}
    # A checkpoint that the earlier chief saved in its end is newer, too: it is told as soon as its pod is gone.
    return kubectl.wait(
        NAME,
        lambda job: saved_step(job) > restored_step(job) >= saved_step(before),
        what="a checkpoint of those that have started again",
    )


def restored_step(job: Object) -> int:
    """The step that the chief that runs went on from; 0 before one tells."""
    return job["status"]["checkpoints"].get("restoredFrom", {}).get("globalStep", 0)


def pod_of(replica: str, times: int = 0) -> str:
    """Name of a replica's pod after so many restarts."""
    return f"{NAME}-{replica}" + (f"-r{times}" if times else "")


def node_of(kubectl: Kubectl, pod: str) -> str:
    return kubectl.get("pod", pod)["spec"]["nodeName"]


def uid(kubectl: Kubectl, replica: str) -> str:
    return kubectl.get("pod", pod_of(replica))["metadata"]["uid"]
