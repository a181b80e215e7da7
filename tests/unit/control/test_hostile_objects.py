"""Whatever goes wrong while one object is read belongs to that object, and is counted."""

from __future__ import annotations

from typing import Any

import pytest
from fake_clock import FakeClock
from fake_operator import FakeOperator
from job_world import World, job_manifest

from estimator_operator.kube.fence import LINES_A_MINUTE, LOGGED_EVERY, Fence
from estimator_operator.kube.resources import CLAIMS, JOBS, PODS, SERVICES

HOSTILE: dict[str, Any] = {
    "no metadata": {},
    "metadata is a list": {"metadata": []},
    "no name": {"metadata": {"uid": "u", "namespace": "default"}},
    "labels are a list": {"metadata": {"uid": "u", "namespace": "default", "name": "n", "labels": ["x"]}},
    "version is a number": {"metadata": {"uid": "u", "namespace": "n", "name": "n", "resourceVersion": 5}},
    "not even an object": [],
}


@pytest.mark.parametrize("manifest", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("resource", [JOBS, PODS, SERVICES, CLAIMS], ids=lambda one: one.plural)
@pytest.mark.parametrize("kind", [None, "ADDED", "MODIFIED", "DELETED"])
def test_no_event_ends_the_watch(operator: FakeOperator, manifest, resource, kind):
    operator.hand_over.event(resource, kind, manifest)


async def test_the_others_go_on(world: World, operator: FakeOperator):
    broken = job_manifest("broken")
    broken["metadata"] |= {"namespace": "default", "uid": "b", "resourceVersion": "1", "generation": 1}
    broken["status"] = {"conditions": "all is well"}
    operator.hand_over.event(JOBS, "ADDED", broken)
    operator.hand_over.event(JOBS, "ADDED", {"metadata": None})
    world.submit()
    await operator.settle()
    assert world.pods == ["mnist-chief-0"]
    assert operator.object_errors["estimatorjobs", "unreadable"] == 2


async def test_a_pod_that_cannot_be_summarised_keeps_what_was_known_of_it(world, operator):
    world.submit()
    await operator.settle()
    world.run()
    await operator.settle()

    def spoil(pod: dict[str, Any]) -> None:
        pod["status"]["containerStatuses"] = 5

    world.api.edit(PODS, "mnist-chief-0", spoil)
    await operator.pass_(10)
    assert operator.object_errors["pods", "unreadable"] >= 1
    assert world.pods == ["mnist-chief-0"]
    await operator.relist()
    assert world.status["restarts"]["total"] == 0


def test_one_object_does_not_fill_the_log(caplog):
    clock, counted = FakeClock(), []
    fence = Fence(lambda *one: counted.append(one), monotonic=clock.monotonic)
    for _ in range(100):
        with fence.around("pods", {"metadata": {"namespace": "a", "name": "b"}}):
            raise RecursionError("too deep" * 1000)
    assert len(counted) == 100
    assert len(caplog.records) == 1
    assert "a/b" in caplog.text
    assert len(caplog.text) < 1000
    clock.pass_(LOGGED_EVERY)
    fence.note("pods", {"metadata": {"namespace": "a", "name": "b"}}, ValueError())
    assert len(caplog.records) == 2


def test_many_objects_do_not_fill_the_log_either(caplog):
    clock, counted = FakeClock(), []
    fence = Fence(lambda *one: counted.append(one), monotonic=clock.monotonic)
    for number in range(5000):
        fence.note("pods", {"metadata": {"namespace": "a", "name": f"b{number}"}}, "no")
    assert len(counted) == 5000
    assert len(caplog.records) == LINES_A_MINUTE
    clock.pass_(60)
    fence.note("pods", {"metadata": {"namespace": "a", "name": "b4999"}}, "no")
    assert len(caplog.records) == LINES_A_MINUTE + 1, "its turn comes"


def test_the_log_shows_foreign_text_on_one_line(caplog):
    fence = Fence()
    name = "\x1b[31mred\nERROR forged" + "x" * 5000
    fence.note("pods", {"metadata": {"namespace": ["a"], "name": name}}, ValueError("\x1b[2J\nforged\ud800"))
    (record,) = caplog.records
    line = record.getMessage()
    assert line.startswith("pods ?/red ERROR forgedxxx")
    assert line.endswith("cannot be taken in: ValueError: forged")
    assert "\x1b" not in line
    assert len(line) < 1000


@pytest.mark.parametrize(
    ("resource", "event", "claim"),
    [(SERVICES, "service_event", False), (CLAIMS, "claim_event", True)],
    ids=["service", "claim"],
)
@pytest.mark.parametrize("how", ["told", "relisted"])
async def test_a_deleted_service_or_claim_is_made_again_at_once(
    world: World, operator: FakeOperator, resource, event, claim, how
):
    template = {"modelDir": {"volumeClaimTemplate": {"resources": {"requests": {"storage": "1Gi"}}}}}
    world.submit(**(template if claim else {}))
    await operator.settle()
    name = "mnist-model" if claim else "mnist"
    stored = world.api.objects[resource.plural, "default", name]
    getattr(operator.controller, event)("ADDED", stored)
    await operator.settle()
    world.api.remove(resource, "default", name)
    if how == "told":
        getattr(operator.controller, event)("DELETED", stored)
    else:
        operator.controller.relisted(resource, None, set(), world.api._version)
    await operator.settle()
    assert name in world.api.names(resource)


async def test_what_is_newer_than_a_list_is_not_swept_by_it(world, operator):
    world.submit()
    version = world.api._version - 1
    await operator.settle()
    stored = world.api.objects["services", "default", "mnist"]
    operator.controller.service_event("ADDED", stored)
    for resource in (JOBS, PODS, SERVICES, CLAIMS):
        operator.controller.relisted(resource, None, set(), version)
    await operator.settle()
    assert world.api.calls["create services"] == 1
    assert len(operator.store) == 1


async def test_jobs_and_pods_that_a_list_does_not_have_are_gone(world, operator):
    world.submit()
    world.submit(job_manifest("other"))
    await operator.settle()
    world.run()
    await operator.settle()
    world.api.remove(JOBS, "default", "other")
    world.api.remove(PODS, "default", "mnist-chief-0", now=True)
    operator.watch.events.clear()
    jobs = {one["metadata"]["uid"] for (kind, _, _), one in world.api.objects.items() if kind == JOBS.plural}
    operator.controller.relisted(JOBS, None, jobs, world.api._version)
    operator.controller.relisted(PODS, "default", set(), world.api._version)
    await operator.settle()
    assert len(operator.store) == 1
    assert "mnist-chief-0-r1" in world.pods
