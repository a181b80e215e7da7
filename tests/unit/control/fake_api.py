"""An API server in memory: uids and resourceVersions, preconditions, /status, garbage collection, watches, faults.

It has the methods of `estimator_operator.kube.api.Api`. Every call is counted and passes the event loop once, so that
calls made at the same time interleave.
"""

from __future__ import annotations

import asyncio
import copy
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fake_clock import FakeClock

from estimator_api import constants as c
from estimator_operator.errors import ApiError, api_error
from estimator_operator.kube.api import Listing
from estimator_operator.kube.resources import CLAIMS, JOBS, PODS, SERVICES, Resource

Json = dict[str, Any]
Key = tuple[str, str, str]
GRACE_SECONDS = 60
TELLERS = {
    JOBS.plural: "job_event",
    PODS.plural: "pod_event",
    SERVICES.plural: "service_event",
    CLAIMS.plural: "claim_event",
}


@dataclass(slots=True)
class Fault:
    """What goes wrong with calls that match."""

    verb: str
    resource: str
    error: ApiError
    times: int
    after: bool
    matches: Callable[[str], bool]


def status_error(
    status: int, reason: str = "", message: str = "no", retry_after: float | None = None
) -> ApiError:
    return api_error(message, status=status, reason=reason, retry_after=retry_after)


class FakeApi:
    """The server, and what tests do to it behind the operator's back.

    Attributes:
        objects: All objects by plural, namespace and name.
        calls: How often each `verb resource` was called, refused calls included.
        before: Called before each call with verb, resource and name.
        answered: Told of each answer's HTTP status, as `kube.api` does.
        down: Every call fails as if nobody listened.
        judge: Says what is invalid in a status, None for nothing.
        unknown: Paths below `status` that the CRD does not know, and that are pruned: of an older version.
    """

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.objects: dict[Key, Json] = {}
        self.calls: Counter[str] = Counter()
        self.before: Callable[[str, str, str], None] = lambda verb, resource, name: None
        self.answered: list[Callable[[int], None]] = []
        self.down = False
        self.judge: Callable[[Json], str | None] = lambda status: None
        self.unknown: list[tuple[str, ...]] = []
        self.page = 500
        self._faults: list[Fault] = []
        self._watches: list[Watch] = []
        self._version = 100
        self._uids = 0
        self._labels: dict[str, Json] = {}

    # What the operator calls --------------------------------------------------------------------------------
    async def get(self, resource: Resource, namespace: str, name: str) -> Json:
        await self._arrive("get", resource.plural, name)
        return copy.deepcopy(self._found(resource, namespace, name))

    async def pages(
        self,
        resource: Resource,
        namespace: str | None,
        *,
        labels: str | None = None,
        fields: str | None = None,
        limit: int | None = None,
    ) -> AsyncGenerator[Listing]:
        await self._arrive("list", resource.plural, "")
        items = [
            copy.deepcopy(one)
            for (plural, where, _), one in self.objects.items()
            if plural == resource.plural and namespace in (None, where) and _selected(one, labels, fields)
        ]
        version, size = self._version, limit or self.page
        for start in range(0, max(len(items), 1), size):
            if start:
                await self._arrive("list", resource.plural, "")
            yield Listing(items=items[start : start + size], version=version)

    async def list(self, resource: Resource, namespace: str | None, **selectors: Any) -> Listing:
        pages = [page async for page in self.pages(resource, namespace, **selectors)]
        return Listing(items=[one for page in pages for one in page.items], version=pages[-1].version)

    async def create(
        self, resource: Resource, namespace: str, manifest: Json, *, dry_run: bool = False
    ) -> Json:
        name = manifest["metadata"]["name"]
        if dry_run:
            await self._arrive("dry-run", resource.plural, name)
            return copy.deepcopy(manifest)
        late = await self._arrive("create", resource.plural, name)
        if (resource.plural, namespace, name) in self.objects:
            raise status_error(409, "AlreadyExists", f"{resource.plural} {name!r} already exists")
        stored = self.put(resource, namespace, manifest)
        if late is not None:
            raise late
        return copy.deepcopy(stored)

    async def replace(self, resource: Resource, namespace: str, name: str, manifest: Json) -> Json:
        await self._arrive("update", resource.plural, name)
        stored = self._found(resource, namespace, name)
        _check(stored, manifest["metadata"])
        stored["spec"] = copy.deepcopy(manifest["spec"])
        self._changed(resource, "MODIFIED", stored)
        return copy.deepcopy(stored)

    async def patch(
        self, resource: Resource, namespace: str, name: str, patch: Json, *, subresource: str | None = None
    ) -> Json:
        late = await self._arrive("patch", f"{resource.plural}/{subresource}", name)
        stored = self._found(resource, namespace, name)
        _check(stored, patch["metadata"])
        merged = _merged(stored.get("status", {}), patch.get("status", {}))
        if (fault := self.judge(merged)) is not None:
            raise status_error(422, "Invalid", fault)
        for path in self.unknown:
            _prune(merged, path)
        if merged != stored.get("status", {}):
            stored["status"] = merged
            self._changed(resource, "MODIFIED", stored)
        if late is not None:
            raise late
        return copy.deepcopy(stored)

    async def delete(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        *,
        uid: str,
        resource_version: str | None = None,
        force: bool = False,
    ) -> Json:
        late = await self._arrive("force" if force else "delete", resource.plural, name)
        stored = self._found(resource, namespace, name)
        _check(stored, {"uid": uid, "resourceVersion": resource_version})
        answer = self.remove(resource, namespace, name, now=force)
        if late is not None:
            raise late
        return answer

    # What tests do ------------------------------------------------------------------------------------------
    def put(self, resource: Resource, namespace: str, manifest: Json) -> Json:
        """Stores a new object, as a server does: uid, version, times, first status."""
        self._uids += 1
        stored = copy.deepcopy(manifest)
        stored["metadata"] |= {
            "namespace": namespace,
            "uid": f"uid-{self._uids}",
            "generation": 1,
            "creationTimestamp": self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        if resource is PODS:
            stored["status"] = {"phase": "Pending"}
        if resource is JOBS:
            stored.setdefault("status", {"observedGeneration": -1})
        self.objects[resource.plural, namespace, stored["metadata"]["name"]] = stored
        self._changed(resource, "ADDED", stored)
        return stored

    def remove(self, resource: Resource, namespace: str, name: str, *, now: bool = False) -> Json:
        """Deletes an object; a pod that runs gets its grace unless `now`."""
        stored = self.objects[resource.plural, namespace, name]
        if resource is PODS and not now and stored["status"]["phase"] == "Running":
            end = self.clock.now() + timedelta(seconds=GRACE_SECONDS)
            stored["metadata"].setdefault("deletionTimestamp", end.strftime("%Y-%m-%dT%H:%M:%SZ"))
            self._changed(resource, "MODIFIED", stored)
            return copy.deepcopy(stored)
        if stored["metadata"].get("finalizers"):
            if stored["metadata"].get("deletionGracePeriodSeconds") == 0:
                return copy.deepcopy(stored)
            stored["metadata"]["deletionGracePeriodSeconds"] = 0
            # A shorter grace counts from when the deletion was first asked for, as with the real server.
            grace = timedelta(seconds=GRACE_SECONDS)
            first = stored["metadata"].get("deletionTimestamp")
            end = self.clock.now() if first is None else datetime.fromisoformat(first) - grace
            stored["metadata"]["deletionTimestamp"] = end.strftime("%Y-%m-%dT%H:%M:%SZ")
            self._changed(resource, "MODIFIED", stored)
            return copy.deepcopy(stored)
        del self.objects[resource.plural, namespace, name]
        self._changed(resource, "DELETED", stored)
        uid = stored["metadata"]["uid"]
        for key, one in list(self.objects.items()):
            owners = one["metadata"].get("ownerReferences", ())
            if key in self.objects and any(owner["uid"] == uid for owner in owners):
                self.remove(Resource("", "v1", key[0]) if key[0] != "pods" else PODS, key[1], key[2])
        return copy.deepcopy(stored)

    def edit(
        self, resource: Resource, name: str, change: Callable[[Json], None], namespace: str = "default"
    ) -> None:
        """Changes an object; a changed spec is a new generation."""
        stored = self.objects[resource.plural, namespace, name]
        before = copy.deepcopy(stored.get("spec"))
        change(stored)
        stored["metadata"]["generation"] += stored.get("spec") != before
        self._changed(resource, "MODIFIED", stored)

    def fail(
        self,
        verb: str,
        resource: str,
        error: ApiError,
        *,
        times: int = 1,
        after: bool = False,
        matches: Callable[[str], bool] = lambda name: True,
    ) -> None:
        """Lets the next calls fail; with `after`, though they have had their effect."""
        self._faults.append(Fault(verb, resource, error, times, after, matches))

    def heal(self) -> None:
        """Nothing fails any more."""
        self._faults.clear()

    def watch(self) -> Watch:
        """A watch of jobs, pods, Services and claims from now on."""
        self._watches.append(Watch())
        return self._watches[-1]

    def unwatch(self, watch: Watch) -> None:
        """Nobody listens to a watch any more."""
        self._watches = [one for one in self._watches if one is not watch]

    def names(self, resource: Resource) -> list[str]:
        """Names of all objects of a kind."""
        return sorted(name for plural, _, name in self.objects if plural == resource.plural)

    def writes(self) -> int:
        """Calls so far that were meant to change something."""
        return sum(
            count for call, count in self.calls.items() if call.split()[0] not in ("get", "list", "dry-run")
        )

    def _found(self, resource: Resource, namespace: str, name: str) -> Json:
        found = self.objects.get((resource.plural, namespace, name))
        if found is None:
            raise status_error(404, "NotFound", f"{resource.plural} {name!r} not found")
        return found

    async def _arrive(self, verb: str, resource: str, name: str) -> ApiError | None:
        """Counts a call; raises a fault that is due, or returns one that is due after the effect."""
        self.calls[f"{verb} {resource}"] += 1
        self.before(verb, resource, name)
        await asyncio.sleep(0)
        if self.down:
            self._tell(0)
            raise status_error(0, message="connection refused")
        for fault in self._faults:
            if (fault.verb, fault.resource) == (verb, resource) and fault.times and fault.matches(name):
                fault.times -= 1
                self._tell(getattr(fault.error, "status", 500))
                if fault.after:
                    return fault.error
                raise fault.error
        self._tell(200)
        return None

    def _tell(self, status: int) -> None:
        for one in self.answered:
            one(status)

    def _changed(self, resource: Resource, kind: str, stored: Json) -> None:
        self._version += 1
        stored["metadata"]["resourceVersion"] = str(self._version)
        uid, labels = stored["metadata"]["uid"], dict(stored["metadata"].get("labels") or {})
        before, self._labels[uid] = self._labels.get(uid), labels
        if resource.plural in TELLERS:
            for watch in self._watches:
                watch.put(resource.plural, kind, copy.deepcopy(stored), before)


class Watch:
    """Events that wait to be told.

    Attributes:
        events: Plural, kind and object of each, oldest first; tests may drop, repeat and reorder them.
    """

    def __init__(self) -> None:
        self.events: list[tuple[str, str | None, Json]] = []

    def put(self, plural: str, kind: str, manifest: Json, before: Json | None = None) -> None:
        """Adds an event; pods are selected by a label, and one that loses it is told of as deleted, as it was.

        Args:
            plural: Which resource.
            kind: What happened.
            manifest: The object as it is now.
            before: Its labels before that; None for a new object.
        """
        if plural == PODS.plural:
            shown = c.LABEL_JOB_NAME in (before or {})
            if c.LABEL_JOB_NAME not in (manifest["metadata"].get("labels") or {}):
                if not shown or kind == "DELETED":
                    return
                kind, manifest["metadata"]["labels"] = "DELETED", before
            elif not shown and kind != "DELETED":
                kind = "ADDED"
        self.events.append((plural, kind, manifest))

    def tell(self, observer: Any) -> None:
        """Hands all events over."""
        events, self.events = self.events, []
        for plural, kind, manifest in events:
            getattr(observer, TELLERS[plural])(kind, manifest)


def _check(stored: Json, expected: Json) -> None:
    for field in ("uid", "resourceVersion"):
        if expected.get(field) not in (None, stored["metadata"][field]):
            raise status_error(409, "Conflict", f"{field} is {stored['metadata'][field]}")


def _merged(old: Json, patch: Json) -> Json:
    result = dict(old)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = _merged(result[key], value)
        else:
            result[key] = copy.deepcopy(value)
    return result


def _prune(status: Any, path: tuple[str, ...]) -> None:
    if isinstance(status, list):
        for one in status:
            _prune(one, path)
    elif len(path) == 1:
        status.pop(path[0], None)
    elif path[0] in status:
        _prune(status[path[0]], path[1:])


def _selected(manifest: Json, labels: str | None, fields: str | None) -> bool:
    own = manifest["metadata"].get("labels", {})
    for term in (labels or "").split(","):
        key, equals, value = term.partition("=")
        if key and (key not in own or (equals and own[key] != value)):
            return False
    for term in (fields or "").split(","):
        path, equals, value = term.partition("=")
        found: Any = manifest
        for part in path.split(".") if equals else ():
            found = found.get(part, {})
        if equals and found != value:
            return False
    return True
