"""A run whose model directory is already at its last step says that nothing was trained, and how to start afresh."""

from __future__ import annotations

import pytest
from job_builder import (
    after,
    done_pod,
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
    training,
)

from estimator_api import Progress
from estimator_operator.plan import Observed

TEMPLATE = {"volumeClaimTemplate": {"resources": {"requests": {"storage": "1Gi"}}}}
CLAIM = {"persistentVolumeClaim": {"claimName": "models"}}
URI = {"uri": "gs://models/digits"}
TRAIN = {"mode": "Train", "modelFn": "m:f", "train": {"inputFn": "m:i", "maxSteps": 3000}}
BOTH = TRAIN | {"mode": "TrainAndEvaluate", "evaluate": {"inputFn": "m:e"}}
ALREADY = "the model directory was already at step 3204 of 3000: nothing was trained; "


def report(restored=3204, most=3000, path="/model/model.ckpt-3204", **fields):
    """What a chief says that found a checkpoint."""
    found = {"path": path, "globalStep": restored}
    return Progress.model_validate(
        {
            "role": "chief",
            "state": "Finished",
            "globalStep": restored,
            "maxSteps": most,
            "restoredFrom": found,
        }
        | fields
    )


def ended(said, *, model_dir=TEMPLATE, estimator=TRAIN, program=None):
    """The plan for a job whose chief has ended with 0 and that report."""
    spec = {"estimator": estimator} if program is None else {"estimator": None, "program": program}
    job = make_job(workers=0, ps=0, evaluator=0, modelDir=model_dir, **spec)
    job = stored(stored(job, Observed()), seen(make_pod("chief-0")))
    return plan_of(job, seen(done_pod("chief-0", report=said)), after(60))


@pytest.mark.parametrize(
    "how",
    [{"estimator": TRAIN}, {"estimator": BOTH}, {"program": {"module": "digits.main"}}],
    ids=["Train", "TrainAndEvaluate", "program"],
)
def test_a_run_past_its_last_step_says_that_nothing_was_trained(how):
    made = ended(report(), **how)
    assert state(made) == ("True", "Completed")
    assert message(made) == (
        f"{ALREADY}use another modelDir, or delete the claim digits-model, to start afresh"
    )
    assert [(one.type, one.reason, one.note) for one in made.events] == [
        ("Normal", "Completed", message(made)),
        ("Warning", "NothingTrained", message(made)),
    ]


@pytest.mark.parametrize("model_dir", [CLAIM, URI, {"uri": "/models/digits"}])
def test_only_a_claim_of_the_jobs_own_is_told_to_be_deleted(model_dir):
    assert message(ended(report(), model_dir=model_dir)) == f"{ALREADY}use another modelDir to start afresh"


def test_a_local_run_of_a_job_with_a_claim_names_no_claim():
    made = ended(report(path="/home/ann/digits-model/model.ckpt-3204"))
    assert message(made) == f"{ALREADY}use another modelDir to start afresh"


def test_the_last_step_itself_is_past():
    assert "already at step 3000 of 3000" in message(ended(report(3000)))


@pytest.mark.parametrize(
    "said",
    [
        report(2999, globalStep=3000, loss=0.5),
        report(3000, loss=0.5),
        report(3000, stepsPerSecond=10.0),
        report(3000, most=None),
        report(3000, restoredFrom=None),
        report(1000, globalStep=3000),
    ],
    ids=["a step", "a loss", "a rate", "no limit", "fresh", "further"],
)
def test_a_run_that_trained_says_so(said):
    made = ended(said)
    assert message(made) == "training has ended at step 3000"
    assert [one.reason for one in made.events] == ["Completed"]


def test_a_chief_that_is_restarted_after_its_last_step_has_trained():
    job = make_job(workers=0, ps=0, evaluator=0, modelDir=TEMPLATE, estimator=TRAIN)
    job = training(job)
    job = stored(job, seen(failed_pod("chief-0", 137)))
    job = stored(job, seen(make_pod("chief-0", 1)), after(30))
    made = plan_of(job, seen(done_pod("chief-0", 1, report=report(3000))), after(60))
    assert message(made) == "training has ended at step 3000"


def test_the_evaluator_that_is_awaited_changes_nothing_about_it():
    job = training(make_job(modelDir=TEMPLATE, estimator=BOTH))
    chief = done_pod("chief-0", report=report())
    job = stored(job, seen(*pods_of(job, chief)), after(5))
    assert state(job) == ("True", "Evaluating")
    made = plan_of(job, seen(*pods_of(job, chief, done_pod("evaluator-0"))), after(10))
    assert message(made).startswith(ALREADY)


def test_it_is_known_while_the_chief_still_runs():
    """The final report may be cut short: what a poll has brought is kept."""
    job = make_job(workers=0, ps=0, evaluator=0, modelDir=TEMPLATE, estimator=TRAIN)
    job = training(job)
    running = seen(make_pod("chief-0"), progress={replica("chief-0"): report(state="Exporting")})
    job = stored(job, running, after(5))
    made = plan_of(job, seen(done_pod("chief-0", report=report(restoredFrom=None))), after(10))
    assert message(made).startswith(ALREADY)
