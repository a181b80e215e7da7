"""stallTimeoutSeconds: it fires when the chief is heard after it, by the operator's clock, and never on silence."""

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
    replica,
    seen,
    state,
    stored,
    text,
    training,
    truths,
    with_spec,
    with_status,
)

from estimator_api import Progress

LIMIT = {"stallTimeoutSeconds": 600}
CHIEF = replica("chief-0")


def said(step, **fields):
    """What the chief says of itself."""
    return {CHIEF: Progress(role="chief", global_step=step, **fields)}


def heard(seconds):
    """When the chief last answered."""
    return {CHIEF: after(seconds)}


def at_step(step=100, now=0.0, **fields):
    """A training job whose chief reached `step` at `now`, and its pods."""
    job = training(make_job(policy=LIMIT))
    pods = pods_of(job)
    return stored(job, seen(*pods, progress=said(step, **fields)), after(now)), pods


def test_no_new_step():
    job, pods = at_step(now=100)
    observed = seen(*pods, progress=said(100), heard_at=heard(700))
    assert plan_of(job, observed, after(699)).requeue_after == 1
    assert state(plan_of(job, observed, after(699))) == ("True", "Training")
    made = plan_of(job, observed, after(700))
    assert made.status_first
    assert state(made) == ("False", "TrainingStalled")
    assert message(made) == (
        "chief-0 is at step 100 and has reported no new one within 600 s (stallTimeoutSeconds)"
    )
    assert [(one.type, one.reason) for one in made.events] == [("Warning", "TrainingStalled")]


def test_no_step_at_all():
    job, pods = training(make_job(policy=LIMIT)), pods_of(make_job())
    job = stored(job, seen(*pods), after(5))
    made = plan_of(job, seen(*pods, heard_at=heard(605)), after(605))
    assert state(made) == ("False", "TrainingStalled")
    assert message(made) == "chief-0 has reported no global step within 600 s (stallTimeoutSeconds)"


@pytest.mark.parametrize("skew", [-36000, 0, 36000])
def test_the_chiefs_clock_does_not_matter(skew):
    job, pods = at_step(now=100, time=text(after(100 + skew)))
    observed = seen(*pods, progress=said(100, time=text(after(600 + skew))), heard_at=heard(700))
    assert plan_of(job, observed, after(699)).requeue_after == 1
    assert state(plan_of(job, observed, after(700))) == ("False", "TrainingStalled")


def test_a_step_that_nobody_wrote_down_yet_counts():
    job, pods = at_step(now=100)
    made = plan_of(job, seen(*pods, progress=said(101), heard_at=heard(10_000)), after(10_000))
    assert state(made) == ("True", "Training")
    assert made.requeue_after == 600


@pytest.mark.parametrize(
    ("pod", "progress"),
    [
        (make_pod("chief-0", phase="Pending", ready=False), said(100)),
        (make_pod("chief-0", deleting=True), said(100)),
        (make_pod("chief-0", phase="Succeeded", ready=False, exit_code=0), said(100)),
        (make_pod("chief-0", ready=False, exit_code=0), said(100)),
        (failed_pod("chief-0", 1), said(100)),
        (make_pod("chief-0"), said(2000, max_steps=2000)),
    ],
)
def test_when_no_step_is_awaited(pod, progress):
    job, pods = at_step(now=100)
    made = plan_of(job, seen(*pods_of(job, pod), progress=progress, heard_at=heard(10_000)), after(10_000))
    assert state(made)[1] != "TrainingStalled"
    assert len(pods) == 5


def test_a_chief_that_waited_for_a_node_gets_its_whole_time():
    job = stored(make_job(policy=LIMIT), seen())
    waiting = make_pod("chief-0", phase="Pending", ready=False, unschedulable=True)
    job = stored(job, seen(*pods_of(job, waiting)), after(3000))
    job = stored(job, seen(*pods_of(job)), after(3600))
    assert job.status.progress.last_update_time == text(after(3600))
    assert plan_of(job, seen(*pods_of(job)), after(3601)).requeue_after == 599
    assert plan_of(job, seen(*pods_of(job)), after(3601)).status is job.status, "noted once"


def test_a_new_pod_of_the_chief_gets_its_whole_time():
    job, _ = at_step(now=100)
    job = stored(job, seen(*pods_of(job, failed_pod("chief-0", 1))), after(650))
    new = make_pod("chief-0", 1, created_at=after(651))
    job = stored(job, seen(*pods_of(job, new)), after(700))
    assert plan_of(job, seen(*pods_of(job, new)), after(1000)).requeue_after == 300
    assert state(plan_of(job, seen(*pods_of(job, new), heard_at=heard(1300)), after(1300))) == (
        "False",
        "TrainingStalled",
    )


def test_an_operator_that_was_away_looks_first():
    job, pods = at_step(now=100)
    observed = seen(*pods, progress=said(100), watched_since=after(3700), heard_at=heard(4300))
    assert plan_of(job, observed, after(3700)).requeue_after == 600
    assert state(plan_of(job, observed, after(4300))) == ("False", "TrainingStalled")


def test_a_resumed_job_gets_its_whole_time():
    job, pods = at_step(now=100)
    job = with_spec(job, suspend=True)
    job = stored(stored(job, seen(*pods), after(200)), seen(), after(210))
    job = stored(with_spec(job, suspend=False), seen(), after(5000))
    pods = [make_pod(str(one.replica), created_at=after(5000)) for one in pods]
    job = stored(job, seen(*pods), after(5010))
    assert plan_of(job, seen(*pods), after(5010)).requeue_after == 600


def test_clock_of_the_api_server_ahead_of_the_operators():
    job = training(make_job(policy=LIMIT))
    pods = pods_of(job, make_pod("chief-0", 1, created_at=after(120)))
    job = stored(job, seen(*pods), after(5))
    assert job.status.progress.last_update_time == text(after(120))
    assert plan_of(job, seen(*pods), after(6)).status is job.status


def test_without_the_limit_nothing_is_noted():
    job = training(make_job())
    made = plan_of(job, seen(*pods_of(job)), after(10**6))
    assert made.status.progress is None
    assert state(made) == ("True", "Training")


@pytest.mark.parametrize(
    ("mode", "section", "reason"),
    [
        ("Predict", {"predict": {"inputFn": "m:i"}}, "Predicting"),
        ("Evaluate", {"evaluate": {"inputFn": "m:i"}}, "Evaluating"),
        ("Export", {"exports": [{"name": "best", "servingInputReceiverFn": "m:s"}]}, "Exporting"),
    ],
)
def test_modes_that_do_not_train_do_not_stall(mode, section, reason):
    estimator = {"mode": mode, "modelFn": "m:f", **section}
    job = training(make_job(workers=0, ps=0, evaluator=0, policy=LIMIT, estimator=estimator))
    made = plan_of(job, seen(make_pod("chief-0"), heard_at=heard(10**6)), after(10**6))
    assert state(made) == ("True", reason)
    assert made.requeue_after is None


def test_programs_stall_as_estimators_do():
    job = make_job(policy=LIMIT, estimator=None, program={"module": "trainer.task"})
    job = stored(training(job), seen(*pods_of(job)), after(1))
    made = plan_of(job, seen(*pods_of(job), heard_at=heard(601)), after(601))
    assert state(made) == ("False", "TrainingStalled")


def test_success_and_the_active_deadline_come_first():
    job = training(make_job(policy=LIMIT | {"activeDeadlineSeconds": 300}))
    made = plan_of(job, seen(*pods_of(job), heard_at=heard(10_000)), after(10_000))
    assert state(made) == ("False", "DeadlineExceeded")
    assert with_status(job, job.status) == job


@pytest.mark.parametrize(
    "last", [None, 0, 100, 579], ids=["never", "long ago", "at the step", "before the end"]
)
def test_a_chief_that_is_not_heard_is_no_verdict(last):
    job, pods = at_step(now=100)
    observed = seen(*pods, progress=said(100), heard_at={} if last is None else heard(last))
    made = plan_of(job, observed, after(700))
    assert state(made) == ("True", "Training")
    assert truths(made)["ProgressUnknown"] == "True"
    assert made.status.condition("ProgressUnknown").reason == "NotHeard"
    assert made.requeue_after == 30
    job = with_status(job, made.status)
    made = plan_of(job, observed, after(10**6))
    assert made.status is job.status, "silence changes nothing more"
    assert 0 < made.requeue_after <= 30


def test_a_chief_that_was_heard_a_moment_ago_is_asked_again_first():
    job, pods = at_step(now=100)
    made = plan_of(job, seen(*pods, progress=said(100), heard_at=heard(695)), after(700))
    assert state(made) == ("True", "Training")
    assert "ProgressUnknown" not in truths(made)
    assert made.requeue_after == 30
    made = plan_of(job, seen(*pods, progress=said(100), heard_at=heard(705)), after(730))
    assert state(made) == ("False", "TrainingStalled")


def test_a_chief_that_is_heard_again_is_judged_by_what_it_says():
    job, pods = at_step(now=100)
    unknown = stored(job, seen(*pods, progress=said(100)), after(900))
    made = plan_of(unknown, seen(*pods, progress=said(5000), heard_at=heard(1000)), after(1000))
    assert state(made) == ("True", "Training")
    assert "ProgressUnknown" not in truths(made)
    made = plan_of(unknown, seen(*pods, progress=said(100), heard_at=heard(1000)), after(1000))
    assert state(made) == ("False", "TrainingStalled")
    assert "ProgressUnknown" not in truths(made)
