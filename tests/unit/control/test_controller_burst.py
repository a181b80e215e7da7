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


async def test_a_job_that_was_just_posted_gets_its_pods_before_others_are_told_that_theirs_run(
    world, operator
):
    names = ("mnist", "second", "third")
    for name in names:
        world.submit(job_manifest(name))
    await operator.settle()
    world.run()
    world.submit(job_manifest("fourth"))
    operator.watch.tell(operator.controller)
    await operator.controller.step()
    assert "fourth-chief-0" in world.pods
    assert world.api.calls["patch estimatorjobs/status"] == len(names)

    await operator.settle()
    assert world.state == "Training"


async def test_a_new_operator_looks_first_at_jobs_that_nobody_has_answered(world, operator):
    for name in ("mnist", "second"):
        world.submit(job_manifest(name))
    await operator.settle()
    world.submit(job_manifest("third"))
    again = world.operator()
    await again.relist()
    await again.survey.complete()
    again.controller.begin()
    await again.controller.step()
    assert "third-chief-0" in world.pods
