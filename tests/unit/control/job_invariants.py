"""What must hold of a job at every moment, whatever happens to it: looked at before each call to the API server."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from job_world import World

Json = dict[str, Any]
_NAME = re.compile(r"mnist-(?P<role>chief|worker|ps|evaluator)-(?P<index>\d+)(-r(?P<attempt>\d+))?")
LOST_AFTER = timedelta(seconds=30)
GONE = frozenset({"node.kubernetes.io/unreachable", "node.kubernetes.io/out-of-service"})
"""Taints of nodes that are taken for gone."""


class JobInvariants:
    """Remembers the highest numbers of one job and refuses every step back.

    Args:
        world: Where the job is.
        most: Most replicas that the job ever asks for, by role.
    """

    def __init__(self, world: World, most: dict[str, int]) -> None:
        self._world = world
        self._most = most
        self._uid: str | None = None
        self.rivals = False
        """Two operators believe to lead, or one has stood still and acts on what it knew."""
        self.broken: AssertionError | None = None
        """What did not hold first: an operator survives whatever is raised while it works."""
        self._forget(None)

    def check(self) -> None:
        """Raises AssertionError when something does not hold, or did not hold before."""
        if self.broken is not None:
            raise self.broken
        self.note(self._check)

    def note(self, check: Callable[[], None]) -> None:
        """Remembers what a check finds."""
        try:
            check()
        except AssertionError as error:
            self.broken = error
            raise

    def break_(self, how: str) -> None:
        """Something does not hold: raised with the next check."""
        self.broken = self.broken or AssertionError(how)

    def check_forced(self, name: str) -> None:
        """Raises AssertionError when a pod is deleted without grace whose end its node may yet confirm."""
        pod = self._world.api.objects.get(("pods", "default", name))
        if pod is not None and not self._is_lost(pod):
            self.break_(f"{name} is deleted by force, and may still run")

    def _check(self) -> None:
        job = self._world.api.objects.get(("estimatorjobs", "default", "mnist"))
        if job is None:
            return
        if job["metadata"]["uid"] != self._uid:
            self._forget(job["metadata"]["uid"])
        self._check_counters(job)
        self._check_end(job)
        self._check_pods()

    def _forget(self, uid: str | None) -> None:
        self._uid = uid
        self._total = self._counted = self._evaluator = 0
        self._spec: str | None = None
        self._attempts: Counter[str] = Counter()
        self._seen: set[str] = set()
        self._late: set[str] = set()
        self._final: str | None = None

    def _check_counters(self, job: Json) -> None:
        restarts = job["status"].get("restarts", {})
        total, counted = restarts.get("total", 0), restarts.get("counted", 0)
        assert total >= self._total, "restarts were forgotten"
        if job["status"].get("specHash") != self._spec:
            # Another spec has a budget of its own.
            self._spec = job["status"].get("specHash")
            self._counted = self._evaluator = 0
        assert counted >= self._counted, "counted restarts were forgotten"
        limit, own = job["spec"].get("runPolicy", {}).get("backoffLimit", 6), restarts.get("evaluator") or 0
        assert counted <= limit, "budget overrun"
        assert self._evaluator <= own <= limit, "the evaluator's own budget went back, or was overrun"
        self._evaluator = own
        assert counted <= total
        self._total, self._counted = total, counted
        for one in restarts.get("byReplica", ()):
            assert one["count"] >= self._attempts[one["replica"]], f"attempts of {one['replica']} went down"
            self._attempts[one["replica"]] = one["count"]

    def _check_end(self, job: Json) -> None:
        final = [
            one["type"]
            for one in job["status"].get("conditions", ())
            if one["type"] in ("Complete", "Failed") and one["status"] == "True"
        ]
        assert len(final) < 2, "both Complete and Failed"
        assert self._final is None or final == [self._final], f"{self._final} did not stay"
        self._final = final[0] if final else None

    def _note_late_pods(self) -> None:
        """Remembers pods of attempts that were over when they were made, if somebody may not have known that.

        Nothing ties a creation to a version of the job: the lease does, in a cluster, and a pod that is made all the
        same goes when the job is looked at again. All other pods are held to the law.
        """
        for pod in self.live_pods():
            role, index, attempt = _identity(pod)
            uid = pod["metadata"]["uid"]
            if self.rivals and uid not in self._seen and attempt < self._attempts[f"{role}-{index}"]:
                self._late.add(uid)
            self._seen.add(uid)

    def _check_pods(self) -> None:
        self._note_late_pods()
        in_time = [pod for pod in self.live_pods() if pod["metadata"]["uid"] not in self._late]
        live = Counter(replica_of(pod) for pod in in_time)
        twice = {replica for replica, count in live.items() if count > 1}
        names = [pod["metadata"]["name"] for pod in self.live_pods() if replica_of(pod) in twice]
        assert not twice, f"two live pods of one replica: {names}"
        for role, count in Counter(role for role, _ in set(live)).items():
            assert count <= self._most[role], f"{count} pods of role {role}"

        for pod in self.live_pods():
            role, index, attempt = _identity(pod)
            replica = f"{role}-{index}"
            assert attempt <= self._attempts[replica], f"{replica} was made anew before that was stored"

    def check_generations(self) -> None:
        """Raises AssertionError when pods made from two specs may run at the same time."""
        images = {pod["spec"]["containers"][0]["image"] for pod in self.live_pods()}
        assert len(images) <= 1, f"pods of {sorted(images)} at once"

    def live_pods(self) -> list[Json]:
        """Pods of this job that may run something."""
        return [
            pod
            for (plural, _, _), pod in self._world.api.objects.items()
            if plural == "pods"
            and pod["status"]["phase"] in ("Pending", "Running")
            and any(one["uid"] == self._uid for one in pod["metadata"].get("ownerReferences", ()))
            and not self._is_lost(pod)
        ]

    def _is_lost(self, pod: Json) -> bool:
        """Its grace is long over, and nobody will confirm its end: it has no node, or its node is gone.

        Time alone is no evidence: the node may be cut off from the API server, and the pod train on.
        """
        end = pod["metadata"].get("deletionTimestamp")
        if end is None or self._world.clock.now() < datetime.fromisoformat(end) + LOST_AFTER:
            return False
        name = pod["spec"].get("nodeName")
        node = self._world.api.objects.get(("nodes", None, name))
        return name is None or node is None or any(one["key"] in GONE for one in node["spec"]["taints"])


def is_deleting(pod: Json) -> bool:
    """It was told to end."""
    return "deletionTimestamp" in pod["metadata"]


def replica_of(pod: Json) -> tuple[str, str]:
    """Role and index: by the name, which nobody can edit."""
    return _identity(pod)[:2]


def _identity(pod: Json) -> tuple[str, str, int]:
    found = _NAME.fullmatch(pod["metadata"]["name"])
    assert found is not None, pod["metadata"]["name"]
    return found["role"], found["index"], int(found["attempt"] or 0)
