"""What is written carries the version that the plan was made from, whatever the store has heard since."""

from __future__ import annotations

from collections.abc import Callable

from fake_operator import KEY, FakeOperator
from job_world import FIVE_PODS, World
from plan_actions import act, record

from estimator_operator.kube.resources import JOBS, PODS


def during(world: World, call: str, act: Callable[[], None]) -> None:
    """Something happens while the first such call is on its way."""
    todo = [act]

    def before(verb: str, resource: str, name: str) -> None:
        if f"{verb} {resource}" == call and todo:
            todo.pop()()

    world.api.before = before


def count(world: World, restarts: int) -> None:
    """Another leader counts restarts."""
    counted = {
        "total": restarts,
        "counted": restarts,
        "byReplica": [{"replica": "chief-0", "count": restarts}],
    }
    world.api.edit(JOBS, "mnist", lambda job: job["status"].update(restarts=counted))


async def test_counters_that_another_leader_wrote_are_not_set_back(world: World, operator: FakeOperator):
    """A has planned, B writes, and A's watch tells A of it before A writes."""
    world.submit(**FIVE_PODS)
    other = world.operator()

    def b_writes() -> None:
        count(world, 1)
        operator.watch.tell(operator.controller)

    during(world, "create pods", b_writes)
    written: list[int] = []
    patch = world.api.patch

    async def patched(*args, **kwargs):
        answer = await patch(*args, **kwargs)
        written.append(answer["status"].get("restarts", {}).get("total", 0))
        return answer

    world.api.patch = patched
    await operator.settle()
    await other.settle()
    assert written, "the status is written in the end, from a plan that knows B's"
    assert set(written) == {1}
    assert world.status["restarts"]["counted"] == 1


async def test_a_status_made_from_an_older_version_is_not_sent(world, operator):
    world.submit()
    await operator.settle()
    job = record(operator)
    _, made = operator.reconciler._plan(job, frozenset())
    assert made.based_on == job.resource_version
    count(world, 2)
    operator.watch.tell(operator.controller)
    world.api.calls.clear()
    assert not await operator.applier.write_status(job, made)
    assert world.status["restarts"]["total"] == 2
    assert world.api.calls["patch estimatorjobs/status"] == 0


async def test_a_ttl_that_was_raised_meanwhile_is_honoured(world, operator):
    world.submit(runPolicy={"ttlSecondsAfterFinished": 60})
    await operator.settle()
    world.run()
    world.finish("mnist-chief-0")
    await operator.settle()
    assert world.state == "Completed"
    world.clock.pass_(61)
    job = record(operator)
    await operator.applier.read_again(job)
    _, made = operator.reconciler._plan(job, frozenset())
    assert made.delete_job
    world.set_spec(runPolicy={"ttlSecondsAfterFinished": 3600})
    operator.watch.tell(operator.controller)
    assert not await operator.applier.delete_job(job, made)
    await operator.settle()
    assert KEY in {one.key for one in operator.store}
    await operator.pass_(600, step=60)
    assert world.state == "Completed", "the job is still there"


async def test_a_pod_that_changed_since_the_plan_is_not_deleted_on_its_word(world, operator):
    """It succeeded meanwhile: the plan is made anew, also when the watch has told of it."""
    world.submit(**FIVE_PODS)
    await operator.settle()
    world.run()
    await operator.settle()
    world.set_spec(suspend=True)
    operator.watch.tell(operator.controller)
    await operator.controller.step()
    job = record(operator)
    _, made = operator.reconciler._plan(job, frozenset())
    assert {one.version for one in made.delete_pods} <= {
        one["metadata"]["resourceVersion"]
        for (kind, _, _), one in world.api.objects.items()
        if kind == "pods"
    }
    world.api.edit(PODS, "mnist-chief-0", lambda pod: pod["metadata"].update(annotations={"seen": "later"}))
    operator.watch.tell(operator.controller)
    assert await act(operator, job, made)
    assert "deletionTimestamp" not in world.api.objects["pods", "default", "mnist-chief-0"]["metadata"]


async def test_no_pod_is_made_of_an_attempt_that_another_leader_has_ended_meanwhile(
    world: World, operator: FakeOperator
):
    def b_writes() -> None:
        count(world, 1)
        operator.watch.tell(operator.controller)

    during(world, "dry-run pods", b_writes)
    world.submit(template={"spec": {"nodeSelector": {"disk": "fast"}}})
    await operator.settle()
    assert world.pods == ["mnist-chief-0-r1"]


async def test_a_process_that_stood_still_makes_no_pod_when_another_may_lead(
    world: World, operator: FakeOperator
):
    world.submit(**FIVE_PODS)
    operator.leads = False
    await operator.settle()
    assert world.api.calls["create pods"] == world.api.calls["create services"] == 0
    operator.leads = True
    await operator.pass_(1)
    assert len(world.pods) == 5
