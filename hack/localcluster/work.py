"""Long work: said before it starts, logged, done once, by one process at a time, and resumable.

Invariant: a finished artifact is a folder that got its name by one rename. A name that exists is complete.
"""

import fcntl
import os
import selectors
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from localcluster.failure import ClusterError
from localcluster.layout import LOCKS, LOGS
from localcluster.processes import tail

REPORT_SECONDS = 15.0
"""How often running work says that it is alive."""


def say(text: str) -> None:
    """One line of progress. Standard output is kept for results that scripts read."""
    print(f"cluster: {text}", file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    whole = round(seconds)
    return f"{whole} s" if whole < 100 else f"{whole // 60} min {whole % 60} s"


@contextmanager
def step(title: str, *, expect: float = 0) -> Iterator[None]:
    """Announce a piece of work with the seconds it may take, and say how long it took."""
    say(f"{title}{f' (about {duration(expect)})' if expect else ''} ...")
    begun = time.monotonic()
    yield
    say(f"{title}: done in {duration(time.monotonic() - begun)}")


@contextmanager
def locked(path: Path, *, purpose: str) -> Iterator[None]:
    """Hold an exclusive lock on `path`; says so when another process holds it, and waits.

    The kernel drops the lock when its holder ends, however it ends.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            say(f"waiting for process {file.read().strip() or '?'} that is also {purpose}")
            fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        yield


def once(target: Path, *, title: str, expect: float, make: Callable[[Path], None]) -> Path:
    """Make the folder `target` unless it is there, one builder at a time on the whole machine.

    Args:
        target: the finished folder; its name must change with its inputs.
        title: what a person reads while it is made.
        expect: seconds it takes on two cores from nothing.
        make: fills the empty folder it is given.
    """
    if target.is_dir():
        return target
    with locked(LOCKS / "build", purpose="building"):
        if target.is_dir():
            return target
        partial = target.with_name(target.name + ".partial")
        # Under the lock nobody else builds: whatever is partial was interrupted.
        for interrupted in target.parent.glob("*.partial"):
            shutil.rmtree(interrupted)
        partial.mkdir(parents=True)
        with step(title, expect=expect):
            make(partial)
        partial.rename(target)
    return target


def output(
    command: Sequence[str | Path],
    *,
    text: str | None = None,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    timeout: float | None = None,
) -> str:
    """Standard output of a command that must succeed, with `text` on its standard input.

    Raises:
        ClusterError: it cannot be run, fails, or takes longer than `timeout` seconds; the message holds the end of
            what it said.
    """
    words = [str(part) for part in command]
    try:
        ended = subprocess.run(
            words,
            input=text or "",
            capture_output=True,
            text=True,
            check=False,
            env=None if environment is None else dict(environment),
            cwd=directory,
            timeout=timeout,
        )
    except FileNotFoundError as error:
        raise ClusterError(f"{words[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise ClusterError(f"`{' '.join(words[:4])}` did not end within {timeout or 0:g} s") from error
    if ended.returncode != 0:
        said = (ended.stderr.strip() or ended.stdout.strip()).splitlines()[-5:]
        raise ClusterError(f"`{' '.join(words[:4])}` failed ({ended.returncode}): " + "\n    ".join(said))
    return ended.stdout.strip()


def succeeds(command: Sequence[str | Path], *, timeout: float = 30) -> bool:
    """Whether a command can be run and ends with status 0 in time; what it says is dropped."""
    try:
        ended = subprocess.run(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
            timeout=timeout,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return ended.returncode == 0


def logged(
    command: Sequence[str | Path],
    *,
    log: str,
    directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
    describe: Callable[[int, str], str] | None = None,
) -> None:
    """Run a long command with its output in a log file, and a line of progress now and then.

    Args:
        command: program and arguments.
        log: name of the log below `layout.LOGS`; appended to.
        directory: working directory.
        environment: its whole environment, inherited when None.
        describe: makes the line of progress from the number of lines it printed and the last of them.

    Raises:
        ClusterError: it fails; the message holds the end of the log.
    """
    LOGS.mkdir(parents=True, exist_ok=True)
    path = LOGS / log
    words = [str(part) for part in command]
    begun = said = time.monotonic()
    count, last = 0, ""
    with path.open("ab") as file:
        file.write(f"$ {' '.join(words)}\n".encode())
        file.flush()
        try:
            child = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=directory,
                env=None if environment is None else dict(environment),
            )
        except FileNotFoundError as error:
            raise ClusterError(f"{words[0]} is not installed") from error
        assert child.stdout is not None
        with child, selectors.DefaultSelector() as ready:
            ready.register(child.stdout, selectors.EVENT_READ)
            while True:
                if ready.select(timeout=1.0):
                    chunk = os.read(child.stdout.fileno(), 65536)
                    if not chunk:
                        break
                    file.write(chunk)
                    file.flush()
                    lines = chunk.decode(errors="replace").splitlines()
                    count += chunk.count(b"\n")
                    last = lines[-1] if lines else last
                now = time.monotonic()
                if now - said >= REPORT_SECONDS:
                    said = now
                    say(f"  {duration(now - begun)}: {describe(count, last) if describe else last[:100]}")
    if child.returncode != 0:
        raise ClusterError(f"`{' '.join(words[:4])}` failed ({child.returncode}):{tail(path, 8)}")
