"""Modes Evaluate, Predict and Export: the chief alone, what is said meanwhile, what is said at the end."""

from __future__ import annotations

import json

import pytest
from job_builder import (
    SETTINGS,
    done_pod,
    failed_pod,
    make_job,
    make_pod,
    message,
    names,
    plan_of,
    replica,
    seen,
    state,
    stored,
    truths,
)

from estimator_api import Progress
from estimator_operator.plan import Observed
from estimator_operator.plan.pods import pod_manifest

SECTIONS = {
    "Train": {"train": {"inputFn": "m:i"}},
    "Evaluate": {"evaluate": {"inputFn": "m:i"}},
    "Predict": {"predict": {"inputFn": "m:i"}},
    "Export": {"exports": [{"name": "best", "servingInputReceiverFn": "m:s"}]},
}
MODES = sorted(SECTIONS)
CHIEF = replica("chief-0")
CLAIM = {"persistentVolumeClaim": {"claimName": "models"}}


def moded(mode, **spec):
    """A job of this mode: a chief alone."""
    estimator = {"mode": mode, "modelFn": "m:f", **SECTIONS[mode]}
    return make_job(workers=0, ps=0, evaluator=0, estimator=estimator, **spec)


@pytest.mark.parametrize("mode", MODES)
def test_chief_alone(mode):
    job = moded(mode)
    assert names(plan_of(job, Observed()).create_pods) == ["digits-chief-0"]
    main = pod_manifest(job, CHIEF, 0, SETTINGS)["spec"]["containers"][0]
    env = {one["name"]: one["value"] for one in main["env"]}
    assert json.loads(env["TF_CONFIG"]) == {"model_dir": "/models/digits"}
    assert json.loads(env["ESTIMATOR_SPEC"])["mode"] == mode


@pytest.mark.parametrize(
    ("mode", "reason", "action", "said"),
    [
        ("Train", "Training", "Train", "all replicas are ready"),
        ("Evaluate", "Evaluating", "Evaluate", "the checkpoint is being evaluated"),
        ("Predict", "Predicting", "Predict", "predictions are being written"),
        ("Export", "Exporting", "Export", "exports are being made"),
    ],
)
def test_at_work(mode, reason, action, said):
    job = stored(moded(mode), Observed())
    made = plan_of(job, seen(make_pod("chief-0")))
    assert state(made) == ("True", reason)
    assert message(made) == said
    assert [(one.reason, one.action, one.note) for one in made.events] == [(reason, action, said)]


EXPORT = {"name": "best", "path": "/model/export/best/1"}


@pytest.mark.parametrize(
    ("mode", "report", "said"),
    [
        ("Train", {}, "training has ended"),
        ("Train", {"global_step": 7}, "training has ended at step 7"),
        ("Evaluate", {}, "the evaluation has ended"),
        ("Evaluate", {"evaluation": {"globalStep": 7}}, "the evaluation has ended at step 7"),
        ("Predict", {}, "the predictions have been written"),
        (
            "Predict",
            {"predictions": {"path": "/model/predictions/digits", "examples": 1797}},
            "1797 predictions have been written to pvc://models/predictions/digits",
        ),
        (
            "Predict",
            {"predictions": {"path": "/data/out", "examples": 2}},
            "2 predictions have been written to /data/out",
        ),
        ("Export", {}, "the exports have been made"),
        (
            "Export",
            {"exports": [EXPORT, EXPORT | {"name": "last"}]},
            "the exports have been made: best, last",
        ),
    ],
)
def test_completed(mode, report, said):
    job = stored(stored(moded(mode, modelDir=CLAIM), Observed()), seen(make_pod("chief-0")))
    done = done_pod(
        "chief-0", report=Progress.model_validate({"role": "chief", "state": "Finished", **report})
    )
    made = plan_of(job, seen(done))
    assert state(made) == ("True", "Completed")
    assert truths(made)["Complete"] == "True"
    assert message(made) == said
    assert [one.reason for one in made.events] == ["Completed"]


def test_predictions_while_they_are_written():
    job = stored(stored(moded("Predict", modelDir=CLAIM), Observed()), seen(make_pod("chief-0")))
    written = {"path": "/model/predictions/digits", "examples": 512}
    report = Progress.model_validate({"role": "chief", "state": "Predicting", "predictions": written})
    made = plan_of(job, seen(make_pod("chief-0"), progress={CHIEF: report}))
    assert made.progress_only
    assert made.status.predictions.to_json() == written | {"uri": "pvc://models/predictions/digits"}
    silent = Progress(role="chief", state="Predicting")
    job = job.model_copy(update={"status": made.status})
    assert plan_of(job, seen(make_pod("chief-0"), progress={CHIEF: silent})).status is job.status


def test_evaluation_of_the_chief():
    job = stored(stored(moded("Evaluate"), Observed()), seen(make_pod("chief-0")))
    evaluation = {"globalStep": 7, "metrics": {"accuracy": 0.5}}
    report = Progress.model_validate({"role": "chief", "evaluation": evaluation})
    made = plan_of(job, seen(make_pod("chief-0"), progress={CHIEF: report}))
    assert made.status.evaluation.global_step == 7


@pytest.mark.parametrize(
    ("mode", "exit_code", "reason"),
    [
        ("Export", 1, "ExportFailed"),
        ("Export", 137, "ExportFailed"),
        ("Export", 78, "ConfigurationError"),
        ("Evaluate", 1, "BackoffLimitExceeded"),
        ("Predict", 1, "BackoffLimitExceeded"),
    ],
)
def test_failed(mode, exit_code, reason):
    job = stored(stored(moded(mode, policy={"backoffLimit": 0}), Observed()), seen(make_pod("chief-0")))
    made = plan_of(job, seen(failed_pod("chief-0", exit_code, message="no such checkpoint")))
    assert state(made) == ("False", reason)
    assert message(made).startswith(f"chief-0 failed with exit code {exit_code}: no such checkpoint")


@pytest.mark.parametrize("mode", MODES)
def test_restarts_within_the_budget(mode):
    job = stored(stored(moded(mode), Observed()), seen(make_pod("chief-0")))
    job = stored(job, seen(failed_pod("chief-0", 1)))
    assert names(plan_of(job, seen(failed_pod("chief-0", 1))).create_pods) == ["digits-chief-0-r1"]
