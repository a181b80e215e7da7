"""A fake API server with one job in it, and a kubelet's hands on its pods."""

from __future__ import annotations

import json
from typing import Any

from fake_api import FakeApi
from fake_clock import FakeClock
from fake_operator import FakeOperator

from estimator_operator.kube.resources import CLAIMS, JOBS, PODS

Json = dict[str, Any]
FIVE_PODS = {"worker": {"replicas": 2}, "ps": {"replicas": 1}, "evaluator": {"replicas": 1}}


def job_manifest(name: str = "mnist", **spec: Any) -> Json:
    """A valid job; chief alone unless more is said."""
    return {
        "apiVersion": "estimator.dev/v1alpha1",
        "kind": "EstimatorJob",
        "metadata": {"name": name},
        "spec": {"image": "trainer", "modelDir": {"uri": "gs://models/mnist"}, **spec},
    }


class World:
    """The API server, its clock, and what kubelets and people do."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.api = FakeApi(self.clock)

    def operator(self, *namespaces: str) -> FakeOperator:
        return FakeOperator(self.api, self.clock, namespaces)

    def submit(self, manifest: Json | None = None, **spec: Any) -> None:
        self.api.put(JOBS, "default", manifest or job_manifest(**spec))

    @property
    def pods(self) -> list[str]:
        return self.api.names(PODS)

    @property
    def claims(self) -> list[str]:
        return self.api.names(CLAIMS)

    @property
    def job(self) -> Json:
        return self.api.objects["estimatorjobs", "default", "mnist"]

    @property
    def status(self) -> Json:
        return self.job["status"]

    def condition(self, kind: str) -> Json | None:
        return next((one for one in self.status.get("conditions", ()) if one["type"] == kind), None)

    @property
    def state(self) -> str:
        ready = self.condition("Ready")
        return ready["reason"] if ready else "New"

    def run(self, *names: str) -> None:
        """Pods run and are ready; all that wait when none is named."""
        for name in names or self.pods:
            self._report(name, {"running": {}}, phase="Running", ready="True")

    def finish(self, name: str, code: int = 0, message: str = "", **report: Any) -> None:
        """A pod's main container ends."""
        if report:
            message = json.dumps({"version": 1, **report})
        state = {
            "terminated": {
                "exitCode": code,
                "reason": "Completed" if code == 0 else "Error",
                "message": message,
                "finishedAt": self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
        }
        self._report(name, state, phase="Failed" if code else "Succeeded", ready="False")

    def wait(self, name: str, reason: str, message: str = "") -> None:
        """A pod is on a node and its container waits."""
        self._report(
            name, {"waiting": {"reason": reason, "message": message}}, phase="Pending", ready="False"
        )

    def hold(self, name: str, message: str) -> None:
        """The scheduler finds no node for a pod."""

        def change(pod: Json) -> None:
            told = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
            pod["status"] = {"phase": "Pending", "conditions": [told]}

        self.api.edit(PODS, name, change)

    def collect(self) -> None:
        """Pods that were told to end have ended."""
        for name in self.pods:
            if "deletionTimestamp" in self.api.objects["pods", "default", name]["metadata"]:
                self.api.remove(PODS, "default", name, now=True)

    def set_spec(self, **fields: Any) -> None:
        self.api.edit(JOBS, "mnist", lambda job: job["spec"].update(fields))

    def events(self) -> list[str]:
        return [one["reason"] for (plural, _, _), one in self.api.objects.items() if plural == "events"]

    def notes(self, reason: str) -> list[str]:
        """What the events of that reason say."""
        events = (one for (plural, _, _), one in self.api.objects.items() if plural == "events")
        return [one["note"] for one in events if one["reason"] == reason]

    def _report(self, name: str, state: Json, *, phase: str, ready: str) -> None:
        def change(pod: Json) -> None:
            # Where it was put it stays.
            pod["spec"].setdefault("nodeName", "node-1")
            pod["status"] = {
                "phase": phase,
                "podIP": "10.0.0.1",
                "conditions": [{"type": "Ready", "status": ready}],
                "containerStatuses": [{"name": "estimator", "state": state}],
            }

        self.api.edit(PODS, name, change)


async def trained(world: World, operator: FakeOperator, **spec: Any) -> None:
    """Submits a job of five pods, which then trains."""
    world.submit(**FIVE_PODS, **spec)
    await operator.settle()
    world.run()
    await operator.settle()
    assert world.state == "Training"
