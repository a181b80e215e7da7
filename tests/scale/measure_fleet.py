"""Whether the operator fits the stated scale: memory, CPU, standstill of its event loop, start-up, API calls.

`make scale` runs this. Prints a table and ends with 1 when a target is missed.

    SCALE_JOBS      jobs that train, with five pods each (2000)
    SCALE_FINISHED  jobs that ended long ago (five for each that trains)
    SCALE_REST      seconds of rest that are measured (60)
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

_TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(_TESTS), str(_TESTS / "integration")]

from api_server import ApiServer  # noqa: E402  (the path above has to come first)
from live_namespace import LiveNamespace  # noqa: E402
from measurements import Row, conclude  # noqa: E402
from scale.fleet import PODS_PER_JOB, Fleet, counted  # noqa: E402

JOBS: Final = int(os.environ.get("SCALE_JOBS", "2000"))
FINISHED: Final = int(os.environ.get("SCALE_FINISHED", str(5 * JOBS)))
REST: Final = float(os.environ.get("SCALE_REST", "60"))
SETTLE: Final = 70.0
"""Seconds after which no standstill of before is shown any more, nor a status write that waited for its interval."""
SAMPLE: Final = 15.0
"""Seconds between two scrapes, as Prometheus does."""
NAMESPACE: Final = "scale"


class Table:
    """Prints rows as they come and keeps them."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def add(self, name: str, measured: float, most: float | None = None, unit: str = "") -> None:
        """Adds a row."""
        row = Row(name, measured, most, unit)
        self.rows.append(row)
        print(row, flush=True)

    def add_standstill(self, longest: tuple[float, float], most: float | None = None) -> None:
        """Adds how long the event loop stood still, and how long of that for its own work: that alone is held."""
        self.add("  standstill of the event loop, busy machine included", longest[0], unit="s")
        self.add("  standstill of the event loop, CPU it used itself", longest[1], most, "s")

    def add_calls(self, when: str, fleet: Fleet) -> None:
        """Adds the operator's calls, by verb and resource."""
        for name, count in sorted(counted(fleet.calls()).items()):
            self.add(f"  calls {when}: {name}", count)


async def measure(server: ApiServer, table: Table) -> None:
    """Measures everything."""
    server.call("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    with tempfile.TemporaryDirectory() as folder:
        async with LiveNamespace.connect(server, NAMESPACE) as live:
            await live.until("serviceaccounts", "default", bool, "default account")
            async with Fleet.open(server, live, Path(folder)) as fleet:
                await fleet.finish_jobs(FINISHED)
                await _from_nothing(fleet, table)
                await _at_rest(fleet, table, "at rest")
                await _again(fleet, table)
                await _at_rest(fleet, table, "at rest after a restart")


async def _from_nothing(fleet: Fleet, table: Table) -> None:
    table.add(f"start-up with {FINISHED} finished jobs", await fleet.start_operator(), 20, "s")
    table.add("  memory", fleet.usage().resident, unit="MiB")
    before = fleet.usage()
    table.add(f"{JOBS} jobs until all train", await fleet.train_jobs(JOBS), unit="s")
    table.add("  CPU", fleet.usage().cpu - before.cpu, unit="s")
    table.add("  memory", fleet.usage().resident, unit="MiB")
    table.add("  memory, peak", fleet.usage().peak, 512, "MiB")
    table.add_standstill(await fleet.standstill())
    calls = counted(fleet.calls())
    table.add("  calls a job, events apart", (calls.total() - calls["create events"]) / JOBS, 12)
    table.add_calls("until all train", fleet)


async def _at_rest(fleet: Fleet, table: Table, when: str) -> None:
    await asyncio.sleep(SETTLE)
    fleet.mark()
    before, polls, begun = fleet.usage(), await fleet.polls(), time.monotonic()
    longest = (0.0, 0.0)
    while (left := begun + REST - time.monotonic()) > 0:
        await asyncio.sleep(min(left, SAMPLE))
        late, busy = await fleet.standstill()
        longest = (max(longest[0], late), max(longest[1], busy))
    seconds, after = time.monotonic() - begun, fleet.usage()
    table.add(f"CPU {when}, of a core", (after.cpu - before.cpu) / seconds, 0.1)
    table.add(f"memory {when}", after.resident, 512, "MiB")
    table.add("  peak", after.peak, 512, "MiB")
    table.add_standstill(longest, most=0.2)
    table.add("  polls", (await fleet.polls() - polls) / seconds, unit="/s")
    calls = counted(fleet.calls())
    table.add("  status writes", calls["patch estimatorjobs/status"] / seconds, unit="/s")
    table.add_calls(when, fleet)


async def _again(fleet: Fleet, table: Table) -> None:
    table.add(
        f"start-up with {JOBS} jobs, {PODS_PER_JOB * JOBS} pods, {FINISHED} finished jobs",
        await fleet.restart_operator(),
        20,
        "s",
    )
    table.add("  CPU", fleet.usage().cpu, unit="s")
    table.add("  memory, peak", fleet.usage().peak, 512, "MiB")
    table.add_standstill(await fleet.standstill())
    table.add_calls("at start-up", fleet)


async def main() -> int:
    """Runs everything; returns the exit status."""
    table = Table()
    server = ApiServer.up()
    try:
        server.install_crd()
        await measure(server, table)
    finally:
        server.down()
    return conclude(table.rows)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
