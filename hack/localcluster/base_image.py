"""A Debian image with Python: pulled where that is possible, else made from Debian's packages."""

import os
import shutil
import subprocess
from pathlib import Path

from localcluster import debian, docker_engine, versions
from localcluster.failure import ClusterError
from localcluster.layout import BUILDS
from localcluster.work import logged, once, say, step

LOCAL = f"localbase:{versions.DEBIAN}"
"""Name of the image that is made here."""

PACKAGES = ("ca-certificates", "python-is-python3", "python3", "python3-venv")
ROOTFS = "rootfs.tar.zst"


def python_image() -> str:
    """The image to build the project's images from: `PYTHON_IMAGE`, or its stand-in where nothing can be pulled."""
    docker_engine.up()
    for image in (versions.PYTHON_IMAGE, LOCAL):
        if docker_engine.has_image(image):
            return image
    if docker_engine.pull(versions.PYTHON_IMAGE):
        return versions.PYTHON_IMAGE
    return local()


def local() -> str:
    """Make sure that the engine holds the image made from Debian packages."""
    if not docker_engine.has_image(LOCAL):
        archive = _rootfs() / ROOTFS
        with step(f"importing {LOCAL}", expect=8):
            _import(archive)
    return LOCAL


def _rootfs() -> Path:
    target = BUILDS / f"base-{versions.DEBIAN}-{'-'.join(PACKAGES)}"
    if target.is_dir():
        return target
    if os.geteuid() != 0:
        raise ClusterError("missing: root to make a Debian image with debootstrap (no image can be pulled)")
    debian.require(
        ["debootstrap", "zstd"],
        ["debootstrap", "debian-archive-keyring", "zstd"],
        purpose="to make a Debian image",
    )
    return once(
        target, title=f"making a Debian {versions.DEBIAN} image with Python", expect=110, make=_bootstrap
    )


def _bootstrap(target: Path) -> None:
    root = target / "rootfs"
    logged(
        [
            "debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}",
            versions.DEBIAN, root, *filter(None, [debian.mirror(versions.DEBIAN)]),
        ],
        log="debootstrap.log",
        describe=lambda _, last: last.removeprefix("I: ")[:100],
    )  # fmt: skip
    say("  packing it")
    for cached in (root / "var/cache/apt/archives").glob("*.deb"):
        cached.unlink()
    shutil.rmtree(root / "var/lib/apt/lists")
    logged(["tar", "-C", root, "--zstd", "-cf", target / ROOTFS, "."], log="debootstrap.log")
    shutil.rmtree(root)


def _import(archive: Path) -> None:
    with subprocess.Popen(["zstd", "-dc", str(archive)], stdout=subprocess.PIPE) as unpack:
        ended = subprocess.run(
            ["docker", "import", "-c", 'CMD ["python3"]', "-", LOCAL],
            stdin=unpack.stdout,
            capture_output=True,
            text=True,
            check=False,
        )
    if ended.returncode != 0 or unpack.returncode != 0:
        raise ClusterError(f"importing {LOCAL} failed: {ended.stderr.strip()}")
