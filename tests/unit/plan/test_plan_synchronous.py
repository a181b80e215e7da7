"""Jobs whose chief and workers make every step together: these fail, wait, start and go on as one; the evaluator by itself."""

from __future__ import annotations

import pytest
from job_builder import (
    NOW,
    after,
    done_pod,
    failed_pod,
    make_job,
    make_pod,
    names,
    plan_of,
    pods_of,
    seen,
    state,
    stored,
    training,
    with_spec,
)

GROUP = {"chief-0", "worker-0", "worker-1"}
NEXT = ["digits-chief-0-r1", "digits-worker-0-r1", "digits-worker-1-r1"]


def together(**spec):
    """A chief, two workers and an evaluator at work."""
    return training(make_job(**({"ps": 0, "strategy": {"kind": "MultiWorkerMirrored"}} | spec)))


def counts(one):
    """Restarts by replica."""
    return {each.replica: each.count for each in one.status.restarts.by_replica}


@pytest.mark.parametrize("name", sorted(GROUP))
def test_a_failure_of_one_starts_all_of_the_group_again_and_counts_once(name):
    job = together()
    pods = pods_of(job, failed_pod(name, 1, message="boom"))
    made = plan_of(job, seen(*pods))
    assert made.status_first, "stored before anything is done about it"
    assert counts(made) == dict.fromkeys(GROUP, 1)
    assert (made.status.restarts.total, made.status.restarts.counted) == (3, 1)
    assert state(made) == ("False", "Restarting")
    assert [one.note for one in made.events] == [
        f"chief and workers start again: {name} failed with exit code 1: boom"
    ]
    job = stored(job, seen(*pods))
    made = plan_of(job, seen(*pods))
    assert {one.name for one in made.delete_pods} == {f"digits-{one}" for one in GROUP}
    assert not made.create_pods


def test_nobody_starts_while_an_old_one_of_the_group_lives():
    job = together()
    pods = pods_of(job, failed_pod("worker-1", 1))
    job = stored(job, seen(*pods))
    evaluator = make_pod("evaluator-0")
    for old in (make_pod("chief-0", deleting=True), make_pod("worker-0", deleting=True)):
        made = plan_of(job, seen(old, failed_pod("worker-1", 1), evaluator))
        assert not made.create_pods
        assert not [one for one in made.delete_pods if one.name == "digits-evaluator-0"]
    assert names(plan_of(job, seen(evaluator)).create_pods) == NEXT


def test_others_that_fail_of_it_later_are_not_counted():
    job = together()
    pods = pods_of(job, failed_pod("worker-1", 137))
    job = stored(job, seen(*pods))
    job = stored(job, seen(*pods_of(job, failed_pod("worker-1", 137), failed_pod("chief-0", 1))))
    assert counts(job) == dict.fromkeys(GROUP, 1)
    assert job.status.restarts.counted == 1


def test_a_group_that_fails_again_is_counted_again():
    """Also within the minute that is one incident for replicas of their own."""
    job = together(policy={"backoffLimit": 1})
    job = stored(job, seen(*pods_of(job, failed_pod("worker-1", 1))))
    again = [make_pod("chief-0", 1), make_pod("worker-1", 1), make_pod("evaluator-0")]
    made = plan_of(job, seen(*again, failed_pod("worker-0", 1, attempt=1)), after(5))
    assert state(made) == ("False", "BackoffLimitExceeded")


DISRUPTIONS = {
    "evicted": failed_pod("worker-1", 137, reason="Evicted", disrupted=True),
    "being deleted": make_pod("worker-1", deleting=True, delete_by=after(30)),
    "preempted": make_pod("worker-1", disrupted=True),
    "node lost": make_pod("worker-1", ready=False, unready="NodeNotReady"),
}


@pytest.mark.parametrize("disrupted", DISRUPTIONS.values(), ids=DISRUPTIONS)
@pytest.mark.parametrize("exit_code", [1, 143])
def test_what_follows_from_a_disruption_is_not_counted_and_does_not_wait(disrupted, exit_code):
    job = together(policy={"backoffLimit": 0})
    pods = pods_of(job, disrupted, failed_pod("chief-0", exit_code))
    job = stored(job, seen(*pods))
    assert counts(job) == dict.fromkeys(GROUP, 1)
    assert job.status.restarts.counted == 0
    (peer,) = [one for one in job.status.failures if one.replica == "chief-0"]
    assert peer.reason == "PeerDisrupted"
    assert names(plan_of(job, seen(make_pod("evaluator-0"))).create_pods) == NEXT


@pytest.mark.parametrize("name", sorted(GROUP))
def test_a_pod_that_is_gone_starts_all_again_uncounted(name):
    job = together(policy={"backoffLimit": 0})
    made = plan_of(job, seen(*pods_of(job, without=(name,))))
    assert counts(made) == dict.fromkeys(GROUP, 1)
    assert made.status.restarts.counted == 0
    assert made.status.last_failure.reason == "DeletedPod"


def test_the_cause_is_told_last_and_first():
    job = together()
    evicted = failed_pod("worker-0", 137, reason="Evicted", disrupted=True)
    made = plan_of(job, seen(*pods_of(job, evicted, failed_pod("worker-1", 1), failed_pod("chief-0", 143))))
    assert [one.reason for one in made.status.failures] == ["PeerDisrupted", "PeerDisrupted", "Evicted"]
    assert made.status.last_failure.replica == "worker-0"


def test_a_configuration_error_beside_a_disruption_still_fails_the_job():
    job = together()
    made = plan_of(job, seen(*pods_of(job, make_pod("worker-1", deleting=True), failed_pod("chief-0", 78))))
    assert state(made) == ("False", "ConfigurationError")


@pytest.mark.parametrize("deleting", [False, True])
def test_a_configuration_error_that_is_seen_after_what_follows_from_it_fails_the_job(deleting):
    """The others lose a chief that says that no retry mends it, and may be seen first: none of them is tried again."""
    job = together()
    job = stored(job, seen(*pods_of(job, failed_pod("worker-0", 1))))
    assert counts(job) == dict.fromkeys(GROUP, 1)
    late = failed_pod("chief-0", 78, message="no such column", deleting=deleting)
    made = plan_of(job, seen(late, make_pod("worker-1", deleting=True), make_pod("evaluator-0")))
    assert state(made) == ("False", "ConfigurationError")
    assert made.status.last_failure.message == "no such column"


def test_a_rule_may_forgive_a_configuration_error_that_is_seen_late():
    rules = {"rules": [{"action": "RestartReplica", "onExitCodes": {"values": [78]}}]}
    job = together(policy={"failurePolicy": rules})
    job = stored(job, seen(*pods_of(job, failed_pod("worker-0", 1))))
    made = plan_of(job, seen(failed_pod("chief-0", 78), make_pod("evaluator-0")))
    assert counts(made) == dict.fromkeys(GROUP, 1), "its attempt is counted already"
    assert len(made.status.failures) == 1


def test_two_that_fail_in_one_moment_are_one_restart():
    job = together()
    made = plan_of(job, seen(*pods_of(job, failed_pod("chief-0", 1), failed_pod("worker-1", 1))))
    assert counts(made) == dict.fromkeys(GROUP, 1)
    assert made.status.restarts.counted == 1
    assert len(made.status.failures) == 2


def test_one_that_stands_on_a_node_that_is_gone_is_not_waited_for():
    job = together()
    job = stored(job, seen(*pods_of(job, make_pod("worker-1", deleting=True, delete_by=NOW))))
    job = stored(
        job, seen(*pods_of(job, make_pod("worker-1", deleting=True, delete_by=NOW), without=("chief-0",)))
    )
    stuck = make_pod("worker-1", deleting=True, delete_by=NOW, node="away")
    waiting = plan_of(job, seen(stuck, make_pod("evaluator-0")), after(40))
    assert not waiting.create_pods, "nobody knows that its node is gone"
    gone = plan_of(job, seen(stuck, make_pod("evaluator-0"), lost_nodes=frozenset({"away"})), after(40))
    assert len(gone.create_pods) == 3


def test_a_suspension_amid_the_restart_of_all_lets_all_end_and_all_come_back():
    job = together()
    job = stored(job, seen(*pods_of(job, failed_pod("worker-1", 1))))
    job = with_spec(job, suspend=True)
    old = seen(make_pod("chief-0", deleting=True), make_pod("evaluator-0"))
    made = plan_of(job, old)
    assert not made.create_pods
    job = stored(job, old)
    job = stored(job, seen())
    assert state(job) == ("True", "Suspended")
    made = plan_of(with_spec(job, suspend=False), seen(), after(60))
    assert names(made.create_pods) == [*NEXT, "digits-evaluator-0"]


def test_all_wait_for_the_backoff_of_one():
    job = together()
    job = stored(job, seen(*pods_of(job, failed_pod("worker-1", 137))))
    rest = seen(make_pod("evaluator-0"))
    made = plan_of(job, rest, after(9))
    assert not made.create_pods
    assert made.requeue_after == 1
    assert names(plan_of(job, rest, after(10)).create_pods) == NEXT


def test_the_evaluator_fails_and_starts_again_alone():
    job = together()
    pods = pods_of(job, failed_pod("evaluator-0", 1))
    job = stored(job, seen(*pods))
    assert counts(job) == {"evaluator-0": 1}
    assert names(plan_of(job, seen(*pods)).create_pods) == ["digits-evaluator-0-r1"]


def test_a_rule_that_ignores_starts_the_group_again_uncounted():
    rules = {"rules": [{"action": "Ignore", "onExitCodes": {"values": [1]}}]}
    job = together(policy={"backoffLimit": 0, "failurePolicy": rules})
    made = plan_of(job, seen(*pods_of(job, failed_pod("worker-1", 1))))
    assert counts(made) == dict.fromkeys(GROUP, 1)
    assert made.status.restarts.counted == 0


def test_restart_job_takes_the_evaluator_along():
    rules = {"rules": [{"action": "RestartJob", "roles": ["worker"]}]}
    job = together(policy={"failurePolicy": rules})
    made = plan_of(job, seen(*pods_of(job, failed_pod("worker-1", 1))))
    assert counts(made) == dict.fromkeys([*GROUP, "evaluator-0"], 1)


def test_workers_that_had_completed_run_again_with_a_chief_that_has_not():
    job = together()
    job = stored(job, seen(*pods_of(job, done_pod("worker-0"), done_pod("worker-1"))))
    assert job.status.completed_replicas == ["worker-0", "worker-1"]
    pods = pods_of(job, done_pod("worker-0"), done_pod("worker-1"), failed_pod("chief-0", 1))
    job = stored(job, seen(*pods))
    assert job.status.completed_replicas == []
    assert names(plan_of(job, seen(make_pod("evaluator-0"))).create_pods) == NEXT


def test_after_the_chief_nobody_starts_again():
    job = together()
    pods = pods_of(job, done_pod("chief-0", finished_at=NOW), failed_pod("worker-1", 1))
    made = plan_of(job, seen(*pods))
    assert state(made) == ("True", "Evaluating")
    assert counts(made) == {}


def test_suspended_and_resumed_as_a_whole():
    """A worker that had completed in the moment of the suspension is needed for the chief's last steps."""
    job = together()
    job = stored(job, seen(*pods_of(job, done_pod("worker-1"))))
    job = with_spec(job, suspend=True)
    pods = seen(*pods_of(job, done_pod("worker-1")))
    job = stored(job, pods)
    assert {one.name for one in plan_of(job, pods).delete_pods} >= {f"digits-{one}" for one in GROUP}
    job = stored(job, seen())
    assert state(job) == ("True", "Suspended")
    job = with_spec(job, suspend=False, worker={"replicas": 3})
    made = plan_of(job, seen())
    assert [one.removeprefix("digits-") for one in names(made.create_pods)] == [
        "chief-0",
        "worker-0",
        "worker-1",
        "worker-2",
        "evaluator-0",
    ]
    job = stored(job, seen())
    assert job.status.completed_replicas == []


def test_another_strategy_restarts_one_at_a_time():
    job = training(make_job(ps=0, strategy={"kind": "ParameterServer"}))
    pods = pods_of(job, failed_pod("worker-1", 1), make_pod("worker-0", deleting=True))
    job = stored(job, seen(*pods))
    assert counts(job) == {"worker-1": 1}
    assert job.status.last_failure.reason == "Error"
    assert [one.name for one in plan_of(job, seen(*pods)).delete_pods] == ["digits-worker-1"]
