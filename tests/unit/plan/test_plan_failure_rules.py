"""failurePolicy: which rule decides, what each action does, what is never counted."""

from __future__ import annotations

import pytest
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
    training,
    truths,
    with_status,
)

from estimator_api.status import Failure
from estimator_operator.plan.failure_rules import decide


def rule(action, **fields):
    """One rule in the manifest's own names."""
    return {"action": action, **fields}


def codes(*values, operator="In"):
    """`onExitCodes`."""
    return {"onExitCodes": {"operator": operator, "values": list(values)}}


def policy(*rules, limit=6):
    """A run policy of these rules."""
    return {"backoffLimit": limit, "failurePolicy": {"rules": list(rules)}}


def failure(replica="worker-1", exit_code=1, reason="Error"):
    """A failure of the status."""
    return Failure(replica=replica, exit_code=exit_code, reason=reason, time="2026-01-31T12:00:00Z")


OTHERS = rule("Ignore", roles=["chief", "worker", "ps", "evaluator"])


@pytest.mark.parametrize(
    ("rules", "one", "action", "number"),
    [
        ([], failure(), "RestartReplica", None),
        ([], failure(exit_code=78), "FailJob", None),
        ([], failure(exit_code=78, reason="DeletedPod"), "RestartReplica", None),
        ([rule("FailJob", **codes(3))], failure(exit_code=3), "FailJob", 1),
        ([rule("FailJob", **codes(3))], failure(exit_code=4), "RestartReplica", None),
        ([rule("FailJob", **codes(3, operator="NotIn"))], failure(exit_code=4), "FailJob", 1),
        ([rule("FailJob", **codes(3, operator="NotIn"))], failure(exit_code=3), "RestartReplica", None),
        ([rule("FailJob", **codes(3))], failure(exit_code=None, reason="StartError"), "RestartReplica", None),
        (
            [rule("FailJob", **codes(3, operator="NotIn"))],
            failure(exit_code=None, reason="StartError"),
            "RestartReplica",
            None,
        ),
        ([rule("Ignore", roles=["worker"])], failure(), "Ignore", 1),
        ([rule("Ignore", roles=["ps"])], failure(), "RestartReplica", None),
        ([rule("RestartJob", roles=["ps"]), rule("Ignore", roles=["worker"])], failure(), "Ignore", 2),
        (
            [rule("RestartJob", onReasons=["OOMKilled"])],
            failure(exit_code=137, reason="OOMKilled"),
            "RestartJob",
            1,
        ),
        ([rule("RestartJob", onReasons=["OOMKilled"])], failure(exit_code=137), "RestartReplica", None),
        ([rule("FailJob", roles=["worker"], **codes(3))], failure(exit_code=4), "RestartReplica", None),
        ([rule("FailJob", roles=["ps"], **codes(3))], failure(exit_code=3), "RestartReplica", None),
        (
            [rule("FailJob", roles=["worker"], onReasons=["Error"], **codes(3))],
            failure(exit_code=3),
            "FailJob",
            1,
        ),
        ([rule("RestartReplica", **codes(78)), OTHERS], failure(exit_code=78), "RestartReplica", 1),
        (
            [rule("FailJob", roles=["worker"])],
            failure(exit_code=143, reason="Evicted"),
            "RestartReplica",
            None,
        ),
        ([rule("FailJob", **codes(143))], failure(exit_code=143, reason="Disrupted"), "RestartReplica", None),
        ([rule("FailJob", onReasons=["Evicted"])], failure(exit_code=143, reason="Evicted"), "FailJob", 1),
        (
            [rule("FailJob", onReasons=["DeletedPod"])],
            failure(exit_code=None, reason="DeletedPod"),
            "FailJob",
            1,
        ),
        (
            [rule("FailJob", onReasons=["Evicted"], **codes(1))],
            failure(exit_code=143, reason="Evicted"),
            "RestartReplica",
            None,
        ),
    ],
    ids=lambda one: str(one)[:60],
)
def test_first_rule_that_matches_decides(rules, one, action, number):
    job = make_job(policy=policy(*rules) if rules else {})
    made = decide(job, one)
    assert (made.action, made.rule) == (action, number)


@pytest.mark.parametrize(
    ("action", "reason", "exit_code", "counted", "backs_off"),
    [
        ("RestartReplica", "Error", 1, True, False),
        ("RestartReplica", "OOMKilled", 137, True, True),
        ("RestartReplica", "Evicted", 137, False, False),
        ("RestartJob", "Error", 1, True, False),
        ("RestartJob", "Evicted", 137, False, False),
        ("Ignore", "Error", 1, False, True),
        ("Ignore", "Evicted", 137, False, True),
    ],
)
def test_what_counts_and_what_waits(action, reason, exit_code, counted, backs_off):
    job = make_job(policy=policy(rule(action, onReasons=[reason])))
    made = decide(job, failure(exit_code=exit_code, reason=reason))
    assert (made.counted, made.backs_off) == (counted, backs_off)


def failing(run_policy, *pods, job=None):
    """A training job whose pods have ended so, and its plan."""
    job = job or training(make_job(policy=run_policy))
    return job, plan_of(job, seen(*pods_of(job, *pods)))


def test_fail_job_names_replica_code_cause_and_rule():
    rules = policy(OTHERS | {"roles": ["ps"]}, rule("FailJob", roles=["worker"], **codes(3)))
    _, made = failing(rules, failed_pod("worker-1", 3, message="loss is NaN"))
    assert state(made) == ("False", "FailJobRule")
    assert message(made) == (
        "worker-1 failed with exit code 3: loss is NaN; rule 2 of failurePolicy says FailJob"
    )
    assert made.status.restarts.total == 0
    assert [(one.type, one.reason) for one in made.events] == [("Warning", "FailJobRule")]


def test_fail_job_on_the_evaluator_fails_the_job():
    _, made = failing(policy(rule("FailJob", roles=["evaluator"])), failed_pod("evaluator-0", 1))
    assert truths(made)["Failed"] == "True"
    assert "EvaluatorDegraded" not in truths(made)


def test_fail_job_on_a_vanished_pod():
    job = training(make_job(policy=policy(rule("FailJob", onReasons=["DeletedPod"]))))
    made = plan_of(job, seen(*pods_of(job, without=("ps-0",))))
    assert message(made) == "ps-0: its pod was deleted; rule 1 of failurePolicy says FailJob"


def test_restart_replica_wins_over_exit_78():
    _, made = failing(policy(rule("RestartReplica", **codes(78))), failed_pod("worker-0", 78))
    assert state(made) == ("False", "Restarting")
    assert made.status.restarts.counted == 1


def test_ignore_is_not_counted_but_waits_ever_longer():
    job = training(make_job(policy=policy(rule("Ignore", **codes(9)), limit=0)))
    now, waits = 0.0, []
    for attempt in range(7):
        pods = pods_of(job, failed_pod("worker-0", 9, attempt=attempt))
        job = stored(job, seen(*pods), after(now))
        made = plan_of(job, seen(*pods), after(now))
        assert not made.create_pods
        waits.append(made.requeue_after)
        now += made.requeue_after
        made = plan_of(job, seen(*pods), after(now))
        assert names(made.create_pods) == [f"digits-worker-0-r{attempt + 1}"]
        job = with_status(job, made.status)
    assert waits == [10, 20, 40, 80, 160, 300, 300]
    assert (job.status.restarts.total, job.status.restarts.counted) == (7, 0)


def test_many_ignored_replicas_all_wait():
    job = training(make_job(workers=25, policy=policy(rule("Ignore", **codes(9)))))
    for attempt in range(2):
        pods = pods_of(job, *(failed_pod(f"worker-{n}", 9, attempt=attempt) for n in range(25)))
        job = stored(job, seen(*pods), after(60 * attempt))
        assert len(job.status.failures) == 10, "those of most workers are displaced"
        made = plan_of(job, seen(*pods), after(60 * attempt))
        assert not made.create_pods, "nevertheless none is a hot loop"
        assert made.requeue_after == 10 * 2**attempt
        assert len(plan_of(job, seen(*pods), after(60 * attempt + 20)).create_pods) == 25


def test_many_disruptions_do_not_wait():
    job = training(make_job(workers=25))
    pods = pods_of(job, *(failed_pod(f"worker-{n}", 143, disrupted=True) for n in range(25)))
    job = stored(job, seen(*pods))
    assert len(plan_of(job, seen(*pods)).create_pods) == 25


RESTART_ALL = rule("RestartJob", roles=["ps"])


def test_restart_job_is_stored_first_and_counted_once():
    job, made = failing(policy(RESTART_ALL), failed_pod("ps-0", 1, message="boom"), failed_pod("worker-0", 1))
    assert made.status_first
    assert not made.create_pods
    assert not made.delete_pods
    restarts = made.status.restarts
    assert (restarts.total, restarts.counted) == (5, 1)
    assert {one.replica: one.count for one in restarts.by_replica} == {
        "chief-0": 1,
        "worker-0": 1,
        "worker-1": 1,
        "ps-0": 1,
        "evaluator-0": 1,
    }
    assert restarts.pending == ["chief-0", "evaluator-0", "ps-0", "worker-0", "worker-1"]
    assert state(made) == ("False", "Restarting")
    assert len(made.events) == 1
    assert made.events[0].note.startswith("all replicas start again: ps-0 failed with exit code 1: boom")
    assert job.status.restarts.total == 0


def test_restart_job_deletes_the_chief_first_and_waits():
    job = training(make_job(ps=2, policy=policy(RESTART_ALL)))
    pods = pods_of(job, failed_pod("ps-0", 1))
    job = stored(job, seen(*pods))
    made = plan_of(job, seen(*pods))
    assert not made.create_pods
    assert sorted(one.name for one in made.delete_pods) == [
        "digits-chief-0",
        "digits-evaluator-0",
        "digits-worker-0",
        "digits-worker-1",
    ]
    saving = (make_pod("chief-0", deleting=True), make_pod("ps-1"), failed_pod("ps-0", 1))
    made = plan_of(job, seen(*saving))
    assert names(made.create_pods) == ["digits-evaluator-0-r1"], "the cluster waits for the old chief"
    assert not made.delete_pods
    made = plan_of(job, seen(make_pod("ps-1"), failed_pod("ps-0", 1)))
    assert sorted(one.name for one in made.delete_pods) == ["digits-ps-0", "digits-ps-1"]
    assert names(made.create_pods) == ["digits-evaluator-0-r1"], "and for the old parameter servers"
    made = plan_of(job, seen())
    assert len(made.create_pods) == 6
    assert all(name.endswith("-r1") for name in names(made.create_pods))


def test_restart_job_runs_completed_workers_again():
    job = training(make_job(policy=policy(RESTART_ALL)))
    job = stored(job, seen(*pods_of(job, done_pod("worker-1"))))
    assert job.status.completed_replicas == ["worker-1"]
    pods = pods_of(job, done_pod("worker-1"), failed_pod("ps-0", 1))
    job = stored(job, seen(*pods))
    assert job.status.completed_replicas == []
    assert "digits-worker-1" in [one.name for one in plan_of(job, seen(*pods)).delete_pods]
    assert "digits-worker-1-r1" in names(plan_of(job, seen()).create_pods)


def test_restart_job_after_the_chief_restarts_the_evaluator_alone():
    rules = policy(rule("RestartJob", roles=["evaluator"]))
    job = training(make_job(policy=rules))
    pods = pods_of(job, done_pod("chief-0", finished_at=NOW), failed_pod("evaluator-0", 1))
    job = stored(job, seen(*pods))
    assert job.status.completed_replicas == ["chief-0"]
    assert [one.replica for one in job.status.restarts.by_replica] == ["evaluator-0"]
    assert names(plan_of(job, seen(*pods)).create_pods) == ["digits-evaluator-0-r1"]


def test_restart_job_of_a_disruption_that_is_named_is_not_counted():
    rules = policy(rule("RestartJob", roles=["ps"], onReasons=["Evicted"]), limit=0)
    _, made = failing(rules, failed_pod("ps-0", 137, reason="Evicted", disrupted=True))
    assert (made.status.restarts.total, made.status.restarts.counted) == (5, 0)


@pytest.mark.parametrize(
    ("replica", "outcome"),
    [("ps-0", ("False", "BackoffLimitExceeded")), ("evaluator-0", ("True", "Training"))],
)
def test_restart_job_needs_budget(replica, outcome):
    rules = policy(rule("RestartJob", roles=["ps", "evaluator"]), limit=0)
    _, made = failing(rules, failed_pod(replica, 1))
    assert state(made) == outcome
    assert made.status.restarts.total == 0


def test_fail_job_wins_over_a_restart_in_the_same_pass():
    rules = policy(RESTART_ALL, rule("FailJob", roles=["worker"]))
    _, made = failing(rules, failed_pod("ps-0", 1), failed_pod("worker-0", 1))
    assert state(made) == ("False", "FailJobRule")


def test_suspension_does_not_wait_for_what_is_only_remembered():
    """Of a pod that succeeded and is gone, the store may still tell: it is in nobody's way."""
    job = training(make_job(policy=policy(RESTART_ALL)))
    pods = pods_of(job, done_pod("worker-1", deleting=True), failed_pod("ps-0", 1))
    job = stored(job, seen(*pods))
    document = job.to_json()
    document["spec"]["suspend"] = True
    job = with_status(type(job).model_validate(document), job.status)
    job = stored(job, seen(*pods))
    assert state(plan_of(job, seen(done_pod("worker-1", deleting=True)))) == ("True", "Suspended")
    assert state(plan_of(job, seen(make_pod("chief-0", 1, deleting=True)))) == ("False", "Suspending")
