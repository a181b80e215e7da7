"""The proxy for the API server, as the environment names it."""

from __future__ import annotations

import pytest

from estimator_operator.environment_proxy import environment_proxy


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")


def test_https_goes_through_the_proxy_that_is_named_for_it():
    assert environment_proxy("https://api.example:6443") == "http://proxy.example:3128"
    assert environment_proxy("http://api.example:8080") is None
    assert environment_proxy("file:///api") is None


@pytest.mark.parametrize("named", ["proxy.example:3128", "proxy.example", "http://proxy.example:3128"])
def test_a_proxy_may_be_named_by_its_host(monkeypatch, named):
    monkeypatch.setenv("HTTPS_PROXY", named)
    assert environment_proxy("https://api.example") == f"http://{named.removeprefix('http://')}"


def test_the_upper_case_variable_goes_before_the_lower_case_one_unless_it_is_empty(monkeypatch):
    monkeypatch.setenv("https_proxy", "http://other.example")
    assert environment_proxy("https://api.example") == "http://proxy.example:3128"
    monkeypatch.setenv("HTTPS_PROXY", "")
    assert environment_proxy("https://api.example") == "http://other.example"
    monkeypatch.setenv("no_proxy", "api.example")
    assert environment_proxy("https://api.example") is None
    monkeypatch.setenv("NO_PROXY", "some.example")
    assert environment_proxy("https://api.example") == "http://other.example"


@pytest.mark.parametrize(
    "host", ["localhost:6443", "127.0.0.1:6443", "127.1.2.3", "[::1]:6443", "[::ffff:127.0.0.1]:6443"]
)
def test_this_machine_has_no_proxy(host):
    assert environment_proxy(f"https://{host}") is None


@pytest.mark.parametrize(
    ("exceptions", "host"),
    [
        ("*", "api.example"),
        ("other.example, * ", "10.96.0.1"),
        ("10.96.0.1,.cluster.local", "10.96.0.1:443"),
        ("10.96.0.1,.cluster.local", "kubernetes.cluster.local"),
        ("10.96.0.1:6443", "10.96.0.1:6443"),
        ("10.96.0.1:443", "10.96.0.1"),
        ("10.0.0.0/8,.svc", "10.96.0.1:443"),
        ("10.96.1.2/8", "10.0.0.1"),
        ("10.0.0.0/8", "[::ffff:10.0.0.1]"),
        ("fd00::/8", "[fd12::1]:6443"),
        ("fd12::1", "[fd12:0::1]"),
        ("[fd12::1]:6443", "[fd12::1]:6443"),
        ("api.example", "api.example:6443"),
        ("API.Example", "Api.example:6443"),
        ("example", "api.example:6443"),
        (" some.example ,, api.example ", "api.example"),
        ("*.example", "api.example"),
        (".example:6443", "api.example:6443"),
    ],
)
def test_hosts_without_a_proxy(monkeypatch, exceptions, host):
    monkeypatch.setenv("NO_PROXY", exceptions)
    assert environment_proxy(f"https://{host}") is None


@pytest.mark.parametrize(
    ("exceptions", "host"),
    [
        ("*.other", "api.example"),
        ("10.96.0.1:443", "10.96.0.1:6443"),
        ("10.0.0.0/8", "192.168.0.1"),
        ("10.0.0.0/255.0.0.0", "10.96.0.1"),
        ("10.0.0.0/8", "[fd12::1]"),
        ("10.96.0", "10.96.0.1"),
        ("0.1", "10.96.0.1"),
        (".api.example", "api.example"),
        ("*.api.example", "api.example"),
        ("pi.example", "api.example"),
        ("api.example:443", "api.example:6443"),
        (":443", "api.example"),
        ("localhost", "localhost.example"),
        ("", "api.example"),
    ],
)
def test_hosts_with_a_proxy(monkeypatch, exceptions, host):
    monkeypatch.setenv("NO_PROXY", exceptions)
    assert environment_proxy(f"https://{host}") == "http://proxy.example:3128"


def test_an_address_that_is_none_has_no_proxy():
    assert environment_proxy("https:///path") is None
    assert environment_proxy("https://api.example:port") is None
    assert environment_proxy("https://[api.example") is None
