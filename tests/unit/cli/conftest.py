"""Commands that talk to a cluster: no pauses, and no cluster but the test's."""

from __future__ import annotations

import pytest

from estimatorctl.cluster import connection


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr(
        connection.Connection.__init__,
        "__kwdefaults__",
        {"kubeconfig": None, "context": None, "retry_seconds": 0.0},
    )
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
