"""A running Docker engine: the one that is there, or one that is installed and started here, and images in it.

Only an engine that was started here is ever stopped here.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from localcluster import bounded_runtime, debian
from localcluster.failure import ClusterError
from localcluster.layout import CACHE, LOCKS, LOGS, RUN
from localcluster.processes import Daemon, identify, spawn, tail
from localcluster.work import locked, output, say, step, succeeds

STATE = RUN / "docker" / "state.json"
LOG = LOGS / "dockerd.log"
RUNTIME = CACHE / "docker" / "bounded-runtime"
RUNTIME_NAME = "bounded"
DAEMON_CONFIG = Path("/etc/docker/daemon.json")
START_SECONDS = 60.0
FIRST_ANSWER_SECONDS = 20.0


def running() -> bool:
    """Whether a Docker engine answers."""
    return shutil.which("docker") is not None and succeeds(
        ["docker", "version", "--format", "{{.Server.Version}}"]
    )


def up() -> None:
    """Make sure that a Docker engine answers.

    Raises:
        ClusterError: none does and none can be started; the message says what is missing.
    """
    if running():
        return
    with locked(LOCKS / "docker", purpose="starting Docker"):
        if running():
            return
        debian.require(
            ["docker", "dockerd"], ["docker.io", "iptables", "ca-certificates"], purpose="for containers"
        )
        if running():
            return
        if os.geteuid() != 0:
            raise ClusterError(
                "missing: a running Docker engine that this user may use (or root to start one)"
            )
        with step("starting the Docker engine", expect=5):
            _start()


def down() -> None:
    """Stop the engine if it was started by `up`; its images and containers stay on disk."""
    with locked(LOCKS / "docker", purpose="stopping Docker"):
        daemon = _started_here()
        if daemon is None:
            say("no Docker engine was started from here: nothing to stop")
            return
        with step("stopping the Docker engine", expect=10):
            daemon.stop(grace=60)
        STATE.unlink()


def status() -> str:
    """One line about the engine."""
    if not running():
        return "Docker engine: not running"
    version = output(["docker", "version", "--format", "{{.Server.Version}}"])
    daemon = _started_here()
    return f"Docker engine: {version}" + (f", started here as process {daemon.pid}" if daemon else "")


def _started_here() -> Daemon | None:
    try:
        daemon = Daemon(**json.loads(STATE.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    return daemon if daemon.alive() else None


def _start() -> None:
    if Path("/run/systemd/system").is_dir() and succeeds(
        ["systemctl", "start", "docker"], timeout=START_SECONDS
    ):
        # It belongs to the system then, which also stops it.
        if not running():
            raise ClusterError("docker.service was started but does not answer: journalctl -u docker")
        return
    command: list[str | Path] = ["dockerd"]
    if bounded_runtime.missing_capabilities() and not _configures_runtimes():
        _install_runtime()
        command += [f"--add-runtime={RUNTIME_NAME}={RUNTIME}", f"--default-runtime={RUNTIME_NAME}"]
    daemon = spawn(command, log=LOG, directory=Path("/"))
    STATE.parent.mkdir(parents=True, exist_ok=True)
    STATE.write_text(json.dumps({"pid": daemon.pid, "started": daemon.started}) + "\n", encoding="utf-8")
    deadline = time.monotonic() + START_SECONDS
    while not running():
        if not daemon.alive():
            raise ClusterError(f"the Docker engine ended at once:{tail(LOG, 8)}")
        if time.monotonic() > deadline:
            raise ClusterError(f"the Docker engine does not answer after {START_SECONDS:g} s:{tail(LOG, 8)}")
        time.sleep(0.2)


def _configures_runtimes() -> bool:
    try:
        config = json.loads(DAEMON_CONFIG.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    return "default-runtime" in config or "runtimes" in config


def _install_runtime() -> None:
    RUNTIME.parent.mkdir(parents=True, exist_ok=True)
    source = Path(bounded_runtime.__file__).read_text(encoding="utf-8")
    partial = RUNTIME.with_name(RUNTIME.name + ".partial")
    # Isolated and without site: it runs for every container start and exec.
    partial.write_text(f"#!{os.path.realpath(sys.executable)} -IS\n{source}", encoding="utf-8")
    partial.chmod(0o755)
    partial.replace(RUNTIME)


def require_privileged(image: str) -> None:
    """Make sure that privileged containers start: kind's nodes are such.

    An engine that was not started here is told of the runtime that leaves out missing capabilities through its
    configuration file, which it reads again on SIGHUP, but only where no such file exists.

    Raises:
        ClusterError: they do not start.
    """
    probe = ["docker", "run", "--rm", "--privileged", "--entrypoint", "true", image]
    if succeeds(probe, timeout=120):
        return
    daemon = _engine_process()
    if (
        os.geteuid() == 0
        and bounded_runtime.missing_capabilities()
        and not DAEMON_CONFIG.exists()
        and daemon is not None
    ):
        say("privileged containers do not start: capabilities are missing on this machine; leaving them out")
        _install_runtime()
        DAEMON_CONFIG.parent.mkdir(parents=True, exist_ok=True)
        config = {"runtimes": {RUNTIME_NAME: {"path": str(RUNTIME)}}, "default-runtime": RUNTIME_NAME}
        DAEMON_CONFIG.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        os.kill(daemon.pid, signal.SIGHUP)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if succeeds(probe, timeout=120):
                return
            time.sleep(0.5)
    output(probe)


def _engine_process() -> Daemon | None:
    try:
        return identify(int(Path("/var/run/docker.pid").read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):
        return None


def has_image(image: str) -> bool:
    """Whether the engine holds an image of this name."""
    return succeeds(["docker", "image", "inspect", image])


def pull(image: str) -> bool:
    """Pull an image; False when no registry answers soon.

    A registry that has answered once is given all the time that it takes.
    """
    say(f"trying to pull {image}")
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / "pull.log"
    with log.open("wb") as said:
        child = subprocess.Popen(
            ["docker", "pull", image], stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT
        )
        with child:
            deadline = time.monotonic() + FIRST_ANSWER_SECONDS
            while child.poll() is None:
                if log.stat().st_size == 0 and time.monotonic() > deadline:
                    child.terminate()
                    break
                time.sleep(0.1)
    if child.returncode == 0:
        return True
    say("  it cannot be pulled here")
    return False
