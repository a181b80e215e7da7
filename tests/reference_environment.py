"""Where tf.estimator 2.15 is to be compared with: its interpreter, installed on first use.

`hack/reference-venv` makes it once for all checkouts and says on stderr what it does, or why it cannot.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

_PROGRAM: Final = Path(__file__).resolve().parents[1] / "hack" / "reference-venv"
_UNAVAILABLE: Final = 69  # its exit code


class ReferenceUnavailableError(Exception):
    """The reference cannot be installed on this machine; `hack/reference-venv` has said why."""


def python(program: Path = _PROGRAM) -> str:
    """The interpreter of TensorFlow 2.15.1 with tf.estimator 2.15.0.

    Args:
        program: What installs it, and prints its path.

    Raises:
        ReferenceUnavailableError: This machine cannot have it.
        subprocess.CalledProcessError: The installation failed in another way.
    """
    installed = subprocess.run([program], check=False, stdout=subprocess.PIPE, text=True)
    if installed.returncode == _UNAVAILABLE:
        raise ReferenceUnavailableError(
            "not compared: the reference environment cannot be installed here, see the line above"
        )
    installed.check_returncode()
    return installed.stdout.strip()
