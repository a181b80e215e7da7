"""What was known of an object is not true any more once it cannot be read: it exists, and nobody knows how it is."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import pytest_asyncio
from fake_operator import KEY, FakeOperator
from job_world import World

from estimator_api import InvalidJobError
from estimator_api import constants as c
from estimator_operator.kube.decoding import UNREADABLE
from estimator_operator.kube.resources import CLAIMS, JOBS, PODS, SERVICES, Resource

Json = dict[str, Any]
CHIEF = "mnist-chief-0"
CLAIM = {"modelDir": {"volumeClaimTemplate": {"resources": {"requests": {"storage": "1Gi"}}}}}


def _set(*path: str, value: Any) -> Callable[[Json], None]:
    def change(found: Json) -> None:
        *parents, last = path
        for one in parents:
            found = found[one]
        found[last] = value

    return change


SPOILT: dict[str, Callable[[Json], None]] = {
    "no list of containers": _set("status", "containerStatuses", value=5),
    "a container that is null": _set("status", "containerStatuses", value=[None]),
    "conditions without types": _set("status", "conditions", value=[{}]),
    "a phase that is a list": _set("status", "phase", value=["Running"]),
    "an address that is an object": _set("status", "podIP", value={"a": 1}),
    "an exit code of 30 digits": _set(
        "status",
        "containerStatuses",
        value=[{"name": "estimator", "state": {"terminated": {"exitCode": 10**30}}}],
    ),
    "a birthday that is none": _set("metadata", "creationTimestamp", value="yesterday"),
    "a status that is text": _set("status", value="fine"),
    "a spec that is a list": _set("spec", value=[]),
    "labels that are a list": _set("metadata", "labels", value=["a"]),
    "labels that are numbers": _set("metadata", "labels", value={c.LABEL_ROLE: 1}),
    "annotations that are numbers": _set("metadata", "annotations", value={"a": 1}),
    "owners that are text": _set("metadata", "ownerReferences", value="me"),
    "an owner without a kind": _set("metadata", "ownerReferences", value=[{"controller": True}]),
    "a version that is a number": _set("metadata", "resourceVersion", value=5),
    "a version of 5,000 digits": _set("metadata", "resourceVersion", value="9" * 5000),
    "nested too deep": _set(UNREADABLE, value="it is nested more than 200 levels deep"),
}


@pytest_asyncio.fixture
async def training(world: World, operator: FakeOperator) -> FakeOperator:
    world.submit(**CLAIM)
    await operator.settle()
    world.run()
    await operator.settle()
    assert world.state == "Training"
    return operator


def stored(world: World, resource: Resource, name: str) -> Json:
    return world.api.objects[resource.plural, "default", name]


def changed(world: World, resource: Resource, name: str, change: Callable[[Json], None]) -> Json:
    """The object in another version, which its own watch has not told of."""
    world.api._version += 1
    found = copy.deepcopy(stored(world, resource, name))
    found["metadata"]["resourceVersion"] = str(world.api._version)
    change(found)
    return found


def the_pod(operator: FakeOperator) -> Any:
    record = operator.store.job(KEY)
    assert record is not None
    return next(iter(operator.store.pods(record)), None)


@pytest.mark.parametrize("kind", ["MODIFIED", None], ids=["told", "relisted"])
@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
async def test_a_pod_that_cannot_be_read_any_more_exists_and_is_not_what_it_was(
    world: World, training: FakeOperator, spoil, kind
):
    operator = training
    spoilt = changed(world, PODS, CHIEF, spoil)
    operator.hand_over.event(PODS, kind, spoilt)
    operator.controller.relisted(PODS, None, {spoilt["metadata"]["uid"]}, world.api._version)
    assert (the_pod(operator).phase, the_pod(operator).ready) == ("Unknown", False)
    assert operator.object_errors["pods", "unreadable"] == 1
    await operator.pass_(120)
    assert (world.pods, world.status["restarts"]["total"]) == ([CHIEF], 0), "none takes its place"
    assert "cannot be read" in world.condition("Ready")["message"]
    operator.hand_over.event(PODS, "MODIFIED", changed(world, PODS, CHIEF, lambda _: None))
    await operator.pass_(60)
    assert (the_pod(operator).phase, world.state) == ("Running", "Training")


@pytest.mark.parametrize("how", ["told", "relisted"])
@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
async def test_a_pod_that_could_not_be_read_is_replaced_when_it_is_gone(
    world: World, training: FakeOperator, spoil, how
):
    operator = training
    spoilt = changed(world, PODS, CHIEF, spoil)
    operator.hand_over.event(PODS, "MODIFIED", spoilt)
    world.api.remove(PODS, "default", CHIEF, now=True)
    operator.watch.events.clear()
    if how == "told":
        operator.hand_over.event(PODS, "DELETED", spoilt)
    else:
        operator.controller.relisted(PODS, None, set(), world.api._version)
    assert the_pod(operator) is None
    await operator.pass_(60)
    assert world.pods == [f"{CHIEF}-r1"]


async def test_a_pod_that_was_seen_to_end_has_ended_whatever_becomes_of_it(world, training):
    operator = training
    world.finish(CHIEF)
    operator.watch.tell(operator.controller)
    operator.hand_over.event(PODS, "MODIFIED", changed(world, PODS, CHIEF, SPOILT["a status that is text"]))
    await operator.settle()
    assert world.state == "Completed"


async def test_a_pod_that_was_never_read_is_there_all_the_same(world, training):
    """A new operator finds it: it starts no second chief."""
    world.api.unwatch(training.watch)
    operator = world.operator()
    world.api.edit(PODS, CHIEF, SPOILT["no list of containers"])
    await operator.start()
    await operator.pass_(60)
    assert world.pods == [CHIEF]
    assert world.status["restarts"]["total"] == 0


@pytest.mark.parametrize("deleted", [True, False], ids=["told", "relisted"])
async def test_a_pod_that_was_given_away_is_nobody_s(world, training, deleted):
    operator = training
    given = changed(world, PODS, CHIEF, _set("metadata", "ownerReferences", value=[]))
    given["metadata"]["labels"][c.LABEL_JOB_NAME] = "quarantine"
    operator.hand_over.event(PODS, "MODIFIED", given)
    assert the_pod(operator) is None
    if deleted:
        operator.hand_over.event(PODS, "DELETED", given)
    operator.controller.relisted(PODS, None, set(), world.api._version)
    assert the_pod(operator) is None
    assert operator.store._keys == {}


OF_ALL = {
    key: SPOILT[key]
    for key in SPOILT
    if key.startswith(
        ("a status", "a spec", "labels", "annotations", "owners", "an owner", "a version", "nested")
    )
}


@pytest.mark.parametrize(("resource", "name"), [(SERVICES, "mnist"), (CLAIMS, "mnist-model")])
@pytest.mark.parametrize("spoil", OF_ALL.values(), ids=OF_ALL)
async def test_a_service_or_claim_that_cannot_be_read_is_there_until_it_is_gone(
    world: World, training: FakeOperator, resource, name, spoil
):
    operator = training
    spoilt = changed(world, resource, name, spoil)
    operator.hand_over.event(resource, "MODIFIED", spoilt)
    operator.controller.relisted(resource, None, {spoilt["metadata"]["uid"]}, world.api._version)
    await operator.pass_(20)
    made = world.api.calls[f"create {resource.plural}"]
    assert made == 1
    world.api.remove(resource, "default", name)
    operator.watch.events.clear()
    operator.hand_over.event(resource, "DELETED", spoilt)
    await operator.pass_(20)
    assert name in world.api.names(resource)


@pytest.mark.parametrize(("resource", "name"), [(SERVICES, "mnist"), (CLAIMS, "mnist-model")])
async def test_a_service_or_claim_that_was_given_away_is_not_the_job_s(world, training, resource, name):
    operator, record = training, training.store.job(KEY)
    given = changed(world, resource, name, lambda _: None)
    given["metadata"] |= {"ownerReferences": [], "labels": {c.LABEL_JOB_NAME: "other"}}
    operator.hand_over.event(resource, "MODIFIED", given)
    assert not (record.service_exists if resource is SERVICES else record.claim_exists)
    operator.hand_over.event(resource, "MODIFIED", changed(world, resource, name, lambda _: None))
    assert record.service_exists if resource is SERVICES else record.claim_exists


OF_JOBS = OF_ALL | {
    "conditions that are text": _set("status", "conditions", value="all is well"),
    "a condition without a reason": _set("status", "conditions", value=[{"type": "Ready", "status": "True"}]),
    "a condition that is null": _set("status", "conditions", value=[None]),
    "a generation that is text": _set("metadata", "generation", value="one"),
    "finalizers that are an object": _set("metadata", "finalizers", value={}),
}


@pytest.mark.parametrize("kind", ["MODIFIED", None], ids=["told", "relisted"])
@pytest.mark.parametrize("spoil", OF_JOBS.values(), ids=OF_JOBS)
async def test_a_job_that_cannot_be_read_any_more_is_not_what_it_was_until_it_can_be(
    world: World, training: FakeOperator, spoil, kind
):
    operator = training
    operator.hand_over.event(JOBS, kind, changed(world, JOBS, "mnist", spoil))
    assert operator.object_errors["estimatorjobs", "unreadable"] == 1
    with pytest.raises(InvalidJobError):
        operator.store.job(KEY).job()
    await operator.settle()
    assert world.pods == [CHIEF]
    world.api.edit(JOBS, "mnist", lambda _: None)
    await operator.pass_(60)
    assert (world.state, world.pods) == ("Training", [CHIEF])


@pytest.mark.parametrize("spoil", ["nested too deep", "a spec that is a list"])
async def test_the_job_says_that_it_cannot_be_read(world, training, spoil):
    operator = training
    good = copy.deepcopy(world.job["spec"])
    world.api.edit(JOBS, "mnist", SPOILT[spoil])
    operator.watch.events = [("estimatorjobs", "MODIFIED", copy.deepcopy(world.job))]
    await operator.pass_(30)
    assert (world.condition("Stalled")["status"], world.pods) == ("True", [CHIEF])
    assert world.condition("Failed")["status"] == "False"
    world.job.pop(UNREADABLE, None)
    world.api.edit(JOBS, "mnist", _set("spec", value=good))
    await operator.pass_(60)
    assert world.state == "Training"
