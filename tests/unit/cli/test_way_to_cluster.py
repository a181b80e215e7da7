"""Which cluster is asked, and how it is reached: where kubectl goes, commands go too."""

from __future__ import annotations

import pwd
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml
from job_documents import document
from job_server import JobServer, call
from strict_contexts import is_strict, strict_contexts

from estimatorctl.cluster import connection


@asynccontextmanager
async def two_clusters(folder):
    """Two clusters with a job each, and their kubeconfigs."""
    for name in ("a", "b"):
        (folder / name).mkdir()
    first, second = JobServer(document()), JobServer(document())
    async with first.serving(folder / "a") as a, second.serving(folder / "b") as b:
        rename(a, "a")
        rename(b, "b")
        yield (first, a), (second, b)


def rename(path, prefix):
    """Other kubeconfigs have other names for what they hold."""
    found = yaml.safe_load(Path(path).read_text())
    for kind in ("clusters", "users", "contexts"):
        for one in found[kind]:
            one["name"] = f"{prefix}-{one['name']}"
    for one in found["contexts"]:
        one["context"] |= {kind: f"{prefix}-{one['context'][kind]}" for kind in ("cluster", "user")}
    write(path, found | {"current-context": f"{prefix}-{found['current-context']}"})


def write(path, kubeconfig):
    Path(path).write_text(yaml.safe_dump(kubeconfig))
    return str(path)


def changed(path, **fields):
    write(path, yaml.safe_load(Path(path).read_text()) | fields)


async def test_of_several_kubeconfigs_the_first_says_which_cluster(tmp_path, monkeypatch):
    async with two_clusters(tmp_path) as ((first, a), (second, b)):
        monkeypatch.setenv("KUBECONFIG", f"{tmp_path}/missing:{a}:{b}")
        assert await call("status", "digits") == 0
        assert (len(first.asked), len(second.asked)) == (1, 0)
        monkeypatch.setenv("KUBECONFIG", f"{b}:{a}")
        assert await call("status", "digits") == 0
        assert (len(first.asked), len(second.asked)) == (1, 1)


@pytest.mark.parametrize("nothing", ["", None])
async def test_a_kubeconfig_without_a_current_context_leaves_it_to_the_others(tmp_path, monkeypatch, nothing):
    async with two_clusters(tmp_path) as ((first, a), (second, b)):
        changed(b, **{"current-context": nothing})
        for order in (f"{a}:{b}", f"{b}:{a}"):
            monkeypatch.setenv("KUBECONFIG", order)
            assert await call("status", "digits") == 0

    assert (len(first.asked), len(second.asked)) == (2, 0)


async def test_a_context_of_another_kubeconfig_than_the_first(tmp_path, monkeypatch):
    async with two_clusters(tmp_path) as ((first, a), (second, b)):
        monkeypatch.setenv("KUBECONFIG", f"{a}:{b}")
        assert await call("status", "digits", "--context", "b-two") == 0

    assert (first.asked, second.asked) == ([], [("second", None)])


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n"])
async def test_an_empty_kubeconfig_is_passed_over(tmp_path, monkeypatch, capsys, text):
    empty = tmp_path / "empty"
    empty.write_text(text)
    async with JobServer(document()).serving(tmp_path) as kubeconfig:
        for order in (f"{empty}:{kubeconfig}", f"{kubeconfig}:{empty}"):
            monkeypatch.setenv("KUBECONFIG", order)
            assert await call("status", "digits") == 0
    capsys.readouterr()

    assert await call("status", "digits", "--kubeconfig", str(empty)) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"error: no way to a cluster: {empty} does not exist or is empty.")


@pytest.mark.parametrize(
    "text",
    [
        "clusters: [",
        "just words",
        "- a\n- list\n",
        "\x00",
        "current-context: one\ncontexts: [one]\n",
        "current-context: one\ncontexts: [{context: {}}]\n",
        "current-context: one\ncontexts: {one: {}}\n",
        "current-context: [one]\n",
        "contexts: []\n",
    ],
)
async def test_a_kubeconfig_that_is_none_is_said_to_be(tmp_path, capsys, text):
    path = tmp_path / "kubeconfig"
    path.write_text(text)

    assert await call("status", "digits", "--kubeconfig", str(path)) == 1
    err = capsys.readouterr().err
    assert err.startswith("error: no way to a cluster: ")
    assert str(path) in err


async def test_a_certificate_that_is_none_is_said_to_be(tmp_path, capsys):
    async with JobServer(document()).serving(tmp_path) as kubeconfig:
        cluster = {"server": "https://127.0.0.1:1", "certificate-authority-data": "bm9uZQ=="}
        changed(kubeconfig, clusters=[{"name": "c", "cluster": cluster}])
        assert await call("status", "digits", "--kubeconfig", kubeconfig) == 1

    assert capsys.readouterr().err.startswith("error: no way to a cluster: ")


@pytest.fixture
def pod(monkeypatch):
    """A pod with an account; gives what takes it."""
    taken = []
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setattr(connection, "_own_namespace", lambda: "of-the-pod")

    def account(configuration):
        configuration.host = taken[0]

    monkeypatch.setattr(connection, "load_incluster_config", account)
    return taken


async def test_in_a_pod_a_kubeconfig_wins_over_the_account(tmp_path, monkeypatch, pod):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".kube").mkdir()
    server = JobServer(document())
    async with server.serving(tmp_path) as kubeconfig:
        pod.append(yaml.safe_load(Path(kubeconfig).read_text())["clusters"][0]["cluster"]["server"])
        assert await call("status", "digits") == 0
        for text in ("", "apiVersion: v1\nkind: Config\n"):
            (tmp_path / ".kube/config").write_text(text)
            assert await call("status", "digits") == 0
        assert [namespace for namespace, _ in server.asked] == 3 * ["of-the-pod"]
        Path(kubeconfig).rename(tmp_path / ".kube/config")
        assert await call("status", "digits") == 0
        assert server.asked[-1] == ("default", None)
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "missing"))
        assert await call("status", "digits") == 0
        assert server.asked[-1] == ("of-the-pod", None)


async def test_in_a_pod_a_user_without_a_home_has_the_account(tmp_path, monkeypatch, pod):
    """Of a platform that gives each namespace users of its own."""

    def nobody(uid):
        raise KeyError(uid)

    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    server = JobServer(document())
    async with server.serving(tmp_path) as kubeconfig:
        pod.append(yaml.safe_load(Path(kubeconfig).read_text())["clusters"][0]["cluster"]["server"])
        assert await call("status", "digits") == 0

    assert server.asked == [("of-the-pod", None)]


@pytest.mark.usefixtures("pod")
@pytest.mark.parametrize("options", [("--kubeconfig", "missing"), ("--context", "two")])
async def test_in_a_pod_what_is_asked_for_is_not_replaced_by_the_account(
    tmp_path, monkeypatch, capsys, options
):
    monkeypatch.setenv("HOME", str(tmp_path))

    assert await call("status", "digits", *options) == 1
    assert "does not exist or is empty" in capsys.readouterr().err


@pytest.fixture
def netrc(tmp_path, monkeypatch):
    """A password for every machine."""
    path = tmp_path / "netrc"
    path.write_text("default login somebody password s3cret\n")
    path.chmod(0o600)
    monkeypatch.setenv("NETRC", str(path))


@pytest.mark.usefixtures("netrc")
async def test_a_password_for_every_machine_is_none_for_the_api_server(tmp_path):
    server = JobServer(document())
    async with server.serving(tmp_path) as kubeconfig:
        assert await call("status", "digits", "--kubeconfig", kubeconfig) == 0
        changed(kubeconfig, users=[{"name": "u", "user": {}}])
        assert await call("status", "digits", "--kubeconfig", kubeconfig) == 0

    assert [one.get("Authorization") for one in server.headers] == ["Bearer t0ken", None]


async def test_the_proxy_of_the_environment_is_used(tmp_path, monkeypatch):
    server = JobServer(document())
    async with server.serving(tmp_path) as kubeconfig:
        found = yaml.safe_load(Path(kubeconfig).read_text())
        monkeypatch.setenv("http_proxy", found["clusters"][0]["cluster"]["server"])
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        changed(kubeconfig, clusters=[{"name": "c", "cluster": {"server": "http://cluster.invalid"}}])
        assert await call("status", "digits", "--kubeconfig", kubeconfig) == 0

    assert server.headers[0]["Host"] == "cluster.invalid"


async def test_certificates_that_kubectl_takes_are_taken(tmp_path, monkeypatch):
    made = strict_contexts(monkeypatch)
    async with JobServer(document()).serving(tmp_path) as kubeconfig:
        assert await call("status", "digits", "--kubeconfig", kubeconfig) == 0

    assert made
    assert not any(map(is_strict, made))
