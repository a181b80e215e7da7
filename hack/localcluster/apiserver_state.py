"""What is remembered of one API server: its folder, its ports, its processes."""

import json
import socket
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Self

from localcluster.processes import Daemon


@dataclass(frozen=True, slots=True)
class Ports:
    """Loopback ports, kept for the life of the data so that every restart is at the same address."""

    apiserver: int
    etcd: int
    etcd_peer: int


@dataclass(frozen=True, slots=True)
class Folder:
    """The files of one API server; two folders are two independent API servers."""

    root: Path

    @property
    def state(self) -> Path:
        """Ports and processes."""
        return self.root / "state.json"

    @property
    def lock(self) -> Path:
        """Held while processes are started or stopped."""
        return self.root.with_name(self.root.name + ".lock")

    @property
    def kubeconfig(self) -> Path:
        """Credentials of the administrator (group system:masters)."""
        return self.root / "kubeconfig"

    @property
    def audit_log(self) -> Path:
        """One JSON document a line for every request that was answered."""
        return self.root / "audit.log"

    @property
    def audit_policy(self) -> Path:
        """What is audited: the metadata of everything, once answered."""
        return self.root / "audit-policy.yaml"

    @property
    def tokens(self) -> Path:
        """Static tokens: `token,user,uid,"group,group"` a line, read when the API server starts."""
        return self.root / "tokens.csv"

    @property
    def certificates(self) -> Path:
        """Serving certificate with its authority, and the key pair of ServiceAccount tokens."""
        return self.root / "certificates"

    @property
    def authority(self) -> Path:
        """What clients verify the server with."""
        return self.certificates / "apiserver.crt"

    @property
    def data(self) -> Path:
        """Data of etcd."""
        return self.root / "etcd"

    def log(self, component: str) -> Path:
        """Output of one component."""
        return self.root / "logs" / f"{component}.log"


@dataclass(frozen=True, slots=True)
class State:
    """Ports and running processes by component; a component that was stopped is absent."""

    ports: Ports
    processes: dict[str, Daemon] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Folder) -> Self | None:
        """The state of a folder, without the processes that have ended meanwhile; None when it never ran."""
        try:
            raw = json.loads(folder.state.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        processes = {name: Daemon(**values) for name, values in raw["processes"].items()}
        return cls(
            ports=Ports(**raw["ports"]),
            processes={name: daemon for name, daemon in processes.items() if daemon.alive()},
        )

    def write(self, folder: Folder) -> None:
        """Replace the state of a folder in one step."""
        partial = folder.state.with_name("state.json.partial")
        partial.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
        partial.replace(folder.state)

    def running(self, component: str) -> bool:
        """Whether a component runs now."""
        daemon = self.processes.get(component)
        return daemon is not None and daemon.alive()

    def with_process(self, component: str, daemon: Daemon | None) -> Self:
        """The state after a component was started, or stopped when None."""
        others = {name: value for name, value in self.processes.items() if name != component}
        return replace(self, processes=others if daemon is None else {**others, component: daemon})


def free_ports(*, apiserver: int) -> Ports:
    """Ports nobody listens on; `apiserver` is taken as it is unless it is 0.

    All of them are held open together until the last is known, so that they differ.
    """
    with socket.socket() as first, socket.socket() as second, socket.socket() as third:
        for each in (first, second, third):
            each.bind(("127.0.0.1", 0))
        numbers = [each.getsockname()[1] for each in (first, second, third)]
    return Ports(apiserver=apiserver or numbers[0], etcd=numbers[1], etcd_peer=numbers[2])
