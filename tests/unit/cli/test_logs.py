"""`logs`: of all replicas, of some, and followed over restarts and lost connections to the end of the job."""

from __future__ import annotations

import asyncio

import pytest
from job_documents import document
from job_server import DROP, call, deleted, modified
from pod_server import PodServer, pod

from estimatorctl.__main__ import parser
from estimatorctl.cluster.replica_pods import replica_pod
from estimatorctl.commands import logs

T = "2026-01-31T12:00:0"


async def shown(tmp_path, capsys, server, *options):
    async with server.serving(tmp_path, namespace="team") as kubeconfig:
        code = await call("logs", "digits", *options, "--kubeconfig", kubeconfig)
    captured = capsys.readouterr()
    return code, captured.out.splitlines(), captured.err.splitlines()


def training():
    return document("Training", "all replicas are ready")


def completed(version="9"):
    return document("Completed", "training has ended", version=version)


def ended(name):
    """The container of a pod has ended."""

    def change(server):
        server.pods[name]["status"]["containerStatuses"][0]["state"] = {"terminated": {}}

    return change


def gone(name):
    return lambda server: server.pods.pop(name)


async def test_pods_come_in_the_order_of_their_replicas_and_lines_behind_their_names(tmp_path, capsys):
    server = PodServer(
        training(),
        pod("worker", 10),
        pod("worker", 2, attempt=1),
        pod("evaluator"),
        pod("chief", state="terminated"),
        pod("tensorboard", containers=("tensorboard",)),
        logs={
            "digits-worker-10": [["a\nb"]],
            "digits-worker-2-r1": [["[bold] it\n", "\n", "half ", "line\n"]],
            "digits-evaluator-0": [["e\n"]],
            "digits-chief-0": [["déjà vu\n"]],
        },
    )
    code, out, err = await shown(tmp_path, capsys, server)

    assert (code, err) == (0, [])
    assert out == [
        "[chief-0] déjà vu",
        "[worker-2-r1] [bold] it",
        "[worker-2-r1] ",
        "[worker-2-r1] half line",
        "[worker-10] a",
        "[worker-10] b",
        "[evaluator-0] e",
    ]
    assert all(query == {"container": "estimator"} for _, query in server.log_queries)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (("--role", "worker"), ["worker-0", "worker-1"]),
        (("--role", "worker", "--index", "1"), ["worker-1"]),
        (("--index", "0"), ["chief-0", "worker-0"]),
        (("--role", "tensorboard"), ["tensorboard-0"]),
    ],
)
async def test_some_replicas(tmp_path, capsys, options, names):
    pods = [
        pod("chief"),
        pod("worker", 0),
        pod("worker", 1),
        pod("tensorboard", containers=("tensorboard", "sidecar")),
    ]
    server = PodServer(training(), *pods, logs={one["metadata"]["name"]: [["x\n"]] for one in pods})
    code, out, _ = await shown(tmp_path, capsys, server, *options)

    assert code == 0
    assert out == [f"[{name}] x" for name in names]


async def test_pods_of_an_earlier_job_of_that_name_are_not_its_own(tmp_path, capsys):
    server = PodServer(training(), pod("chief", owner="uid-0"), pod("worker"))
    server.logs = {"digits-chief-0": [["old\n"]], "digits-worker-0": [["new\n"]]}

    assert await shown(tmp_path, capsys, server) == (0, ["[worker-0] new"], [])


async def test_no_such_pod(tmp_path, capsys):
    server = PodServer(document("Suspended", "no pod is left"), pod("worker"))
    code, out, err = await shown(tmp_path, capsys, server, "--role", "ps")

    assert (code, out) == (1, [])
    assert err == ["error: team/digits has no such pods now (Suspended: no pod is left)"]


@pytest.mark.parametrize("options", [(), ("-f",)])
async def test_no_such_job(tmp_path, capsys, options):
    code, _, err = await shown(tmp_path, capsys, PodServer(None), *options)

    assert code == 1
    assert err == ['error: estimatorjobs.estimator.dev "digits" not found']


UNSCHEDULED = [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}]


@pytest.mark.parametrize(
    ("made", "waits_for"),
    [
        (pod(state=None), ""),
        (pod(state=None, conditions=UNSCHEDULED), "0/3 nodes"),
        (
            pod(containerStatuses=[{"name": "estimator", "state": {"waiting": {"reason": "ErrImagePull"}}}]),
            "ErrImagePull",
        ),
        (pod(containerStatuses=[{"name": "sidecar", "state": {"running": {}}}]), ""),
    ],
)
def test_a_pod_that_has_not_begun(made, waits_for):
    seen = replica_pod(made)

    assert (seen.started, seen.running, seen.waits_for) == (False, False, waits_for)


async def test_what_has_no_log_yet_is_told_apart_from_the_logs(tmp_path, capsys):
    waiting = pod("worker", 1, state=None, conditions=UNSCHEDULED)
    server = PodServer(training(), pod("chief"), waiting, logs={"digits-chief-0": [["x\n"]]})

    assert await shown(tmp_path, capsys, server) == (
        0,
        ["[chief-0] x"],
        ["note: worker-1 has not begun: 0/3 nodes"],
    )


@pytest.mark.parametrize("options", [(), ("-f",)])
async def test_a_log_that_cannot_be_had_keeps_nobody_from_the_others(tmp_path, capsys, options):
    server = PodServer(completed(), pod("chief", state="terminated"), pod("worker", state="terminated"))
    server.logs = {"digits-chief-0": [[500]] * 5, "digits-worker-0": [["x\n"]]}
    code, out, err = await shown(tmp_path, capsys, server, *options)

    assert (code, out) == (1, ["[worker-0] x"])
    assert err == ["note: chief-0: the API server answers 500: no luck"]


def following(*pods, logs, job=(), pod_watches=()):
    """A job in training whose watch sends `job`."""
    return PodServer(
        training(), *pods, logs=logs, watches=[list(job)] if job else (), pod_watches=pod_watches
    )


def sets(event):
    return lambda _: event.set()


async def test_following_ends_with_the_job_and_its_pods(tmp_path, capsys):
    begun, over = asyncio.Event(), asyncio.Event()
    chief = [f"{T}1.5Z step 1\n", sets(begun), over, f"{T}2Z step 2\n", ended("digits-chief-0")]
    server = following(
        pod("chief"),
        logs={"digits-chief-0": [chief]},
        job=[begun, modified(completed()), sets(over)],
    )

    assert await shown(tmp_path, capsys, server, "-f") == (0, ["[chief-0] step 1", "[chief-0] step 2"], [])
    assert server.log_queries == [
        ("digits-chief-0", {"container": "estimator", "follow": "true", "timestamps": "true"})
    ]


async def test_following_takes_in_what_is_started_later(tmp_path, capsys):
    first, second = asyncio.Event(), asyncio.Event()
    again = pod("worker", attempt=1)

    def restarted(server):
        server.pods["digits-worker-0-r1"] = again

    server = following(
        pod("worker"),
        logs={
            "digits-worker-0": [[f"{T}1Z boom\n", ended("digits-worker-0"), sets(first)]],
            "digits-worker-0-r1": [[f"{T}2Z again\n", ended("digits-worker-0-r1"), sets(second)]],
        },
        job=[second, modified(completed())],
        pod_watches=[
            [
                first,
                {"type": "MODIFIED", "object": pod("worker", state="terminated")},
                {"type": "ADDED", "object": pod("worker", attempt=1, state="waiting")},
                restarted,
                {"type": "MODIFIED", "object": again},
                {"type": "DELETED", "object": pod("worker")},
            ]
        ],
    )

    assert await shown(tmp_path, capsys, server, "-f") == (0, ["[worker-0] boom", "[worker-0-r1] again"], [])
    assert len(server.log_queries) == 2


async def test_what_began_just_before_the_job_s_end_is_not_missed(tmp_path, capsys):
    server = PodServer(completed(), pod("chief", state="terminated"))
    server.logs = {"digits-chief-0": [[f"{T}1Z it\n"]]}

    assert await shown(tmp_path, capsys, server, "-f") == (0, ["[chief-0] it"], [])


async def test_a_log_that_ends_too_early_goes_on_where_it_was(tmp_path, capsys):
    first = [f"{T}1.5+01:00 a\n", f"{T}1.51+01:00 b\n", "failed to watch file\n"]
    server = PodServer(
        completed(),
        pod("chief"),
        logs={
            "digits-chief-0": [
                first,
                [f"{T}1.51+01:00 b\n", f"{T}1.6+01:00 c\n", f"{T}1.6+01:00 d\n", ended("digits-chief-0")],
            ]
        },
    )
    code, out, _ = await shown(tmp_path, capsys, server, "-f")

    assert code == 0
    assert out == [f"[chief-0] {line}" for line in ("a", "b", "failed to watch file", "c", "d")]
    assert [query.get("sinceTime") for _, query in server.log_queries] == [None, f"{T}1.51+01:00"]


async def test_a_line_that_was_cut_is_shown_once_and_whole(tmp_path, capsys):
    whole = [f"{T}1Z a\n", f"{T}2Z half of it\n", ended("digits-chief-0")]
    server = PodServer(completed(), pod("chief"))
    server.logs = {"digits-chief-0": [[f"{T}1Z a\n", f"{T}2Z half", DROP], [503], whole]}

    assert await shown(tmp_path, capsys, server, "-f") == (0, ["[chief-0] a", "[chief-0] half of it"], [])


@pytest.mark.parametrize("again", [[], [503]], ids=["ended", "away"])
async def test_a_pod_that_is_gone_has_no_more_to_say(tmp_path, capsys, again):
    server = PodServer(completed(), pod("chief"))
    server.logs = {"digits-chief-0": [[f"{T}1Z a\n", gone("digits-chief-0")], again]}

    assert await shown(tmp_path, capsys, server, "-f") == (0, ["[chief-0] a"], [])


async def test_a_pod_of_another_job_under_the_same_name_is_another(tmp_path, capsys):
    def anew(server):
        metadata = server.pods["digits-chief-0"]["metadata"]
        metadata |= {"uid": "other", "ownerReferences": [{"uid": "uid-2"}]}

    server = PodServer(completed(), pod("chief"))
    server.logs = {"digits-chief-0": [[f"{T}1Z a\n", anew], [f"{T}2Z not mine\n"]]}

    assert await shown(tmp_path, capsys, server, "-f") == (0, ["[chief-0] a"], [])


async def test_following_a_job_that_is_deleted_ends(tmp_path, capsys):
    server = following(pod("chief", state="waiting"), logs={}, job=[deleted(training())])

    assert await shown(tmp_path, capsys, server, "-f") == (0, [], [])


async def test_pods_that_may_not_be_listed_are_said_at_once(tmp_path, capsys):
    server = following(pod("chief"), logs={})
    server.pod_refusals = [403]
    code, out, err = await shown(tmp_path, capsys, server, "-f")

    assert (code, out) == (1, [])
    assert err == ["error: the API server refuses (403): no pods for you"]


async def test_a_watch_of_the_pods_that_breaks_begins_anew(tmp_path, capsys):
    said = asyncio.Event()

    def appears(server):
        server.pods["digits-chief-0"] = pod("chief")
        server.pod_refusals = [503]

    server = following(
        logs={"digits-chief-0": [[f"{T}1Z a\n", ended("digits-chief-0"), sets(said)]]},
        job=[said, modified(completed())],
        pod_watches=[[appears, DROP]],
    )

    assert await shown(tmp_path, capsys, server, "-f") == (0, ["[chief-0] a"], [])


async def test_when_nobody_reads_any_more_following_ends(tmp_path, monkeypatch):
    def closed(*_, **__):
        raise BrokenPipeError

    monkeypatch.setattr(logs, "print", closed, raising=False)
    server = following(pod("chief"), logs={"digits-chief-0": [[f"{T}1Z a\n", None]]})
    async with server.serving(tmp_path, namespace="team") as kubeconfig:
        asked = parser("estimatorctl").parse_args(["logs", "digits", "-f", "--kubeconfig", kubeconfig])
        with pytest.raises(BrokenPipeError):
            await asyncio.to_thread(asked.execute, asked)
