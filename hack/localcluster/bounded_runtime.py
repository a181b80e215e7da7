"""An OCI runtime for machines on which some capability can never be had; standard library only, run by Docker.

A Docker engine asks for every capability that the kernel knows when a container is privileged, and runc fails when
one of them is outside the bounding set of everything on this machine. This takes such capabilities out of the request
and then becomes runc. It grants nothing.
"""

import itertools
import json
import os
import sys
from pathlib import Path

# Linux numbers them in this order.
NAMES = """
    CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE
    NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN
    SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP
    MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE
""".split()  # noqa: SIM905  (41 quoted words would read worse)


def missing_capabilities() -> frozenset[str]:
    """The capabilities outside the bounding set of this process, as `CAP_...`."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    bounding = int(next(line.split()[1] for line in status.splitlines() if line.startswith("CapBnd:")), 16)
    known = int(Path("/proc/sys/kernel/cap_last_cap").read_text(encoding="utf-8")) + 1
    return frozenset(f"CAP_{name}" for bit, name in enumerate(NAMES[:known]) if not bounding >> bit & 1)


def _without(request: dict[str, list[str] | None], absent: frozenset[str]) -> dict[str, list[str] | None]:
    return {
        kind: None if names is None else [name for name in names if name not in absent]
        for kind, names in request.items()
    }


def _rewrite(file: Path, absent: frozenset[str], *, whole: bool) -> None:
    document = json.loads(file.read_text(encoding="utf-8"))
    process = document["process"] if whole else document
    if process.get("capabilities"):
        process["capabilities"] = _without(process["capabilities"], absent)
        file.write_text(json.dumps(document), encoding="utf-8")


def main(arguments: list[str]) -> None:
    """Rewrite the bundle (`create`, `run`) or the process file (`exec`) that runc is about to read; become runc."""
    absent = missing_capabilities()
    if absent:
        for option, value in itertools.pairwise(arguments):
            if option in {"--bundle", "-b"}:
                _rewrite(Path(value) / "config.json", absent, whole=True)
            elif option in {"--process", "-p"}:
                _rewrite(Path(value), absent, whole=False)
    os.execvp("runc", ["runc", *arguments])


if __name__ == "__main__":
    main(sys.argv[1:])
