"""What replicas report becomes progress, evaluation, checkpoints and exports; nonsense changes nothing."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from job_builder import (
    NOW,
    after,
    done_pod,
    make_job,
    make_pod,
    plan_of,
    pods_of,
    replica,
    seen,
    text,
    training,
)

from estimator_api import Progress, parse_progress
from estimator_operator.plan.progress import number_text, uri_of

CHECKPOINT = {"path": "/model/model.ckpt-1200", "globalStep": 1200, "time": "2026-01-31T12:00:00Z", "kept": 3}
EXPORT = {
    "name": "best",
    "path": "/model/export/best/1790000000",
    "globalStep": 1000,
    "time": "2026-01-31T12:00:00Z",
    "signatures": ["serving_default"],
    "metrics": {"accuracy": 0.973},
}
CLAIM = {"volumeClaimTemplate": {"resources": {"requests": {"storage": "1Gi"}}}}


def document(role="chief", **fields):
    """A progress document in the pods' own form."""
    return parse_progress(json.dumps({"version": 1, "role": role, **fields}))


def reported(job, *documents, now=NOW):
    """The plan for a training job whose replicas say this."""
    progress = {replica(f"{one.role}-0"): one for one in documents}
    return plan_of(job, seen(*pods_of(job), progress=progress), now)


def told(job, *documents, now=NOW):
    """`job` with the status after these documents."""
    return job.model_copy(update={"status": reported(job, *documents, now=now).status})


def test_training_progress():
    job = training(make_job())
    made = reported(
        job,
        document(
            globalStep=1200,
            maxSteps=2000,
            stepsPerSecond=412.512345,
            loss=0.07311119,
            time="2026-01-31T11:59:58.7Z",
        ),
    )
    assert made.progress_only
    assert made.status.progress.to_json() == {
        "globalStep": 1200,
        "maxSteps": 2000,
        "percent": 60,
        "stepsPerSecond": "412.512",
        "remainingSeconds": 2,
        "loss": "0.0731112",
        "lastUpdateTime": "2026-01-31T12:00:00Z",
        "reportTime": "2026-01-31T11:59:58Z",
    }


def test_same_report_is_no_change():
    report = document(
        globalStep=5, maxSteps=10, stepsPerSecond=1.0, loss=1.0, checkpoint=CHECKPOINT, exports=[EXPORT]
    )
    job = told(training(make_job()), report)
    assert reported(job, report, now=after(60)).status is job.status


def test_missing_fields_change_nothing():
    job = told(training(make_job()), document(globalStep=5, maxSteps=10, loss=1.0, checkpoint=CHECKPOINT))
    assert reported(job, document(state="Starting")).status is job.status


def test_last_update_is_when_the_step_changed():
    job = told(training(make_job()), document(globalStep=5))
    assert job.status.progress.last_update_time == text(NOW)
    assert told(job, document(globalStep=5, loss=2.0), now=after(9)).status.progress.last_update_time == text(
        NOW
    )
    assert told(job, document(globalStep=6), now=after(9)).status.progress.last_update_time == text(after(9))


RESTORED = {"path": "/model/model.ckpt-30", "globalStep": 30}


@pytest.mark.parametrize(
    ("known", "fields", "step"),
    [
        (text(NOW), {"time": text(after(-5))}, 100),
        (text(NOW), {"time": text(after(5))}, 40),
        (text(NOW), {}, 100),
        (text(NOW), {"restoredFrom": RESTORED}, 40),
        (None, {}, 100),
        (None, {"restoredFrom": RESTORED}, 40),
        (None, {"time": text(after(-5))}, 40),
        (text(after(7200)), {"time": text(after(7205))}, 40),
        (text(after(7200)), {"time": text(after(5))}, 100),
    ],
    ids=lambda one: str(one)[:40],
)
def test_lower_step_is_believed_only_from_a_later_report(known, fields, step):
    job = told(training(make_job()), document(globalStep=100, time=known))
    assert told(job, document(globalStep=40, **fields)).status.progress.global_step == step


@pytest.mark.parametrize("skew", [-7200, 7200])
def test_last_update_is_told_by_the_operators_clock(skew):
    job = told(training(make_job()), document(globalStep=100, time=text(after(skew))), now=after(3))
    progress = job.status.progress
    assert (progress.last_update_time, progress.report_time) == (text(after(3)), text(after(skew)))


@pytest.mark.parametrize("skew", [-7200, 0, 7200])
def test_a_new_pod_of_the_chief_is_believed_whatever_its_clock_says(skew):
    job = told(training(make_job()), document(globalStep=100, time=text(NOW)))
    new = make_pod("chief-0", 1, created_at=after(60))
    report = document(globalStep=40, time=text(after(60 + skew)))
    made = plan_of(job, seen(*pods_of(job, new), progress={replica("chief-0"): report}), after(65))
    assert made.status.progress.global_step == 40
    assert made.status.progress.last_update_time == text(after(65))


@pytest.mark.parametrize(
    ("fields", "percent", "remaining"),
    [
        ({"globalStep": 5}, None, None),
        ({"globalStep": 5, "maxSteps": 0}, None, 0),
        ({"globalStep": 50, "maxSteps": 10}, 100, 0),
        ({"globalStep": 5, "maxSteps": 10}, 50, None),
        ({"globalStep": 5, "maxSteps": 10, "stepsPerSecond": 0}, 50, None),
        ({"globalStep": 5, "maxSteps": 10, "stepsPerSecond": 2}, 50, 3),
        ({"globalStep": 5, "maxSteps": 10, "stepsPerSecond": 1e-310}, 50, 2**53),
        ({"maxSteps": 10}, None, None),
    ],
)
def test_percent_and_remaining(fields, percent, remaining):
    progress = told(training(make_job()), document(**fields)).status.progress
    assert (progress.percent, progress.remaining_seconds) == (percent, remaining)


def test_loss_of_another_step_is_not_kept():
    job = told(training(make_job()), document(globalStep=5, loss=1.0))
    assert told(job, document(globalStep=5)).status.progress.loss == "1"
    assert told(job, document(globalStep=6)).status.progress.loss is None


def test_chief_reports_training_and_evaluator_reports_evaluation():
    evaluation = {
        "globalStep": 1000,
        "checkpoint": "/model/model.ckpt-1000",
        "metrics": {"loss": 0.5, "accuracy": None},
    }
    job = training(make_job(modelDir=CLAIM))
    status = told(
        job,
        document(globalStep=1200, checkpoint=CHECKPOINT, evaluation={"globalStep": 1}),
        document("evaluator", globalStep=1, evaluation=evaluation, exports=[EXPORT]),
    ).status
    assert status.progress.global_step == 1200
    assert status.evaluation.to_json() == {
        "globalStep": 1000,
        "checkpoint": "/model/model.ckpt-1000",
        "metrics": [{"name": "accuracy", "value": "nan"}, {"name": "loss", "value": "0.5"}],
    }
    assert status.checkpoints.to_json() == {
        "latest": {
            "path": "/model/model.ckpt-1200",
            "uri": "pvc://digits-model/model.ckpt-1200",
            "globalStep": 1200,
            "time": "2026-01-31T12:00:00Z",
        },
        "kept": 3,
    }
    assert status.exports[0].to_json() == {
        "name": "best",
        "path": "/model/export/best/1790000000",
        "uri": "pvc://digits-model/export/best/1790000000",
        "globalStep": 1000,
        "time": "2026-01-31T12:00:00Z",
        "signatures": ["serving_default"],
        "metrics": [{"name": "accuracy", "value": "0.973"}],
    }


def test_chief_alone_reports_everything():
    job = training(make_job(workers=0, ps=0, evaluator=0))
    status = told(job, document(evaluation={"globalStep": 7}, exports=[EXPORT])).status
    assert status.evaluation.global_step == 7
    assert [one.name for one in status.exports] == ["best"]


def test_older_sections_are_not_believed():
    job = told(
        training(make_job()),
        document(checkpoint=CHECKPOINT),
        document("evaluator", evaluation={"globalStep": 10, "time": text(NOW)}, exports=[EXPORT]),
    )
    old = {"time": text(after(-60)), "globalStep": 999}
    made = reported(
        job,
        document(checkpoint=CHECKPOINT | old),
        document("evaluator", evaluation={"globalStep": 9, "time": text(after(-1))}, exports=[EXPORT | old]),
    )
    assert made.status is job.status
    assert told(job, document("evaluator", evaluation={"globalStep": 9})).status.evaluation.global_step == 10


def test_a_higher_step_is_newer_whatever_the_clocks_say():
    job = told(
        training(make_job()),
        document(checkpoint=CHECKPOINT),
        document("evaluator", evaluation={"globalStep": 10, "time": text(NOW)}, exports=[EXPORT]),
    )
    skewed = {"time": text(after(-7200)), "globalStep": 1300}
    status = told(
        job,
        document(checkpoint=CHECKPOINT | skewed),
        document("evaluator", evaluation=skewed, exports=[EXPORT | skewed]),
    ).status
    assert status.checkpoints.latest.global_step == 1300
    assert status.evaluation.global_step == 1300
    assert status.exports[0].global_step == 1300


def test_restored_from():
    restored = {"path": "/model/model.ckpt-800", "globalStep": 800}
    status = told(training(make_job()), document(restoredFrom=restored)).status
    assert status.checkpoints.restored_from.global_step == 800
    assert status.checkpoints.latest is None


def test_final_report_wins_over_a_late_poll():
    job = training(make_job())
    final = document(globalStep=2000, checkpoint=CHECKPOINT, state="Finished")
    pods = pods_of(job, done_pod("chief-0", report=final))
    made = plan_of(job, seen(*pods, progress={replica("chief-0"): document(globalStep=1900)}))
    assert made.status.progress.global_step == 2000


def test_short_report_keeps_the_metrics_of_the_same_export():
    job = told(training(make_job()), document("evaluator", exports=[EXPORT]))
    short = {key: value for key, value in EXPORT.items() if key != "metrics"}
    assert reported(job, document("evaluator", exports=[short])).status is job.status
    other = short | {"path": "/model/export/best/1790000001"}
    assert told(job, document("evaluator", exports=[other])).status.exports[0].metrics == []


def test_reports_after_the_end_still_count():
    job = training(make_job(policy={"activeDeadlineSeconds": 10}))
    job = job.model_copy(update={"status": plan_of(job, seen(*pods_of(job)), after(10)).status})
    saved = make_pod("chief-0", phase="Failed", exit_code=143, report=document(checkpoint=CHECKPOINT))
    made = plan_of(job, seen(saved), after(20))
    assert made.status.checkpoints.latest.global_step == 1200
    assert made.progress_only
    assert made.status.is_true("Failed")


@pytest.mark.parametrize(
    ("model_dir", "path", "uri"),
    [
        ({"uri": "gs://models/digits"}, "gs://models/digits/model.ckpt-1", "gs://models/digits/model.ckpt-1"),
        ({"uri": "/mnt/models"}, "/mnt/models/model.ckpt-1", None),
        (CLAIM, "/model/export/best/1", "pvc://digits-model/export/best/1"),
        (CLAIM, "/model", "pvc://digits-model"),
        (CLAIM, "/models/1", None),
        ({"persistentVolumeClaim": {"claimName": "m", "subPath": "a/b/"}}, "/model/x", "pvc://m/a/b/x"),
        (CLAIM, "/model/" + "x" * 2040, None),
    ],
)
def test_uris(model_dir, path, uri):
    assert uri_of(make_job(modelDir=model_dir), path) == uri


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "nan"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (0.1, "0.1"),
        (123456789.0, "1.23457e+08"),
        (0, "0"),
    ],
)
def test_numbers(value, written):
    assert number_text(value) == written


@pytest.mark.parametrize(
    "fields",
    [
        {"globalStep": 2**63},
        {"globalStep": -1},
        {"checkpoint": CHECKPOINT | {"path": "x" * 2049}},
        {"checkpoint": CHECKPOINT | {"kept": 2**31}},
        {"evaluation": {"globalStep": -5}},
        {"evaluation": {"globalStep": 1, "checkpoint": "x" * 2049}},
        {"exports": [EXPORT | {"name": "x" * 254}]},
        {"exports": [EXPORT | {"globalStep": 2**70}]},
        {"predictions": {"path": "x" * 2049}},
        {"predictions": {"path": "/model/predictions", "examples": -1}},
        {"predictions": {"path": "/model/predictions", "examples": 2**63}},
    ],
)
def test_what_the_status_cannot_hold_is_left_out(fields):
    job = training(make_job(workers=0, ps=0, evaluator=0))
    assert reported(job, document(**fields)).status is job.status


steps = st.none() | st.integers()
times = (
    st.none()
    | st.text(max_size=5)
    | st.sampled_from(["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-10:00", "2026-01-31"])
)
floats = st.none() | st.floats()
strings = st.text(max_size=4)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    fields=st.fixed_dictionaries(
        {},
        optional={
            "global_step": steps,
            "max_steps": steps,
            "steps_per_second": floats,
            "loss": floats,
            "time": times,
            "checkpoint": st.fixed_dictionaries(
                {"path": strings, "globalStep": st.integers(), "time": times}
            ),
            "evaluation": st.fixed_dictionaries(
                {"globalStep": st.integers(), "time": times, "metrics": st.dictionaries(strings, floats)}
            ),
            "exports": st.lists(st.fixed_dictionaries({"name": strings, "path": strings, "time": times})),
        },
    )
)
def test_any_report_leaves_a_status_that_can_be_read_back(fields):
    job = training(make_job(workers=0, ps=0, evaluator=0))
    made = reported(job, Progress.model_validate({"role": "chief"} | fields))
    again = type(job.status).model_validate(made.status.to_json())
    assert again == made.status
    assert len({one.name for one in again.exports}) == len(again.exports)
