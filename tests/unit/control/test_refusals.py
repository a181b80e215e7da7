"""Quotas and admission: what is refused is said in the server's words, retried ever more rarely, and noticed when lifted."""

from __future__ import annotations

import pytest
from fake_api import status_error
from fake_operator import KEY
from job_world import FIVE_PODS, World, job_manifest

from estimator_operator.control.refusal import Refusal
from estimator_operator.errors import LeftoverError
from estimator_operator.kube.resources import PODS

QUOTA = 'pods "mnist-worker-0" is forbidden: exceeded quota: gpus, requested: pods=1, used: pods=3, limited: pods=3'
CLAIM = {"volumeClaimTemplate": {"resources": {"requests": {"storage": "1Gi"}}}}
REFUSALS = {
    "quota": status_error(403, "Forbidden", QUOTA),
    "pod security": status_error(
        403, "Forbidden", 'violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false'
    ),
    "limit range": status_error(
        403, "Forbidden", "maximum memory usage per Container is 1Gi, but limit is 2Gi"
    ),
    "priority class": status_error(403, "Forbidden", "no PriorityClass with name gold was found"),
    "no right": status_error(403, "Forbidden", 'User "operator" cannot create resource "pods"'),
    "namespace ends": status_error(403, "Forbidden", "namespace default is being terminated"),
    "webhook": status_error(
        403, "Forbidden", 'admission webhook "policy" denied the request: no latest tags'
    ),
    "webhook that says 400": status_error(
        400, "BadRequest", 'admission webhook "policy" denied the request: no latest tags'
    ),
    "policy that says 422": status_error(
        422,
        "Invalid",
        'pods "mnist-chief-0" is forbidden: ValidatingAdmissionPolicy "tags" with binding "all" denied request: no latest',
    ),
    "webhook that is away": status_error(
        500, "InternalError", 'failed calling webhook "policy": connection refused'
    ),
    "webhook that says 422": status_error(
        422, "Invalid", 'admission webhook "policy" denied the request: no latest tags'
    ),
}


@pytest.mark.parametrize("resource", ["pods", "services", "persistentvolumeclaims"])
@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
async def test_a_refusal_is_told_in_the_server_s_words_and_ends_when_it_is_lifted(
    world, operator, refusal, resource
):
    world.api.fail("create", resource, refusal, times=10**6)
    world.submit(modelDir=CLAIM)
    await operator.settle()
    ready = world.condition("Ready")
    assert (ready["reason"], ready["status"]) == ("PodCreationForbidden", "False")
    assert ready["message"] == refusal.message
    assert world.condition("Reconciling")["reason"] == "PodCreationForbidden"
    assert world.events() == ["PodCreationForbidden"]
    assert world.pods == []
    await operator.pass_(60)
    assert world.events() == ["PodCreationForbidden"]
    world.api.heal()
    await operator.pass_(80)
    assert world.state == "PodsPending"
    assert world.pods == ["mnist-chief-0"]
    assert operator.results["error"] == operator.results["crash"] == 0


@pytest.mark.parametrize(
    ("error", "delays"),
    [
        (status_error(403), [5, 10, 20, 40, 80, 160, 300, 300, 300]),
        (status_error(403, retry_after=60), [60, 60, 60, 60, 80]),
        (status_error(403, retry_after=400), [400, 400]),
        (LeftoverError("pods mnist-chief-0 is left", status=409), [5, 10, 20, 20]),
    ],
)
def test_the_delay_doubles_from_5_to_300_seconds(error, delays):
    refusal = Refusal()
    assert refusal.wait(0.0) is None
    now = 100.0
    for delay in delays:
        assert refusal.note(error, now) == delay
        assert refusal.wait(now) == delay
        assert not refusal.allows(now + delay - 0.1)
        now += delay
        assert refusal.allows(now)
    refusal.clear()
    assert refusal.note(error, now) == delays[0]


async def test_tries_are_as_rare_as_that(world, operator):
    world.api.fail("create", "pods", REFUSALS["quota"], times=10**6)
    world.submit()
    tried: list[float] = []
    world.api.before = lambda verb, resource, name: (
        tried.append(world.clock.monotonic()) if (verb, resource) == ("create", "pods") else None
    )
    await operator.pass_(1300)
    assert tried == [1, 6, 16, 36, 76, 156, 316, 616, 916, 1216]
    assert world.api.calls["patch estimatorjobs/status"] == 1


def limit_pods(world: World, most: int) -> None:
    """A quota: so many pods may exist, `world.quota` from now on."""
    put = world.api.put

    def limited(resource, namespace, manifest):
        if resource is PODS and len(world.pods) >= world.quota:
            raise REFUSALS["quota"]
        return put(resource, namespace, manifest)

    world.quota = most
    world.api.put = limited


async def test_what_the_quota_has_room_for_is_made_in_the_order_of_roles(world, operator):
    """A chief and its ps are of more use than workers without them; no pod is made and deleted for it."""
    limit_pods(world, 3)
    world.submit(**FIVE_PODS)
    await operator.pass_(40)
    assert len(world.pods) == 3
    assert "mnist-chief-0" in world.pods
    assert world.state == "PodCreationForbidden"
    assert world.status["replicas"] == {"ready": 0, "desired": 5}
    assert world.api.calls["delete pods"] == 0
    world.run()
    await operator.pass_(40)
    assert world.state == "PodCreationForbidden"
    assert world.status["replicas"] == {"ready": 3, "desired": 5}
    world.quota = 5
    await operator.pass_(300)
    world.run()
    await operator.settle()
    assert world.state == "Training"
    assert world.status["restarts"]["total"] == 0


async def test_a_restart_that_the_quota_refuses_is_made_later(world, operator):
    limit_pods(world, 5)
    world.submit(**FIVE_PODS)
    await operator.settle()
    world.run()
    await operator.settle()
    world.quota = 0
    world.finish("mnist-worker-1", 1, "boom")
    await operator.pass_(100)
    assert world.state == "PodCreationForbidden"
    assert world.status["restarts"]["total"] == 1
    world.quota = 5
    await operator.pass_(300)
    assert "mnist-worker-1-r1" in world.pods
    assert world.status["restarts"]["total"] == 1


async def test_room_that_the_job_itself_makes_is_used_with_the_next_try(world, operator):
    limit_pods(world, 1)
    world.submit()
    world.submit(job_manifest("waits"))
    await operator.settle()
    first = world.pods[0]
    other = "waits" if first.startswith("mnist") else "mnist"
    world.api.remove(PODS, "default", first, now=True)
    world.quota = 2
    await operator.pass_(10)
    assert f"{other}-chief-0" in world.pods


async def test_a_message_that_changes_is_told(world, operator):
    world.api.fail("create", "pods", REFUSALS["quota"])
    world.api.fail("create", "pods", REFUSALS["priority class"], times=10**6)
    world.submit()
    await operator.settle()
    assert world.condition("Ready")["message"] == QUOTA
    await operator.pass_(10)
    assert "PriorityClass" in world.condition("Ready")["message"]


async def test_a_job_that_is_refused_can_be_suspended_and_deleted(world, operator):
    world.api.fail("create", "pods", REFUSALS["quota"], times=10**6)
    world.submit()
    await operator.settle()
    world.set_spec(suspend=True)
    await operator.settle()
    assert world.state == "Suspended"
    calls = world.api.calls["create pods"]
    await operator.pass_(600, step=10)
    assert world.api.calls["create pods"] == calls


async def test_a_new_spec_whose_pods_are_refused_halfway_makes_the_others_once(world, operator):
    world.submit(**FIVE_PODS)
    await operator.settle()
    world.run()
    await operator.settle()
    world.set_spec(image="another")
    quota = status_error(403, "Forbidden", "exceeded quota")
    world.api.fail("create", "pods", quota, times=10**6, matches=lambda name: "evaluator" in name)
    for _ in range(3):
        await operator.settle()
        world.collect()
    await operator.pass_(10)
    assert world.api.calls["delete pods"] == 5
    assert len(world.pods) == 4
    assert "exceeded quota" in world.condition("Ready")["message"]


async def test_the_schedule_shows_what_is_refused_also_when_something_else_has_the_job_looked_at_sooner(
    world, operator
):
    world.api.fail("create", "pods", status_error(403, "Forbidden", "exceeded quota"), times=10**6)
    world.submit()
    await operator.pass_(60)
    operator.queue.add(KEY)
    (row,) = operator.controller.schedule(10)
    assert row["reason"] == "news"
    assert 0 < row["holds"]["creation is refused"] <= 300
