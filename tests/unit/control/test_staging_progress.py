"""Asking pods that stage their inputs: few of them, within the budget, and a status write for a step at most."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from fake_operator import KEY
from job_world import FIVE_PODS, job_manifest

from estimator_api import Progress, parse_progress
from estimator_api.progress import InputsProgress
from estimator_operator.control.work_queue import WorkQueue
from estimator_operator.kube.resources import PODS
from estimator_operator.observe.poll_schedule import PollSchedule, Target
from estimator_operator.observe.targets import targets_of
from estimator_operator.plan import Replica
from estimator_operator.plan.staging import said_by
from estimator_operator.process import Operator
from estimator_operator.settings import read_settings

STAGING = {
    "initContainerStatuses": [
        {"name": "estimator-inputs", "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}
    ],
    "containerStatuses": [{"name": "estimator", "state": {"waiting": {"reason": "PodInitializing"}}}],
}


def stage(world, *names):
    """Kubelets run the init containers of pods; of all when none is named."""
    for number, name in enumerate(names or world.pods):
        status = {"phase": "Pending", "podIP": f"10.0.{number // 250}.{number % 250 + 1}", **STAGING}
        world.api.edit(PODS, name, lambda pod, status=status: pod.update(status=status))


async def asked(operator):
    """Who is asked, and whether it stages."""
    return {str(one.replica): one.stages for one in await targets_of(operator.store)}


def document(staged, total=1000, **more):
    """What a pod answers."""
    return Progress(role="chief", inputs=InputsProgress(staged_bytes=staged, total_bytes=total), **more)


async def test_the_first_pod_of_each_role_is_asked_while_it_stages(world, operator):
    world.submit(**FIVE_PODS, runPolicy={"stallTimeoutSeconds": 60})
    await operator.settle()
    stage(world)
    await operator.settle()
    assert await asked(operator) == {"chief-0": True, "worker-0": True, "ps-0": True, "evaluator-0": True}
    assert {one.stall_timeout for one in await targets_of(operator.store)} == {None}, "no step is awaited yet"
    world.run("mnist-worker-0", "mnist-chief-0")
    await operator.settle()
    assert await asked(operator) == {
        "chief-0": False,
        "worker-1": True,
        "ps-0": True,
        "evaluator-0": True,
    }
    world.run()
    await operator.settle()
    assert await asked(operator) == {"chief-0": False, "evaluator-0": False}


async def test_a_thousand_workers_are_asked_as_one(world, operator):
    world.submit(worker={"replicas": 1000})
    await operator.settle()
    stage(world)
    await operator.settle()
    assert await asked(operator) == {"chief-0": True, "worker-0": True}


async def test_a_status_is_written_for_a_step_and_no_sooner_than_the_interval(world, operator):
    world.submit()
    await operator.settle()
    stage(world)
    await operator.settle()
    await operator.pass_(60)

    def report(staged):
        operator.report("mnist-chief-0", inputs=said_by(document(staged)).inputs)

    before = operator.api.calls.copy()
    for staged in range(1001):
        report(staged)
        await operator.settle()
    assert written(operator, before) == {"patch estimatorjobs/status": 1}, (
        "all within an interval of ten seconds"
    )
    await operator.pass_(30)
    assert written(operator, before) == {"patch estimatorjobs/status": 2}
    ready = world.condition("Ready")
    assert ready["message"] == "chief-0 stages its inputs: 100 % of 1000 B"
    (role,) = world.status["roles"]
    assert role["staging"] == {"replica": "chief-0", "percent": 100, "totalBytes": 1000}
    before = operator.api.calls.copy()
    for staged in range(0, 1001, 2):
        report(staged)
        await operator.pass_(20)
    assert written(operator, before)["patch estimatorjobs/status"] <= 11
    world.run()
    await operator.settle()
    assert "staging" not in world.status["roles"][0]


def written(operator, before):
    """Calls that are no reads since `before`."""
    calls = operator.api.calls - before
    return Counter({call: count for call, count in calls.items() if call.split()[0] not in ("get", "list")})


async def delivering(world):
    """What an operator makes of the chief's answers, of a job whose pods stage: news, looks now, looks later."""
    process = Operator(read_settings([], {}))
    world.submit(job_manifest())
    other = world.operator()
    await other.start()
    stage(world)
    await other.settle()
    process._store = other.store
    record = other.store.job(KEY)
    uid = other.store.pods(record)[0].uid
    target = Target(job=KEY, uid=uid, replica=Replica("chief", 0), host="10.0.0.1", port=1, stages=True)

    def deliver(progress):
        process._queue = WorkQueue()
        news = process._deliver(target, progress)
        return news, len(process._queue), len(list(process._queue.schedule()))

    record.work.written_at = process._clock.monotonic()
    deliver.progress = lambda: other.store.observe(record).progress[Replica("chief", 0)]
    return deliver


async def test_bytes_within_a_step_are_no_news_and_news_wait_for_their_write(world):
    deliver = await delivering(world)
    news, now, later = deliver(document(100))
    assert (news, now, later) == (True, 0, 1)
    assert deliver(document(199)) == (False, 0, 0)
    assert deliver(document(200))[0]


@pytest.mark.parametrize(
    "inputs",
    [
        {"stagedBytes": 10**4000, "totalBytes": 5},
        {"stagedBytes": 5, "totalBytes": 10**4000},
        {"stagedBytes": -(10**300), "totalBytes": -1},
        {"totalBytes": 0},
        None,
    ],
    ids=["huge staged", "huge total", "negative", "nothing", "another document"],
)
async def test_whatever_a_pod_says_it_is_believed_nothing_but_steps(world, inputs):
    deliver = await delivering(world)
    hostile = {
        "role": "chief",
        "state": "Finished",
        "globalStep": 10**18,
        "checkpoint": {"path": "/model/x", "globalStep": 1},
        "time": "2999-01-01T00:00:00Z",
    }
    deliver(parse_progress(json.dumps(hostile | ({} if inputs is None else {"inputs": inputs}))))
    kept = deliver.progress()
    assert kept.model_copy(update={"inputs": None}) == Progress(role="chief")
    assert kept.inputs.percent in (None, 100)


def test_a_pod_whose_staging_did_not_answer_is_asked_at_once_when_its_program_runs():
    """As with a runtime image of an earlier version, which serves nothing while it stages."""
    schedule = PollSchedule(interval=10.0)
    stages = Target(job=("a", "b"), uid="u", replica=Replica("chief", 0), host="h", port=1, stages=True)
    runs = Target(job=("a", "b"), uid="u", replica=Replica("chief", 0), host="h", port=1)
    schedule.update([stages], 0.0)
    now = 0.0
    for _ in range(10):
        now += schedule.wait(now)
        assert schedule.take(now) is stages
        schedule.unheard(stages, now)
    now += 10
    schedule.update([stages], now)
    assert schedule.take(now) is None
    schedule.update([runs], now)
    assert schedule.take(now) is runs
    schedule.heard(runs, now, Progress(role="chief"), news=True)
    assert schedule.wait(now) == pytest.approx(10)
