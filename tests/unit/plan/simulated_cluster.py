"""A cluster of nothing but dictionaries: an API server, a kubelet that does as it is told, an operator that may die.

The operator's knowledge of pods lags behind: changes reach it only when they are delivered. Its own creations it
knows at once, and a new operator starts with a full list, as the real one does. Pods on a node that is gone run on
for all that anybody knows; only a deletion by force removes them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from job_builder import NOW, plan_of, state, with_spec, with_status

from estimator_api import EstimatorJob, Progress
from estimator_api.constants import TENSORBOARD
from estimator_operator.plan import Observed, Plan, Pod, Replica


class OperatorDied(Exception):
    """The operator's process ended between two calls."""


class SimulatedCluster:
    """One job, its pods, and who works on them."""

    def __init__(self, job: EstimatorJob) -> None:
        self.job = job
        self.now = NOW
        self.pods: dict[str, Pod] = {}
        self.known: dict[str, Pod] = {}
        self.gone: dict[Replica, int] = {}
        self.service = False
        self.board_service = False
        self.dead: set[str] = set()
        self.steps: dict[str, int] = {}
        self.watched_since = NOW
        self.joined = 0
        self.created: list[str] = []
        self.writes = 0
        self.removed = 0
        self.resumes = 0
        self.calls_left: int | None = None
        self.yielded = False
        self._uids = itertools.count()

    # The operator -------------------------------------------------------------------------------------------
    def observe(self, known: Iterable[Pod] | None = None) -> Observed:
        """What the operator knows."""
        if state(self.job)[1] in ("Suspending", "Suspended"):
            self.gone.clear()
        pods = tuple(self.known.values() if known is None else known)
        return Observed(
            pods=pods,
            progress={
                one.replica: Progress(role=one.replica.role, global_step=self.steps[one.uid])
                for one in sorted(pods, key=lambda one: one.attempt)
                if one.uid in self.steps
            },
            heard_at={
                one.replica: self.now for one in pods if one.phase == "Running" and one.name not in self.dead
            },
            service_exists=self.service,
            tensorboard_service_exists=self.board_service,
            watched_since=self.watched_since,
            lost_nodes=frozenset(pod.node or "" for name, pod in self.pods.items() if name in self.dead),
            gone=dict(self.gone),
        )

    def reconcile(self, *, dies_after: int | None = None, defers: bool = False) -> Plan | None:
        """One pass; None when the operator died in it, after `dies_after` calls."""
        self.calls_left = dies_after
        try:
            made = plan_of(self.job, self.observe(), self.now)
            self._act(made, defers=defers and made.progress_only)
        except OperatorDied:
            self.deliver()
            self.gone.clear()
            self.watched_since = self.now
            return None
        return made

    def snapshot(self) -> tuple[EstimatorJob, dict[str, Pod]]:
        """What another leader sees, who may act on it when it has long been overtaken."""
        return self.job, dict(self.pods)

    def act_on(self, snapshot: tuple[EstimatorJob, dict[str, Pod]]) -> None:
        """Another leader's pass; the API server refuses to write a status over one that it has not seen."""
        job, pods = snapshot
        self.calls_left = None
        made = plan_of(job, self.observe(pods.values()), self.now)
        current = self.job
        if made.status_first and job is not current:
            return
        known = dict(self.known)
        self._act(made, defers=job is not current)
        self.known = known

    def settle(self) -> Plan:
        """Passes until nothing is left to do at this moment; the last plan."""
        for _ in range(20):
            self.deliver()
            before = (self.job.status, dict(self.pods))
            made = self.reconcile()
            if made is not None and before == (self.job.status, self.pods):
                return made
        raise AssertionError("the plan does not come to rest")

    def _act(self, made: Plan, *, defers: bool) -> None:
        if made.status_first:
            self._write(made)
            return
        if made.create_service is not None:
            self._call()
            self.service = True
        if made.create_tensorboard_service is not None or made.delete_tensorboard_service:
            self._call()
            self.board_service = made.create_tensorboard_service is not None
        for one in made.delete_pods:
            self._call()
            self.delete(one.name, uid=one.uid, force=one.force)
        board = made.create_tensorboard_pod
        for manifest in (*made.create_pods, *([board] if board is not None else [])):
            self._call()
            self._create(manifest)
        # The status is written by the next pass, which knows the pods that this one made.
        self.yielded = bool(made.create_pods) and not self.yielded
        if not (defers or self.yielded):
            self._write(made)

    def _call(self) -> None:
        if self.calls_left is not None:
            if not self.calls_left:
                raise OperatorDied
            self.calls_left -= 1

    def _write(self, made: Plan) -> None:
        if made.status == self.job.status:
            return
        self._call()
        self.job = with_status(self.job, made.status)
        self.writes += 1

    def _create(self, manifest: dict[str, Any]) -> None:
        name, labels = manifest["metadata"]["name"], manifest["metadata"]["labels"]
        if name not in self.pods:
            if labels["estimator.dev/role"] != TENSORBOARD:
                self.created.append(name)
            self.pods[name] = Pod(
                name=name,
                uid=f"uid-{next(self._uids)}",
                replica=Replica(labels["estimator.dev/role"], int(labels["estimator.dev/index"])),
                attempt=int(labels["estimator.dev/attempt"]),
                created_at=self.now,
            )
        self.known[name] = self.pods[name]

    # What reaches the operator ------------------------------------------------------------------------------
    def deliver(self, *names: str) -> None:
        """The operator learns of these pods as they are; of all when none is named."""
        for name in names or set(self.pods) | set(self.known):
            if name in self.pods:
                self.known[name] = self.pods[name]
            else:
                pod = self.known.pop(name, None)
                if pod is not None:
                    self.gone[pod.replica] = max(pod.attempt, self.gone.get(pod.replica, 0))

    # Kubelet, users, and the rest of the world --------------------------------------------------------------
    def run(self, name: str) -> None:
        """A pending pod starts and is ready."""
        if self.pods[name].phase == "Pending" and not self.pods[name].deleting:
            self.pods[name] = replace(self.pods[name], phase="Running", ready=True)

    def end(self, name: str, exit_code: int, *, sidecar: bool = False, **fields: Any) -> None:
        """The main container of a running pod ends, and with it the pod, unless a sidecar goes on."""
        pod = self.pods[name]
        if pod.phase == "Running" and pod.exit_code is None and name not in self.dead:
            phase = "Running" if sidecar else "Failed" if exit_code else "Succeeded"
            ended = replace(pod, phase=phase, ready=False, exit_code=exit_code, finished_at=self.now)
            self.pods[name] = replace(ended, **({"reason": "Error"} if exit_code else {}) | fields)

    def delete(self, name: str, *, uid: str | None = None, force: bool = False) -> None:
        """Graceful deletion: what runs is told to end, what does not run is gone; by force everything is."""
        pod = self.pods.get(name)
        if pod is None or (uid is not None and pod.uid != uid):
            return
        if force or (not self._holds(pod)):
            self.remove(name)
        elif not pod.deleting:
            grace = timedelta(seconds=60) if name in self.dead else timedelta(days=1)
            self.pods[name] = replace(pod, deleting=True, ready=False, delete_by=self.now + grace)

    def _holds(self, pod: Pod) -> bool:
        """Its end has to be confirmed by its node."""
        return pod.phase == "Running" or (pod.name in self.dead and not pod.finished)

    def remove(self, name: str) -> None:
        """The pod is gone at once."""
        del self.pods[name]
        self.dead.discard(name)
        self.removed += 1

    def lose_node(self, name: str) -> None:
        """The node of a running pod is gone; the node controller tells its pod to end."""
        if self.pods[name].phase == "Running" and self.pods[name].exit_code is None:
            self.dead.add(name)
            self.pods[name] = replace(self.pods[name], disrupted=True, deleting=False, node=f"node-of-{name}")
            self.delete(name)

    def finish_deletions(self) -> None:
        """Pods that were told to end do so, where there is a node to end them."""
        for name, pod in list(self.pods.items()):
            if pod.deleting and name not in self.dead:
                self.remove(name)

    def train(self) -> None:
        """Chiefs that run make a step."""
        for name, pod in self.pods.items():
            if pod.replica.role == "chief" and pod.phase == "Running" and name not in self.dead:
                self.steps[pod.uid] = self.steps.get(pod.uid, 0) + 1

    def report(self, name: str, step: int) -> None:
        """A running pod says how far it is in its termination message to come."""
        report = Progress(role=self.pods[name].replica.role, global_step=step, max_steps=2000)
        self.pods[name] = replace(self.pods[name], report=report)

    def suspend(self, wanted: bool) -> None:
        """The user changes spec.suspend."""
        if self.job.spec.suspend != wanted:
            self.job = with_spec(self.job, suspend=wanted)
            self.resumes += not wanted

    def scale(self, workers: int) -> None:
        """The user, or an autoscaler, changes the number of workers."""
        before = self.job.spec.replicas("worker")
        if before != workers:
            self.job = with_spec(self.job, worker={"replicas": workers})
            self.joined += max(0, workers - before)

    def live(self) -> list[Replica]:
        """The replica of every pod that may be running, once for each."""
        return [one.replica for one in self.pods.values() if not one.finished]
