"""How often the API server is asked: the budget of a job's life, and nothing at all when nothing changes."""

from __future__ import annotations

from fake_api import status_error
from fake_operator import KEY, FakeOperator
from job_world import FIVE_PODS, World, job_manifest

from estimator_api import EstimatorJobStatus
from estimator_operator.kube.resources import JOBS, PODS


async def run_to_completion(world: World, operator: FakeOperator) -> None:
    world.submit(**FIVE_PODS)
    await operator.settle()
    world.run()
    await operator.settle()
    for name in ("mnist-chief-0", "mnist-evaluator-0"):
        world.finish(name)
        await operator.settle()
    world.collect()
    await operator.settle()


async def test_a_five_pod_job_costs_twelve_calls_and_two_events(world, operator):
    await run_to_completion(world, operator)
    assert world.state == "Completed"
    assert world.api.calls == {
        "create services": 1,
        "create pods": 5,
        "patch estimatorjobs/status": 3,
        "delete pods": 3,
        "create events": 2,
    }
    assert world.events() == ["Training", "Completed"]
    assert operator.results == {"success": operator.results.total()}


async def test_a_look_that_changes_nothing_writes_out_no_status(world, operator, monkeypatch):
    """Most looks change nothing, and writing a status out costs more than the rest of the plan."""
    world.submit(**FIVE_PODS)
    await operator.settle()
    world.run()
    await operator.settle()
    written = count_statuses(monkeypatch)
    before = operator.results.total()
    operator.queue.add(KEY)
    await operator.settle()
    assert operator.results.total() == before + 1
    assert written == []


async def test_a_status_that_is_written_is_written_out_twice_and_the_one_before_once(
    world, operator, monkeypatch
):
    world.submit(**FIVE_PODS)
    await operator.settle()
    written = count_statuses(monkeypatch)
    world.run()
    await operator.settle()
    assert world.api.calls["patch estimatorjobs/status"] == 2
    assert [one.condition("Ready").reason for one in written] == ["PodsPending", "Training", "Training"]


def count_statuses(monkeypatch) -> list[EstimatorJobStatus]:
    """The statuses of which the JSON form is made from now on."""
    written, to_json = [], EstimatorJobStatus.to_json
    monkeypatch.setattr(EstimatorJobStatus, "to_json", lambda self: written.append(self) or to_json(self))
    return written


async def test_looking_again_writes_nothing_in_any_state(world, operator):
    async def look_again() -> None:
        before = world.api.writes()
        for _ in range(3):
            operator.queue.add(KEY)
            await operator.settle()
        assert world.api.writes() == before

    world.submit(**FIVE_PODS)
    await operator.settle()
    await look_again()
    world.run()
    await operator.settle()
    await look_again()
    world.set_spec(suspend=True)
    await operator.settle()
    await look_again()
    for _ in ("all but the ps", "the ps"):
        world.collect()
        await operator.settle()
    assert world.state == "Suspended"
    await look_again()
    world.set_spec(suspend=False)
    await operator.settle()
    world.run()
    world.finish("mnist-chief-0", 78, "no module named trainer")
    await operator.settle()
    world.collect()
    await operator.settle()
    assert world.state == "ConfigurationError"
    await look_again()


async def test_time_alone_costs_nothing(world, operator):
    world.submit(**FIVE_PODS)
    await operator.settle()
    world.run()
    await operator.settle()
    before = world.api.calls.copy()
    await operator.pass_(3600, step=10)
    assert world.api.calls == before


async def test_own_writes_need_no_event_to_be_known(world, operator):
    world.submit(**FIVE_PODS)
    operator.watch.tell(operator.controller)
    for _ in range(3):
        operator.queue.add(KEY)
        await operator.controller.step()
    assert world.api.calls["create pods"] == 5
    assert world.api.calls["patch estimatorjobs/status"] == 1


async def test_the_echo_of_a_status_write_is_known_before_it_comes_and_what_others_write_is_not(
    world, operator
):
    world.submit(**FIVE_PODS)
    operator.watch.tell(operator.controller)
    for _ in ("the pods", "the status"):
        await operator.controller.step()
    world.set_spec(priority=1)
    jobs = [job for plural, _, job in operator.watch.events if plural == JOBS.plural]
    assert [operator.controller.knows_job(job) for job in jobs] == [True, False]


async def test_progress_alone_is_written_once_an_interval(world, operator):
    world.submit()
    await operator.settle()
    world.run()
    await operator.settle()
    before = world.api.calls["patch estimatorjobs/status"]
    for step in range(100):
        operator.report("mnist-chief-0", state="Training", global_step=step, max_steps=1000)
        await operator.pass_(1)
    assert world.api.calls["patch estimatorjobs/status"] - before == 10
    assert world.status["progress"]["globalStep"] == 99
    assert world.api.calls["create events"] == 1


async def test_the_same_progress_again_is_no_reason_to_look(world, operator):
    world.submit()
    await operator.settle()
    world.run()
    await operator.settle()
    operator.report("mnist-chief-0", global_step=5, time="2026-01-01T00:00:01Z")
    await operator.pass_(20)
    before = operator.results.total()
    operator.report("mnist-chief-0", global_step=5, time="2026-01-01T00:00:02Z")
    await operator.settle()
    assert operator.results.total() == before


async def test_a_restart_of_the_operator_costs_four_lists_for_all_jobs(world, operator):
    for number in range(20):
        world.submit(job_manifest(f"mnist-{number}", **FIVE_PODS))
    await operator.settle()
    world.run()
    await operator.settle()
    world.api.calls.clear()
    again = world.operator()
    await again.start()
    assert world.api.calls == {
        "list estimatorjobs": 1,
        "list pods": 1,
        "list services": 1,
        "list persistentvolumeclaims": 1,
    }
    assert len(world.pods) == 100


async def test_lists_are_read_page_by_page(world, operator):
    world.submit(worker={"replicas": 30}, ps={"replicas": 1}, evaluator={"replicas": 1})
    await operator.settle()
    world.run()
    await operator.settle()
    world.api.page, again = 7, world.operator()
    world.api.calls.clear()
    await again.start()
    assert world.api.calls["list pods"] == 5
    assert world.api.writes() == 0


async def test_many_refused_pods_cost_few_calls(world, operator):
    world.api.fail(
        "create", PODS.plural, status_error(403, "Forbidden", "exceeded quota: pods=0"), times=10**6
    )
    world.submit(worker={"replicas": 90}, evaluator={"replicas": 1})
    await operator.settle()
    assert world.api.calls["create pods"] == 16
    assert world.state == "PodCreationForbidden"
