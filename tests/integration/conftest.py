"""Integration tests: a real API server on this machine, where a fake kubelet plays the pods' lives."""

from __future__ import annotations

from live_fixtures import (
    StartOperator,
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
    "StartOperator",
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
