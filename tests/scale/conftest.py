"""Tests of size: the fixtures of the integration tests, for what takes too long for `make test`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "integration"))

from live_fixtures import (  # noqa: E402 - the path comes first
    api_server,
    audit,
    bare_api_server,
    kubelet,
    live,
    namespace,
    operator,
    operator_kubeconfig,
    start_operator,
)

__all__ = [
    "api_server",
    "audit",
    "bare_api_server",
    "kubelet",
    "live",
    "namespace",
    "operator",
    "operator_kubeconfig",
    "start_operator",
]
