"""How a process ended, in the words in which a kubelet tells it of a container."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from estimator_api import MalformedProgressError, Progress, parse_progress
from estimator_api.constants import MAX_TERMINATION_BYTES

_TAIL_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The end of a process.

    Attributes:
        exit_code: As a container has it: 128 and the signal's number when a signal ended it.
        message: One line that says why; "" when nothing is known.
        report: Its final progress document.
        time: When it was seen.
    """

    exit_code: int
    message: str
    report: Progress | None
    time: datetime


def ending_of(returncode: int, *, termination_log: Path, log: Path, time: datetime) -> Ending:
    """Reads what an ended process left behind.

    The message is the one in its termination log, else its last line of output (FallbackToLogsOnError), which a
    signal that cannot be caught gives it no chance to write.

    Args:
        returncode: As `subprocess` has it: negative for a signal.
        termination_log: File of its termination message.
        log: File of its output.
        time: When it was seen.
    """
    exit_code = returncode if returncode >= 0 else 128 - returncode
    text = _read_end(termination_log, MAX_TERMINATION_BYTES)
    report = _report(text)
    message = (report.error or "") if report is not None else _last_line(text)
    if not message and returncode < 0:
        message = f"killed by {_signal_name(-returncode)}"
    if not message and exit_code:
        message = _last_line(_read_end(log, _TAIL_BYTES))
    return Ending(exit_code=exit_code, message=message, report=report, time=time)


def last_lines(log: Path, count: int) -> Sequence[str]:
    """The last `count` lines of a log that are not blank."""
    lines = [line.rstrip() for line in _read_end(log, _TAIL_BYTES).splitlines()]
    return [line for line in lines if line][-count:]


def _report(text: str) -> Progress | None:
    if not text.lstrip().startswith("{"):
        return None
    try:
        return parse_progress(text)
    except MalformedProgressError:
        return None


def _read_end(path: Path, most: int) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - most))
            return file.read(most).decode(errors="replace")
    except OSError:
        return ""


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
