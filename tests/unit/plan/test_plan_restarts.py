"""Restarts: what counts, what fails the job, when the next pod may be made, and that counting comes first."""

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
    text,
    training,
    truths,
    with_status,
)

from estimator_api import Progress


def failing(exit_code=1, *, role="worker-0", policy=None, **fields):
    """The plan for a training job one pod of which has ended."""
    job = training(make_job(policy=policy))
    return plan_of(job, seen(*pods_of(job, failed_pod(role, exit_code, **fields))))


@pytest.mark.parametrize(
    ("fields", "counted", "reason"),
    [
        ({"exit_code": 1}, 1, "Error"),
        ({"exit_code": 127}, 1, "Error"),
        ({"exit_code": 137, "reason": "OOMKilled"}, 1, "OOMKilled"),
        ({"exit_code": 128, "reason": "StartError"}, 1, "StartError"),
        ({"exit_code": 143}, 1, "Error"),
        ({"exit_code": 143, "deleting": True}, 0, "DeletedPod"),
        ({"exit_code": 78, "deleting": True}, 0, "DeletedPod"),
        ({"exit_code": 137, "reason": "Evicted", "disrupted": True}, 0, "Evicted"),
        ({"exit_code": 143, "reason": "PreemptionByScheduler", "disrupted": True}, 0, "Disrupted"),
        ({"exit_code": None, "reason": None, "disrupted": True}, 0, "Disrupted"),
        ({"exit_code": None, "reason": "NodeLost"}, 0, "NodeLost"),
        ({"exit_code": None, "reason": "NodeAffinity"}, 0, "NodeAffinity"),
        ({"exit_code": None, "reason": "OutOfcpu"}, 0, "OutOfcpu"),
        ({"exit_code": None, "reason": "OutOfnvidia.com/gpu"}, 0, "OutOfnvidia.com/gpu"),
        ({"exit_code": None, "reason": "UnexpectedAdmissionError"}, 0, "UnexpectedAdmissionError"),
        ({"exit_code": None, "reason": "NodeShutdown", "disrupted": True}, 0, "NodeShutdown"),
        ({"exit_code": 143, "reason": "Terminated", "disrupted": True}, 0, "Disrupted"),
        ({"exit_code": 137, "reason": "Terminated", "disrupted": True}, 0, "Disrupted"),
        ({"exit_code": 0, "reason": "Terminated", "disrupted": True}, 0, "Disrupted"),
        ({"exit_code": None, "reason": "Terminated", "disrupted": True}, 0, "Disrupted"),
        ({"exit_code": 1, "reason": "OutOfcpu"}, 1, "OutOfcpu"),
        (
            {
                "exit_code": None,
                "reason": "Evicted",
                "disrupted": True,
                "message": "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. ",
            },
            1,
            "LimitExceeded",
        ),
        (
            {
                "exit_code": 137,
                "reason": "Evicted",
                "disrupted": True,
                "message": 'Usage of EmptyDir volume "scratch" exceeds the limit "1Gi". ',
            },
            1,
            "LimitExceeded",
        ),
        (
            {
                "exit_code": None,
                "reason": "Evicted",
                "disrupted": True,
                "message": "The node was low on resource: ephemeral-storage.",
            },
            0,
            "Evicted",
        ),
    ],
)
def test_what_counts(fields, counted, reason):
    made = failing(**fields)
    assert made.status_first
    assert not made.create_pods
    assert not made.delete_pods
    restarts = made.status.restarts
    assert (restarts.total, restarts.counted) == (1, counted)
    assert [(one.replica, one.count) for one in restarts.by_replica] == [("worker-0", 1)]
    assert restarts.pending == ["worker-0"]
    assert made.status.failures[-1].reason == reason
    assert made.status.last_failure == made.status.failures[-1]
    assert state(made) == ("False", "Restarting")
    assert truths(made)["Reconciling"] == "True"
    assert [(one.type, one.reason) for one in made.events] == [
        ("Warning" if counted else "Normal", "Restarting")
    ]


def test_next_attempt_is_made_in_the_next_pass_and_the_old_pod_goes():
    job = training(make_job())
    pods = pods_of(job, failed_pod("worker-0", message="boom\n  at last\n"))
    counted = stored(job, seen(*pods))
    assert message(counted) == "worker-0 failed with exit code 1: at last; it starts again"
    made = plan_of(counted, seen(*pods))
    assert names(made.create_pods) == ["digits-worker-0-r1"]
    assert [one.name for one in made.delete_pods] == ["digits-worker-0"]
    assert made.progress_only, "counts of pods alone"
    new = make_pod("worker-0", 1, phase="Pending", ready=False)
    job = with_status(counted, made.status)
    made = plan_of(job, seen(*pods, new))
    assert not made.create_pods
    assert made.status.restarts.pending == []
    assert not made.progress_only, "what is not stored nobody knows when the operator ends"
    made = plan_of(job, seen(*pods_of(job, make_pod("worker-0", 1))))
    assert state(made) == ("True", "Training")
    assert not made.events, "a restart is one event, not two"


def test_vanished_pod_is_an_uncounted_restart():
    job = training(make_job())
    made = plan_of(job, seen(*pods_of(job, without=("ps-0",))))
    assert (made.status.restarts.total, made.status.restarts.counted) == (1, 0)
    assert message(made) == "ps-0: its pod was deleted; it starts again"


def test_missing_pod_that_was_never_seen_is_simply_made():
    job = stored(make_job(), seen())
    made = plan_of(job, seen(*pods_of(job, without=("ps-0",))))
    assert names(made.create_pods) == ["digits-ps-0"]
    assert made.status.restarts.total == 0


def test_restarted_pod_that_was_never_seen_is_simply_made_again():
    job = training(make_job())
    counted = stored(job, seen(*pods_of(job, without=("ps-0",))))
    again = plan_of(counted, seen(*pods_of(job, without=("ps-0",))))
    assert names(again.create_pods) == ["digits-ps-0-r1"]
    assert again.status.restarts.total == 1


def test_attempt_that_was_seen_does_not_come_back():
    job = training(make_job())
    counted = stored(job, seen(*pods_of(job, without=("ps-0",))))
    made = stored(counted, seen(*pods_of(job, make_pod("ps-0", 1, phase="Pending", ready=False))))
    again = plan_of(made, seen(*pods_of(job, without=("ps-0",))))
    assert again.status_first
    assert [(one.replica, one.count) for one in again.status.restarts.by_replica] == [("ps-0", 2)]
    assert again.status.restarts.counted == 0


def test_pod_that_is_being_deleted_is_waited_for():
    job = training(make_job())
    made = plan_of(job, seen(*pods_of(job, make_pod("chief-0", deleting=True))))
    assert not made.create_pods
    assert made.status.restarts.total == 0
    assert state(made) == ("False", "Restarting")
    assert message(made) == "chief-0 is being deleted"


def test_pod_on_a_lost_node_is_not_waited_for_forever():
    job = training(make_job())
    pods = pods_of(job, make_pod("worker-0", deleting=True, delete_by=NOW, node="n1"))
    observed = seen(*pods, lost_nodes=frozenset({"n1"}))
    assert plan_of(job, observed).requeue_after == 30
    made = plan_of(job, observed, after(30))
    assert made.status.restarts.total == 1
    assert made.status.failures[-1].node == "n1"
    made = plan_of(with_status(job, made.status), observed, after(31))
    assert names(made.create_pods) == ["digits-worker-0-r1"]


def test_successor_waits_while_a_sidecar_keeps_the_pod():
    job = training(make_job())
    pods = pods_of(job, failed_pod("chief-0", phase="Running"))
    counted = stored(job, seen(*pods))
    made = plan_of(counted, seen(*pods))
    assert not made.create_pods
    assert [one.name for one in made.delete_pods] == ["digits-chief-0"]
    assert message(made) == "chief-0 waits for its previous pod to end"


def test_exit_78_fails_the_job_at_once():
    made = failing(78, role="evaluator-0", message="no module named digits")
    assert state(made) == ("False", "ConfigurationError")
    assert message(made) == "evaluator-0 failed with exit code 78: no module named digits"
    assert truths(made) == {
        "Ready": "False",
        "Stalled": "True",
        "Complete": "False",
        "Failed": "True",
        "Suspended": "False",
    }
    assert made.status.restarts.total == 0
    assert [(one.type, one.reason) for one in made.events] == [("Warning", "ConfigurationError")]


@pytest.mark.parametrize("role", ["chief-0", "worker-1", "ps-0"])
def test_spent_budget_fails_the_job(role):
    made = failing(1, role=role, policy={"backoffLimit": 0}, message="boom")
    assert state(made) == ("False", "BackoffLimitExceeded")
    assert message(made) == (
        f"{role} failed with exit code 1: boom; 0 restarts were counted, backoffLimit is 0"
    )


def test_disruptions_need_no_budget():
    made = failing(143, policy={"backoffLimit": 0}, disrupted=True)
    assert state(made) == ("False", "Restarting")


def test_one_pass_spends_the_budget_once():
    job = training(make_job(policy={"backoffLimit": 1}))
    made = plan_of(job, seen(*pods_of(job, failed_pod("worker-0"), failed_pod("worker-1", 2))))
    assert state(made) == ("False", "BackoffLimitExceeded")
    assert made.status.restarts.counted == 1
    assert len(made.status.failures) == 2


def test_evaluator_without_budget_is_given_up():
    job = training(make_job(policy={"backoffLimit": 0}))
    pods = pods_of(job, failed_pod("evaluator-0", 1, message="the export failed"))
    made = plan_of(job, seen(*pods))
    assert made.status_first
    assert truths(made)["EvaluatorDegraded"] == "True"
    assert state(made) == ("True", "Training")
    assert [one.reason for one in made.events] == ["EvaluatorFailed"]
    job = with_status(job, made.status)
    made = plan_of(job, seen(*pods))
    assert made.status is job.status
    ended = plan_of(job, seen(*pods_of(job, failed_pod("evaluator-0"), done_pod("chief-0"))))
    assert state(ended) == ("True", "Completed")
    assert "without its evaluator: evaluator-0 failed with exit code 1: the export failed" in message(ended)
    assert truths(ended)["EvaluatorDegraded"] == "True"


def test_evaluator_given_up_after_the_chief_completes_the_job():
    job = training(make_job(policy={"backoffLimit": 0}))
    made = plan_of(job, seen(*pods_of(job, failed_pod("evaluator-0"), done_pod("chief-0"))))
    assert state(made) == ("True", "Completed")
    assert truths(made)["EvaluatorDegraded"] == "True"
    assert [one.reason for one in made.events] == ["EvaluatorFailed", "Completed"]


def test_report_says_why_before_kubernetes_does():
    report = Progress(role="worker", state="Failed", error="loss is NaN")
    made = failing(1, report=report, message="Error")
    assert made.status.failures[-1].message == "loss is NaN"


def test_killed_replicas_wait_longer_each_time():
    job = training(make_job(policy={"backoffLimit": 100}))
    now, waits = 0.0, []
    for attempt in range(7):
        pods = pods_of(job, failed_pod("worker-0", 137, attempt=attempt))
        job = stored(job, seen(*pods), after(now))
        made = plan_of(job, seen(*pods), after(now))
        assert not made.create_pods
        waits.append(made.requeue_after)
        assert message(made).endswith(f"; it starts again at {text(after(now + waits[-1]))}")
        now += made.requeue_after
        made = plan_of(job, seen(*pods), after(now))
        assert names(made.create_pods) == [f"digits-worker-0-r{attempt + 1}"]
        assert made.progress_only, "the message stays as it was"
        job = with_status(job, made.status)
    assert waits == [10, 20, 40, 80, 160, 300, 300]


def test_kills_long_ago_are_forgiven():
    job = training(make_job())
    pods = pods_of(job, failed_pod("worker-0", 137))
    job = stored(job, seen(*pods))
    pods = pods_of(job, failed_pod("worker-0", 137, attempt=1))
    job = stored(job, seen(*pods), after(1500))
    assert plan_of(job, seen(*pods), after(1500)).requeue_after == 10


def test_plain_failures_do_not_wait():
    job = training(make_job())
    pods = pods_of(job, failed_pod("worker-0", 1))
    assert names(plan_of(stored(job, seen(*pods)), seen(*pods)).create_pods) == ["digits-worker-0-r1"]


def test_last_ten_failures_are_kept():
    job = training(make_job(policy={"backoffLimit": 100}))
    for attempt in range(12):
        job = stored(job, seen(*pods_of(job, failed_pod("worker-0", 1, attempt=attempt))))
    assert [one.attempt for one in job.status.failures] == list(range(2, 12))
    assert job.status.restarts.total == 12
    assert job.status.restarts.counted == 12


def test_status_that_is_behind_learns_from_the_pods():
    job = training(make_job())
    made = plan_of(job, seen(*pods_of(job, make_pod("worker-0", 3)), make_pod("worker-0", 2)))
    assert [(one.replica, one.count) for one in made.status.restarts.by_replica] == [("worker-0", 3)]
    assert made.status.restarts.total == 3
    assert [one.name for one in made.delete_pods] == ["digits-worker-0-r2"]


def test_workers_and_ps_are_not_restarted_after_the_chief():
    job = training(make_job())
    pods = pods_of(job, done_pod("chief-0"), failed_pod("worker-0"), without=("ps-0",))
    made = plan_of(job, seen(*pods))
    assert made.status.restarts.total == 0
    assert not made.create_pods
    assert state(made) == ("True", "Evaluating")


def test_completed_worker_whose_pod_is_deleted_is_not_run_again():
    job = training(make_job())
    job = stored(job, seen(*pods_of(job, done_pod("worker-0"))))
    assert job.status.completed_replicas == ["worker-0"]
    made = plan_of(job, seen(*pods_of(job, without=("worker-0",))))
    assert not made.create_pods
    assert made.status.restarts.total == 0
    assert state(made) == ("True", "Training")


def test_many_restarts_are_one_event():
    job = training(make_job())
    made = plan_of(job, seen())
    assert made.status.restarts.total == 5
    assert len(made.events) == 1
    assert message(made) == "chief-0: its pod was deleted; it starts again (and 4 more)"
