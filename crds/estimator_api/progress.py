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
_MOST_BYTES = 2**63 - 1
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


class MalformedProgressError(ValueError):
    """The text is not a progress document: no JSON object, wrong types, another version, or too large."""


class CheckpointProgress(ApiModel):
    """A checkpoint on disk."""

    path: str
    """Path prefix as TensorFlow names it, e.g. /model/model.ckpt-1200."""
    global_step: int
    """Its global step."""
    time: str | None = None
    """When it was saved, RFC 3339 in UTC."""
    kept: int | None = None
    """How many checkpoints the model directory holds."""


class EvaluationProgress(ApiModel):
    """The last evaluation."""

    global_step: int
    """Step of the checkpoint evaluated."""
    checkpoint: str | None = None
    """Checkpoint evaluated."""
    time: str | None = None
    """When it ended, RFC 3339 in UTC."""
    metrics: dict[str, float | None] = Field(default_factory=dict)
    """Scalar metrics by name; null for a value that is not finite."""


class ExportProgress(ApiModel):
    """The newest export of one name."""

    name: str
    """Name of the export."""
    path: str
    """Directory of the SavedModel."""
    global_step: int | None = None
    """Step of the checkpoint exported."""
    time: str | None = None
    """When it was exported, RFC 3339 in UTC."""
    signatures: list[str] = Field(default_factory=list)
    """Names of its signatures."""
    metrics: dict[str, float | None] = Field(default_factory=dict)
    """Scalar metrics of the evaluation that led to it."""


class PredictionsProgress(ApiModel):
    """Predictions written so far."""

    path: str
    """Directory that holds the JSON Lines files."""
    examples: int = 0
    """Lines written."""
    time: str | None = None
    """When the last of them was written, RFC 3339 in UTC."""


class MirrorProgress(ApiModel):
    """A model directory in an object store that this replica writes to from a local one."""

    uploaded_bytes: int = 0
    """Bytes of all objects that it has put there."""
    lag_seconds: float = 0.0
    """For how long something has been waiting that the store has not; 0 when it has everything."""
    behind_since: str | None = None
    """Since when, RFC 3339 in UTC; absent when the store has everything."""
    error: str | None = None
    """Why the last attempt failed; absent when it did not."""


class InputsProgress(ApiModel):
    """Inputs that the container `estimator-inputs` brings before the program begins."""

    staged_bytes: int = 0
    """Bytes that are there, those of files that are not whole yet among them."""
    total_bytes: int | None = None
    """Bytes of everything that is to be there, archives as they come; absent while a source does not say."""

    @property
    def percent(self) -> int | None:
        """How much is there, 0 to 100 in steps of ten; None when that is not known, or the numbers cannot be true."""
        total = self.total_bytes
        if total is None or not 0 < total <= _MOST_BYTES or self.staged_bytes < 0:
            return None
        return min(100, 10 * (10 * self.staged_bytes // total))

    def coarse(self) -> InputsProgress:
        """The same in steps of ten percent, so that two that tell people the same are equal."""
        percent, total = self.percent, self.total_bytes
        if percent is None or total is None:
            return InputsProgress()
        # Rounded up, or of a few bytes it would be the step below.
        return InputsProgress(staged_bytes=-(-total * percent // 100), total_bytes=total)


State = Literal["Starting", "Training", "Evaluating", "Predicting", "Exporting", "Finished", "Failed"]


class Progress(ApiModel):
    """Progress document, version 1."""

    version: Literal[1] = 1
    """Version of the document."""
    role: str
    """chief, worker, ps or evaluator."""
    index: int = 0
    """Index of the replica within its role."""
    state: State = "Starting"
    """What the replica does."""
    global_step: int | None = None
    """Global step."""
    max_steps: int | None = None
    """Global step at which training ends."""
    steps_per_second: float | None = None
    """Global steps per second."""
    loss: float | None = None
    """Training loss last seen; absent when it is not finite."""
    checkpoint: CheckpointProgress | None = None
    """The latest checkpoint."""
    restored_from: CheckpointProgress | None = None
    """The checkpoint this process started from; absent when it started fresh."""
    evaluation: EvaluationProgress | None = None
    """The last evaluation."""
    exports: list[ExportProgress] = Field(default_factory=list)
    """The newest export of each name."""
    predictions: PredictionsProgress | None = None
    """What has been predicted."""
    mirror: MirrorProgress | None = None
    """How far an object store that holds the model directory is behind; absent where there is none."""
    inputs: InputsProgress | None = None
    """How much of the inputs is there; of the container `estimator-inputs` alone, which says nothing else."""
    error: str | None = None
    """One line: why it failed."""
    time: str | None = None
    """When the document was made, RFC 3339 in UTC."""

    def to_text(self, limit: int = MAX_PROGRESS_BYTES) -> str:
        """Compact JSON of at most `limit` bytes: what matters least is left out first, the error is cut last."""
        document = self.to_json()
        for drop in (
            None,
            "metrics of exports",
            "evaluation",
            "exports",
            "mirror",
            "restoredFrom",
            "checkpoint",
        ):
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


def bytes_text(amount: int) -> str:
    """`512 B`, `2.1 GiB`: an amount of bytes in the largest unit of which there is one."""
    power = min(max(0, amount.bit_length() - 1) // 10, len(_UNITS) - 1)
    return f"{amount} B" if power == 0 else f"{amount / 1024**power:.1f} {_UNITS[power]}"


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
