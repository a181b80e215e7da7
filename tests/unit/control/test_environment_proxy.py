"""The proxy for the API server, as the environment names it."""

from __future__ import annotations

import pytest

from estimator_operator.cluster_access import environment_proxy


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")


def test_https_goes_through_the_proxy_that_is_named_for_it():
    assert environment_proxy("https://api.example:6443") == "http://proxy.example:3128"
    assert environment_proxy("http://api.example:8080") is None


def test_hosts_without_a_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "10.96.0.1,.cluster.local")
    assert environment_proxy("https://10.96.0.1:443") is None
    assert environment_proxy("https://kubernetes.cluster.local") is None
