"""The digits with images and model in an S3 bucket, in real pods on two nodes without a volume that they share."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from digits_job import DIGITS, digits_code, paced, saved_step, stop_tasks
from kubectl import Kubectl, Object, is_complete, is_true, metrics_of, restarts, trains_beyond
from object_store import Bucket, running_store
from two_nodes import stays_on

pytestmark = pytest.mark.timeout(900)

NAME = "digits-object-store"
REPLICAS = ("chief-0", "worker-0", "worker-1", "ps-0", "evaluator-0")
LOST = ("worker-0", "evaluator-0", "ps-0", "chief-0")
"""One of each role, in the order in which they are lost."""


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[Bucket]:
    """A store with the example's images in it."""
    with running_store(tmp_path) as bucket:
        images = bucket.folder / "data/digits/digits.csv.gz"
        images.parent.mkdir(parents=True)
        shutil.copy(DIGITS / "digits/digits.csv.gz", images)
        yield bucket


def test_every_role_is_lost_and_the_model_is_in_a_bucket(
    bucket: Bucket, kubectl: Kubectl, nodes: tuple[str, str]
) -> None:
    home, away = nodes
    kubectl.apply(secret_of(bucket), digits_code(kubectl), job_on(home, away))
    job = kubectl.wait(NAME, lambda job: saved_step(job) > 0, what="a checkpoint")
    _, newest, sizes = bucket.newest_checkpoint("digits")
    assert newest >= saved_step(job), "what the status tells is in the bucket"
    assert_whole(sizes)
    pods = live_pods(kubectl)
    assert {replica: staged(pod) for replica, pod in pods.items()} == {
        replica: None if replica == "ps-0" else True for replica in REPLICAS
    }
    assert {pods[replica]["spec"]["nodeName"] for replica in ("chief-0", "worker-0")} == {home, away}
    assert kubectl.list("pvc") == []
    assert not any("persistentVolumeClaim" in one for pod in pods.values() for one in pod["spec"]["volumes"])

    for replica in LOST:
        kubectl.run("delete", "pod", pods[replica]["metadata"]["name"], "--wait=false")
        kubectl.wait(
            NAME,
            lambda job, replica=replica: restarts(job).get(replica) == 1,
            what=f"a restart of {replica}",
        )
        job = kubectl.wait(NAME, trains_beyond(job), what=f"training after the loss of {replica}")
    restored = job["status"]["checkpoints"]["restoredFrom"]["globalStep"]
    assert restored > 0, "the new chief has nothing of the old one's disk"

    kubectl.estimatorctl("suspend", NAME)
    job = kubectl.wait(NAME, lambda job: is_true(job, "Suspended"), what="suspension")
    assert live_pods(kubectl) == {}
    name, saved, sizes = bucket.newest_checkpoint("digits")
    assert saved == saved_step(job) > restored, f"{name} was saved within the grace of the chief"
    assert_whole(sizes)
    kubectl.estimatorctl("resume", NAME)
    kubectl.wait(NAME, trains_beyond(job), what="training after the resume")
    kubectl.wait(NAME, lambda job: saved_step(job) >= 2000, what="step 2,000")
    pods = live_pods(kubectl)
    chief = pods["chief-0"]["metadata"]["name"]
    kubectl.wait(NAME, board_is_ready, what="a ready TensorBoard")
    assert {".", "eval"} <= shown_runs(kubectl, chief), "it shows what is in the bucket"
    stop_tasks(kubectl, *(pods[replica]["metadata"]["name"] for replica in ("worker-0", "worker-1")), chief)
    job = kubectl.wait(NAME, is_complete, what="completion")
    status = job["status"]

    assert restarts(job) == dict.fromkeys(LOST, 1)
    assert status["restarts"].get("counted", 0) == 0
    assert status["checkpoints"]["restoredFrom"]["globalStep"] >= saved
    assert not is_true(job, "ModelDirBehind")
    name, _, sizes = bucket.newest_checkpoint("digits")
    assert status["checkpoints"]["latest"]["uri"] == f"s3://models/digits/{name}"
    assert_whole(sizes)
    assert metrics_of(job)["accuracy"] >= 0.95
    (export,) = status["exports"]
    assert export["uri"].startswith("s3://models/digits/export/final/")
    assert "serving_default" in export["signatures"]
    exported = bucket.folder / export["uri"].removeprefix("s3://models/")
    ask = [sys.executable, str(DIGITS / "ask.py"), str(exported)]
    answer = subprocess.run(ask, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert answer.stdout.count("the model says") == 10


def job_on(home: str, away: str) -> Object:
    """The example with two workers; they and the evaluator live on the node that is not the chief's."""
    job = paced("object-store.yaml", checkpoints=200)
    spec = job["spec"]
    for role, replicas, node in (
        ("chief", {}, home),
        ("ps", {"replicas": 1}, home),
        ("worker", {"replicas": 2}, away),
        ("evaluator", {}, away),
    ):
        spec[role] = replicas | stays_on(node)
    spec["tensorBoard"] = {}
    return job


def secret_of(bucket: Bucket) -> Object:
    """The Secret that the example's pods have their environment from."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "model-store"},
        "stringData": bucket.environment,
    }


def live_pods(kubectl: Kubectl) -> dict[str, Object]:
    """The job's pods by replica, without those that are going."""
    pods = kubectl.list("pods", f"estimator.dev/job-name={NAME}")
    return {
        f"{one['metadata']['labels']['estimator.dev/role']}-{one['metadata']['labels']['estimator.dev/index']}": one
        for one in pods
        if "deletionTimestamp" not in one["metadata"]
        and one["metadata"]["labels"]["estimator.dev/role"] != "tensorboard"
    }


def board_is_ready(job: Object) -> bool:
    """Whether the job's TensorBoard answers."""
    return bool(job["status"].get("tensorBoard", {}).get("ready"))


def shown_runs(kubectl: Kubectl, pod: str) -> set[str]:
    """The runs that TensorBoard shows, once it shows evaluations or half a minute has passed: nothing tells when it has looked."""
    runs: set[str] = set()
    for _ in range(15):
        runs = set(json.loads(kubectl.ask(pod, f"http://{NAME}-tensorboard:6006/data/runs")))
        if "eval" in runs:
            break
        time.sleep(2)
    return runs


def assert_whole(sizes: dict[str, int]) -> None:
    """A checkpoint's files are all there, none of them empty; its values are in one part, the chief's."""
    assert set(sizes) == {".index", ".data-00000-of-00001", ".meta"}
    assert all(sizes.values()), sizes


def staged(pod: Object) -> bool | None:
    """Whether a pod's inputs have come, None for a pod that gets none."""
    containers = pod["status"].get("initContainerStatuses", [])
    found = [one["state"] for one in containers if one["name"] == "estimator-inputs"]
    return found[0].get("terminated", {}).get("exitCode") == 0 if found else None
