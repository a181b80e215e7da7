"""Variables that are too large for an environment: the ConfigMap is there before the first pod, and not for ever."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from fake_api import status_error
from fake_operator import KEY, FakeOperator
from job_world import World, job_manifest

from estimator_api import parse_job
from estimator_operator.kube.resources import CONFIG_MAPS, JOBS, PODS
from estimator_operator.plan import Settings
from estimator_operator.plan.environment_file import may_have_environment_file
from estimator_operator.plan.pods import PodFactory

ESTIMATOR = {
    "modelFn": "digits:model_fn",
    "mode": "Train",
    "train": {"inputFn": "digits:train_input_fn", "maxSteps": 2000},
}
POLICY = {"cleanPodPolicy": "All"}


def estimator(letter: str = "a") -> dict[str, Any]:
    """Hyperparameters that no environment takes."""
    return {**ESTIMATOR, "params": {"words": letter * 140_000}}


def submit(world: World, letter: str = "a", **spec: Any) -> None:
    world.submit(**{"image": None, "estimator": estimator(letter), "runPolicy": POLICY, **spec})


def mounted(world: World, pod: str) -> str:
    volumes = world.api.objects["pods", "default", pod]["spec"]["volumes"]
    return next(one["configMap"]["name"] for one in volumes if one["name"] == "estimator-environment")


@pytest.fixture
async def file(world: World, operator: FakeOperator) -> str:
    """Name of the ConfigMap of a job with two pods."""
    submit(world, worker={"replicas": 1})
    await operator.settle()
    (name,) = world.api.names(CONFIG_MAPS)
    return name


async def test_an_ordinary_job_makes_no_call_for_it(world, operator):
    world.submit(runPolicy=POLICY, worker={"replicas": 2})
    await operator.settle()
    world.run()
    await operator.settle()
    world.finish("mnist-chief-0")
    await operator.pass_(10)
    assert world.condition("Complete")["status"] == "True"
    assert [one for one in world.api.calls if "configmaps" in one] == []


async def test_it_is_there_before_the_first_pod_that_mounts_it(world, operator):
    calls: list[str] = []
    world.api.before = lambda verb, resource, name: calls.append(f"{verb} {resource}")
    submit(world, worker={"replicas": 1})
    await operator.settle()
    (name,) = world.api.names(CONFIG_MAPS)
    assert {mounted(world, one) for one in world.pods} == {name}
    assert calls.index("create configmaps") < calls.index("create pods")
    assert calls.count("create configmaps") == 1


async def test_a_restart_finds_it_or_makes_it_again(world, operator, file):
    world.run()
    world.finish("mnist-worker-0", 1, "boom")
    await operator.pass_(30)
    assert mounted(world, "mnist-worker-0-r1") == file
    assert world.state != "PodCreationForbidden"
    world.run()
    world.api.remove(CONFIG_MAPS, "default", file)
    world.finish("mnist-worker-0-r1", 1, "boom")
    await operator.pass_(60)
    assert world.api.names(CONFIG_MAPS) == [file]


async def test_another_operator_takes_what_the_first_has_made(world, operator, file):
    world.api.objects.pop(("pods", "default", "mnist-worker-0"))
    again = world.operator()
    await again.start()
    await again.pass_(30)
    assert "mnist-worker-0" in " ".join(world.pods)
    assert world.api.names(CONFIG_MAPS) == [file]


async def test_it_goes_with_the_last_pod_of_an_ended_job(world, operator, file):
    world.run()
    await operator.settle()
    world.finish("mnist-chief-0")
    await operator.settle()
    assert world.api.names(CONFIG_MAPS) == [file], "the worker runs"
    await operator.pass_(90)
    world.collect()
    await operator.pass_(5)
    assert world.condition("Complete")["status"] == "True"
    assert world.api.names(CONFIG_MAPS) == []
    world.api.calls.clear()
    await operator.pass_(60)
    assert [one for one in world.api.calls if "configmaps" in one] == []


@pytest.mark.parametrize("policy", ["All", "Running", "None"])
async def test_the_next_operator_deletes_that_of_a_job_that_ended_under_the_one_before(
    world, operator, policy
):
    """Which has ended itself between the job's last status and the deletion, with no pod left to ask for a look."""
    submit(world, worker={"replicas": 1}, runPolicy={"cleanPodPolicy": policy})
    await operator.settle()
    world.run()
    await operator.settle()
    world.finish("mnist-chief-0")
    await operator.settle()
    assert world.condition("Complete")["status"] == "True"
    world.finish("mnist-worker-0")
    if policy != "None":
        world.api.remove(PODS, "default", "mnist-worker-0", now=True)
    if policy == "All":
        world.api.objects.pop(("pods", "default", "mnist-chief-0"), None)
    assert len(world.api.names(CONFIG_MAPS)) == 1
    again = world.operator()
    world.api.calls.clear()
    await again.start()
    await again.pass_(5)
    assert world.api.names(CONFIG_MAPS) == []
    calls = Counter({"get estimatorjobs": 1, "get configmaps": 1, "delete configmaps": 1})
    assert {name: count for name, count in world.api.calls.items() if "list" not in name} == calls
    record = again.store.job(KEY)
    assert record is not None
    assert record.stub is not None


async def test_an_ended_job_too_small_for_one_is_not_read_for_it(world, operator):
    world.submit(worker={"replicas": 200})
    await operator.settle()
    world.run()
    await operator.settle()
    world.finish("mnist-chief-0")
    await operator.settle()
    again = world.operator()
    for name in world.pods:
        world.api.objects.pop(("pods", "default", name))
    world.api.calls.clear()
    await again.start()
    assert {name for name in world.api.calls if "list" not in name} == set()


@pytest.mark.parametrize("letter", ["a", "é", "\n", "$", "\x7f", "\U0001f600"])
def test_every_job_with_such_a_file_is_known_by_its_size(letter):
    """Whatever JSON makes of its characters, and just above the limit."""
    for length in (5_000, 10_000, 20_000, 25_000, 40_000, 66_000, 131_000, 140_000):
        job = parse_job(of_size(length, letter))
        has_file = PodFactory(job, Settings()).environment_file is not None
        assert may_have_environment_file(of_size(length, letter)) >= has_file
    assert not may_have_environment_file(of_size(10_000, letter))


@pytest.mark.parametrize("name", ["mnist", "m" * 40])
def test_every_job_of_so_many_replicas_is_known_by_their_number(name):
    for replicas in (1, 100, 300, 500, 700, 900, 1000):
        manifest = of_size(10, "a", name=name, worker={"replicas": replicas}, ps={"replicas": replicas})
        job = parse_job(manifest)
        has_file = PodFactory(job, Settings(cluster_domain="cluster.local")).environment_file is not None
        assert may_have_environment_file(manifest) >= has_file
    elastic = {"worker": {"replicas": 1}, "elastic": {"minReplicas": 1, "maxReplicas": 1000}}
    assert may_have_environment_file(of_size(10, "a", name=name, **elastic))
    assert not may_have_environment_file(of_size(10, "a", name=name, worker={"replicas": 100}))


@pytest.mark.parametrize("spec", [None, [], {"worker": 7}, {"worker": {"replicas": "many"}, "elastic": "x"}])
def test_a_spec_that_cannot_be_read_has_no_size(spec):
    assert not may_have_environment_file(
        {"metadata": {"name": "mnist", "namespace": "default"}, "spec": spec}
    )


def of_size(length: int, letter: str, name: str = "mnist", **spec: Any) -> dict[str, Any]:
    """A job with a parameter of that many characters."""
    manifest = job_manifest(name, image=None, **spec)
    manifest["metadata"] |= {"namespace": "default", "uid": "uid-1", "generation": 1}
    del manifest["spec"]["image"]
    manifest["spec"]["estimator"] = {**ESTIMATOR, "params": {"words": letter * length}}
    return manifest


async def test_a_suspension_takes_it_and_a_changed_spec_has_another(world, operator, file):
    world.run()
    await operator.settle()
    # The old file is known though the spec is another by now.
    world.set_spec(suspend=True, estimator=estimator("b"))
    await operator.settle()
    assert world.api.names(CONFIG_MAPS) == [file]
    world.collect()
    await operator.settle()
    assert world.state == "Suspended"
    assert world.api.names(CONFIG_MAPS) == []
    world.set_spec(suspend=False)
    await operator.settle()
    (other,) = world.api.names(CONFIG_MAPS)
    assert other != file
    assert {mounted(world, one) for one in world.pods} == {other}


async def test_it_goes_with_the_job(world, operator, file):
    world.api.remove(JOBS, "default", "mnist")
    assert world.api.names(CONFIG_MAPS) == []


@pytest.mark.parametrize("change", ["stranger", "content"])
async def test_what_stands_in_its_place_is_told_and_left(world, operator, change):
    submit(world)
    world.api.before = lambda verb, resource, name: taken(world, verb, resource, name, change)
    await operator.settle()
    assert world.state == "PodCreationForbidden"
    assert world.condition("Ready")["message"].startswith("configmaps mnist-environment-")
    assert world.pods == []
    (name,) = world.api.names(CONFIG_MAPS)
    assert world.api.objects["configmaps", "default", name]["data"] == {"a": "b"}
    world.api.before = lambda *_: None
    world.api.remove(CONFIG_MAPS, "default", name)
    await operator.pass_(10)
    assert world.pods == ["mnist-chief-0"]


def taken(world: World, verb: str, resource: str, name: str, change: str) -> None:
    """Somebody is there first."""
    if (verb, resource) != ("create", "configmaps") or world.api.names(CONFIG_MAPS):
        return
    owner = {
        "apiVersion": "estimator.dev/v1alpha1",
        "kind": "EstimatorJob",
        "name": "mnist",
        "uid": world.job["metadata"]["uid"],
        "controller": True,
    }
    owners = [owner] if change == "content" else []
    manifest = {"metadata": {"name": name, "ownerReferences": owners}, "data": {"a": "b"}}
    world.api.put(CONFIG_MAPS, "default", manifest)


async def test_an_operator_without_the_right_says_so(world, operator):
    forbidden = status_error(403, "Forbidden", "configmaps is forbidden: User cannot create resource")
    world.api.fail("create", "configmaps", forbidden, times=10**6)
    submit(world)
    await operator.settle()
    assert world.state == "PodCreationForbidden"
    assert "configmaps is forbidden" in world.condition("Ready")["message"]
    assert world.pods == []


async def test_one_that_may_not_be_deleted_stays_and_the_job_ends_all_the_same(world, operator, file):
    world.api.fail("delete", "configmaps", status_error(403, "Forbidden", "no"), times=10**6)
    world.run()
    await operator.settle()
    world.finish("mnist-chief-0")
    await operator.pass_(90)
    world.collect()
    await operator.pass_(10)
    assert world.condition("Complete")["status"] == "True"
    assert world.api.names(CONFIG_MAPS) == [file]
    assert sum(world.api.calls[f"{verb} configmaps"] for verb in ("get", "delete")) < 20


async def test_one_that_cannot_be_deleted_at_this_moment_is_deleted_in_the_next(world, operator, file):
    world.api.fail("delete", "configmaps", status_error(503, "Unavailable", "no"), times=2)
    world.run()
    await operator.settle()
    world.finish("mnist-chief-0")
    await operator.pass_(90)
    world.collect()
    await operator.pass_(60)
    assert world.api.names(CONFIG_MAPS) == []
