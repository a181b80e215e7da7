"""Workers that come and go in real pods, with TensorBoard beside them; pods that ask for GPUs."""

from __future__ import annotations

import json

import pytest
from kubectl import Kubectl, is_complete, is_true, step, trains_with_workers
from steady_job import CODE, chief_alone, steady_job, stop_training

pytestmark = pytest.mark.timeout(900)

GPU = "nvidia.com/gpu"


def test_workers_come_and_go(kubectl: Kubectl) -> None:
    elastic = {"minReplicas": 1, "maxReplicas": 4}
    kubectl.apply(CODE, steady_job("steady", worker={"replicas": 1}, elastic=elastic, tensorBoard={}))
    kubectl.wait("steady", trains_with_workers(1), what="training with one worker")
    chief = kubectl.get("pod", "steady-chief-0")["metadata"]["uid"]
    for count in (4, 2):
        if count == 4:
            kubectl.run("scale", "estimatorjob/steady", f"--replicas={count}")
        else:
            kubectl.estimatorctl("scale", "steady", f"--replicas={count}")
        job = kubectl.wait("steady", trains_with_workers(count), what=f"training with {count} workers")
        kubectl.wait(
            "steady",
            lambda now, job=job: step(now) >= step(job) + 60,
            what=f"steps with {count} workers",
        )
    logs = kubectl.estimatorctl("logs", "steady", "--role=worker")
    assert {line.partition("]")[0] for line in logs.splitlines()} == {"[worker-0", "[worker-1"}
    assert kubectl.get("pod", "steady-chief-0")["metadata"]["uid"] == chief, "nobody else was disturbed"
    refused = kubectl.run("scale", "estimatorjob/steady", "--replicas=5", check=False)
    assert refused == ""

    kubectl.wait(
        "steady", lambda job: job["status"].get("tensorBoard", {}).get("ready"), what="a ready TensorBoard"
    )
    url = kubectl.get("estimatorjob", "steady")["status"]["tensorBoard"]["url"]
    assert "TensorBoard" in kubectl.ask("steady-chief-0", f"{url}/")
    assert isinstance(json.loads(kubectl.ask("steady-chief-0", f"{url}/data/runs")), list)

    stop_training(kubectl, "steady")
    job = kubectl.wait("steady", is_complete, what="completion")
    assert job["status"]["restarts"].get("counted", 0) == 0
    assert job["status"].get("failures", []) == []
    kubectl.run("wait", "--for=condition=Ready", "pod/steady-tensorboard", "--timeout=10s")


def test_pods_with_gpus(kubectl: Kubectl) -> None:
    """All nodes are tainted as GPU nodes are, and one says that it has GPUs."""
    node = kubectl.list("nodes")[0]["metadata"]["name"]
    kubectl.run("patch", "node", node, "--subresource=status", "--type=json", "-p", gpus("add", "2"))
    kubectl.run("taint", "nodes", "--all", f"{GPU}=present:NoSchedule", "--overwrite")
    try:
        kubectl.apply(
            CODE, chief_alone("learner", chief={"resources": {"limits": {GPU: 1}}}), chief_alone("plain")
        )
        pod = kubectl.wait_pod(
            "learner-chief-0", lambda pod: is_true(pod, "PodScheduled"), what="a node with GPUs"
        )
        (main,) = pod["spec"]["containers"]
        assert main["image"].rpartition(":")[0].endswith("runtime-gpu")
        assert main["resources"]["limits"] == {GPU: "1"}
        assert pod["spec"]["nodeName"] == node
        plain = kubectl.wait(
            "plain",
            lambda job: "untolerated taint" in json.dumps(job.get("status", {}).get("conditions", [])),
            what="word that GPU nodes are not for it",
        )
        assert not is_true(plain, "Ready")
    finally:
        kubectl.run("taint", "nodes", "--all", f"{GPU}:NoSchedule-")
        kubectl.run("patch", "node", node, "--subresource=status", "--type=json", "-p", gpus("remove"))


def gpus(operation: str, amount: str | None = None) -> str:
    """A JSON patch of a node's GPUs."""
    paths = [f"/status/{part}/nvidia.com~1gpu" for part in ("capacity", "allocatable")]
    value = {} if amount is None else {"value": amount}
    return json.dumps([{"op": operation, "path": path, **value} for path in paths])
