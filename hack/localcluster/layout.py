"""Where things live: the checkout's sources, and the cache and run folders outside of it."""

import os
from pathlib import Path

HACK = Path(__file__).resolve().parent.parent
"""The folder `hack/` of this checkout, with the Go sources in `kube/`, `coredns/` and `pause/`."""


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME", "")
    root = Path(base) if base.startswith("/") else Path.home() / ".cache"
    return root / "estimator-operator"


CACHE = _cache()
"""Everything built or downloaded; safe to delete while nothing runs."""

BUILDS = CACHE / "builds"
"""One folder per finished build, named by what went into it."""

BIN = CACHE / "bin"
"""Links to the current programs: kubectl, kubernetes, kind, helm."""

LOGS = CACHE / "logs"
"""Output of builds and of daemons."""

LOCKS = CACHE / "locks"
"""Lock files: one build at a time, one start of Docker at a time."""

RUN = CACHE / "run"
"""State of what is running: `apiserver/`, `docker/`, `kind/`."""
