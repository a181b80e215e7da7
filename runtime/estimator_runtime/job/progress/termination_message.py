"""The termination message: the last progress document, left where the kubelet reads it."""

import sys
from pathlib import Path

from estimator_api.constants import MAX_TERMINATION_BYTES
from estimator_api.progress import Progress

_ERROR_MOST = 1000


def write(path: str | None, progress: Progress) -> None:
    """Writes `progress` to `path` in at most 4096 bytes; a file that cannot be written is mentioned, no more."""
    if path is None:
        return
    if progress.error is not None:
        progress = progress.model_copy(update={"error": one_line(progress.error)})
    try:
        Path(path).write_text(progress.to_text(MAX_TERMINATION_BYTES), encoding="utf-8")
    except OSError as error:
        print(f"The termination message cannot be written: {error}", file=sys.stderr)  # noqa: T201 - loggers may be closed


def one_line(text: str) -> str:
    """`text` on one line of bounded length."""
    line = " ".join(text.split())
    return line if len(line) <= _ERROR_MOST else line[: _ERROR_MOST - 3] + "..."
