"""How far a pod's inputs are: in Ready's message and in `status.roles`, in steps, and never urgent."""

from __future__ import annotations

import pytest
from job_builder import NOW, make_job, make_pod, message, plan_of, pods_of, replica, seen, stored, training

from estimator_api import Progress
from estimator_api.progress import InputsProgress
from estimator_operator.plan import Observed
from estimator_operator.plan.staging import asked_of, said_by

GIB = 1 << 30


def staging(name, attempt=0, **fields):
    """A pod whose inputs are brought."""
    values = {"phase": "Pending", "ready": False, "waiting": True, "reason": "StagingInputs"}
    return make_pod(name, attempt, **(values | fields))


def says(name, staged, total=10 * GIB):
    """What it says of itself, as the operator keeps it."""
    one = replica(name)
    inputs = InputsProgress(staged_bytes=staged, total_bytes=total)
    return said_by(Progress(role=one.role, index=one.index, inputs=inputs))


def plan_with(*pods, said=(), heard=None, job=None):
    """The plan for these pods, the others ready; `said` by replicas that are `heard`."""
    job = stored(make_job(), Observed()) if job is None else job
    documents = {replica(f"{one.role}-{one.index}"): one for one in said}
    at = dict.fromkeys(documents if heard is None else map(replica, heard), NOW)
    return plan_of(job, seen(*pods_of(job, *pods), progress=documents, heard_at=at))


def roles(made):
    """What `status.roles` says of staging."""
    return {
        one.role: (one.staging.replica, one.staging.percent, one.staging.total_bytes)
        for one in made.status.roles
        if one.staging is not None
    }


def test_the_message_and_the_role_say_how_far_it_is():
    made = plan_with(staging("chief-0"), staging("worker-1"), said=[says("chief-0", 4 * GIB + 5)])
    assert message(made) == "chief-0 stages its inputs: 40 % of 10.0 GiB (and 1 more)"
    assert roles(made) == {"chief": ("chief-0", 40, 10 * GIB)}


def test_of_each_role_the_first_pod_that_stages_is_told_of():
    said = [says("worker-0", GIB), says("worker-1", 9 * GIB), says("evaluator-0", 10 * GIB)]
    made = plan_with(staging("worker-1"), staging("evaluator-0"), said=said)
    assert message(made) == "worker-1 stages its inputs: 90 % of 10.0 GiB (and 1 more)"
    assert roles(made) == {"worker": ("worker-1", 90, 10 * GIB), "evaluator": ("evaluator-0", 100, 10 * GIB)}


@pytest.mark.parametrize(
    ("staged", "total"), [(-5, GIB), (GIB, 0), (GIB, -1), (GIB, 10**300), (0, None), (10**300, None)]
)
def test_what_cannot_be_true_is_not_told(staged, total):
    made = plan_with(staging("chief-0"), said=[says("chief-0", staged, total)])
    assert message(made) == "chief-0 stages its inputs"
    assert roles(made) == {}


def test_what_an_earlier_pod_said_is_not_told_of_the_present_one():
    made = plan_with(staging("chief-0"), said=[says("chief-0", 4 * GIB)], heard=[])
    assert message(made) == "chief-0 stages its inputs"


def test_it_is_over_when_the_program_runs():
    job = stored(make_job(), Observed())
    said = [says("chief-0", 10 * GIB)]
    made = plan_with(make_pod("chief-0", ready=False), said=said, job=job)
    assert roles(made) == {}
    assert "inputs" not in message(made)


def test_a_step_is_news_that_can_wait_and_another_pod_is_not():
    job = stored(make_job(), Observed())
    pods = [staging("chief-0"), staging("worker-1")]
    at = dict.fromkeys([replica("chief-0"), replica("worker-1")], NOW)

    def observed(*pods, **said):
        documents = {replica(name.replace("_", "-")): one for name, one in said.items()}
        return seen(*pods_of(job, *pods), progress=documents, heard_at=at)

    job = stored(job, observed(*pods, chief_0=says("chief-0", GIB)))
    same = plan_of(job, observed(*pods, chief_0=says("chief-0", 2 * GIB - 1)))
    assert same.status == job.status, "nothing is written in between"
    step = plan_of(job, observed(*pods, chief_0=says("chief-0", 2 * GIB)))
    assert (step.progress_only, message(step)) == (
        True,
        "chief-0 stages its inputs: 20 % of 10.0 GiB (and 1 more)",
    )
    first = plan_of(job, observed(*pods))
    assert first.progress_only, "nor is it urgent that nobody knows any more"
    other = plan_of(job, observed(staging("worker-1")))
    assert not other.progress_only


def test_a_restarted_replica_says_how_far_it_is():
    job = training(make_job())
    made = plan_with(staging("worker-0"), said=[says("worker-0", 3 * GIB)], job=job)
    assert message(made) == "worker-0 stages its inputs: 30 % of 10.0 GiB"


def test_a_pod_that_stages_says_nothing_else():
    hostile = Progress(role="chief", global_step=10**9, max_steps=1, error="x", inputs=InputsProgress())
    assert said_by(hostile) == Progress(role="chief", inputs=InputsProgress())
    assert said_by(Progress(role="chief")) == Progress(role="chief", inputs=InputsProgress())


def test_one_pod_of_each_role_is_asked():
    workers = [staging(f"worker-{index}") for index in range(999, 1, -1)]
    others = [
        staging("worker-0", deleting=True),
        make_pod("worker-1"),
        staging("worker-2", 1),
        staging("ps-0"),
        make_pod("chief-0"),
    ]
    assert {role: pod.name for role, pod in asked_of([*workers, *others]).items()} == {
        "worker": "digits-worker-2-r1",
        "ps": "digits-ps-0",
    }
