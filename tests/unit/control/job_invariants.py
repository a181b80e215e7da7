"""What must hold of a job at every moment, whatever happens to it: looked at before each call to the API server."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from job_world import World

Json = dict[str, Any]
_NAME = re.compile(r"mnist-(?P<role>chief|worker|ps|evaluator)-(?P<index>\d+)(-r(?P<attempt>\d+))?")
LOST_AFTER = timedelta(seconds=30)
"""A pod that is to be gone for so long is on a node that does not answer: it counts as gone."""


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
        self.thawed = False
        """An operator has stood still and acts on what it knew: it may make a pod of an attempt that is over."""
        self._forget(None)

    def check(self, *_: object) -> None:
        """Raises AssertionError when something does not hold."""
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
        self._attempts: Counter[str] = Counter()
        self._final: str | None = None

    def _check_counters(self, job: Json) -> None:
        restarts = job["status"].get("restarts", {})
        total, counted = restarts.get("total", 0), restarts.get("counted", 0)
        assert total >= self._total, "restarts were forgotten"
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

    def _check_pods(self) -> None:
        live = Counter(replica_of(pod) for pod in self.live_pods())
        twice = [replica for replica, count in live.items() if count > 1 and not self.thawed]
        assert not twice, f"two live pods of {twice}"
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
        now = self._world.clock.now()
        return [
            pod
            for (plural, _, _), pod in self._world.api.objects.items()
            if plural == "pods"
            and pod["status"]["phase"] in ("Pending", "Running")
            and any(one["uid"] == self._uid for one in pod["metadata"].get("ownerReferences", ()))
            and not is_lost(pod, now)
        ]


def is_lost(pod: Json, now: datetime) -> bool:
    """Its grace is long over, and nobody has confirmed its end."""
    end = pod["metadata"].get("deletionTimestamp")
    return end is not None and now >= datetime.fromisoformat(end) + LOST_AFTER


def replica_of(pod: Json) -> tuple[str, str]:
    """Role and index: by the name, which nobody can edit."""
    return _identity(pod)[:2]


def _identity(pod: Json) -> tuple[str, str, int]:
    found = _NAME.fullmatch(pod["metadata"]["name"])
    assert found is not None, pod["metadata"]["name"]
    return found["role"], found["index"], int(found["attempt"] or 0)
