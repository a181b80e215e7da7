"""Work begins when everything is listed that may be: what was not read yet must not be taken for missing."""

from __future__ import annotations

import asyncio

from job_world import FIVE_PODS

from estimator_operator.control.freshness import _PATIENCE
from estimator_operator.control.survey import LISTED
from estimator_operator.kube.resources import CLAIMS, JOBS, PODS, SERVICES


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_nothing_is_done_before_every_list_is_complete(world):
    operator = world.operator()
    running = asyncio.ensure_future(operator.controller.run(1))
    world.submit(**FIVE_PODS)
    operator.watch.tell(operator.controller)
    for resource in (JOBS, PODS, SERVICES):
        operator.controller.relisted(resource, None, set(), 0)
    await turns()
    assert world.api.writes() == 0
    assert not operator.controller.ready
    operator.controller.relisted(CLAIMS, None, set(), 0)
    await turns()
    assert operator.controller.ready
    assert world.api.writes() > 0
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_namespace_that_is_refused_is_not_waited_for(world):
    survey = world.operator("team-a", "team-b").survey
    for resource in LISTED:
        survey.refused(resource, "team-b")
    assert not survey._complete.is_set()
    for resource in LISTED:
        survey.listed(resource, "team-a")
    await survey.complete()


async def test_where_nothing_may_be_listed_nothing_begins(world):
    survey = world.operator("team-a", "team-b").survey
    for resource in LISTED:
        survey.refused(resource, "team-a")
        survey.refused(resource, "team-b")
    assert not survey._complete.is_set()


async def test_a_watch_that_never_begins_is_an_ailment(world):
    operator = world.operator("team-a")
    running = asyncio.ensure_future(operator.controller.run(1))
    await turns()
    assert operator.controller.ailment is None
    world.clock.pass_(_PATIENCE + 1)
    assert operator.controller.ailment is not None
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
