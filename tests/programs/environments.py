"""Environments of libraries: a folder of packages for each library and side, in front of what the side has.

The side's own packages (TensorFlow 2.15 with tf.estimator, or the checkout's) are not touched. The folders are made once
for all checkouts, outside of them.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
CACHE: Final = Path.home() / ".cache" / "estimator-operator" / "programs"
MOST_SECS: Final = 300


def folder(python: str, requirements: tuple[str, ...], cache: Path = CACHE) -> Path:
    """Where a set of requirements is installed for an interpreter: one folder for the same set."""
    key = hashlib.sha256("\n".join([python, *sorted(requirements)]).encode()).hexdigest()[:16]
    return cache / f"{requirements[0].partition('==')[0]}-{key}"


def packages(python: str, requirements: tuple[str, ...]) -> Path:
    """Installs requirements, without what they require in turn, unless they are there.

    Args:
        python: The interpreter of the side.
        requirements: What is installed; the first gives the folder its name.

    Returns:
        A folder for PYTHONPATH.

    Raises:
        subprocess.CalledProcessError: They cannot be installed; `stderr` says why.
    """
    target = folder(python, requirements)
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (target / ".installed").exists():
            shutil.rmtree(target, ignore_errors=True)
            uv = [str(ROOT / ".venv" / "bin" / "uv"), "pip", "install", "-q", "--system-certs", "--no-deps"]
            subprocess.run(
                [*uv, "--python", python, "--target", target, *requirements],
                check=True,
                capture_output=True,
                text=True,
                timeout=MOST_SECS,
                env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
            )
            (target / ".installed").touch()
    return target
