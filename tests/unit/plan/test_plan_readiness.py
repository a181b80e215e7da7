"""A pod that becomes unready while the job is at work: named, with its cause, and never a flapping status."""

from __future__ import annotations

import pytest
from job_builder import (
    after,
    failed_pod,
    make_job,
    make_pod,
    message,
    plan_of,
    pods_of,
    seen,
    state,
    stored,
    training,
)

from estimator_operator.plan import Observed

LONG_AGO = after(-3600)


def unready(name: str = "worker-1", why: str | None = "ContainersNotReady", since=LONG_AGO, **fields):
    return make_pod(name, ready=False, unready=why, unready_since=since, **fields)


@pytest.mark.parametrize(
    ("pods", "said"),
    [
        (
            [unready(why="NodeNotReady", node="node-3")],
            "worker-1 is not ready: its node is NotReady (node-3)",
        ),
        ([unready(why="NodeNotReady")], "worker-1 is not ready: its node is NotReady"),
        ([unready()], "worker-1 is not ready: its container is not ready"),
        ([unready(why=None)], "worker-1 is not ready: its container is not ready"),
        (
            [unready(why="ReadinessGatesNotReady")],
            "worker-1 is not ready: its readiness gates are not met",
        ),
        (
            [unready("worker-0", "NodeNotReady"), unready(why="NodeNotReady"), unready("ps-0")],
            "worker-0 is not ready: its node is NotReady (and 2 more)",
        ),
    ],
)
def test_an_unready_pod_of_a_job_at_work_is_named_with_its_cause(pods, said):
    job = training(make_job())
    made = plan_of(job, seen(*pods_of(job, *pods)), after(3600))
    assert (state(made), message(made)) == (("False", "PodsNotReady"), said)
    again = stored(job, seen(*pods_of(job, *pods)), after(3600))
    assert plan_of(again, seen(*pods_of(job, *pods)), after(3700)).status is again.status


def test_a_replica_that_was_once_restarted_and_is_now_unready_does_not_restart():
    job = training(make_job())
    job = stored(job, seen(*pods_of(job, failed_pod("worker-0"))))
    job = stored(job, seen(*pods_of(job, make_pod("worker-0", 1))), after(60))
    assert state(job) == ("True", "Training")
    pod = unready("worker-0", "NodeNotReady", attempt=1)
    made = plan_of(job, seen(*pods_of(job, pod)), after(3600))
    assert state(made) == ("False", "PodsNotReady")
    assert message(made) == "worker-0 is not ready: its node is NotReady"


def test_an_unready_pod_is_reported_after_thirty_seconds_and_the_plan_comes_back_for_it():
    job = training(make_job())
    observed = seen(*pods_of(job, unready(since=after(100))))
    early = plan_of(job, observed, after(110))
    assert state(early) == ("True", "Training")
    assert early.requeue_after == 20
    assert {one.role: one.ready for one in early.status.roles}["worker"] == 2, "as Ready says"
    late = plan_of(job, observed, after(130))
    assert state(late) == ("False", "PodsNotReady")
    assert {one.role: one.ready for one in late.status.roles}["worker"] == 1


def test_ready_stays_true_for_thirty_seconds_once_it_is():
    job = training(make_job())
    observed = seen(*pods_of(job, unready()))
    assert state(plan_of(job, observed, after(10))) == ("True", "Training")
    assert state(plan_of(job, observed, after(30))) == ("False", "PodsNotReady")


@pytest.mark.parametrize("hours", [-5, 5])
def test_a_node_with_a_wrong_clock_holds_nothing_back(hours):
    job = training(make_job())
    observed = seen(*pods_of(job, unready(since=after(3600 * hours + 100))))
    assert state(plan_of(job, observed, after(100))) == ("False", "PodsNotReady")


@pytest.mark.parametrize(
    "pod",
    [
        failed_pod("worker-1", unready_since=after(100)),
        unready(since=after(100), deleting=True),
        make_pod("worker-1", phase="Pending", ready=False, unready_since=after(100)),
    ],
    ids=["ended", "deleted", "not running"],
)
def test_only_a_running_pod_is_held(pod):
    job = training(make_job())
    assert state(plan_of(job, seen(*pods_of(job, pod)), after(101)))[0] == "False"


def test_a_start_is_not_held_up_and_its_message_does_not_change():
    job = stored(make_job(), Observed())
    observed = seen(*pods_of(job, unready(since=after(0))))
    job = stored(job, observed, after(1))
    assert message(job) == "waiting until all 5 replicas are ready"
    assert state(job) == ("False", "PodsPending")
    assert stored(job, seen(*pods_of(job)), after(2)).status.is_true("Ready")


def test_a_pod_whose_probe_never_succeeds_is_named():
    job = stored(make_job(), Observed())
    observed = seen(*pods_of(job, unready(since=after(0))))
    early = plan_of(job, observed, after(20))
    assert early.requeue_after == 100
    late = plan_of(job, observed, after(120))
    assert (state(late), message(late)) == (
        ("False", "PodsPending"),
        "worker-1 is not ready: its container is not ready",
    )


def test_a_scheduling_gate_is_told_as_such():
    job = stored(make_job(), Observed())
    gated = {"phase": "Pending", "ready": False, "reason": "SchedulingGated"}
    pods = [make_pod("chief-0", message="kueue.x-k8s.io/topology", **gated)]
    made = plan_of(job, seen(*pods_of(job, *pods)), after(3600))
    assert message(made) == ("chief-0 waits for its scheduling gates to be removed (kueue.x-k8s.io/topology)")
    pods = [make_pod("chief-0", **gated), make_pod("ps-0", **gated)]
    made = plan_of(job, seen(*pods_of(job, *pods)), after(3600))
    assert message(made) == "chief-0 waits for its scheduling gates to be removed (and 1 more)"
