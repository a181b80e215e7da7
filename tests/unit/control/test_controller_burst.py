"""Many jobs at once: every one of them gets its pods before the first gets its status."""

from __future__ import annotations

from job_world import job_manifest


async def test_pods_come_before_statuses_when_jobs_wait(world, operator):
    names = ("mnist", "second", "third")
    for name in names:
        world.submit(job_manifest(name))
    operator.watch.tell(operator.controller)
    for _ in names:
        await operator.controller.step()
    assert world.pods == [f"{name}-chief-0" for name in names]
    assert world.api.calls["patch estimatorjobs/status"] == 0

    await operator.settle()
    assert world.state == "PodsPending"
    assert world.api.calls == {
        "create services": 3,
        "create pods": 3,
        "patch estimatorjobs/status": 3,
    }
