"""What the operator costs, on a real API server: calls, seconds beside a bare script, memory, CPU.

`make bench` runs this. Prints a table and ends with 1 when a target is missed. Seconds are only ever compared with
those of the bare script in the same run; both are processes beside this one, which posts and watches.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(_TESTS), str(_TESTS / "integration")]

from api_server import ApiServer  # noqa: E402  (the path above has to come first)
from audit_log import AuditLog, tally  # noqa: E402
from fake_kubelet import FakeKubelet  # noqa: E402
from live_jobs import complete, five_pod_job, is_true, train  # noqa: E402
from live_namespace import LiveNamespace  # noqa: E402
from measurements import Row, Usage, conclude  # noqa: E402
from operator_process import ACCOUNT, OperatorProcess, account_user, make_account, service_account_token  # noqa: E402

Json = dict[str, Any]
PODS_PER_JOB: Final = 5
WORKERS: Final = 10
"""Jobs that the operator works on at once by default; the bare script does the same."""
SINGLE_ROUNDS: Final = 31
BURST_ROUNDS: Final = 9
BURST_JOBS: Final = 100
MANY_JOBS: Final = 500
BATCH: Final = 50
MINUTES: Final = 300.0
"""Seconds after which something is broken, not slow."""


@dataclass(frozen=True, slots=True)
class Bench:
    """A namespace of the API server with one operator at work."""

    server: ApiServer
    live: LiveNamespace
    operator: OperatorProcess

    @classmethod
    @asynccontextmanager
    async def open(cls, server: ApiServer, name: str) -> AsyncIterator[Bench]:
        """A fresh namespace and a fresh operator that serves it alone."""
        with tempfile.TemporaryDirectory() as folder:
            async with _namespace(server, name) as live:
                kubeconfig = await make_account(live, server, Path(folder))
                operator = await OperatorProcess.start(
                    f"--namespace={name}",
                    "--no-leader-elect",
                    f"--workers={WORKERS}",
                    kubeconfig=kubeconfig,
                    log=Path(folder) / "operator.log",
                )
                try:
                    await operator.ready()
                    yield cls(server, live, operator)
                finally:
                    await operator.kill()

    async def post(self, jobs: Sequence[Json]) -> float:
        """Posts jobs with as many workers as the bare script has; returns when it began."""
        waiting = list(jobs)
        begun = time.monotonic()

        async def work() -> None:
            while waiting:
                await self.live.create("estimatorjobs", waiting.pop())

        await asyncio.gather(*(work() for _ in range(min(WORKERS, len(jobs)))))
        return begun


async def calls_of_one_job(server: ApiServer) -> list[Row]:
    """The happy path of one job, by the audit log; its pods report no progress."""
    async with Bench.open(server, "bench-calls") as bench, FakeKubelet.play(bench.live) as kubelet:
        audit = AuditLog(server.audit_log)
        audit.mark()
        await train(bench.live, five_pod_job("job"))
        await complete(bench.live, kubelet, "job")
        await bench.live.until_all("pods", lambda pods: len(pods) == 2, "clean-up")
        await bench.operator.stop()
        calls = audit.calls(user=account_user("bench-calls"))
    spent = tally(one for one in calls if not one.about_all)
    events = spent["create events"]
    rows = [Row(f"  {name}", count) for name, count in sorted(spent.items())]
    return [
        Row("API calls of one job, events apart", spent.total() - events, 12),
        Row("events of one job", events, 2),
        *rows,
    ]


async def seconds_beside_bare_script(server: ApiServer) -> list[Row]:
    """POST of the job to its last pod: one job, and many at once."""
    rows = []
    for title, name, rounds, jobs in (
        ("one job", "single", SINGLE_ROUNDS, 1),
        (f"burst of {BURST_JOBS} jobs", "burst", BURST_ROUNDS, BURST_JOBS),
    ):
        ours, bare = await _race(server, name, rounds=rounds, jobs=jobs)
        rows += [
            Row(f"{title}: POST to last pod, ratio to the bare script", ours / bare, 1.5),
            Row(f"  {title}: operator, median of {rounds}", 1000 * ours, unit="ms"),
            Row(f"  {title}: bare script, median of {rounds}", 1000 * bare, unit="ms"),
        ]
    return rows


async def _race(server: ApiServer, name: str, *, rounds: int, jobs: int) -> tuple[float, float]:
    """Median seconds of operator and bare script, which take turns; the first turn of each warms up."""
    ours, bare = [], []
    async with Bench.open(server, f"bench-{name}") as bench, _namespace(server, f"bare-{name}") as other:
        with tempfile.TemporaryDirectory() as folder:
            # The same rights as the operator has: the API server looks at them with every call.
            await make_account(other, server, Path(folder))
        token = await service_account_token(other, ACCOUNT)
        for number in range(rounds + 1):
            batch = [five_pod_job(f"{name}-{number}-{one}") for one in range(jobs)]
            ours.append(await _timed(bench.live, batch, bench.post(batch)))
            bare.append(await _timed(other, batch, _bare(server, other.name, token, batch)))
    return statistics.median(ours[1:]), statistics.median(bare[1:])


async def _timed(live: LiveNamespace, jobs: Sequence[Json], posting: Coroutine[Any, Any, float]) -> float:
    """Seconds from what `posting` returns as its beginning until the last pod of the jobs is seen."""
    names = tuple(f"{one['metadata']['name']}-" for one in jobs)
    watching = asyncio.Event()

    async def watch() -> float:
        missing = PODS_PER_JOB * len(jobs)
        async with aclosing(live.changes("pods")) as changes:
            async for change, pods in changes:
                watching.set()
                if change != "MODIFIED":
                    missing -= sum(1 for pod in pods if pod["metadata"]["name"].startswith(names))
                if not missing:
                    return time.monotonic()
        raise AssertionError("unreachable: changes() does not end")

    last = asyncio.create_task(watch())
    await watching.wait()
    begun = await posting
    return await asyncio.wait_for(last, MINUTES) - begun


async def _bare(server: ApiServer, namespace: str, token: str, jobs: Sequence[Json]) -> float:
    """Runs the bare script; returns when it began."""
    orders = {
        "url": server.url,
        "authority": str(server.authority),
        "token": token,
        "namespace": namespace,
        "workers": WORKERS,
        "jobs": jobs,
    }
    script = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("bare_script.py")),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await script.communicate(json.dumps(orders).encode())
    assert script.returncode == 0, "the bare script failed, see above"
    return float(json.loads(printed))


async def many_jobs(server: ApiServer) -> list[Row]:
    """Jobs from creation to completion, batch by batch: memory before and after, CPU between."""
    async with Bench.open(server, "bench-many") as bench, FakeKubelet.play(bench.live) as kubelet:
        before = Usage.of(bench.operator.pid)
        for first in range(0, MANY_JOBS, BATCH):
            names = [f"job-{number:03}" for number in range(first, first + BATCH)]
            await _through(bench.live, kubelet, names)
        after = Usage.of(bench.operator.pid)
    return [
        Row("operator's memory, idle", before.resident, 100, "MiB"),
        Row(f"operator's memory after {MANY_JOBS} jobs", after.resident, 200, "MiB"),
        Row(
            f"operator's CPU per job, mean of {MANY_JOBS}",
            1000 * (after.cpu - before.cpu) / MANY_JOBS,
            unit="ms",
        ),
    ]


async def _through(live: LiveNamespace, kubelet: FakeKubelet, names: Sequence[str]) -> None:
    """Takes jobs from creation to completion all at once."""
    await asyncio.gather(*(live.create("estimatorjobs", five_pod_job(name)) for name in names))
    await _until_jobs(live, names, "Ready", "training")
    await asyncio.gather(
        *(kubelet.finish(f"{name}-{replica}") for name in names for replica in ("chief-0", "evaluator-0"))
    )
    await _until_jobs(live, names, "Complete", "completion")


async def _until_jobs(live: LiveNamespace, names: Iterable[str], condition: str, what: str) -> None:
    waiting = set(names)

    def reached(jobs: Any) -> bool:
        waiting.difference_update(
            [name for name in waiting if name in jobs and is_true(condition)(jobs[name])]
        )
        return not waiting

    await live.until_all("estimatorjobs", reached, what, timeout=MINUTES)


@asynccontextmanager
async def _namespace(server: ApiServer, name: str) -> AsyncIterator[LiveNamespace]:
    server.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    async with LiveNamespace.connect(server, name) as live:
        await live.until("serviceaccounts", "default", bool, "default account")
        yield live


async def main() -> int:
    """Runs everything; returns the exit status."""
    rows: list[Row] = []
    server = ApiServer.up()
    try:
        server.install_crd()
        for part in (calls_of_one_job, seconds_beside_bare_script, many_jobs):
            for row in await part(server):
                print(row, flush=True)
                rows.append(row)
    finally:
        server.down()
    return conclude(rows)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
