"""The progress document: what is read, what is dropped, and how it fits into a termination message."""

from __future__ import annotations

import json

import pytest

from estimator_api import MalformedProgressError, Progress, constants, parse_progress
from estimator_api.progress import MAX_PROGRESS_BYTES, CheckpointProgress, EvaluationProgress, ExportProgress

FULL = Progress(
    role="chief",
    state="Training",
    global_step=1200,
    max_steps=2000,
    steps_per_second=412.5,
    loss=0.07,
    checkpoint=CheckpointProgress(path="/model/model.ckpt-1200", global_step=1200, kept=3),
    restored_from=CheckpointProgress(path="/model/model.ckpt-800", global_step=800),
    evaluation=EvaluationProgress(global_step=1000, metrics={"accuracy": 0.97, "loss": None}),
    exports=[ExportProgress(name="best", path="/model/export/best/1", metrics={"accuracy": 0.97})],
    error="ValueError: the loss is NaN",
)


def test_a_document_survives_writing_and_reading() -> None:
    assert parse_progress(FULL.to_text()) == FULL
    assert parse_progress(FULL.to_text().encode()) == FULL
    assert json.loads(FULL.to_text())["stepsPerSecond"] == 412.5


def test_missing_fields_are_not_known_and_unknown_ones_are_ignored() -> None:
    read = parse_progress('{"role": "worker", "fieldOfANewerVersion": 1}')
    assert (read.state, read.global_step, read.exports) == ("Starting", None, [])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Traceback (most recent call last):",
        "[]",
        '{"role": "chief", "globalStep": "many"}',
        '{"role": "chief", "version": 2}',
        b'{"role": "\xff"}',
    ],
)
def test_malformed_documents(text: str | bytes) -> None:
    with pytest.raises(MalformedProgressError, match="not a progress document"):
        parse_progress(text)


def test_oversized_documents_are_not_read() -> None:
    with pytest.raises(MalformedProgressError, match=f"at most {MAX_PROGRESS_BYTES} are read"):
        parse_progress(json.dumps({"role": "chief", "error": "x" * MAX_PROGRESS_BYTES}))


@pytest.mark.parametrize("limit", range(80, 700, 20))
def test_it_fits_whatever_the_room(limit: int) -> None:
    text = FULL.to_text(limit)
    assert len(text.encode()) <= max(limit, 170), "the numbers alone need so much"
    read = parse_progress(text)
    assert (read.role, read.global_step) == ("chief", 1200)


def test_what_matters_least_goes_first() -> None:
    sizes = {}
    for limit in range(len(FULL.to_text().encode()), 170, -1):
        document = json.loads(FULL.to_text(limit))
        for name in ("checkpoint", "restoredFrom", "evaluation", "exports", "error"):
            if name in document:
                sizes[name] = limit
    order = sorted(sizes, key=lambda name: sizes[name], reverse=True)
    assert order == ["evaluation", "exports", "restoredFrom", "checkpoint", "error"]


def test_long_errors_are_cut_for_the_termination_message() -> None:
    long = FULL.model_copy(update={"error": "ü" * 10_000})
    text = long.to_text(constants.MAX_TERMINATION_BYTES)
    assert len(text.encode()) <= constants.MAX_TERMINATION_BYTES
    assert parse_progress(text).error.startswith("üü")
