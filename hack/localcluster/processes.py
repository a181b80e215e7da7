"""Daemons started by one command and stopped by a later one.

A process is known by its id together with its start time, so that an id that the kernel gave to somebody else
after a crash or a reboot is never signalled.
"""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from localcluster.failure import ClusterError


@dataclass(frozen=True, slots=True)
class Daemon:
    """A process that outlives the command that started it.

    Attributes:
        pid: process id.
        started: start time in clock ticks since boot, as the kernel reports it.
    """

    pid: int
    started: int

    def alive(self) -> bool:
        """Whether this very process still runs; one that has ended but was not reaped does not count."""
        seen = _stat(self.pid)
        return seen is not None and seen == ("live", self.started)

    def stop(self, *, grace: float) -> None:
        """Send SIGTERM, again after `grace` seconds, and SIGKILL 10 s later; returns once the process has ended.

        Kubernetes' servers take the second SIGTERM as "now": they wait no longer for open watches.
        """
        for number, patience in ((signal.SIGTERM, grace), (signal.SIGTERM, 10.0), (signal.SIGKILL, 10.0)):
            self._signal(number)
            if self._ended(patience):
                return
        raise ClusterError(f"process {self.pid} does not end, not even by SIGKILL")

    def _signal(self, number: signal.Signals) -> None:
        if self.alive():
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return

    def _ended(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True


def _stat(pid: int) -> tuple[str, int] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name in parentheses may itself hold spaces and parentheses: the fields start after the last one.
    fields = text[text.rindex(")") + 2 :].split()
    return ("ended" if fields[0] in "ZX" else "live", int(fields[19]))


def identify(pid: int) -> Daemon | None:
    """The daemon that now runs under `pid`, or None."""
    seen = _stat(pid)
    return Daemon(pid, seen[1]) if seen is not None and seen[0] == "live" else None


def spawn(
    command: Sequence[str | Path],
    *,
    log: Path,
    directory: Path,
    environment: Mapping[str, str] | None = None,
) -> Daemon:
    """Start `command` in its own session, its output appended to `log`.

    Raises:
        ClusterError: it ended at once.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        child = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=directory,
            env=None if environment is None else dict(environment),
            start_new_session=True,
        )
    daemon = identify(child.pid)
    if daemon is None:
        raise ClusterError(f"{Path(str(command[0])).name} ended at once: {tail(log)}")
    return daemon


def tail(log: Path, lines: int = 5) -> str:
    """The last lines of a log, for an error message."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return "(no log)"
    return "\n".join(["", *(f"    {line}" for line in text.splitlines()[-lines:]), f"  full log: {log}"])
