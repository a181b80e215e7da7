"""Why a pod waits when only its events say so: looked up late, rarely, and then said in the status."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from fake_api import status_error
from fake_operator import KEY, FakeOperator
from job_world import World, job_manifest

from estimator_operator.kube.resources import CLAIMS, CORE_EVENTS, JOBS, PODS

MISSING = 'MountVolume.SetUp failed for volume "code" : configmap "trainer" not found'


def warn(
    world: World, reason: str, message: str, *, seen: str, pod: str = "mnist-chief-0", kind: str = "Warning"
) -> None:
    uid = world.api.objects["pods", "default", pod]["metadata"]["uid"]
    event: dict[str, Any] = {
        "metadata": {"name": f"{pod}.{reason}.{seen}"},
        "involvedObject": {"kind": "Pod", "uid": uid},
        "type": kind,
        "reason": reason,
        "message": message,
        "lastTimestamp": f"2026-01-01T00:00:{seen}Z",
    }
    world.api.put(CORE_EVENTS, "default", event)


async def waiting(world: World, operator: FakeOperator) -> None:
    world.submit()
    await operator.settle()
    world.wait("mnist-chief-0", "ContainerCreating")
    await operator.settle()


async def test_the_newest_warning_is_the_cause(world, operator):
    await waiting(world, operator)
    warn(world, "FailedMount", "older", seen="01")
    warn(world, "FailedMount", MISSING, seen="03")
    warn(world, "Pulled", "not a warning", seen="05", kind="Normal")
    warn(world, "FailedScheduling", "over", seen="06")
    await operator.pass_(9)
    assert world.api.calls["list events"] == 0
    await operator.pass_(2)
    assert world.api.calls["list events"] == 1
    assert 'configmap "trainer" not found' in world.condition("Ready")["message"]
    world.run()
    await operator.settle()
    assert world.condition("Ready")["message"] == "all replicas are ready"


async def test_looks_grow_rare(world, operator):
    await waiting(world, operator)
    await operator.pass_(1000)
    assert world.api.calls["list events"] == 5


async def test_an_ordinary_start_is_not_looked_into(world, operator):
    await waiting(world, operator)
    await operator.pass_(8)
    world.run()
    await operator.pass_(60)
    assert world.api.calls["list events"] == 0


async def test_what_the_pod_says_itself_is_not_looked_up(world, operator):
    await waiting(world, operator)
    world.wait("mnist-chief-0", "ImagePullBackOff", "no such image: trainer")
    await operator.pass_(60)
    assert world.api.calls["list events"] == 0
    assert "no such image: trainer" in world.condition("Ready")["message"]


async def test_a_hundred_pods_of_many_jobs_cost_one_list_of_their_namespace(world, operator):
    for name in ("mnist", "other"):
        world.submit(job_manifest(name, worker={"replicas": 50}, evaluator={"replicas": 1}))
    await operator.settle()
    for name in world.pods:
        world.wait(name, "ContainerCreating")
    await operator.settle()
    for name in ("mnist-worker-3", "other-worker-9"):
        warn(world, "FailedMount", MISSING, seen="03", pod=name)
    await operator.pass_(11)
    assert world.api.calls["list events"] == 1
    for name, pod in (("mnist", "worker-3"), ("other", "worker-9")):
        (ready,) = [
            one
            for one in world.api.objects["estimatorjobs", "default", name]["status"]["conditions"]
            if one["type"] == "Ready"
        ]
        assert f"{pod} waits: {MISSING}" in ready["message"]


async def test_a_lookup_holds_up_no_reconcile(world, operator):
    await waiting(world, operator)
    world.clock.pass_(11)
    operator.queue._promote()
    operator.watch.tell(operator.controller)
    await operator.controller.step()
    assert world.api.calls["list events"] == 0, "it is made beside the reconciles"
    world.api.edit(JOBS, "mnist", lambda job: job["spec"].update(suspend=True))
    operator.watch.tell(operator.controller)
    await operator.controller.step()
    assert world.state == "Suspending"
    await operator.settle()


async def test_events_are_read_page_by_page(world, operator):
    await waiting(world, operator)
    world.api.page = 3
    for second in range(10, 20):
        warn(world, "FailedMount", f"at {second}", seen=str(second))
    await operator.pass_(11)
    assert world.api.calls["list events"] == 4
    assert "at 19" in world.condition("Ready")["message"]


async def test_a_lookup_that_fails_is_left_for_the_next_time(world, operator):
    await waiting(world, operator)
    world.api.fail("list", "events", status_error(403, "Forbidden"))
    warn(world, "FailedMount", MISSING, seen="03")
    await operator.pass_(11)
    assert world.api.calls["list events"] == 1
    assert operator.results["error"] == operator.results["crash"] == 0
    await operator.pass_(30)
    assert world.api.calls["list events"] == 2
    assert MISSING in world.condition("Ready")["message"]
    assert operator.store.job(KEY) is not None


MODELS = {"persistentVolumeClaim": {"claimName": "models"}}
NO_NODE = "0/2 nodes are available: in words that change with every release."


async def held(world: World, operator: FakeOperator, **spec: Any) -> None:
    world.submit(**spec)
    await operator.settle()
    world.hold("mnist-chief-0", NO_NODE)
    await operator.settle()


async def test_a_claim_that_lost_its_volume_ends_the_job_whatever_the_scheduler_says(world, operator):
    world.api.put(CLAIMS, "default", {"metadata": {"name": "models"}, "status": {"phase": "Lost"}})
    await held(world, operator, modelDir=MODELS)
    await operator.pass_(11)
    failed = world.condition("Failed")
    assert failed["reason"] == "ModelDirUnavailable"
    assert "PersistentVolumeClaim models is gone (Lost)" in failed["message"]
    assert world.api.calls["list events"] == 0


async def test_a_claim_that_does_not_exist_is_waited_for_until_the_deadline(world, operator):
    await held(world, operator, modelDir=MODELS, runPolicy={"pendingDeadlineSeconds": 60})
    await operator.pass_(50)
    assert world.state == "PodsPending"
    await operator.pass_(15)
    assert world.condition("Failed")["reason"] == "ModelDirUnavailable"
    assert world.api.calls["get persistentvolumeclaims"] == 2


async def test_a_claim_that_was_made_meanwhile_is_not_missing(world, operator):
    await held(world, operator, modelDir=MODELS, runPolicy={"pendingDeadlineSeconds": 60})
    await operator.pass_(12)
    world.api.put(CLAIMS, "default", {"metadata": {"name": "models"}, "status": {"phase": "Bound"}})
    await operator.pass_(60)
    assert world.condition("Failed")["reason"] == "PendingDeadlineExceeded"


async def test_a_claim_that_cannot_be_read_says_nothing(world, operator):
    world.api.fail("get", "persistentvolumeclaims", status_error(403, "Forbidden"), times=10**6)
    await held(world, operator, modelDir=MODELS, runPolicy={"pendingDeadlineSeconds": 60})
    await operator.pass_(65)
    assert world.condition("Failed")["reason"] == "PendingDeadlineExceeded"
    assert operator.results["error"] == operator.results["crash"] == 0


async def test_a_job_without_a_claim_asks_for_none(world, operator):
    await held(world, operator)
    await operator.pass_(60)
    assert world.api.calls["get persistentvolumeclaims"] == world.api.calls["list events"] == 0


@pytest.mark.parametrize(
    "harm",
    [
        {"involvedObject": "mnist-chief-0"},
        {"involvedObject": None},
        {"message": {"not": "text"}, "series": ["none"]},
        {"metadata": None, "lastTimestamp": None},
    ],
)
async def test_one_event_that_cannot_be_read_hides_no_other(world, operator, harm):
    await waiting(world, operator)
    warn(world, "FailedMount", "unreadable", seen="09")
    warn(world, "FailedMount", MISSING, seen="03")
    listed = world.api.pages

    async def pages(resource, namespace, **selectors):
        async for page in listed(resource, namespace, **selectors):
            for one in page.items:
                if one.get("message") == "unreadable":
                    one.update(harm)
            yield page

    world.api.pages = pages
    await operator.pass_(11)
    assert 'configmap "trainer" not found' in world.condition("Ready")["message"]
    counted = operator.object_errors["events", "unreadable"]
    assert counted == (harm.get("involvedObject", "") is not None), "an event about nothing is no fault"


async def test_a_look_that_fails_costs_its_own_namespace_only_and_is_tried_again_ever_more_rarely(
    world, operator, monkeypatch
):
    await waiting(world, operator)
    world.api.put(JOBS, "other", job_manifest())
    await operator.settle()
    world.api.edit(PODS, "mnist-chief-0", waits_for_its_volume, namespace="other")
    warn(world, "FailedMount", MISSING, seen="03")
    causes, looks = operator.causes._causes, []

    async def broken(namespace, *args):
        looks.append((namespace, world.clock.monotonic()))
        if namespace == "default" and len(looks) < 12:
            raise RuntimeError("nobody thought of this")
        return await causes(namespace, *args)

    monkeypatch.setattr(operator.causes, "_causes", broken)
    await operator.pass_(60)
    tries = [at for namespace, at in looks if namespace == "default"]
    assert len(tries) == 3
    assert operator.object_errors["events", "failed"] == 3
    assert [namespace for namespace, _ in looks].count("other") == 2
    reasons = {row["reason"] for row in operator.controller.schedule(10)}
    assert "why pods wait" in reasons
    await operator.pass_(3000)
    pauses = [later - earlier for earlier, later in pairwise(at for name, at in looks if name == "default")]
    assert pauses == sorted(pauses)
    assert 'configmap "trainer" not found' in world.condition("Ready")["message"]


async def test_a_claim_that_cannot_be_read_costs_its_own_job_only(world, operator):
    world.submit(modelDir={"persistentVolumeClaim": {"claimName": "models"}})
    world.api.put(CLAIMS, "default", {"metadata": {"name": "models"}, "status": ["none"]})
    await operator.settle()
    world.wait("mnist-chief-0", "ContainerCreating")
    warn(world, "FailedMount", MISSING, seen="03")
    await operator.pass_(11)
    assert 'configmap "trainer" not found' in world.condition("Ready")["message"]
    assert operator.object_errors["persistentvolumeclaims", "unreadable"] == 1


def waits_for_its_volume(pod: dict[str, Any]) -> None:
    pod["spec"]["nodeName"] = "node-1"
    state = {"waiting": {"reason": "ContainerCreating"}}
    pod["status"] = {"phase": "Pending", "containerStatuses": [{"name": "estimator", "state": state}]}


async def test_escape_sequences_of_an_event_do_not_reach_the_condition(world, operator):
    await waiting(world, operator)
    warn(world, "FailedMount", "no \x1b[31mred\u202e volume\x9b1m \x07", seen="03")
    await operator.pass_(11)
    message = world.condition("Ready")["message"]
    assert "no red volume" in " ".join(message.split())
    assert not any(one in message for one in "\x1b\x9b\x07\u202e")
