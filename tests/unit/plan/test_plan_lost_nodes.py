"""Nodes that are gone: nobody confirms the end of their pods, and nothing waits for them once they are known to be gone.

A node that is only slow, or cut off, may still run its pods: these are waited for, unless the job says otherwise.
"""

from __future__ import annotations

import job_builder
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
    state,
    stored,
    text,
    training,
    with_spec,
    with_status,
)

from estimator_api import Progress


def lost(name, attempt=0, **fields):
    """A pod whose grace ended at NOW, on a node that does not answer."""
    return make_pod(
        name, attempt, **({"deleting": True, "delete_by": NOW, "node": "n1", "ready": False} | fields)
    )


def seen(*pods, **fields):
    """An observation of `pods`, node n1 known to be gone."""
    return job_builder.seen(*pods, **({"lost_nodes": frozenset({"n1"})} | fields))


def forced(made):
    """Names of the pods that are deleted by force."""
    return [one.name for one in made.delete_pods if one.force]


@pytest.mark.parametrize(
    ("pod", "seconds", "expected"),
    [
        (lost("ps-0"), 29, False),
        (lost("ps-0"), 30, True),
        (lost("ps-0", delete_by=None), 9999, False),
        (lost("ps-0", deleting=False), 9999, False),
        (lost("ps-0", phase="Pending"), 30, True),
        (lost("ps-0", phase="Failed", exit_code=1), 9999, False),
        (lost("ps-0", exit_code=0), 30, True),
        (lost("ps-0", node="n2"), 9999, False),
        (lost("ps-0", node=None, phase="Pending"), 30, True),
        (lost("ps-0", held=True), 9999, False),
        (lost("ps-0", held=True, phase="Succeeded", exit_code=0), 9999, False),
    ],
    ids=[
        "in time",
        "late",
        "no grace known",
        "not deleting",
        "never ran",
        "ended",
        "kept up by others",
        "node not known to be gone",
        "never had a node",
        "held by a finalizer",
        "ended and held by a finalizer",
    ],
)
def test_who_is_deleted_by_force(pod, seconds, expected):
    job = with_spec(training(make_job()), suspend=True)
    job = stored(job, seen(pod))
    assert forced(plan_of(job, seen(pod), after(seconds))) == (["digits-ps-0"] if expected else [])


def test_suspension_does_not_hang():
    job = with_spec(training(make_job()), suspend=True)
    job = stored(job, seen(*pods_of(job)), after(-60))
    pods = (lost("chief-0"), make_pod("ps-0"))
    assert plan_of(job, seen(*pods), after(10)).requeue_after == 20, "with no event"
    made = plan_of(job, seen(*pods), after(30))
    assert forced(made) == ["digits-chief-0"]
    assert [one.name for one in made.delete_pods if not one.force] == ["digits-ps-0"]
    assert state(plan_of(job, seen(), after(31))) == ("True", "Suspended")


def test_successor_is_made_while_the_old_pod_is_deleted_by_force():
    job = training(make_job())
    pods = pods_of(job, lost("worker-0"))
    made = plan_of(job, seen(*pods), after(30))
    assert made.status_first
    assert made.status.failures[-1].reason == "NodeLost"
    assert (made.status.restarts.total, made.status.restarts.counted) == (1, 0)
    assert message(made).startswith("worker-0 is being deleted")
    made = plan_of(with_status(job, made.status), seen(*pods), after(30))
    assert forced(made) == ["digits-worker-0"]
    assert names(made.create_pods) == ["digits-worker-0-r1"]


def test_a_drained_pod_that_is_lost_is_disrupted():
    job = training(make_job())
    made = plan_of(job, seen(*pods_of(job, lost("worker-0", disrupted=True))), after(30))
    assert made.status.failures[-1].reason == "Disrupted"


def test_new_chief_waits_for_lost_parameter_servers_no_longer_than_that():
    rules = {"failurePolicy": {"rules": [{"roles": ["chief"], "action": "RestartJob"}]}}
    job = training(make_job(policy=rules))
    job = stored(job, seen(*pods_of(job, failed_pod("chief-0", 1))))
    pods = (lost("ps-0"),)
    assert names(plan_of(job, seen(*pods), after(29)).create_pods) == ["digits-evaluator-0-r1"]
    made = plan_of(job, seen(*pods), after(30))
    assert "digits-chief-0-r1" in names(made.create_pods)
    assert forced(made) == ["digits-ps-0"]


@pytest.mark.parametrize("policy", ["Running", "All", "None"])
def test_ended_jobs_let_go(policy):
    job = training(make_job(policy={"cleanPodPolicy": policy}))
    job = stored(job, seen(*pods_of(job, done_pod("chief-0"), done_pod("evaluator-0"))))
    pods = (lost("chief-0"), lost("worker-0"), make_pod("ps-0"))
    assert plan_of(job, seen(*pods), after(10)).requeue_after == 20
    made = plan_of(job, seen(*pods), after(30))
    assert forced(made) == ["digits-chief-0", "digits-worker-0"]
    assert ("digits-ps-0" in [one.name for one in made.delete_pods]) == (policy != "None")


def test_surplus_pods_are_let_go():
    job = training(make_job())
    assert forced(plan_of(job, seen(*pods_of(job), lost("worker-7")), after(30))) == ["digits-worker-7"]


def test_chief_that_ended_with_success_on_a_lost_node_has_completed():
    job = training(make_job(workers=0, ps=0, evaluator=0))
    report = Progress(role="chief", state="Finished")
    made = plan_of(job, seen(lost("chief-0", exit_code=0, report=report)), after(30))
    assert state(made) == ("True", "Completed")


def test_deletion_of_the_job_does_not_hang():
    job = training(make_job())
    gone = job.metadata.model_copy(update={"deletion_timestamp": text(NOW)})
    job = job.model_copy(update={"metadata": gone})
    pods = (lost("chief-0"), make_pod("ps-0", deleting=True, delete_by=after(60), node="n2"))
    assert plan_of(job, seen(*pods), after(10)).requeue_after == 20
    made = plan_of(job, seen(*pods), after(30))
    assert forced(made) == ["digits-chief-0"]
    assert len(made.delete_pods) == 1, "the others are collected"
    assert made.requeue_after == 60
    assert made.status is job.status


@pytest.mark.parametrize("seconds", [30, 89, 3600])
def test_a_node_that_only_does_not_answer_may_still_run_its_pod(seconds):
    job = training(make_job())
    observed = seen(*pods_of(job, lost("chief-0")), lost_nodes=frozenset())
    made = plan_of(job, observed, after(seconds))
    assert made.status.restarts.total == 0
    assert (tuple(made.create_pods), made.delete_pods) == ((), ())
    assert 0 < made.requeue_after <= 60, "its node is asked about again"


def test_a_clock_of_the_operator_that_is_ahead_kills_nobody_who_saves():
    """`suspend` deletes with a grace of 60 s; an operator 89 s ahead thought that it was over at once."""
    job = with_spec(training(make_job(workers=0, ps=0, evaluator=0)), suspend=True)
    job = stored(job, seen(make_pod("chief-0")))
    saving = lost("chief-0", delete_by=after(60), node="n2")
    assert plan_of(job, seen(saving), after(89 + 60)).delete_pods == ()


def test_a_job_may_prefer_a_replacement_to_certainty():
    job = training(make_job(policy={"lostPodTimeoutSeconds": 300}))
    pods = pods_of(job, lost("worker-0", node="n2"))
    assert plan_of(job, seen(*pods), after(299)).requeue_after == 1
    made = plan_of(job, seen(*pods), after(300))
    assert made.status.failures[-1].reason == "NodeLost"
    made = plan_of(with_status(job, made.status), seen(*pods), after(300))
    assert forced(made) == ["digits-worker-0"]
    assert names(made.create_pods) == ["digits-worker-0-r1"]


def test_a_finalizer_of_somebody_else_is_not_hammered():
    """Deleted without grace already: the successor is made, and nothing is asked of the API server again."""
    job = training(make_job())
    pods = pods_of(job, lost("worker-0"))
    job = stored(job, seen(*pods), after(30))
    held = pods_of(job, lost("worker-0", held=True))
    made = plan_of(job, seen(*held), after(31))
    assert made.delete_pods == ()
    assert names(made.create_pods) == ["digits-worker-0-r1"]
    job = with_status(job, made.status)
    made = plan_of(job, seen(*held, make_pod("worker-0", 1)), after(40))
    assert (tuple(made.create_pods), made.delete_pods, made.requeue_after) == ((), (), None)
