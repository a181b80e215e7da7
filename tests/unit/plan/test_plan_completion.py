"""Who has completed: exit code 0 of a container that was told to end is no evidence, and an end that nobody saw is none."""

from __future__ import annotations

import pytest
from job_builder import (
    ESTIMATOR,
    NOW,
    after,
    done_pod,
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
    with_spec,
    with_status,
)

from estimator_api import Progress
from estimator_api.progress import CheckpointProgress

TOLD_TO_END = pytest.mark.parametrize(
    "fields",
    [{"disrupted": True}, {"deleting": True, "delete_by": after(60)}],
    ids=["evicted", "deleted"],
)


def says(state="Training", step=500, most=2000, saved=None):
    """The chief's document."""
    checkpoint = None if saved is None else CheckpointProgress(path="/model/model.ckpt", global_step=saved)
    return Progress(role="chief", state=state, global_step=step, max_steps=most, checkpoint=checkpoint)


def heard(job, document):
    """`job` after its chief was heard."""
    pods = pods_of(job)
    chief = next(one.replica for one in pods if str(one.replica) == "chief-0")
    return stored(job, seen(*pods, progress={chief: document}))


@TOLD_TO_END
@pytest.mark.parametrize("report", [says(), None], ids=["short of its steps", "without a report"])
@pytest.mark.parametrize("role", ["chief", "worker"])
def test_what_was_told_to_end_and_ended_with_0_starts_again(fields, report, role):
    job = training(make_job())
    pods = pods_of(job, done_pod(f"{role}-0", report=report, **fields))
    made = plan_of(job, seen(*pods))
    assert state(made) == ("False", "Restarting")
    assert "disrupted" not in fields or "was told to end before it had finished" in message(made)
    assert made.status.completed_replicas == []
    assert (made.status.restarts.total, made.status.restarts.counted) == (1, 0)
    made = plan_of(with_status(job, made.status), seen(*pods))
    assert names(made.create_pods) == [f"digits-{role}-0-r1"]


@TOLD_TO_END
def test_a_chief_that_reports_that_it_has_finished_has(fields):
    job = training(make_job())
    report = says("Finished")
    made = plan_of(job, seen(*pods_of(job, done_pod("chief-0", report=report, **fields))))
    assert made.status.completed_replicas == ["chief-0"]
    assert state(made) == ("True", "Evaluating")


@TOLD_TO_END
@pytest.mark.parametrize(("saved", "completed"), [(1999, False), (2000, True)])
def test_a_chief_whose_last_checkpoint_is_saved_has_finished(fields, saved, completed):
    job = training(make_job())
    report = says(step=2000, saved=saved)
    made = plan_of(job, seen(*pods_of(job, done_pod("chief-0", report=report, **fields))))
    assert ("chief-0" in made.status.completed_replicas) == completed


def test_a_chief_that_nobody_told_to_end_has_completed_whatever_it_reports():
    job = training(make_job())
    made = plan_of(job, seen(*pods_of(job, done_pod("chief-0", report=says()))))
    assert made.status.completed_replicas == ["chief-0"]


def test_a_chief_that_ended_with_0_for_a_suspension_goes_on_after_it():
    job = with_spec(training(make_job(workers=0, ps=0, evaluator=0)), suspend=True)
    job = stored(job, seen(make_pod("chief-0")))
    ended = done_pod("chief-0", report=says(), deleting=True, delete_by=after(60))
    job = stored(job, seen(ended))
    assert state(job) == ("False", "Suspending")
    job = stored(job, seen())
    assert state(job) == ("True", "Suspended")
    assert job.status.completed_replicas == []
    made = plan_of(with_spec(job, suspend=False), seen())
    assert names(made.create_pods) == ["digits-chief-0"]
    assert made.status.restarts.total == 0


@pytest.mark.parametrize(
    ("document", "spec", "completed"),
    [
        (says("Finished", step=2000), {}, True),
        (says("Finished", step=700), {"evaluator": 0, "workers": 0, "ps": 0}, True),
        (says("Training", step=500), {}, False),
        (says("Training", step=2000, saved=2000), {}, True),
        (says("Training", step=2000, saved=1500), {}, False),
        (says("Evaluating", step=2000, saved=2000), {"evaluator": 0, "workers": 0, "ps": 0}, False),
        (says("Training", step=2000, saved=2000), {"estimator": None, "program": {"module": "m"}}, False),
        (None, {}, False),
    ],
    ids=[
        "said so",
        "said so after an early stop",
        "was at work",
        "had saved its last checkpoint",
        "had not saved it",
        "owes evaluations and exports",
        "a program may have more to do",
        "never heard",
    ],
)
def test_a_chief_whose_end_nobody_saw(document, spec, completed):
    job = training(make_job(**spec))
    job = heard(job, document) if document is not None else job
    made = plan_of(job, seen(*pods_of(job, without=("chief-0",))), after(600))
    assert ("chief-0" in made.status.completed_replicas) == completed
    assert made.status.restarts.total == (0 if completed else 1)
    if completed and job.spec.replicas("evaluator"):
        assert state(made) == ("True", "Evaluating")


def test_what_had_finished_before_a_suspension_is_asked_again_after_it():
    """The spec may have changed: more steps, for example."""
    job = heard(training(make_job(workers=0, ps=0, evaluator=0)), says("Finished", step=2000))
    job = with_spec(job, suspend=True)
    job = stored(stored(job, seen(make_pod("chief-0"))), seen())
    job = with_spec(
        job, suspend=False, estimator={**ESTIMATOR, "train": {"inputFn": "m:f", "maxSteps": 9000}}
    )
    made = plan_of(job, seen(), NOW)
    assert names(made.create_pods) == ["digits-chief-0"]
    job = stored(with_status(job, made.status), seen(make_pod("chief-0")))
    made = plan_of(job, seen(), after(5))
    assert made.status.completed_replicas == []


def test_a_completed_worker_that_only_its_sidecar_keeps_up_gives_its_gpu_back():
    job = training(make_job())
    kept_up = make_pod("worker-0", ready=False, exit_code=0, finished_at=NOW)
    pods = pods_of(job, kept_up)
    made = plan_of(job, seen(*pods), after(60))
    assert made.delete_pods == (), "that it completed is stored first"
    job = with_status(job, made.status)
    made = plan_of(job, seen(*pods), after(10))
    assert (made.delete_pods, made.requeue_after) == ((), 20)
    made = plan_of(job, seen(*pods), after(30))
    assert [one.name for one in made.delete_pods] == ["digits-worker-0"]
    made = plan_of(job, seen(*pods_of(job, without=("worker-0",))), after(40))
    assert not made.create_pods
    assert made.status.restarts.total == 0
