"""`status` and `watch` against an API server that drops, forgets, refuses and deletes."""

from __future__ import annotations

import json

import pytest
import yaml
from aiohttp import web
from job_documents import document, states
from job_server import DROP, END, GONE, JobServer, call, deleted, modified

from estimatorctl.__main__ import main


def training(version, step):
    return document(
        "Training",
        "all replicas are ready",
        version=str(version),
        progress={"globalStep": step, "maxSteps": 100},
    )


def completed(version="9", **fields):
    return document("Completed", "training has ended at step 100", version=version, **fields)


def becomes(job):
    """The object is now another, of which no watch tells."""
    return lambda server: setattr(server, "job", job)


async def watched(server, folder, capsys, name="digits"):
    async with server.serving(folder, namespace="team") as kubeconfig:
        code = await call("watch", name, "--kubeconfig", kubeconfig)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


async def test_status_shows_the_page(tmp_path, capsys):
    server = JobServer(states()["failed"])
    async with server.serving(tmp_path, namespace="team") as kubeconfig:
        assert await call("status", "digits", "--kubeconfig", kubeconfig) == 0

    assert "team/digits  Failed (BackoffLimitExceeded)" in capsys.readouterr().out
    assert server.asked == [("team", None)]
    assert server.headers[0]["Authorization"] == "Bearer t0ken"


@pytest.mark.parametrize(("form", "read"), [("json", json.loads), ("yaml", yaml.safe_load)])
async def test_the_whole_object_with_fields_that_are_not_known(tmp_path, capsys, form, read):
    async with JobServer(states()["training"]).serving(tmp_path) as kubeconfig:
        assert await call("status", "digits", "-o", form, "--kubeconfig", kubeconfig) == 0

    assert read(capsys.readouterr().out) == states()["training"]


@pytest.mark.parametrize(
    ("options", "namespace"), [((), "default"), (("-n", "zoo"), "zoo"), (("--context", "two"), "second")]
)
async def test_namespace_and_context_as_kubectl_has_them(tmp_path, monkeypatch, options, namespace):
    server = JobServer(document())
    async with server.serving(tmp_path) as kubeconfig:
        monkeypatch.setenv("KUBECONFIG", kubeconfig)
        assert await call("status", "digits", *options) == 0

    assert server.asked == [(namespace, None)]


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        ((403, {"kind": "Status", "message": "user cannot get"}), "refuses (403): user cannot get"),
        ((404, {"kind": "Status", "message": "?", "details": {}}), "does not know EstimatorJobs"),
        ((503, {"kind": "Status", "message": "starting"}), "answers 503: starting"),
    ],
)
@pytest.mark.parametrize("command", ["status", "watch"])
async def test_refusals_are_told_in_the_server_s_words(tmp_path, capsys, command, refusal, words):
    server = JobServer(document())
    server.refusals = [refusal]
    async with server.serving(tmp_path) as kubeconfig:
        assert await call(command, "digits", "--kubeconfig", kubeconfig) == 1

    assert words in capsys.readouterr().err


async def test_a_job_that_is_nested_too_deep_is_a_refusal_and_no_traceback(tmp_path, capsys):
    """The API server takes depths of up to 10,000, which this program's parser does not."""

    class Deep(JobServer):
        async def _answer(self, request):
            params = "[" * 9000 + "]" * 9000
            return web.Response(text='{"spec": ' + params + "}", content_type="application/json")

    async with Deep(None).serving(tmp_path, namespace="team") as kubeconfig:
        assert await call("status", "digits", "--kubeconfig", kubeconfig) == 1

    assert "estimatorjobs/digits is nested too deep to be read" in capsys.readouterr().err


async def test_an_expired_token_is_read_again_once(tmp_path, capsys):
    server = JobServer(completed())
    server.refusals = [(401, {"kind": "Status", "message": "Unauthorized"})]
    assert (await watched(server, tmp_path, capsys))[0] == 0
    server.refusals = [(401, {"kind": "Status", "message": "Unauthorized"})] * 2
    code, _, err = await watched(server, tmp_path, capsys)

    assert (code, err) == (1, "error: the API server refuses (401): Unauthorized\n")


@pytest.mark.parametrize("command", ["status", "watch"])
async def test_a_job_that_is_not_there(tmp_path, capsys, command):
    async with JobServer(document()).serving(tmp_path) as kubeconfig:
        assert await call(command, "moths", "--kubeconfig", kubeconfig) == 1

    assert 'error: estimatorjobs.estimator.dev "moths" not found' in capsys.readouterr().err


def test_no_cluster_at_all(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))

    assert main(["status", "digits"]) == 1
    assert "no way to a cluster" in capsys.readouterr().err


def test_a_server_that_does_not_answer(tmp_path, capsys):
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        yaml.safe_dump(
            {
                "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                "users": [{"name": "u", "user": {}}],
                "current-context": "c",
            }
        )
    )
    assert main(["watch", "digits", "--kubeconfig", str(kubeconfig)]) == 1
    assert "the API server cannot be reached" in capsys.readouterr().err


async def test_watch_follows_a_job_without_status_to_completion(tmp_path, capsys):
    server = JobServer(document(), [modified(training(2, 10)), modified(completed())])
    code, out, _ = await watched(server, tmp_path, capsys)

    assert code == 0
    lines = [line.partition(" ")[2] for line in out.splitlines()]
    assert lines[:4] == [
        "New: no operator has looked at it yet",
        "Training: all replicas are ready",
        "step 10 of 100 (0 %)",
        "Completed: training has ended at step 100",
    ]
    assert "team/digits  Completed" in out
    assert server.asked[1][1]["fieldSelector"] == "metadata.name=digits"
    assert server.asked[1][1]["resourceVersion"] == "1"


async def test_watch_of_a_failed_job_ends_at_once_with_1(tmp_path, capsys):
    server = JobServer(states()["failed"])
    code, out, _ = await watched(server, tmp_path, capsys)

    assert code == 1
    assert "Failed (BackoffLimitExceeded): chief-0 failed with exit code 1" in out
    assert len(server.asked) == 1


@pytest.mark.parametrize("broken", [[DROP], [END], [GONE], []], ids=["dropped", "ended", "expired", "empty"])
async def test_a_watch_that_breaks_begins_anew_and_misses_nothing(tmp_path, capsys, broken):
    server = JobServer(
        training(1, 10),
        [becomes(training(5, 50)), *broken],
        [modified(completed())],
    )
    code, out, _ = await watched(server, tmp_path, capsys)

    assert code == 0
    watches = [query["resourceVersion"] for _, query in server.asked if query is not None]
    assert watches == ["1", "5"]


async def test_the_end_is_seen_though_it_came_while_nobody_watched(tmp_path, capsys):
    server = JobServer(training(1, 10), [becomes(completed()), DROP])
    code, _, _ = await watched(server, tmp_path, capsys)

    assert code == 0


async def test_a_server_that_is_away_for_a_while_is_waited_for(tmp_path, capsys):
    def away(server):
        server.refusals = [(503, {"kind": "Status", "message": "starting"})] * 3

    server = JobServer(training(1, 10), [away, DROP], [modified(completed())])
    code, _, _ = await watched(server, tmp_path, capsys)

    assert code == 0
    assert server.refusals == []


@pytest.mark.parametrize(
    "items",
    [
        [deleted(training(2, 10))],
        [becomes(None), DROP],
        [becomes(document(uid="uid-2")), DROP],
        [modified(document(uid="uid-2"))],
    ],
    ids=["told", "gone meanwhile", "made anew meanwhile", "made anew"],
)
async def test_a_job_that_is_deleted_is_said(tmp_path, capsys, items):
    code, _, err = await watched(JobServer(training(1, 10), items), tmp_path, capsys)

    assert code == 1
    assert err == "error: EstimatorJob team/digits was deleted\n"
