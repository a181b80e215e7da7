"""Whatever waits for a time says which time it is and what happens then; the earliest is when the plan is made again."""

from __future__ import annotations

import pytest
from job_builder import (
    after,
    done_pod,
    failed_pod,
    make_job,
    make_pod,
    plan_of,
    pods_of,
    seen,
    stored,
    training,
    with_spec,
)


def running(**policy):
    job = training(make_job(policy=policy))
    return job, seen(*pods_of(job))


def pending(**policy):
    job = stored(make_job(policy=policy), seen())
    return job, seen(*pods_of(job, make_pod("ps-0", phase="Pending", ready=False, unschedulable=True)))


def restarting():
    job = training(make_job())
    pods = pods_of(job, failed_pod("worker-0", 137))
    return stored(job, seen(*pods)), seen(*pods_of(job, without=("worker-0",)))


def chief_done():
    job = training(make_job())
    done = seen(*pods_of(job, done_pod("chief-0", finished_at=after(0))))
    return stored(job, done), done


def ended():
    job = training(
        make_job(
            workers=0, ps=0, evaluator=0, estimator=None, image="x", policy={"ttlSecondsAfterFinished": 60}
        )
    )
    done = seen(done_pod("chief-0", finished_at=after(0)))
    return stored(job, done), done


def suspending():
    job = with_spec(training(make_job()), suspend=True)
    job = stored(job, seen(*pods_of(job)))
    return job, seen(make_pod("chief-0", deleting=True, delete_by=after(10)))


@pytest.mark.parametrize(
    ("case", "seconds", "reason"),
    [
        (running(activeDeadlineSeconds=100), 100, "activeDeadlineSeconds: the job fails"),
        (
            running(stallTimeoutSeconds=50, activeDeadlineSeconds=100),
            50,
            "stallTimeoutSeconds: the job fails if the chief is heard at the same step",
        ),
        (pending(pendingDeadlineSeconds=70), 70, "pendingDeadlineSeconds: the job fails"),
        (restarting(), 10, "backoff: worker-0 starts again"),
        (chief_done(), 600, "evaluatorGraceSeconds: the job completes"),
        (ended(), 60, "ttlSecondsAfterFinished: the job is deleted"),
        (suspending(), 40, "deletion of a pod: its node is asked about"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_the_plan_says_which_deadline_comes_first(case, seconds, reason):
    made = plan_of(*case)
    assert (made.requeue_after, made.requeue_reason) == (seconds, reason)


def test_tensorboards_time_is_named_when_it_comes_first():
    board = {"ttlSecondsAfterFinished": 30}
    job, done = ended()
    job = with_spec(job, tensorBoard=board)
    made = plan_of(job, done)
    assert (made.requeue_after, made.requeue_reason) == (
        30,
        "ttlSecondsAfterFinished of TensorBoard: it goes",
    )


def test_nothing_to_wait_for_has_no_reason():
    made = plan_of(*running())
    assert (made.requeue_after, made.requeue_reason) == (None, "")
