"""Loopback ports for the replicas: chosen once per replica, so that a restarted replica keeps its address.

Ports come from below the range that the system hands to outgoing connections: a port found free there is not
taken by somebody's client socket before the replica binds it.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from estimator_operator.plan import Replica
from estimatorctl.errors import CommandError
from estimatorctl.local.launch import LOOPBACK

_RANGE: Final = range(20000, 32000)


def is_free(port: int) -> bool:
    """Whether `port` can be bound on loopback and on all interfaces now (TensorFlow binds all)."""
    for address in (LOOPBACK, "0.0.0.0"):  # noqa: S104 - probed, never listened on
        with socket.socket() as probe:
            try:
                probe.bind((address, port))
            except OSError:
                return False
    return True


@dataclass(slots=True)
class Ports:
    """Two ports per replica, handed out on first use.

    Attributes:
        job: Name of the job, as in its host names.
        free: Tells whether a port can be used.
        choose: Picks one of a range; replaced in tests.
    """

    job: str
    free: Callable[[int], bool] = is_free
    choose: Callable[[range], int] = random.choice
    _taken: dict[tuple[Replica, str], int] = field(default_factory=dict)

    def grpc(self, replica: Replica) -> int:
        """Port of the replica's TensorFlow server."""
        return self._port(replica, "grpc")

    def progress(self, replica: Replica) -> int:
        """Port of the replica's /progress."""
        return self._port(replica, "progress")

    def local_address(self, address: str) -> str:
        """`<job>-<role>-<i>.<job>.<namespace>.svc:2222` -> `127.0.0.1:<port>`; other addresses stay."""
        host, _, domain = address.partition(".")
        role, _, index = host.removeprefix(f"{self.job}-").rpartition("-")
        if not (host.startswith(f"{self.job}-") and domain.startswith(f"{self.job}.") and index.isdecimal()):
            return address
        return f"{LOOPBACK}:{self.grpc(Replica(role=role, index=int(index)))}"

    def _port(self, replica: Replica, purpose: str) -> int:
        key = (replica, purpose)
        if key not in self._taken:
            self._taken[key] = self._new()
        return self._taken[key]

    def _new(self) -> int:
        used = set(self._taken.values())
        for _ in range(1000):
            port = self.choose(_RANGE)
            if port not in used and self.free(port):
                return port
        raise CommandError(f"no free loopback port between {_RANGE.start} and {_RANGE.stop}")
