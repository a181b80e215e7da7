"""Jobs with another `managedBy` are left alone: no object, no status, no list, no poll, no queue."""

from __future__ import annotations

import pytest
from fake_operator import KEY
from job_world import FIVE_PODS, World, job_manifest

from estimator_operator.kube.resources import JOBS
from estimator_operator.observe.targets import targets_of

OTHER = "example.com/multikueue"


async def test_nothing_is_done_about_it(world, operator):
    world.submit(managedBy=OTHER, **FIVE_PODS)
    await operator.settle()
    world.set_spec(suspend=True)
    await operator.pass_(100, step=10)
    assert world.api.calls == {}
    assert world.job["status"] == {"observedGeneration": -1}
    assert operator.results == {}
    assert operator.store.job(KEY).state == "Unmanaged"


@pytest.mark.parametrize(
    "spec", [{"managedBy": OTHER, "modelDir": {}}, "nonsense"], ids=["theirs", "no spec"]
)
async def test_a_spec_that_cannot_be_read_is_judged_only_when_it_is_ours(world, operator, spec):
    manifest = job_manifest()
    manifest["spec"] = spec
    world.api.put(JOBS, "default", manifest)
    await operator.settle()
    assert world.state == ("New" if isinstance(spec, dict) else "InvalidSpec")


async def test_our_own_name_is_ours(world, operator):
    world.submit(managedBy="estimator.dev/estimator-operator")
    await operator.settle()
    assert world.pods == ["mnist-chief-0"]


async def test_a_status_that_the_other_controller_writes_is_not_ours(world, operator, caplog):
    caplog.set_level("INFO", logger="estimator_operator")
    world.submit(managedBy=OTHER)
    await operator.settle()
    condition = {"type": "Ready", "status": "True", "reason": "Training"}
    restarts = {"total": 1, "byReplica": [{"replica": "chief-0", "count": 1}]}
    world.api.edit(
        JOBS, "mnist", lambda job: job.update(status={"conditions": [condition], "restarts": restarts})
    )
    await operator.pass_(60, step=10)
    assert world.api.calls == {}
    assert operator.restarts == {}
    assert caplog.records == []


async def test_its_pods_are_not_polled_and_surveys_list_nothing_for_it(world: World, operator):
    world.submit()
    await operator.settle()
    world.run()
    await operator.settle()
    assert len(await targets_of(operator.store)) == 1
    operator.store.job(KEY).manifest["spec"]["managedBy"] = OTHER
    assert await targets_of(operator.store) == []
    world.api.calls.clear()
    await operator.settle()
    assert world.api.calls == {}


async def test_others_go_on_beside_it(world, operator):
    world.submit(managedBy=OTHER)
    world.submit(job_manifest("ours"))
    await operator.settle()
    again = world.operator()
    await again.start()
    assert world.pods == ["ours-chief-0"]
