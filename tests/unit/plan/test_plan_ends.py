"""How jobs end: grace, deadlines, cleaning up, TTL, specs that cannot be read."""

from __future__ import annotations

import pytest
from job_builder import (
    NOW,
    SETTINGS,
    after,
    done_pod,
    failed_pod,
    make_job,
    make_pod,
    message,
    plan_of,
    pods_of,
    seen,
    state,
    stored,
    text,
    training,
    truths,
    with_status,
)

from estimator_api import EstimatorJobStatus
from estimator_operator.plan import Observed, plan, rejected, unreadable


def ended(policy=None, *changed):
    """A job that has completed, and its pods."""
    job = training(make_job(policy=policy))
    pods = pods_of(job, done_pod("chief-0"), done_pod("evaluator-0"), *changed)
    return stored(job, seen(*pods)), pods


def test_grace_of_the_evaluator():
    job = training(make_job(policy={"evaluatorGraceSeconds": 60}))
    pods = pods_of(job, done_pod("chief-0", finished_at=NOW))
    job = stored(job, seen(*pods))
    waiting = plan_of(job, seen(*pods), after(59))
    assert waiting.status is job.status
    assert waiting.requeue_after == 1
    made = plan_of(job, seen(*pods), after(60))
    assert state(made) == ("True", "Completed")
    assert message(made) == (
        "training has ended; evaluator-0 did not end within 60 s after the chief (evaluatorGraceSeconds)"
    )
    made = plan_of(with_status(job, made.status), seen(*pods), after(61))
    assert "digits-evaluator-0" in [one.name for one in made.delete_pods]


@pytest.mark.parametrize("said", [None, -61, 5])
def test_when_a_node_does_not_tell_the_beginning_of_the_grace_it_is_stored_at_once(said):
    job = training(make_job())
    chief = done_pod("chief-0", finished_at=None if said is None else after(said))
    made = plan_of(job, seen(*pods_of(job, chief)))
    assert made.status.chief_completion_time == text(NOW)
    assert not made.progress_only, "the next look would say another time"


def test_what_a_node_tells_of_the_beginning_of_the_grace_is_stored_while_it_is_believed():
    job = training(make_job(policy={"evaluatorGraceSeconds": 300}))
    pods = pods_of(job, done_pod("chief-0", finished_at=NOW))
    for seconds, within in ((0, 30), (29, 1)):
        made = plan_of(job, seen(*pods), after(seconds))
        assert (made.progress_only, made.write_within) == (True, within), "it may be part of the next write"
    late = plan_of(job, seen(*pods), after(30))
    assert not late.progress_only
    assert made.status.chief_completion_time == late.status.chief_completion_time == text(NOW)
    stored_job = with_status(job, late.status)
    assert plan_of(stored_job, seen(*pods), after(120)).status is stored_job.status


def test_evaluator_is_restarted_within_its_grace():
    job = training(make_job())
    made = plan_of(job, seen(*pods_of(job, done_pod("chief-0"), failed_pod("evaluator-0"))))
    assert state(made) == ("False", "Restarting")
    assert (made.status.restarts.evaluator, made.status.restarts.counted) == (1, 0)


@pytest.mark.parametrize(
    ("said", "believed"), [(None, 0), (-5, -5), (-60, -60), (-61, 0), (-7200, 0), (5, 0), (7200, 0)]
)
def test_when_the_chief_completed(said, believed):
    """A node's clock may be off, and an operator that was away sees the evaluator's grace begin."""
    job = training(make_job())
    chief = done_pod("chief-0", finished_at=None if said is None else after(said))
    made = plan_of(job, seen(*pods_of(job, chief)))
    assert made.status.chief_completion_time == text(after(believed))
    assert state(made) == ("True", "Evaluating")


def test_active_deadline():
    job = training(make_job(policy={"activeDeadlineSeconds": 100}))
    pods = pods_of(job)
    assert plan_of(job, seen(*pods), after(40)).requeue_after == 60
    made = plan_of(job, seen(*pods), after(100))
    assert made.status_first
    assert state(made) == ("False", "DeadlineExceeded")
    assert message(made) == (
        "not ended within 100 s (activeDeadlineSeconds): chief-0, worker-0, worker-1, ps-0, evaluator-0"
    )


def test_active_deadline_holds_before_all_pods_were_seen():
    job = stored(make_job(workers=4, policy={"activeDeadlineSeconds": 100}), Observed())
    made = plan_of(job, seen(make_pod("chief-0")), after(100))
    assert state(made) == ("False", "DeadlineExceeded")
    assert message(made).endswith("chief-0, worker-0, worker-1, worker-2, worker-3 and 2 more")


def test_success_wins_over_the_deadline():
    job = training(make_job(policy={"activeDeadlineSeconds": 100}))
    pods = pods_of(job, done_pod("chief-0"), done_pod("evaluator-0"))
    assert state(plan_of(job, seen(*pods), after(500))) == ("True", "Completed")


@pytest.mark.parametrize(
    ("policy", "deleted"),
    [
        ("Running", ["digits-ps-0", "digits-worker-0", "digits-worker-1"]),
        ("None", []),
        (
            "All",
            ["digits-chief-0", "digits-evaluator-0", "digits-ps-0", "digits-worker-0", "digits-worker-1"],
        ),
    ],
)
def test_clean_pod_policy(policy, deleted):
    job, pods = ended({"cleanPodPolicy": policy})
    assert sorted(one.name for one in plan_of(job, seen(*pods)).delete_pods) == deleted


def test_a_pod_whose_containers_have_just_ended_is_finished_in_all_but_its_phase():
    job, pods = ended(None)
    chief = make_pod("chief-0", ready=False, exit_code=0, finished_at=NOW)
    pods = (*(one for one in pods if one.replica != chief.replica), chief)
    made = plan_of(job, seen(*pods))
    assert chief.name not in [one.name for one in made.delete_pods]
    assert made.requeue_after == 30
    kept_up_by_others = plan_of(job, seen(*pods), after(30))
    assert chief.name in [one.name for one in kept_up_by_others.delete_pods]


def test_pods_that_are_being_deleted_are_not_deleted_again():
    job, pods = ended(None, make_pod("ps-0", deleting=True))
    assert "digits-ps-0" not in [one.name for one in plan_of(job, seen(*pods)).delete_pods]


def test_ps_of_a_failed_job_go_after_the_chief():
    job = training(make_job(policy={"activeDeadlineSeconds": 100}))
    pods = pods_of(job)
    job = stored(job, seen(*pods), after(100))
    first = plan_of(job, seen(*pods), after(101))
    assert "digits-ps-0" not in [one.name for one in first.delete_pods]
    assert len(first.delete_pods) == 4
    pods = (failed_pod("chief-0", 143, deleting=True), make_pod("ps-0"))
    assert [one.name for one in plan_of(job, seen(*pods), after(102)).delete_pods] == ["digits-ps-0"]


def test_ttl():
    job, pods = ended({"ttlSecondsAfterFinished": 30})
    made = plan_of(job, seen(*pods), after(10))
    assert not made.delete_job
    assert made.requeue_after == 20
    assert plan_of(job, seen(*pods), after(30)).delete_job


def test_no_ttl_no_deletion():
    job, pods = ended()
    made = plan_of(job, seen(*pods), after(10**6))
    assert not made.delete_job
    assert made.requeue_after is None


def test_ended_jobs_stay_as_they_are():
    job, pods = ended()
    for observed in (seen(*pods), seen(), seen(failed_pod("chief-0", 78)), Observed(refused="no")):
        made = plan_of(job, observed, after(99))
        assert made.status is job.status
        assert not made.create_pods
        assert made.create_service is None


def test_transition_times_move_only_with_the_status():
    job, _ = ended()
    before = stored(make_job(), Observed())
    assert {one.type: one.last_transition_time for one in before.status.conditions}["Complete"] == text(NOW)
    later = plan_of(training(make_job()), seen(*pods_of(make_job())), after(50))
    assert {one.last_transition_time for one in later.status.conditions} == {text(NOW)}
    assert job.status.condition("Ready").last_transition_time == text(NOW)


def test_job_whose_pods_are_refused_for_good_fails():
    job = make_job()
    made = rejected(job.metadata, EstimatorJobStatus(), "spec.train: no\nspec.image: empty\n", NOW)
    assert state(made) == ("False", "InvalidSpec")
    assert truths(made)["Failed"] == "True"
    assert message(made) == "spec.train: no; spec.image: empty"
    assert made.status.completion_time == text(NOW)
    assert made.status.observed_generation == 1
    assert [one.reason for one in made.events] == ["InvalidSpec"]
    again = rejected(job.metadata, made.status, "another message", after(5))
    assert again.status == made.status
    assert not again.events
    assert plan(with_status(job, made.status), Observed(), NOW, SETTINGS).create_pods == ()


@pytest.mark.parametrize("begun", [True, False])
def test_job_that_cannot_be_read_is_left_running_and_goes_on(begun):
    job = training(make_job()) if begun else make_job()
    made = unreadable(job.metadata, job.status, "spec.new: unknown", NOW)
    assert state(made) == ("False", "InvalidSpec")
    assert truths(made) == {
        "Ready": "False",
        "Stalled": "True",
        "Complete": "False",
        "Failed": "False",
        "Suspended": "False",
    }
    assert message(made) == "spec.new: unknown; pods are left as they are"
    assert made.status.restarts == job.status.restarts
    assert made.status.completion_time is None
    assert not made.create_pods
    assert (made.delete_pods, made.delete_job) == ((), False)
    assert [(one.type, one.reason) for one in made.events] == [("Warning", "InvalidSpec")]
    job = with_status(job, made.status)
    again = unreadable(job.metadata, job.status, "spec.new: unknown", after(5))
    assert again.status is job.status
    assert not again.events
    if begun:
        assert state(plan_of(job, seen(*pods_of(job)), after(10))) == ("True", "Training")
    else:
        assert len(plan_of(job, seen(), after(10)).create_pods) == 5


def test_suspended_job_that_cannot_be_read_stays_suspended():
    job = stored(make_job(suspend=True), Observed())
    made = unreadable(job.metadata, job.status, "spec.new: unknown", NOW)
    assert truths(made)["Suspended"] == "True"
