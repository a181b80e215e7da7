"""Builders of jobs, and questions to jobs and pods as the API server returns them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fake_kubelet import FakeKubelet
from live_namespace import LiveNamespace

Json = dict[str, Any]


def job(
    name: str, kubelet: FakeKubelet | None = None, *, run_policy: Json | None = None, **spec: Any
) -> Json:
    """A job of a chief alone that runs a program; `spec` adds to it. With `kubelet` its pods report progress."""
    document: Json = {
        "apiVersion": "estimator.dev/v1alpha1",
        "kind": "EstimatorJob",
        "metadata": {"name": name},
        "spec": {
            "program": {"module": "trainer.task"},
            "image": "registry.example.com/trainer:1",
            "modelDir": {"uri": f"gs://models/{name}"},
            **spec,
        },
    }
    if kubelet is not None:
        document["spec"]["progressPort"] = kubelet.port
    if run_policy is not None:
        document["spec"]["runPolicy"] = run_policy
    return document


def five_pod_job(name: str, kubelet: FakeKubelet | None = None, **more: Any) -> Json:
    """A job of a chief, two workers, a ps and an evaluator."""
    return job(name, kubelet, worker={"replicas": 2}, ps={"replicas": 1}, evaluator={}, **more)


def five_pods(name: str) -> set[str]:
    """Names of the pods of `five_pod_job` before any restart."""
    return {f"{name}-{replica}" for replica in ("chief-0", "worker-0", "worker-1", "ps-0", "evaluator-0")}


def condition(state: Json, kind: str) -> Json:
    """The condition of a type, or an empty object."""
    conditions = state.get("status", {}).get("conditions", [])
    return next((one for one in conditions if one["type"] == kind), {})


def is_true(kind: str):
    """Whether a condition of an object is True."""
    return lambda state: condition(state, kind).get("status") == "True"


def not_failed(state: Json) -> Json:
    """The job itself; AssertionError with the reason when it has failed: waiting longer would tell nothing else."""
    assert not is_true("Failed")(state), condition(state, "Failed")
    return state


def has_reason(reason: str):
    """Whether the Ready condition of a job has a reason."""
    return lambda state: condition(state, "Ready").get("reason") == reason


def restarts(state: Json) -> dict[str, int]:
    """Restarts by replica."""
    found = state["status"].get("restarts", {}).get("byReplica", [])
    return {one["replica"]: one["count"] for one in found}


def restart_sums(state: Json) -> tuple[int, int]:
    """All restarts, and the counted ones."""
    found = state["status"].get("restarts", {})
    return found.get("total", 0), found.get("counted", 0)


def running(*names: str):
    """Whether pods of these names run and are all there is that runs."""

    def reached(pods: Mapping[str, Json]) -> bool:
        return {name for name, pod in pods.items() if is_running(pod)} == set(names)

    return reached


def is_running(pod: Json) -> bool:
    """The pod runs, is ready and is not being deleted."""
    return is_true("Ready")(pod) and "deletionTimestamp" not in pod["metadata"]


async def train(live: LiveNamespace, manifest: Json) -> Json:
    """Creates a job and waits until it trains."""
    await live.create("estimatorjobs", manifest)
    return await live.until("estimatorjobs", manifest["metadata"]["name"], has_reason("Training"), "training")


async def complete(live: LiveNamespace, kubelet: FakeKubelet, name: str, *chief_and_evaluator: str) -> Json:
    """Ends these pods (by default those of the first attempts) with 0 and waits until the job is complete."""
    for pod in chief_and_evaluator or (f"{name}-chief-0", f"{name}-evaluator-0"):
        await kubelet.finish(pod)
    return await live.until("estimatorjobs", name, is_true("Complete"), "completion")
