"""The progress document: what a replica says of itself, over HTTP while it runs and in its termination message.

Readers ignore fields they do not know; a missing field means "not known". Numbers are plain JSON numbers here
(the status has strings); a loss that is not finite is written as null, because JSON has no NaN.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import Field, ValidationError

from estimator_api.base import ApiModel

MAX_PROGRESS_BYTES = 64 * 1024
"""A larger answer is dropped unread."""


class MalformedProgressError(ValueError):
    """The text is not a progress document: no JSON object, wrong types, another version, or too large."""


class CheckpointProgress(ApiModel):
    """A checkpoint on disk."""

    path: str
    """Path prefix as TensorFlow names it, e.g. /model/model.ckpt-1200."""
    global_step: int
    time: str | None = None
    """When it was saved, RFC 3339 in UTC."""
    kept: int | None = None
    """How many checkpoints the model directory holds."""


class EvaluationProgress(ApiModel):
    """The last evaluation."""

    global_step: int
    checkpoint: str | None = None
    time: str | None = None
    metrics: dict[str, float | None] = Field(default_factory=dict)
    """Scalar metrics by name; null for a value that is not finite."""


class ExportProgress(ApiModel):
    """The newest export of one name."""

    name: str
    path: str
    global_step: int | None = None
    time: str | None = None
    signatures: list[str] = Field(default_factory=list)
    metrics: dict[str, float | None] = Field(default_factory=dict)
    """Scalar metrics of the evaluation that led to it."""


class PredictionsProgress(ApiModel):
    """Predictions written so far."""

    path: str
    """Directory that holds the JSON Lines files."""
    examples: int = 0
    """Lines written."""
    time: str | None = None


State = Literal["Starting", "Training", "Evaluating", "Predicting", "Exporting", "Finished", "Failed"]


class Progress(ApiModel):
    """Progress document, version 1."""

    version: Literal[1] = 1
    role: str
    index: int = 0
    state: State = "Starting"
    global_step: int | None = None
    max_steps: int | None = None
    steps_per_second: float | None = None
    loss: float | None = None
    checkpoint: CheckpointProgress | None = None
    """The latest checkpoint."""
    restored_from: CheckpointProgress | None = None
    """The checkpoint this process started from; absent when it started fresh."""
    evaluation: EvaluationProgress | None = None
    exports: list[ExportProgress] = Field(default_factory=list)
    predictions: PredictionsProgress | None = None
    error: str | None = None
    """One line: why it failed."""
    time: str | None = None
    """When the document was made, RFC 3339 in UTC."""

    def to_text(self, limit: int = MAX_PROGRESS_BYTES) -> str:
        """Compact JSON of at most `limit` bytes: what matters least is left out first, the error is cut last."""
        document = self.to_json()
        for drop in (None, "metrics of exports", "evaluation", "exports", "restoredFrom", "checkpoint"):
            if drop == "metrics of exports":
                for export in document.get("exports", []):
                    export.pop("metrics", None)
            elif drop is not None:
                document.pop(drop, None)
            text = _compact(document)
            if len(text.encode()) <= limit:
                return text
        document["error"] = document.get("error", "")[: max(0, limit // 8)]
        return _compact(document)


def parse_progress(text: str | bytes) -> Progress:
    """Reads a progress document.

    Raises:
        MalformedProgressError: The text is larger than 64 KiB, not JSON, or not a version 1 document.
    """
    if len(text) > MAX_PROGRESS_BYTES:
        raise MalformedProgressError(
            f"progress document of {len(text)} bytes, at most {MAX_PROGRESS_BYTES} are read"
        )
    try:
        return Progress.model_validate_json(text)
    except (ValidationError, UnicodeDecodeError) as error:
        raise MalformedProgressError(f"not a progress document: {error}") from error


def _compact(document: dict[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
