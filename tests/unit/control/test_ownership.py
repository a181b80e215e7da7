"""No job takes what belongs to somebody else: objects of the same name, of all kinds and owners."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from fake_operator import KEY
from job_world import FIVE_PODS, World, job_manifest

from estimator_operator.control.job_record import JobKey
from estimator_operator.kube.resources import CLAIMS, JOBS, PODS, SERVICES, Resource

CLAIM = {"volumeClaimTemplate": {"resources": {"requests": {"storage": "1Gi"}}}}
OURS = {"estimator.dev/job-name": "mnist"}


def owned(kind: str = "EstimatorJob", name: str = "mnist", uid: str = "another") -> list[dict[str, Any]]:
    group = "estimator.dev/v1alpha1" if kind == "EstimatorJob" else "apps/v1"
    return [{"apiVersion": group, "kind": kind, "name": name, "uid": uid, "controller": True}]


def stand_in(world: World, resource: Resource, name: str, **metadata: Any) -> None:
    """Somebody's object is there first."""
    world.api.put(resource, "default", {"metadata": {"name": name, **metadata}, "spec": {}})


FOREIGN = {
    "nobody's": {},
    "nobody's, with our labels": {"labels": OURS},
    "another controller's": {"ownerReferences": owned("StatefulSet")},
    "another job's": {"ownerReferences": owned(name="other")},
}


@pytest.mark.parametrize("metadata", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize(
    ("resource", "name", "creates"),
    [
        (SERVICES, "mnist", "services mnist"),
        (PODS, "mnist-chief-0", "pods mnist-chief-0"),
        (CLAIMS, "mnist-model", "persistentvolumeclaims mnist-model"),
    ],
    ids=["service", "pod", "claim"],
)
async def test_what_belongs_to_somebody_else_is_refused(world, operator, resource, name, creates, metadata):
    if resource is CLAIMS and metadata.get("labels"):
        metadata = {
            "labels": {"estimator.dev/job-name": "another"}
        }  # one that names the job is the job's, see below
    stand_in(world, resource, name, **metadata)
    before = world.api.objects[resource.plural, "default", name]["metadata"]["resourceVersion"]
    world.submit(modelDir=CLAIM)
    await operator.settle()
    assert world.state == "PodCreationForbidden"
    message = world.condition("Ready")["message"]
    assert message.startswith(creates)
    assert "exists and" in message or "belongs to EstimatorJob other" in message
    assert world.events() == ["PodCreationForbidden"]
    assert world.api.objects[resource.plural, "default", name]["metadata"]["resourceVersion"] == before
    assert operator.store.job(("default", "mnist")) is not None
    assert operator.store.pods(operator.store.job(("default", "mnist"))) == ()

    world.api.remove(resource, "default", name, now=True)
    await operator.pass_(10)
    assert world.state == "PodsPending"
    assert world.pods == ["mnist-chief-0"]


async def test_a_surveyed_stranger_is_not_taken_either(world):
    """The survey lists by label, which anybody can set."""
    stand_in(world, SERVICES, "mnist", labels=OURS)
    stand_in(world, CLAIMS, "mnist-model", labels=OURS, ownerReferences=owned("StatefulSet"))
    stand_in(world, PODS, "mnist-chief-0", labels=OURS | {"estimator.dev/role": "chief"})
    world.submit(modelDir=CLAIM)
    operator = world.operator()
    await operator.start()
    assert world.state == "PodCreationForbidden"
    assert "persistentvolumeclaims mnist-model" in world.condition("Ready")["message"]


async def test_a_retained_claim_is_used_again(world, operator):
    stand_in(world, CLAIMS, "mnist-model", labels=OURS)
    world.submit(modelDir=CLAIM)
    await operator.settle()
    assert world.claims == ["mnist-model"]
    assert world.state == "PodsPending"
    again = world.operator()
    world.api.calls.clear()
    await again.start()
    assert world.api.calls["create persistentvolumeclaims"] == 0


async def test_what_a_deleted_namesake_left_is_waited_for(world, operator):
    stand_in(world, SERVICES, "mnist", ownerReferences=owned())
    world.submit()
    await operator.settle()
    assert world.state == "PodCreationForbidden"
    assert "left from an earlier job" in world.condition("Ready")["message"]
    assert world.pods == []
    world.api.remove(SERVICES, "default", "mnist")
    await operator.pass_(20)
    assert world.pods == ["mnist-chief-0"]


async def test_objects_are_made_in_the_job_s_namespace_only(world, operator):
    seen = []
    create = world.api.create

    async def watched(resource, namespace, manifest, **more):
        seen.append((namespace, manifest["metadata"].get("namespace", namespace)))
        return await create(resource, namespace, manifest, **more)

    world.api.create = watched
    template = {"metadata": {"namespace": "kube-system", "name": "theirs"}, "spec": {"containers": []}}
    manifest = {
        "metadata": {"name": "mnist"},
        "spec": {"image": "trainer", "modelDir": CLAIM, "template": template},
    }
    world.api.put(JOBS, "team-a", manifest)
    await operator.settle()
    assert len(seen) >= 3
    assert set(seen) == {("team-a", "team-a")}


TAKEN = {
    "no owner": lambda owners: owners.clear(),
    "no controller": lambda owners: owners[0].update(controller=False),
    "another uid": lambda owners: owners[0].update(uid="of-no-job"),
    "another controller": lambda owners: owners.__setitem__(slice(None), owned("ReplicaSet")),
}


@pytest.mark.parametrize("change", TAKEN.values(), ids=TAKEN)
async def test_a_chief_whose_owner_is_changed_by_hand_has_no_second_one_beside_it(world, operator, change):
    world.submit(**FIVE_PODS)
    await operator.settle()
    world.run()
    await operator.settle()
    world.api.edit(PODS, "mnist-chief-0", lambda pod: change(pod["metadata"]["ownerReferences"]))
    world.api.calls.clear()
    await operator.settle()
    operator.queue.add(KEY)
    await operator.pass_(300)
    assert "mnist-chief-0-r1" not in world.pods
    assert world.state == "Training"
    assert world.api.calls.total() <= 14, world.api.calls
    world.finish("mnist-evaluator-0")
    world.finish("mnist-chief-0")
    await operator.pass_(5)
    assert world.state == "Completed"


async def test_a_pod_that_another_controller_owns_is_left_alone_and_that_is_told(world, operator):
    world.submit(**FIVE_PODS)
    await operator.settle()
    world.run()
    await operator.settle()
    worker = "mnist-worker-0"
    world.api.edit(PODS, worker, lambda pod: pod["metadata"].update(ownerReferences=owned("ReplicaSet")))
    await operator.pass_(5)
    world.finish("mnist-evaluator-0")
    world.finish("mnist-chief-0")
    await operator.pass_(30)
    world.collect()
    assert worker in world.pods
    assert "deletionTimestamp" not in world.api.objects["pods", "default", worker]["metadata"]
    (note,) = world.notes("PodAdopted")
    assert worker in note
    before = world.api.calls.total()
    await operator.pass_(300)
    assert world.api.calls.total() - before <= 10


async def test_pods_that_an_earlier_job_was_told_to_leave_behind_are_not_the_next_one_s(world, operator):
    """`kubectl delete --cascade=orphan`, then a job of the same name: it may not end what runs on."""
    world.submit()
    await operator.settle()
    world.run()
    await operator.settle()
    world.api.edit(PODS, "mnist-chief-0", lambda pod: pod["metadata"].update(ownerReferences=[]))
    world.api.remove(JOBS, "default", "mnist")
    await operator.settle()
    world.submit(runPolicy={"pendingDeadlineSeconds": 60})
    await operator.pass_(200)
    assert world.condition("Failed")["status"] == "True"
    assert world.pods == ["mnist-chief-0"]
    assert "deletionTimestamp" not in world.api.objects["pods", "default", "mnist-chief-0"]["metadata"]


async def test_a_service_that_a_running_job_cannot_have_is_told(world, operator):
    world.submit(**FIVE_PODS)
    await operator.settle()
    world.run()
    await operator.settle()
    world.api.remove(SERVICES, "default", "mnist")
    stand_in(world, SERVICES, "mnist", ownerReferences=owned("Deployment"))
    world.api.calls.clear()
    await operator.pass_(600)
    (note,) = world.notes("PodCreationForbidden")
    assert "services mnist" in note
    assert world.api.calls["create services"] <= 8


async def training(world, operator) -> None:
    world.submit(**FIVE_PODS)
    await operator.settle()
    world.run()
    await operator.settle()
    assert world.state == "Training"


async def test_a_pod_that_is_given_back_is_the_job_s_again(world, operator):
    """As the event about it asks for; else a suspension would wait for it for ever."""
    await training(world, operator)
    worker = "mnist-worker-0"
    ours = copy.deepcopy(world.api.objects["pods", "default", worker]["metadata"]["ownerReferences"])
    world.api.edit(PODS, worker, lambda pod: pod["metadata"].update(ownerReferences=owned("ReplicaSet")))
    await operator.pass_(60)
    assert operator.store.adopted(KEY) == {worker}
    world.api.edit(PODS, worker, lambda pod: pod["metadata"].update(ownerReferences=ours))
    await operator.pass_(60)
    assert operator.store.adopted(KEY) == frozenset()
    world.api.edit(JOBS, "mnist", lambda job: job["spec"].update(suspend=True))
    for _ in range(3):
        await operator.pass_(60)
        world.collect()
    assert world.state == "Suspended"
    assert not world.pods


async def test_a_pod_that_goes_to_another_job_and_back_disturbs_neither(world, operator):
    await training(world, operator)
    world.submit(job_manifest("other"))
    await operator.settle()
    other = world.api.objects["estimatorjobs", "default", "other"]
    worker = "mnist-worker-0"
    ours = copy.deepcopy(world.api.objects["pods", "default", worker]["metadata"]["ownerReferences"])
    theirs = [{**ours[0], "name": "other", "uid": other["metadata"]["uid"]}]
    for owner in (theirs, ours):
        world.api.edit(PODS, worker, lambda pod, owner=owner: pod["metadata"].update(ownerReferences=owner))
        await operator.pass_(5)
    chief = world.api.objects["pods", "default", "other-chief-0"]["metadata"]
    await operator.pass_(300)
    assert world.api.objects["pods", "default", "other-chief-0"]["metadata"]["uid"] == chief["uid"]
    assert "deletionTimestamp" not in chief
    assert [one.name for one in operator.store.pods(operator.store.job(JobKey("default", "other")))] == [
        "other-chief-0"
    ]
    assert world.state == "Training"
    assert worker in world.pods
    assert f"{worker}-r1" not in world.pods


@pytest.mark.parametrize("anew", [False, True], ids=["deleted", "deleted and made anew"])
async def test_a_job_that_is_deleted_while_its_pods_are_made_gets_no_more(world, operator, monkeypatch, anew):
    creator, told = operator.applier._creator, []
    judge = creator.dry_run

    async def deleted_meanwhile(record, manifests):
        await judge(record, manifests)
        if not told:
            told.append(record.uid)
            world.api.remove(JOBS, "default", "mnist")
            if anew:
                world.submit(**FIVE_PODS)
            operator.watch.tell(operator.controller)

    monkeypatch.setattr(creator, "dry_run", deleted_meanwhile)
    world.submit(**FIVE_PODS)
    await operator.settle()
    owners = {
        world.api.objects["pods", "default", name]["metadata"]["ownerReferences"][0]["uid"]
        for name in world.pods
    }
    assert told[0] not in owners
    assert len(world.pods) == (5 if anew else 0)
