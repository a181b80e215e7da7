"""Deadlines: each fires with no other event happening."""

from __future__ import annotations

import asyncio
import itertools

from fake_kubelet import hold, unschedulable, waits

from scenarios.world import World


async def active_deadline(world: World) -> None:
    """The longest running time is over while everything runs."""
    await world.train(world.five(run_policy={"activeDeadlineSeconds": 3}))
    await world.fails("DeadlineExceeded", "activeDeadlineSeconds")
    await world.only()


async def active_deadline_begins_anew_at_the_resume(world: World) -> None:
    """Time before a suspension does not count."""
    await world.train(world.manifest(run_policy={"activeDeadlineSeconds": 600}))
    await world.change(suspend=True)
    await world.reason("Suspended")
    await world.change(suspend=False, runPolicy={"activeDeadlineSeconds": 3})
    await world.reason("Training")
    await world.fails("DeadlineExceeded")


async def deadline_of_a_running_job_changes(world: World) -> None:
    """Deadlines may change while the job runs."""
    await world.train(world.manifest())
    await world.change(runPolicy={"activeDeadlineSeconds": 1})
    await world.fails("DeadlineExceeded")


async def unschedulable_past_the_pending_deadline(world: World) -> None:
    """A pod that no node takes in time ends the job, with the scheduler's words."""
    world.plays("worker-0", unschedulable("0/3 nodes are available: 3 Insufficient nvidia.com/gpu."))
    await world.create(world.manifest(worker={}, run_policy={"pendingDeadlineSeconds": 3}))
    await world.fails("PendingDeadlineExceeded", "worker-0", "Insufficient nvidia.com/gpu")


async def image_missing_past_the_pending_deadline(world: World) -> None:
    """So does an image that cannot be pulled."""
    world.plays("chief", waits("ImagePullBackOff", "no such image"))
    await world.create(world.manifest(run_policy={"pendingDeadlineSeconds": 3}))
    await world.fails("PendingDeadlineExceeded", "chief-0", "ImagePullBackOff")


async def nothing_happens_past_the_pending_deadline(world: World) -> None:
    """So does a pod that nobody ever looks at."""
    world.plays("chief", hold)
    await world.create(world.manifest(run_policy={"pendingDeadlineSeconds": 2}))
    await world.fails("PendingDeadlineExceeded", "chief-0", "pendingDeadlineSeconds")


async def quota_past_the_pending_deadline(world: World) -> None:
    """So does a pod that may not be created."""
    quota = {"metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    await world.live.create("resourcequotas", quota)
    await world.live.until(
        "resourcequotas", "none", lambda one: one.get("status", {}).get("hard"), "the quota"
    )
    await world.create(world.manifest(run_policy={"pendingDeadlineSeconds": 2}))
    await world.fails("PendingDeadlineExceeded", "quota")


async def pending_deadline_of_a_job_that_runs(world: World) -> None:
    """A job whose pods run in time is not disturbed by it."""
    await world.train(world.manifest(run_policy={"pendingDeadlineSeconds": 3, "activeDeadlineSeconds": 6}))
    await world.fails("DeadlineExceeded")


async def stalled_training(world: World) -> None:
    """No new global step for too long ends the job, and says at which step."""
    world.reports("chief-0", globalStep=120, maxSteps=1000)
    await world.train(world.manifest(worker={}, run_policy={"stallTimeoutSeconds": 4}))
    await world.status("progress", lambda one: one and one.get("globalStep") == 120)
    await world.fails("TrainingStalled", "120", "stallTimeoutSeconds")


async def chief_that_never_makes_a_step(world: World) -> None:
    """A chief that answers and hangs before its first step is stalled, too."""
    world.reports("chief-0", state="Starting")
    await world.train(world.manifest(run_policy={"stallTimeoutSeconds": 3}))
    await world.fails("TrainingStalled")


async def training_that_goes_on_is_not_stalled(world: World) -> None:
    """Every new step begins the time anew: a step a second outlives a time-out of 10 s until the deadline of 16 s."""
    steps = itertools.count(1)

    async def step_on() -> None:
        while True:
            world.reports("chief-0", globalStep=next(steps))
            await asyncio.sleep(1)  # what is tested is the passing of time

    stepping = asyncio.create_task(step_on())
    try:
        await world.train(world.manifest(run_policy={"stallTimeoutSeconds": 10, "activeDeadlineSeconds": 16}))
        await world.fails("DeadlineExceeded")
    finally:
        stepping.cancel()


async def replica_with_another_clock(world: World) -> None:
    """A pod whose clock is hours behind is not stalled for it."""
    world.reports("chief-0", globalStep=1, time="2020-01-01T00:00:00Z")
    await world.train(world.manifest(run_policy={"stallTimeoutSeconds": 30}))
    await world.status("progress", lambda one: one and one.get("globalStep") == 1)
    world.reports("chief-0", globalStep=2, time="2020-01-01T00:00:05Z")
    await world.status("progress", lambda one: one and one.get("globalStep") == 2)
    await world.end("chief-0")
    await world.completes()
