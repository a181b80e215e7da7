"""Jobs that are posted at once, and how long each of them took.

When a job was posted and its pods were there is read from the API server's audit log, so that it does not matter how
soon this process hears of it; when it ended, from a watch.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from audit_log import AuditLog, Call, tally
from contestants import Contestant
from fake_kubelet import FakeKubelet, run
from measurements import Usage

Json = dict[str, Any]
PODS: Final = 5
ENDED: Final = 2
"""Pods of a job that end well: chief and evaluator."""
DELETED: Final = 3
"""Pods of a job that still run when it ends."""
PATIENCE: Final = 420.0
"""Seconds after which something is broken, not slow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """What came of it.

    Attributes:
        last_pod: Seconds from the first POST of a job to the creation of the last pod.
        to_last_pod: The same of each job by itself.
        to_end: Seconds from the POST of each job until it had ended; none where jobs did not end.
        cpu: Seconds of CPU for each job; None without a process.
        resident: MiB of memory before.
        peak: The most memory so far.
        calls: How often each `verb resource` was asked for, watches and lists of everything apart.
    """

    last_pod: float
    to_last_pod: Sequence[float]
    to_end: Sequence[float]
    cpu: float | None
    resident: float | None
    peak: float | None
    calls: Counter[str]


@asynccontextmanager
async def life(contestant: Contestant) -> AsyncIterator[None]:
    """A kubelet: pods run as soon as they are there, and when all five of a job do, chief and evaluator end well."""
    running: Counter[str] = Counter()

    async def play(kubelet: FakeKubelet, pod: Json) -> None:
        await run(kubelet, pod)
        job = job_of(pod["metadata"]["name"])
        running[job] += 1
        if running[job] == PODS:
            for replica in ("chief-0", "evaluator-0"):
                await kubelet.finish(f"{job}-{replica}")

    async with FakeKubelet.play(contestant.live) as kubelet:
        kubelet.script, kubelet.container = play, contestant.container
        yield


async def post(contestant: Contestant, names: Sequence[str], *, at_once: int, lives: bool) -> Burst:
    """Posts jobs and waits until their pods are there; where these live, until the jobs are over and cleaned up."""
    audit = AuditLog(contestant.server.audit_log)
    audit.mark()
    ends = lives and not contestant.alone
    before = None if contestant.pid is None else Usage.of(contestant.pid)
    watching = [asyncio.Event(), asyncio.Event()]
    pods = asyncio.create_task(
        _pods(contestant, names, watching[0], ended=ENDED if lives else 0, deleted=DELETED if ends else 0)
    )
    over = asyncio.create_task(_ends(contestant, names if ends else (), watching[1]))
    for one in watching:
        await one.wait()
    await contestant.post(names, at_once)
    _, ended = await asyncio.wait_for(asyncio.gather(pods, over), PATIENCE)
    after = None if contestant.pid is None else Usage.of(contestant.pid)
    calls = audit.calls(namespace=contestant.live.name)
    posted, last = _times(calls, contestant.plural, frozenset(names))
    return Burst(
        last_pod=max(last.values()) - min(posted.values()),
        to_last_pod=[last[name] - posted[name] for name in names],
        to_end=[ended[name] - posted[name] for name in ended],
        cpu=None if before is None or after is None else (after.cpu - before.cpu) / len(names),
        resident=None if before is None else before.resident,
        peak=None if after is None else after.peak,
        calls=tally(one for one in calls if one.user == contestant.user and not one.about_all),
    )


def job_of(pod: str) -> str:
    """The job of a pod of `<job>-<role>-<index>`."""
    return pod.rsplit("-", 2)[0]


def _times(
    calls: Iterable[Call], plural: str, names: frozenset[str]
) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """When each job was posted, and when its last pod was there."""
    posted: dict[str, float] = {}
    last: dict[str, float] = {}
    for one in calls:
        if one.verb != "create" or one.code != 201:
            continue
        if one.resource == plural and one.name in names:
            posted[one.name] = one.received
        elif one.resource == "pods" and (job := job_of(one.name)) in names and "dryRun" not in one.query:
            last[job] = max(one.answered, last.get(job, 0.0))
    return posted, last


async def _pods(
    contestant: Contestant, names: Sequence[str], watching: asyncio.Event, *, ended: int, deleted: int
) -> None:
    """Waits until all pods of the jobs were made, so many of each job have ended well, and so many are gone."""
    jobs, size = frozenset(names), len(names)
    seen: set[str] = set()
    succeeded: set[str] = set()
    gone: set[str] = set()
    async with aclosing(contestant.live.changes("pods")) as changes:
        async for change, pods in changes:
            watching.set()
            own = {one["metadata"]["name"]: one for one in pods if job_of(one["metadata"]["name"]) in jobs}
            seen |= own.keys()
            succeeded |= {
                name for name, one in own.items() if one.get("status", {}).get("phase") == "Succeeded"
            }
            if change == "LISTED":
                # A watch that cannot follow is broken off, and what it missed is listed.
                gone |= seen - own.keys()
            elif change == "DELETED":
                gone |= own.keys()
            if len(seen) >= PODS * size and len(succeeded) >= ended * size and len(gone) >= deleted * size:
                return


async def _ends(contestant: Contestant, names: Sequence[str], watching: asyncio.Event) -> Mapping[str, float]:
    """When each job ended, in seconds since 1970."""
    found: dict[str, float] = {}
    waiting = set(names)
    async with aclosing(contestant.live.changes(contestant.plural)) as changes:
        async for _, jobs in changes:
            watching.set()
            for job in jobs:
                name = job["metadata"]["name"]
                if name in waiting and contestant.is_over(job):
                    waiting.discard(name)
                    found[name] = time.time()
            if not waiting:
                return found
    raise AssertionError("unreachable: changes() does not end")
