"""The servers: how each is started, and what a client has to know of it.

A server has a folder with its data, and its address for as long as the folder is there: a restart is at the same one.
"""

import json
import shutil
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from localcluster.failure import ClusterError
from localcluster.processes import Daemon, spawn, tail
from localcluster.work import locked, say

from localstores import azure_container, programs

LOOPBACK: Final = "127.0.0.1"
CONTAINER: Final = "models"
"""The bucket, or container, that every server begins with."""
S3_KEY: Final = "local-access-key"
S3_SECRET: Final = "local-secret-key-of-no-worth"
_READY_SECS: Final = 60.0
_GRACE_SECS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Server:
    """A kind of server.

    Attributes:
        name: "s3" or "azure".
        prepare: Makes what must be there before it starts, in its data folder.
        command: Its command line, for a data folder, a host and a port.
        complete: Makes what must be there once it answers, for a host and a port.
        environment: A client's variables, for a host and a port.
    """

    name: str
    prepare: Callable[[Path], None]
    command: Callable[[Path, str, int], Sequence[str | Path]]
    complete: Callable[[str, int], None]
    environment: Callable[[str, int], Mapping[str, str]]


def _s3_folders(data: Path) -> None:
    (data / "objects" / CONTAINER).mkdir(parents=True, exist_ok=True)
    (data / "attributes").mkdir(exist_ok=True)


def _s3_command(data: Path, host: str, port: int) -> Sequence[str | Path]:
    return [
        programs.versitygw(), "--access", S3_KEY, "--secret", S3_SECRET, "--port", f"{host}:{port}", "--quiet",
        # Not every file system has extended attributes, in which it would keep the metadata of objects.
        "posix", "--sidecar", data / "attributes", data / "objects",
    ]  # fmt: skip


def _s3_environment(host: str, port: int) -> Mapping[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": S3_KEY,
        "AWS_SECRET_ACCESS_KEY": S3_SECRET,
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_REGION": "us-east-1",
    }


def _azure_command(data: Path, host: str, port: int) -> Sequence[str | Path]:
    return [
        shutil.which("node") or "node", programs.azurite(), "--blobHost", host, "--blobPort", str(port),
        "--location", data, "--silent", "--skipApiVersionCheck", "--disableTelemetry",
    ]  # fmt: skip


def _azure_environment(host: str, port: int) -> Mapping[str, str]:
    return {
        "AZURE_STORAGE_ACCOUNT_NAME": azure_container.ACCOUNT,
        "AZURE_STORAGE_ACCOUNT_KEY": azure_container.KEY,
        "AZURE_STORAGE_ENDPOINT": f"http://{host}:{port}/{azure_container.ACCOUNT}",
    }


SERVERS: Final = {
    "s3": Server("s3", _s3_folders, _s3_command, lambda _host, _port: None, _s3_environment),
    "azure": Server(
        "azure",
        lambda data: data.mkdir(parents=True, exist_ok=True),
        _azure_command,
        lambda host, port: azure_container.make(CONTAINER, host, port),
        _azure_environment,
    ),
}


@dataclass(frozen=True, slots=True)
class _State:
    host: str
    port: int
    process: Daemon | None


@dataclass(frozen=True, slots=True)
class Place:
    """One server of a state directory."""

    root: Path
    server: Server

    @property
    def _file(self) -> Path:
        return self.root / f"{self.server.name}.json"

    @property
    def _log(self) -> Path:
        return self.root / f"{self.server.name}.log"

    def up(self, host: str = LOOPBACK) -> Mapping[str, str]:
        """Start the server unless it runs, wait until it answers; returns a client's environment.

        Raises:
            ClusterError: It does not answer, or runs at another address.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with locked(self.root / "lock", purpose="starting or stopping stores"):
            state = self._read()
            if state is None or (state.process is None and state.host != host):
                state = _State(host, _free_port(host), None)
            if state.host != host:
                raise ClusterError(f"the {self.server.name} server runs at {state.host} already")
            if state.process is None:
                data = self.root / self.server.name
                self.server.prepare(data)
                daemon = spawn(
                    self.server.command(data, host, state.port), log=self._log, directory=self.root
                )
                state = _State(host, state.port, daemon)
                self._write(state)
            assert state.process is not None, "it was started just now"
            self._await(state.process, host, state.port)
            self.server.complete(host, state.port)
        say(f"{self.server.name}: {host}:{state.port}")
        return self.server.environment(host, state.port)

    def down(self, *, keep_data: bool) -> None:
        """End the server and wait for it; its data go with it unless they are to be kept."""
        if not self.root.is_dir():
            return
        with locked(self.root / "lock", purpose="starting or stopping stores"):
            state = self._read()
            if state is not None and state.process is not None:
                state.process.stop(grace=_GRACE_SECS)
            if not keep_data:
                shutil.rmtree(self.root / self.server.name, ignore_errors=True)
                self._file.unlink(missing_ok=True)

    def environment(self) -> Mapping[str, str]:
        """A client's environment; empty when the server does not run."""
        state = self._read()
        if state is None or state.process is None:
            return {}
        return self.server.environment(state.host, state.port)

    def _await(self, daemon: Daemon, host: str, port: int) -> None:
        deadline = time.monotonic() + _READY_SECS
        while True:
            with socket.socket() as client:
                if client.connect_ex((host, port)) == 0:
                    return
            if not daemon.alive() or time.monotonic() > deadline:
                raise ClusterError(f"the {self.server.name} server does not answer:{tail(self._log)}")
            time.sleep(0.05)

    def _read(self) -> _State | None:
        try:
            raw = json.loads(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        daemon = Daemon(**raw["process"]) if raw["process"] else None
        return _State(raw["host"], raw["port"], daemon if daemon is not None and daemon.alive() else None)

    def _write(self, state: _State) -> None:
        partial = self._file.with_suffix(".partial")
        partial.write_text(json.dumps(asdict(state)), encoding="utf-8")
        partial.replace(self._file)


def _free_port(host: str) -> int:
    with socket.socket() as server:
        server.bind((host, 0))
        return int(server.getsockname()[1])
