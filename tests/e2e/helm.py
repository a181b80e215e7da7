"""helm as a function, for the operator's release."""

from __future__ import annotations

import subprocess

RELEASE = "estimator-operator"


def helm(*args: str) -> str:
    """Runs helm in the operator's namespace and returns what it printed; AssertionError with its error text."""
    answer = subprocess.run(
        ["helm", "-n", RELEASE, *args], capture_output=True, text=True, check=False, timeout=300
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout
