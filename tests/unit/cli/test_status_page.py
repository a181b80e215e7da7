"""The page that shows a job, compared with the text in pages/ (run this file to write it anew, then look at it)."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from job_documents import NOW, abnormal, document, retrying, states
from rich.console import Console

from estimatorctl.render.status import status_page

PAGES = Path(__file__).with_name("pages")
WIDTHS = (80, 120)


def text_of(job, width):
    console = Console(
        file=io.StringIO(), width=width, color_system=None, force_terminal=False, legacy_windows=False
    )
    console.print(status_page(job, now=NOW))
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines()) + "\n"


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", states())
def test_page(name, width):
    assert text_of(states()[name], width) == (PAGES / f"{name}-{width}.txt").read_text()


@pytest.mark.parametrize("width", [20, 40, 80])
def test_nothing_is_cut_off_where_it_is_narrow(width):
    text = text_of(states()["failed"], width).replace("\n", "").replace(" ", "")

    assert "pvc://digits-model/export/best/1790000000" in text
    assert "seedigits/model.pyline31" in text


def test_workers_and_tensorboard_and_predictions_are_told():
    job = document("Training", "all replicas are ready")
    job["spec"] = {"elastic": {"minReplicas": 1, "maxReplicas": 4}}
    job["status"] |= {
        "workerReplicas": 2,
        "tensorBoard": {
            "service": "digits-tensorboard",
            "url": "http://digits-tensorboard.ml.svc:6006",
            "ready": True,
        },
        "predictions": {
            "path": "/model/predictions",
            "uri": "pvc://digits-model/predictions",
            "examples": 1797,
        },
    }
    text = text_of(job, 120)
    assert "2, elastic from 1 to 4" in text
    assert "http://digits-tensorboard.ml.svc:6006" in text
    assert "service/digits-tensorboard 6006" in text
    assert "1797 in pvc://digits-model/predictions" in text


@pytest.mark.parametrize(
    ("estimator", "told"),
    [({"mode": "Predict"}, True), ({"mode": "TrainAndEvaluate"}, False), ({}, False), (None, False)],
)
def test_a_mode_that_is_not_the_usual_one_is_told(estimator, told):
    job = document("Training", "all replicas are ready")
    job["spec"]["estimator"] = estimator

    assert ("Mode  Predict" in text_of(job, 80)) is told
    assert ("Mode" in text_of(job, 80)) is told


def test_a_given_up_evaluator_is_told():
    job = document("Training", "all replicas are ready")
    job["status"]["conditions"].append(
        abnormal("EvaluatorDegraded", "EvaluatorFailed", "evaluator-0 failed [with] markup")
    )
    assert "given up: evaluator-0 failed [with] markup" in text_of(job, 80)


def test_words_of_replicas_are_not_taken_for_markup():
    job = document("PodsPending", "[red]worker-1[/red] waits", failures=[])
    job["status"]["failures"] = [
        {"replica": "worker-1", "reason": "Error", "message": "[bold]x[/]", "time": "2026-01-31T12:00:00Z"}
    ]
    text = text_of(job, 80)

    assert "[red]worker-1[/red] waits" in text
    assert "[bold]x[/]" in text


def test_the_evaluator_s_own_budget_is_told_beside_that_of_the_others():
    text = text_of(retrying(), 120)
    assert "Restarts   10 (2 of 6 counted; evaluator 1 of 6)" in text


def test_failures_of_several_replicas_with_one_cause_are_told_as_one_incident():
    text = text_of(retrying(), 120)
    assert (
        "2026-01-31T12:02:00Z  Error, exit code 1: worker-0, worker-1, worker-2, worker-3 and 4 more" in text
    )
    assert "OOMKilled, exit code 137: worker-1\n" not in text, "one replica's is among the failures"


def test_a_replica_in_backoff_is_told_with_the_seconds_that_are_left():
    assert "Next try   worker-1 in 40 s" in text_of(retrying(), 120)


def test_a_wait_that_is_over_is_no_longer_told():
    job = retrying()
    job["status"]["restarts"]["pending"] = []
    assert "Next try" not in text_of(job, 120)


def test_waits_of_a_job_that_this_version_cannot_read_are_left_out():
    job = retrying()
    job["spec"]["worker"] = "of another version"
    assert "Restarts" in text_of(job, 120)
    assert "Next try" not in text_of(job, 120)


def test_a_condition_of_a_later_version_is_told():
    job = document("Training", "all replicas are ready")
    job["status"]["conditions"].append(abnormal("QuotaReserved", "Queued", "waits for a queue"))
    assert "QuotaReserved  waits for a queue" in text_of(job, 80)


def test_nothing_that_others_wrote_acts_on_the_terminal():
    evil = "\x1b[31mred\x9b2m\u202e\x07"
    job = states()["failed"]
    status = job["status"]
    for one in status["conditions"]:
        one["message"] = evil
    status["evaluation"]["metrics"][0]["name"] = status["exports"][0]["name"] = evil
    status["exports"][0]["uri"] = status["checkpoints"]["latest"]["uri"] = evil
    status["failures"][0] = status["failures"][0] | {"message": evil, "reason": evil}
    status["conditions"].append(abnormal("EvaluatorDegraded", "EvaluatorFailed", evil))
    text = text_of(job, 80)
    assert "red" in text
    assert not any(one in text for one in "\x1b\x9b\x07\u202e")


if __name__ == "__main__":
    PAGES.mkdir(exist_ok=True)
    for name, job in states().items():
        for width in WIDTHS:
            (PAGES / f"{name}-{width}.txt").write_text(text_of(job, width))
