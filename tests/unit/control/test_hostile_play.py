"""Lists and watches full of objects that are not what they should be: each costs itself and nothing else."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fake_api import FakeApi
from fake_operator import FakeOperator
from hostile_json import BASES, any_spoilt, as_text, spoil
from job_world import World

from estimator_operator.control.job_record import JobKey
from estimator_operator.errors import api_error
from estimator_operator.kube.api import Listing
from estimator_operator.kube.decoding import (
    NAMELESS,
    UndecodableError,
    decode_event,
    decode_list,
    decode_object,
)
from estimator_operator.kube.resources import CLAIMS, CORE_EVENTS, EVENTS, JOBS, PODS, SERVICES
from estimator_operator.observe.metrics import Metrics
from estimator_operator.observe.standstill import Standstill
from estimator_operator.observe.targets import targets_of

Json = dict[str, Any]
BAD = JobKey("default", "bad")
WATCHED = (JOBS, PODS, SERVICES, CLAIMS)
OBJECTS = 120


async def looked_at_from_everywhere(operator: FakeOperator) -> None:
    """What else reads all objects: metrics, the debug endpoint, the choice of whom to poll."""
    metrics = Metrics(
        jobs=lambda: operator.store, queue_depth=lambda: 0, progress_limit=100, standstill=Standstill()
    )
    assert b"estimator_operator_jobs{" in await metrics.text()
    json.dumps(operator.controller.schedule(100)).encode()
    await targets_of(operator.store)
    _ = operator.controller.ailment


@pytest.mark.parametrize("resource", WATCHED, ids=lambda one: one.plural)
@pytest.mark.parametrize("seed", range(3))
async def test_the_good_ones_are_reconciled_among_the_bad(world: World, operator, resource, seed):
    draw = random.Random(f"{resource.plural} {seed}")
    told = 0
    if resource is not JOBS:
        world.api.objects["estimatorjobs", "default", "bad"] = BASES[JOBS]()
        operator.hand_over.event(JOBS, "ADDED", BASES[JOBS]())
    world.submit()
    for number in range(OBJECTS):
        text = as_text(any_spoilt(draw, resource), draw)
        try:
            event = await decode_event(b'{"type":"MODIFIED","object":' + text + b"}")
        except UndecodableError:
            continue
        told += 1
        operator.hand_over.event(resource, draw.choice(("ADDED", "MODIFIED", "DELETED")), event["object"])
        if number % 10 == 0:
            await operator.pass_(10, step=10)
            await looked_at_from_everywhere(operator)
    assert told > OBJECTS / 2
    assert operator.object_errors[resource.plural, "unreadable"] > OBJECTS / 10
    assert operator.object_errors[resource.plural, "failed"] == 0
    world.run("mnist-chief-0")
    await operator.pass_(60, step=10)
    assert (world.state, world.status["restarts"]["total"]) == ("Training", 0)


@pytest.mark.parametrize("resource", WATCHED, ids=lambda one: one.plural)
async def test_a_list_of_bad_ones_has_its_good_one(world: World, operator: FakeOperator, resource):
    draw = random.Random(resource.plural)
    good = {"namespace": "default", "name": "good", "uid": "uid-good", "resourceVersion": "7"}
    items = [as_text(any_spoilt(draw, resource), draw) for _ in range(OBJECTS)]
    items.append(as_text({"metadata": good, "spec": {"image": "trainer", "modelDir": {"uri": "gs://a/b"}}}))
    page = await decode_list(b'{"metadata":{"resourceVersion":"9"},"items":[' + b",".join(items) + b"]}")
    uids: set[str] = set()
    count = len(page["items"]) + len(page[NAMELESS])
    await operator.hand_over.page(resource, (*page["items"], *page[NAMELESS]), uids)
    operator.hand_over.relisted(resource, None, uids, 9)
    assert count == OBJECTS + 1, "none is left out without a word"
    assert "uid-good" in uids
    assert operator.object_errors[resource.plural, "unreadable"] >= len(page[NAMELESS]) > 0
    if resource is JOBS:
        assert operator.store.job(JobKey("default", "good")) is not None


class SpoilingApi(FakeApi):
    """An API server whose answers about one job's objects are not what they should be.

    Attributes:
        draw: Chance; None while all is well.
    """

    draw: random.Random | None = None

    async def get(self, *one: Any, **more: Any) -> Json:
        return await self._spoilt(await super().get(*one, **more))

    async def create(self, *one: Any, **more: Any) -> Json:
        return await self._spoilt(await super().create(*one, **more))

    async def patch(self, *one: Any, **more: Any) -> Json:
        return await self._spoilt(await super().patch(*one, **more))

    async def delete(self, *one: Any, **more: Any) -> Json:
        return await self._spoilt(await super().delete(*one, **more))

    async def pages(self, *one: Any, **more: Any) -> AsyncIterator[Listing]:
        async for page in super().pages(*one, **more):
            items = b",".join(self._text(found) for found in page.items)
            if self.draw is not None and one[0] is CORE_EVENTS:
                items = b",".join(as_text(any_spoilt(self.draw, EVENTS)) for _ in range(20))
            read = await decode_list(b'{"items":[' + items + b"]}")
            yield Listing(items=read["items"], version=page.version, nameless=read.get(NAMELESS, ()))

    async def _spoilt(self, found: Json) -> Json:
        try:
            return await decode_object(self._text(found))
        except UndecodableError as error:
            raise api_error(str(error), status=0) from error

    def _text(self, found: Json) -> bytes:
        if self.draw is None or not found["metadata"]["name"].startswith("bad") or self.draw.random() < 0.4:
            return as_text(found)
        found = copy.deepcopy(found)
        spoil(self.draw, found)
        return as_text(found, self.draw)


@pytest.mark.parametrize("seed", range(12))
async def test_answers_about_one_job_cost_that_job_and_no_other(seed):
    draw, world = random.Random(seed), World()
    world.api = SpoilingApi(world.clock)
    operator = world.operator()
    await operator.start()
    world.submit()
    manifest = BASES[JOBS]()
    world.api.put(JOBS, "default", {**manifest, "metadata": {"name": "bad"}, "status": {}})
    await operator.settle()
    world.run()
    await operator.settle()
    world.api.draw = draw
    for _ in range(12):
        names = [name for name in world.pods if name.startswith("bad")]
        deed = draw.choice(("remove", "finish", "suspend", "wait", "relist", "collect"))
        if deed == "suspend" and BAD.name in world.api.names(JOBS):
            world.api.edit(JOBS, "bad", lambda job: job["spec"].update(suspend=draw.random() < 0.5))
        elif deed == "relist":
            await operator.relist()
        elif deed == "collect":
            world.collect()
        elif names and deed == "remove":
            world.api.remove(PODS, "default", draw.choice(names), now=True)
        elif names and deed == "finish":
            world.finish(draw.choice(names), draw.choice((0, 1, 137)))
        elif names and deed == "wait":
            world.wait(draw.choice(names), "ContainerCreating")
        await operator.pass_(draw.choice((10, 60)), step=10)
        await looked_at_from_everywhere(operator)
    assert (world.state, world.status["restarts"]["total"]) == ("Training", 0)
