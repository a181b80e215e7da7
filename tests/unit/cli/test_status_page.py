"""The page that shows a job, compared with the text in pages/ (run this file to write it anew, then look at it)."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from job_documents import NOW, document, states
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
        {
            "type": "EvaluatorDegraded",
            "status": "True",
            "reason": "EvaluatorFailed",
            "message": "evaluator-0 failed [with] markup",
            "lastTransitionTime": "2026-01-31T12:00:00Z",
        }
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


if __name__ == "__main__":
    PAGES.mkdir(exist_ok=True)
    for name, job in states().items():
        for width in WIDTHS:
            (PAGES / f"{name}-{width}.txt").write_text(text_of(job, width))
