"""Where the operator looks for the API server, and what it takes for one."""

from __future__ import annotations

import pytest
import yaml
from kubernetes.aio.client.configuration import Configuration
from strict_contexts import is_strict, strict_contexts

from estimator_operator.errors import PreflightError
from estimator_operator.kube import credentials
from estimator_operator.kube.api import Api
from estimator_operator.kube.credentials import Credentials, find_credentials
from estimator_operator.kube.rate_limit import TokenBucket


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def kubeconfig(path, name, **more):
    """A kubeconfig of one cluster, called `name` as its context is."""
    found = {
        "clusters": [{"name": name, "cluster": {"server": f"http://{name}.example"}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "users": [{"name": name, "user": {"token": f"of-{name}"}}],
        "current-context": name,
    }
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(found | more))
    return str(path)


async def found(**more):
    return await find_credentials(**{"kubeconfig": None, "context": None} | more)


@pytest.mark.parametrize("last", ["b", "", None])
async def test_the_first_current_context_counts(tmp_path, monkeypatch, last):
    a = kubeconfig(tmp_path / "1", "a")
    b = kubeconfig(tmp_path / "2", "b", **{"current-context": last})
    empty = tmp_path / "3"
    empty.touch()
    monkeypatch.setenv("KUBECONFIG", f"{empty}:{a}:{b}")

    assert (await found()).host == "http://a.example"
    assert (await found(context="b")).host == "http://b.example"


async def test_the_pod_s_account_goes_before_the_usual_kubeconfig(tmp_path, monkeypatch):
    kubeconfig(tmp_path / ".kube/config", "usual")
    assert (await found()).host == "http://usual.example"

    def account(configuration):
        configuration.host = "http://pod.example"

    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setattr(credentials, "load_incluster_config", account)
    assert (await found()).host == "http://pod.example"
    monkeypatch.setenv("KUBECONFIG", kubeconfig(tmp_path / "named", "named"))
    assert (await found()).host == "http://named.example"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "does not exist or is empty"),
        ("clusters: [", "is no kubeconfig"),
        ("contexts: []", "has no current-context"),
    ],
)
async def test_a_kubeconfig_that_says_nothing_is_named(tmp_path, text, words):
    path = tmp_path / "kubeconfig"
    path.write_text(text)
    with pytest.raises(PreflightError, match=f"kubeconfig {words}"):
        await found(kubeconfig=str(path))


async def test_certificates_that_kubectl_takes_are_taken_for_calls_and_for_watches(monkeypatch):
    class Fixed(Credentials):
        async def reload(self):
            pass

    made = strict_contexts(monkeypatch)
    fixed = Fixed(None, None, Configuration(host="https://127.0.0.1:1"))
    async with Api(fixed, limit=TokenBucket(rate=0, burst=1)):
        calls = len(made)
        sessions = []
        await fixed.kopf_session(lambda session: sessions.append(session) or session)
        await sessions[0].close()

    assert 0 < calls < len(made)
    assert not any(map(is_strict, made))
