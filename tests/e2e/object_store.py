"""An S3 server of this machine that pods of kind reach, and its bucket as files (`hack/stores`)."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address
from pathlib import Path

from kubectl import REPOSITORY

STORES = REPOSITORY / "hack/stores"


@dataclass(frozen=True)
class Bucket:
    """The bucket `models`.

    Attributes:
        environment: what clients have to know, in pods and here.
        folder: where the server keeps an object as the file of its key.
    """

    environment: dict[str, str]
    folder: Path

    def newest_checkpoint(self, model: str) -> tuple[str, int, dict[str, int]]:
        """What the file `checkpoint` of a model names as newest, its step, and the sizes of its files by their endings."""
        state = (self.folder / model / "checkpoint").read_text()
        newest = re.search(r'^model_checkpoint_path: "([^"]+-(\d+))"$', state, re.MULTILINE)
        assert newest, state
        files = (self.folder / model).glob(f"{newest[1]}.*")
        sizes = {one.name.removeprefix(newest[1]): one.stat().st_size for one in files}
        return newest[1], int(newest[2]), sizes


@contextmanager
def running_store(folder: Path) -> Iterator[Bucket]:
    """The server, with its data below `folder`, at the gateway of kind's network; it ends with the context."""
    arguments = ["s3", "--state-dir", str(folder)]
    up = [sys.executable, str(STORES), "up", *arguments, "--address", _gateway()]
    printed = subprocess.run(up, check=True, stdout=subprocess.PIPE, text=True).stdout
    words = [shlex.split(line)[1].partition("=") for line in printed.splitlines()]
    try:
        yield Bucket({name: value for name, _, value in words}, folder / "s3/objects/models")
    finally:
        subprocess.run([sys.executable, str(STORES), "down", *arguments], check=True)


def _gateway() -> str:
    """This machine's address in the network of kind's nodes."""
    command = ["docker", "network", "inspect", "kind", "--format", "{{json .IPAM.Config}}"]
    networks = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    addresses = (ip_address(one["Gateway"]) for one in networks if one.get("Gateway"))
    return str(next(one for one in addresses if isinstance(one, IPv4Address)))
