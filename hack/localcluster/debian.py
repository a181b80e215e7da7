"""What the host's package manager can do."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from localcluster.failure import ClusterError
from localcluster.layout import LOGS
from localcluster.work import logged, output, step, succeeds


def release() -> dict[str, str]:
    """The fields of the host's os-release file, empty where there is none."""
    try:
        text = Path("/etc/os-release").read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {name: value.strip().strip('"') for name, _, value in pairs}


def is_debian() -> bool:
    """Whether the host is Debian or made from it."""
    fields = release()
    return (
        "debian" in (fields.get("ID"), *fields.get("ID_LIKE", "").split())
        and shutil.which("apt-get") is not None
    )


def require(programs: Sequence[str], packages: Sequence[str], *, purpose: str) -> None:
    """Install Debian packages when one of the programs is not there.

    Raises:
        ClusterError: it is not there and cannot be installed; the message says what a person can do.
    """
    absent = [name for name in programs if shutil.which(name) is None]
    if not absent:
        return
    if os.geteuid() != 0 or not is_debian():
        raise ClusterError(
            f"missing: {', '.join(absent)} {purpose}; install it, or run this as root on Debian to have it installed"
        )
    command = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with step(f"installing {' '.join(packages)} {purpose}", expect=40):
        # Without package lists the simulation fails; with old ones the download may.
        if not succeeds(["apt-get", "--simulate", "-qq", *command[1:]]):
            logged(["apt-get", "update"], log="apt.log", environment=environment)
        try:
            logged(command, log="apt.log", environment=environment)
        except ClusterError:
            logged(["apt-get", "update"], log="apt.log", environment=environment)
            logged(command, log="apt.log", environment=environment)
    still = [name for name in programs if shutil.which(name) is None]
    if still:
        raise ClusterError(
            f"{', '.join(still)} is still missing after the installation, see {LOGS / 'apt.log'}"
        )


def mirror(suite: str) -> str | None:
    """The address from which the host itself gets the packages of this Debian suite, if it does."""
    if release().get("ID") != "debian":
        return None
    text = output(["apt-get", "indextargets", "--format", "$(CODENAME) $(REPO_URI)", "Created-By: Packages"])
    for line in text.splitlines():
        name, _, address = line.partition(" ")
        if name == suite and address.startswith(("http://", "https://")):
            return address
    return None
