"""Which helm renders the chart in tests."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

_HACK = Path(__file__).resolve().parents[1] / "hack"


@cache
def helm_program() -> str:
    """helm: of the virtual environment, else on PATH, else as `hack/cluster` gets or builds it."""
    bundled = Path(sys.executable).parent / "helm"
    found = str(bundled) if bundled.exists() else shutil.which("helm")
    if found is None:
        code = "from localcluster import tools; print(tools.helm())"
        found = subprocess.run(
            [sys.executable, "-c", code], cwd=_HACK, capture_output=True, text=True, check=True
        ).stdout.strip()
    return found
