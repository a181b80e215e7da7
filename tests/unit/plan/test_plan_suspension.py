"""Suspending saves first and is no restart; resuming makes everything again."""

from __future__ import annotations

from dataclasses import replace

from job_builder import (
    NOW,
    after,
    done_pod,
    failed_pod,
    make_job,
    make_pod,
    message,
    names,
    plan_of,
    pods_of,
    seen,
    state,
    stored,
    text,
    training,
    truths,
    with_spec,
    with_status,
)

from estimator_operator.plan import Observed, messages


def suspending():
    """A job that is on the way to be suspended, and its pods."""
    job = with_spec(training(make_job()), suspend=True)
    pods = pods_of(job)
    return stored(job, seen(*pods)), pods


def suspended():
    """A job that is suspended."""
    return stored(suspending()[0], seen(), after(20))


def test_suspending_is_stored_first():
    job = with_spec(training(make_job()), suspend=True)
    made = plan_of(job, seen(*pods_of(job)))
    assert made.status_first
    assert not made.delete_pods
    assert state(made) == ("False", "Suspending")
    assert truths(made) == {
        "Ready": "False",
        "Reconciling": "True",
        "Complete": "False",
        "Failed": "False",
        "Suspended": "False",
    }


def test_ps_wait_for_the_chief_to_save():
    job, pods = suspending()
    made = plan_of(job, seen(*pods))
    assert sorted(one.name for one in made.delete_pods) == [
        "digits-chief-0",
        "digits-evaluator-0",
        "digits-worker-0",
        "digits-worker-1",
    ]
    saving = pods_of(job, make_pod("chief-0", deleting=True, delete_by=after(60)))
    assert "digits-ps-0" not in [one.name for one in plan_of(job, seen(*saving)).delete_pods]
    assert [one.name for one in plan_of(job, seen(make_pod("ps-0"))).delete_pods] == ["digits-ps-0"]
    lost = plan_of(job, seen(*saving), after(90))
    assert "digits-ps-0" in [one.name for one in lost.delete_pods]


def test_suspended_when_the_last_pod_is_gone():
    job, pods = suspending()
    assert state(plan_of(job, seen(failed_pod("ps-0", 143, deleting=True)))) == ("False", "Suspending")
    made = plan_of(job, seen())
    assert state(made) == ("True", "Suspended")
    assert truths(made) == {"Ready": "True", "Complete": "False", "Failed": "False", "Suspended": "True"}
    assert made.status.start_time is None
    assert made.status.restarts.total == 0
    assert [one.reason for one in made.events] == ["Suspended"]
    assert len(pods) == 5


def test_nothing_is_made_while_suspended():
    job = suspended()
    made = plan_of(job, Observed(), after(1000))
    assert made.status is job.status
    assert made.create_service is None
    assert not made.create_pods


def test_job_created_suspended_has_no_pods():
    made = plan_of(make_job(suspend=True), Observed())
    assert state(made) == ("True", "Suspended")
    assert not made.create_pods
    assert made.create_service is None


def test_resume_makes_all_pods_again_and_counts_nothing():
    job = with_spec(suspended(), suspend=False)
    made = plan_of(job, seen(), after(100))
    assert len(made.create_pods) == 5
    assert state(made) == ("False", "PodsPending")
    assert truths(made)["Suspended"] == "False"
    assert made.status.restarts.total == 0
    assert [one.reason for one in made.events] == ["Resumed"]
    job = with_status(job, made.status)
    pods = [make_pod(one, created_at=after(101)) for one in ("chief-0", "worker-0", "worker-1", "ps-0")]
    made = plan_of(job, seen(*pods, make_pod("evaluator-0", created_at=after(102))), after(103))
    assert state(made) == ("True", "Training")
    assert made.status.start_time == text(after(101))


def test_resumed_replicas_keep_their_attempts_and_only_start():
    job = training(make_job())
    pods = pods_of(job, failed_pod("worker-0", 1))
    job = stored(job, seen(*pods))
    job = with_spec(stored(job, seen(*pods_of(job, make_pod("worker-0", 1)))), suspend=True)
    job = stored(stored(job, seen(make_pod("chief-0"))), seen())
    job = with_spec(job, suspend=False)
    made = plan_of(job, seen(), after(100))
    assert "digits-worker-0-r1" in names(made.create_pods)
    assert made.status.restarts.total == 1
    assert state(made) == ("False", "PodsPending")


def test_resume_waits_until_the_suspension_is_through():
    job, pods = suspending()
    job = with_spec(job, suspend=False)
    made = plan_of(job, seen(*pods))
    assert state(made) == ("False", "Suspending")
    assert made.delete_pods
    made = plan_of(job, seen())
    assert state(made) == ("True", "Suspended")
    assert message(made) == "no pod is left; the job begins again"
    assert made.status_first
    assert made.requeue_after == 0, "what is made next is not taken for what was to go"
    made = plan_of(stored(job, seen()), seen())
    assert state(made) == ("False", "PodsPending")
    assert len(made.create_pods) == 5
    assert made.status.restarts.total == 0


def test_deadline_begins_anew_at_the_resume():
    job = training(make_job(policy={"activeDeadlineSeconds": 100}))
    job = with_spec(job, suspend=True)
    job = stored(stored(job, seen(*pods_of(job)), after(90)), seen(), after(95))
    assert state(plan_of(job, seen(), after(500))) == ("True", "Suspended")
    job = stored(with_spec(job, suspend=False), seen(), after(500))
    pods = [make_pod(str(one.replica), created_at=after(500)) for one in pods_of(job)]
    assert state(plan_of(job, seen(*pods), after(599))) == ("True", "Training")
    assert state(plan_of(job, seen(*pods), after(600))) == ("False", "DeadlineExceeded")


def test_completed_replicas_are_remembered_over_a_suspension():
    job = with_spec(training(make_job()), suspend=True)
    job = stored(job, seen(*pods_of(job, done_pod("chief-0", finished_at=NOW))))
    job = stored(job, seen())
    assert job.status.completed_replicas == ["chief-0"]
    made = plan_of(with_spec(job, suspend=False), seen(), after(1000))
    assert names(made.create_pods) == ["digits-evaluator-0"]
    assert made.status.chief_completion_time == text(after(1000)), "its grace begins anew"


def test_spec_may_change_while_suspended():
    job = with_spec(suspended(), suspend=False, worker={"replicas": 1}, image="registry.example.com/digits:2")
    made = plan_of(job, seen(), after(100))
    assert len(made.create_pods) == 4
    assert {one["spec"]["containers"][0]["image"] for one in made.create_pods} == {
        "registry.example.com/digits:2"
    }
    assert made.status.observed_generation == 3


def test_pods_of_replicas_that_are_not_wanted_go():
    job = training(make_job())
    made = plan_of(job, seen(*pods_of(job), make_pod("worker-7")))
    assert [one.name for one in made.delete_pods] == ["digits-worker-7"]


def test_pods_found_while_suspended_go():
    job = suspended()
    made = plan_of(job, seen(make_pod("worker-0")))
    assert made.status_first
    assert state(made) == ("False", "Suspending")


def test_pods_that_only_a_foreign_finalizer_keeps_are_named():
    job, pods = suspending()
    chief, worker = (
        replace(one, deleting=True, held=True, phase="Succeeded", exit_code=0) for one in pods[:2]
    )
    both = plan_of(job, seen(chief, worker))
    assert state(both) == ("False", "Suspending")
    assert message(both).startswith(
        f"pod {chief.name} (and 1 more) has ended and a finalizer of somebody else"
    )
    ends = replace(pods[2], deleting=True)
    assert message(plan_of(job, seen(chief, ends))) == messages.SUSPENDING, "one may still save"
