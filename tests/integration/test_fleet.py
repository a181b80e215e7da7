"""The small form of `make scale`: what a fleet costs in calls, from nothing, and when nothing changes."""

from __future__ import annotations

from pathlib import Path

from api_server import ApiServer
from live_jobs import job, train
from live_namespace import LiveNamespace
from scale.fleet import PODS_PER_JOB, Fleet, counted

JOBS = 40
FINISHED = 60


async def test_a_fleet_costs_its_budget_and_nothing_again_after_a_restart(
    api_server: ApiServer, live: LiveNamespace, tmp_path: Path
) -> None:
    async with Fleet.open(api_server, live, tmp_path) as fleet:
        await fleet.finish_jobs(FINISHED)
        # No poll falls into the test: progress is written when it was heard, which is not what is counted here.
        await fleet.start_operator("--progress-interval=3600", "--progress-networks=127.11.0.0/16")
        await fleet.train_jobs(JOBS)
        made = counted(fleet.calls())
        assert made["create pods"] == JOBS * PODS_PER_JOB
        assert made["create services"] == JOBS
        assert made["create events"] <= 2 * JOBS
        assert made["patch estimatorjobs/status"] <= 3 * JOBS
        lists = sum(count for name, count in made.items() if name.startswith("list "))
        assert made.total() - lists - made["create events"] <= 12 * JOBS

        await fleet.restart_operator("--progress-interval=3600", "--progress-networks=127.11.0.0/16")
        # Work is done in the order in which it came: once a later job trains, all others have been looked at.
        await train(live, job("later"))
        again = [one for one in fleet.calls() if one.name and not one.name.startswith("later")]
        assert [str(one) for one in again if one.writes] == []
        assert [str(one) for one in again if one.verb == "get"] == [], "finished jobs are not asked for"
        lists = sum(count for name, count in counted(fleet.calls()).items() if name.startswith("list "))
        assert lists <= 12, "lists do not grow with the number of jobs"
        used, (late, busy) = fleet.usage(), await fleet.standstill()
        print(
            f"{used}; standstill {late:.3f} s, of which {busy:.3f} s its own work; {sum(made.values())} calls"
        )
        assert used.peak <= 512, "MiB, the chart's limit"
