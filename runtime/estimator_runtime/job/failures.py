"""From what was raised to an exit code and the one line that says why."""

import re

import tensorflow as tf

from estimator_api.constants import EXIT_CONFIG
from estimator_runtime.errors import CheckpointMismatchError, StoreSettingsError
from estimator_runtime.job.settings.errors import ExportFailedError

EXIT_FAILED = 1
_RESTORE_FAILED = "Restoring from checkpoint failed."
# What TensorFlow says of a checkpoint that is whole but of another model.
_MISSING_VARIABLE = "not found in checkpoint"
_FRAME = re.compile(
    r"Graph execution error:|From /job:|Detected at node|Node: |File \"|<stack traces unavailable>|\[\[|\d+ root error"
)
_OTHER_SHAPE = ("shapes of both tensors to match", "shape in shape_and_slice spec")


def describe(error: BaseException) -> tuple[int, str]:
    """Returns the exit code for `error` and why, in one line: 78 for what no retry can mend, else 1."""
    if isinstance(error, ExportFailedError) and error.__cause__ is not None:
        code, reason = describe(error.__cause__)
        return code, f"estimator.exports[{error.name}]: {reason}"
    if isinstance(error, tf.errors.UnimplementedError) and "File system scheme" in str(error):
        return (
            EXIT_CONFIG,
            f"This TensorFlow does not know the model directory's scheme: {_first_line(error)}",
        )
    if isinstance(error, CheckpointMismatchError | StoreSettingsError):
        return EXIT_CONFIG, str(error)
    detail = _other_model(error)
    if detail is not None:
        return EXIT_CONFIG, f"The model directory holds a checkpoint of another model: {detail}"
    return EXIT_FAILED, f"{type(error).__name__}: {_first_line(error)}"


def _other_model(error: BaseException) -> str | None:
    """What is wrong with the checkpoint when it is that of another model."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, tf.errors.NotFoundError | tf.errors.InvalidArgumentError):
            for line in str(cause).splitlines():
                if _MISSING_VARIABLE in line or (
                    _RESTORE_FAILED in str(cause) and any(text in line for text in _OTHER_SHAPE)
                ):
                    return line.strip()
        cause = cause.__cause__
    return None


def _first_line(error: BaseException) -> str:
    """The first line that says something; TensorFlow puts before it where in the graph and in the cluster it was."""
    message = error.message if isinstance(error, tf.errors.OpError) else str(error)
    lines = [line.strip() for line in str(message).splitlines()]
    return next((line for line in lines if line and not _FRAME.match(line)), "(no message)")
