"""Operators that end anywhere, two of them at once, and watches that lie: never a lost counter, never a pod twice."""

from __future__ import annotations

import asyncio
import copy
import random

import pytest
from fake_operator import KEY, FakeOperator
from job_world import FIVE_PODS, World

from estimator_operator.control.freshness import _PATIENCE
from estimator_operator.control.survey import LISTED
from estimator_operator.kube.resources import CLAIMS, JOBS, PODS, SERVICES


class CrashError(BaseException):
    """The process ends here, whatever is in flight."""


class Invariants:
    """What must hold at every call: one pod per attempt, counters that only grow, ends that do not end."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._total = self._counted = 0
        self._final: str | None = None

    def check(self, *_: object) -> None:
        for name in self._world.api.names(JOBS):
            status = self._world.api.objects["estimatorjobs", "default", name]["status"]
            restarts = status.get("restarts", {"total": 0, "counted": 0})
            assert restarts["total"] >= self._total
            assert restarts["counted"] >= self._counted
            self._total, self._counted = restarts["total"], restarts["counted"]
            final = [
                one["type"]
                for one in status.get("conditions", ())
                if one["type"] in ("Complete", "Failed") and one["status"] == "True"
            ]
            assert len(final) < 2
            assert self._final is None or final == [self._final]
            self._final = final[0] if final else None
        replicas = [
            (
                pod["metadata"]["labels"]["estimator.dev/role"],
                pod["metadata"]["labels"]["estimator.dev/index"],
            )
            for (plural, _, _), pod in self._world.api.objects.items()
            if plural == "pods" and pod["status"]["phase"] in ("Pending", "Running")
        ]
        assert len(replicas) == len(set(replicas)), replicas


async def live(world: World, settle) -> None:
    """A failed worker, a deleted ps, an evicted evaluator, then the end."""
    world.submit(**FIVE_PODS)
    await settle()
    world.run()
    await settle()
    world.finish("mnist-worker-0", 1, "boom")
    await settle()
    world.run("mnist-worker-0-r1")
    await settle()
    world.api.remove(PODS, "default", "mnist-ps-0")
    await settle()
    world.collect()
    await settle()
    world.run("mnist-ps-0-r1")
    await settle()
    world.finish("mnist-chief-0")
    await settle()
    world.finish("mnist-evaluator-0")
    await settle()
    world.collect()
    await settle()


def assert_lived(world: World) -> None:
    assert world.state == "Completed"
    assert world.status["restarts"]["total"] == 2
    assert world.status["restarts"]["counted"] == 1
    assert [one["replica"] for one in world.status["failures"]] == ["worker-0", "ps-0"]
    assert world.pods == ["mnist-chief-0", "mnist-evaluator-0"]


class Succession:
    """Operators one after the other: the one at work ends at its n-th call, the next one begins."""

    def __init__(self, world: World, crash_at: int) -> None:
        self._world = world
        self._left = crash_at
        self._invariants = Invariants(world)
        self._operator: FakeOperator | None = None
        self.crashes = 0
        world.api.before = self._count

    def _count(self, *call: object) -> None:
        self._invariants.check()
        self._left -= 1
        if self._left == 0:
            self.crashes += 1
            raise CrashError

    async def settle(self) -> None:
        while True:
            try:
                if self._operator is None:
                    self._operator = self._world.operator()
                    await self._operator.start()
                await self._operator.settle()
                return
            except CrashError:
                self._operator = None


@pytest.mark.parametrize("crash_at", range(1, 43))
async def test_an_operator_may_end_at_any_call(world, crash_at):
    """The call itself is not made: what was done before it is all there is."""
    succession = Succession(world, crash_at)
    await live(world, succession.settle)
    assert_lived(world)
    if crash_at < 30:
        assert succession.crashes == 1


async def test_two_operators_at_once_do_no_harm(world):
    invariants = Invariants(world)
    world.api.before = invariants.check
    both = [world.operator(), world.operator()]
    for one in both:
        await one.start()

    async def settle() -> None:
        for _ in range(4):
            await asyncio.gather(*(one.settle() for one in both))
        # A lost race comes back with a delay.
        world.clock.pass_(60)
        await asyncio.gather(*(one.settle() for one in both))

    await live(world, settle)
    assert_lived(world)


async def test_an_operator_that_lags_behind_does_no_harm(world):
    """The second one hears of everything late and in its own order: jobs first, pods later."""
    invariants = Invariants(world)
    world.api.before = invariants.check
    first, second = world.operator(), world.operator()
    await first.start()
    await second.start()

    async def settle() -> None:
        await first.settle()
        late = second.watch.events
        second.watch.events = [one for one in late if one[0] == "estimatorjobs"]
        await second.settle()
        second.watch.events = [one for one in late if one[0] == "pods"] + second.watch.events
        await second.settle()
        await first.settle()

    await live(world, settle)
    assert_lived(world)


@pytest.mark.parametrize("seed", range(10))
async def test_events_may_come_twice_and_in_any_order(world, operator, seed):
    chance = random.Random(seed)
    world.api.before = Invariants(world).check

    async def settle() -> None:
        events = operator.watch.events
        events += [copy.deepcopy(one) for one in events if chance.random() < 0.5]
        chance.shuffle(events)
        await operator.settle()

    await live(world, settle)
    assert_lived(world)


async def test_what_happens_in_a_gap_of_the_watch_is_found_by_the_next_list(world, operator):
    async def settle() -> None:
        operator.watch.events.clear()
        await operator.relist()
        await operator.settle()

    await live(world, settle)
    assert_lived(world)
    world.api.remove(JOBS, "default", "mnist")
    await settle()
    assert len(operator.store) == 0


async def test_what_the_answers_told_first_is_looked_at_all_the_same(world, operator):
    """The watch tells nothing new of pods that were made or deleted: the API server's answers were there before."""
    world.submit(runPolicy={"pendingDeadlineSeconds": 5})
    operator.queue.add(KEY)
    operator.watch.tell(operator.controller)
    await operator.controller.step()
    assert world.pods == ["mnist-chief-0"]
    operator.watch.tell(operator.controller)
    await operator.pass_(10, step=1)
    assert world.state == "PendingDeadlineExceeded"


async def test_a_pod_is_restarted_as_missing_only_after_a_look(world, operator):
    """Its deletion was told, but a list is the only proof that nobody made it again."""
    world.submit()
    await operator.settle()
    world.run()
    await operator.settle()
    world.api.calls.clear()
    world.api.remove(PODS, "default", "mnist-chief-0", now=True)
    await operator.settle()
    assert world.api.calls["list pods"] == 1
    assert world.pods == ["mnist-chief-0-r1"]
    counts = [(one["replica"], one["count"]) for one in world.status["restarts"]["byReplica"]]
    assert counts == [("chief-0", 1)]


async def test_the_service_comes_back_when_its_watch_lists_anew(world, operator):
    world.submit()
    await operator.settle()
    world.api.remove(SERVICES, "default", "mnist")
    operator.watch.events.clear()
    await operator.relist()
    await operator.settle()
    assert world.api.names(SERVICES) == ["mnist"]


@pytest.mark.parametrize("resource", [SERVICES, CLAIMS])
async def test_a_deleted_service_or_claim_is_made_again_at_once(world, operator, resource):
    """Without its headless Service a replica that restarts finds no other by name."""
    world.submit(modelDir={"volumeClaimTemplate": {"resources": {"requests": {"storage": "1Gi"}}}})
    await operator.settle()
    (name,) = world.api.names(resource)
    world.api.calls.clear()
    world.api.remove(resource, "default", name)
    await operator.settle()
    assert world.api.names(resource) == [name]
    assert world.api.calls.total() == 1


async def test_a_job_that_comes_back_knows_its_services(world, operator):
    """They were told of before it."""
    world.submit()
    await operator.settle()
    operator.store.drop_job(KEY, world.job["metadata"]["uid"])
    world.api.calls.clear()
    operator.controller.job_event("MODIFIED", world.job)
    await operator.settle()
    assert operator.store.job(KEY).service_exists
    assert world.api.calls["list pods"] == 1
    assert not {"list services", "create services"} & world.api.calls.keys()


async def test_a_silent_watch_is_found(world, operator):
    """One that lives is heard of every few minutes, whatever becomes of it."""
    for resource in LISTED:
        operator.controller.heard(resource, None)
    world.clock.pass_(_PATIENCE + 1)
    for resource in (JOBS, PODS, SERVICES):
        operator.controller.heard(resource, None)
    assert operator.controller.ailment == "the watch of persistentvolumeclaims is silent"
    operator.controller.heard(CLAIMS, None)
    assert operator.controller.ailment is None


async def test_a_reconcile_that_does_not_end_is_an_ailment(world, operator):
    world.submit()
    operator.watch.tell(operator.controller)
    step = asyncio.ensure_future(operator.controller.step())
    await asyncio.sleep(0)
    world.clock.pass_(601)
    assert operator.controller.ailment == "the reconcile of default/mnist does not end"
    await step
    for resource in LISTED:
        operator.controller.heard(resource, None)
    assert operator.controller.ailment is None
