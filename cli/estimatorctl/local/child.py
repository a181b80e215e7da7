"""The processes of a local run: started in sessions of their own, stopped as a kubelet stops containers, never left.

A child has its own session, so that the terminal's Ctrl-C reaches the run alone, which then stops its children one
after the other. Should the run be killed, the kernel ends each child (PR_SET_PDEATHSIG) and the warden what the
children have started. What a child leaves running when it ends is killed, as in a container.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from estimator_api import Progress
from estimatorctl.local import warden
from estimatorctl.local.clock import Clock
from estimatorctl.local.ending import Ending, ending_of
from estimatorctl.local.launch import Launch

_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


class Warden:
    """The process that outlives a killed run for the moment it takes to end the run's children."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", warden.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def started(self, group: int) -> None:
        """A process group to kill if the run ends first."""
        self._tell(f"+{group}\n")

    def ended(self, group: int) -> None:
        """The group has ended."""
        self._tell(f"-{group}\n")

    def close(self) -> None:
        """Ends the warden, and with it every group that has not ended."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        # A warden that was killed protects nobody, but training goes on.
        with suppress(BrokenPipeError):
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()


class Child:
    """A replica's process.

    Attributes:
        launch: What runs.
        log: File of its output.
        ending: How it ended, or None while it runs.
        started_at: When it was started.
        stop_by: When it is killed because it was told to stop, or None.
        ready: It serves progress, or is not expected to.
        progress: The newest progress document it has served.
        heard_at: When it served that.
    """

    def __init__(
        self, launch: Launch, *, log: Path, clock: Clock, guard: Warden, on_end: Callable[[Child], None]
    ) -> None:
        self.launch = launch
        self.log = log
        self.ending: Ending | None = None
        self.stop_by: datetime | None = None
        self.ready = not launch.serves_progress
        self.progress: Progress | None = None
        self.heard_at: datetime | None = None
        self._clock = clock
        self._guard = guard
        self._on_end = on_end
        self._kill: asyncio.TimerHandle | None = None
        self.started_at = clock.now()
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                launch.argv,
                env=dict(launch.environment),
                cwd=launch.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=partial(_die_with, os.getpid()),  # noqa: PLW1509 - a run has one thread
            )
        guard.started(self.pid)
        self._descriptor = os.pidfd_open(self.pid)
        asyncio.get_running_loop().add_reader(self._descriptor, self._ended)

    @property
    def pid(self) -> int:
        """Process id, and id of its process group."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """It has not ended."""
        return self.ending is None

    def heard(self, progress: Progress) -> None:
        """It has served a document."""
        self.ready, self.progress, self.heard_at = True, progress, self._clock.now()

    def stop(self) -> None:
        """Tells it to end and kills it when its grace is over."""
        if self.ending is not None or self.stop_by is not None:
            return
        grace = self.launch.grace_seconds
        self.stop_by = self._clock.now() + timedelta(seconds=grace)
        self._kill = asyncio.get_running_loop().call_later(self._clock.real(grace), self.kill)
        self._process.terminate()

    def kill(self) -> None:
        """Ends it at once, and all that it has started."""
        if self.ending is None:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    def end(self) -> None:
        """Kills it and waits until it is gone; nobody is told."""
        if self.ending is None:
            self.kill()
            self._reap()

    def _ended(self) -> None:
        self._reap()
        self._on_end(self)

    def _reap(self) -> None:
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)
        if self._kill is not None:
            self._kill.cancel()
        # The process is not reaped yet, so nobody else can have its group's id.
        self.kill()
        returncode = self._process.wait()
        self._guard.ended(self.pid)
        self.ending = ending_of(
            returncode,
            termination_log=Path(self.launch.termination_log),
            log=self.log,
            time=self._clock.now(),
        )


def _die_with(parent: int) -> None:
    """In the child, before its program: asks the kernel to end it with the run."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(128 + signal.SIGKILL)
