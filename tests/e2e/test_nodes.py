"""Nodes that are drained and nodes that are lost: the worker moves, the others train on, nothing is counted."""

from __future__ import annotations

import pytest
from kubectl import Kubectl, Object, is_complete, is_true, restarts, step
from steady_job import CODE, running_pod, steady_job, stop_training
from two_nodes import in_node, stays_on, would_rather

pytestmark = pytest.mark.timeout(900)

LEAVE_SOON = [
    {
        "key": f"node.kubernetes.io/{taint}",
        "operator": "Exists",
        "effect": "NoExecute",
        "tolerationSeconds": 5,
    }
    for taint in ("unreachable", "not-ready")
]
"""Pods without it stay five minutes on a node that is lost."""


def test_drain_of_the_workers_node(kubectl: Kubectl, nodes: tuple[str, str], shared_claim: str) -> None:
    home, away = nodes
    before = train_on_both(kubectl, home, away, shared_claim)
    chief = uid(kubectl, "steady-chief-0")
    try:
        kubectl.run("drain", away, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=120s")
        job = moved(kubectl, before, home)
    finally:
        kubectl.run("uncordon", away)
    # The leader may have been drained with it; its successor knows only that the pod is gone.
    assert job["status"]["lastFailure"]["replica"] == "worker-0"
    assert job["status"]["lastFailure"]["reason"] in {"Disrupted", "DeletedPod"}
    assert uid(kubectl, "steady-chief-0") == chief
    ends_without_a_counted_restart(kubectl)


def test_kubelet_of_the_workers_node_killed(
    kubectl: Kubectl, nodes: tuple[str, str], shared_claim: str
) -> None:
    home, away = nodes
    before = train_on_both(kubectl, home, away, shared_claim)
    lost = uid(kubectl, "steady-worker-0")
    try:
        in_node(away, "systemctl", "kill", "--signal=KILL", "kubelet")
        in_node(away, "systemctl", "stop", "kubelet")
        job = moved(kubectl, before, home)
        stuck = [one for one in kubectl.list("pods") if one["metadata"]["uid"] == lost]
        assert stuck == [], "nobody waits for a node that does not come back"
    finally:
        in_node(away, "systemctl", "start", "kubelet")
        kubectl.run("wait", "--for=condition=Ready", f"node/{away}", "--timeout=120s")
    assert job["status"]["lastFailure"]["replica"] == "worker-0"
    assert job["status"]["lastFailure"]["node"] == away
    ends_without_a_counted_restart(kubectl)


def train_on_both(kubectl: Kubectl, home: str, away: str, claim: str) -> Object:
    """A job trains whose worker would rather be on `away`, and everybody else is on `home`."""
    stays = stays_on(home)
    worker = {"replicas": 1, "tolerations": LEAVE_SOON} | would_rather(away)
    model_dir = {"persistentVolumeClaim": {"claimName": claim}}
    kubectl.apply(
        CODE,
        steady_job("steady", chief=stays, ps=stays, evaluator=stays, worker=worker, modelDir=model_dir),
    )
    job = kubectl.wait("steady", lambda job: is_true(job, "Ready") and step(job) > 60, what="training")
    assert node_of(kubectl, "worker") == away
    assert node_of(kubectl, "chief") == home
    return job


def moved(kubectl: Kubectl, before: Object, home: str) -> Object:
    """The job, once its worker trains on the other node; it has come further meanwhile."""
    job = kubectl.wait(
        "steady", lambda job: restarts(job).get("worker-0") == 1, what="restart of worker-0", timeout=300
    )
    assert step(job) >= step(before)
    kubectl.wait(
        "steady", lambda now: is_true(now, "Ready") and step(now) >= step(job) + 60, what="training again"
    )
    assert node_of(kubectl, "worker") == home
    return job


def ends_without_a_counted_restart(kubectl: Kubectl) -> None:
    stop_training(kubectl, "steady")
    job = kubectl.wait("steady", is_complete, what="completion")
    assert restarts(job) == {"worker-0": 1}
    assert job["status"]["restarts"].get("counted", 0) == 0


def node_of(kubectl: Kubectl, role: str) -> str:
    return kubectl.get("pod", running_pod(kubectl, "steady", role))["spec"]["nodeName"]


def uid(kubectl: Kubectl, pod: str) -> str:
    return kubectl.get("pod", pod)["metadata"]["uid"]
