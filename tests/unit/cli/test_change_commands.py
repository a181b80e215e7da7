"""`suspend`, `resume` and `scale`: what is asked of the API server, and what the person is told."""

from __future__ import annotations

import json

import pytest
from job_documents import TRAINED, document, states
from job_server import JobServer, call

from estimatorctl.cluster.refusal import refusal

ELASTIC = {"elastic": {"minReplicas": 1, "maxReplicas": 4}, "worker": {"replicas": 2}}


def job(**spec):
    """A job at work."""
    made = document("Training", "all replicas are ready", **TRAINED)
    made["spec"] = {"modelDir": {"uri": "/m"}} | spec
    return made


async def changed(tmp_path, capsys, made, *arguments, refusals=()):
    """Exit code, patches and words of a command about `made`."""
    server = JobServer(made)
    async with server.serving(tmp_path, namespace="team") as kubeconfig:
        server.refusals = list(refusals)
        code = await call(arguments[0], "digits", *arguments[1:], "--kubeconfig", kubeconfig)
    captured = capsys.readouterr()
    return code, server.patches, captured.out + captured.err


@pytest.mark.parametrize(
    ("command", "spec", "patches", "words"),
    [
        (
            ("suspend",),
            {},
            [("", {"suspend": True})],
            "is to be suspended: its pods save a checkpoint and end",
        ),
        (("suspend",), {"suspend": True}, [], "is suspended already"),
        (
            ("resume",),
            {"suspend": True},
            [("", {"suspend": False})],
            "is to go on from the checkpoint of step 1200",
        ),
        (("resume",), {}, [], "is not suspended"),
        (
            ("scale", "--replicas", "4"),
            ELASTIC,
            [("scale", {"replicas": 4})],
            "is to have 4 workers; it had 2",
        ),
        (("scale", "--replicas", "2"), ELASTIC, [], "has 2 workers already"),
        (
            ("scale", "--replicas", "9"),
            {"worker": {"replicas": 1}, "suspend": True},
            [("scale", {"replicas": 9})],
            "is to have 9 workers once it is resumed; it had 1",
        ),
    ],
)
async def test_a_change_is_one_patch_and_one_line(tmp_path, capsys, command, spec, patches, words):
    code, asked, out = await changed(tmp_path, capsys, job(**spec), *command)

    assert code == 0
    assert out == f"team/digits {words}\n"
    assert asked == [
        (subresource, {"metadata": {"uid": "uid-1"}, "spec": its}) for subresource, its in patches
    ]


@pytest.mark.parametrize(
    ("spec", "replicas", "words"),
    [
        ({"worker": {"replicas": 2}}, "3", "digits is not elastic, so its number of workers cannot change"),
        (ELASTIC, "5", "digits takes 1 to 4 workers (spec.elastic), not 5"),
        (ELASTIC, "0", "digits takes 1 to 4 workers (spec.elastic), not 0"),
    ],
)
async def test_what_cannot_be_scaled_is_said_before_anything_is_asked(
    tmp_path, capsys, spec, replicas, words
):
    code, asked, err = await changed(tmp_path, capsys, job(**spec), "scale", "--replicas", replicas)

    assert (code, asked) == (1, [])
    assert err.startswith(f"error: {words}")


@pytest.mark.parametrize("command", [("suspend",), ("resume",), ("scale", "--replicas", "1")])
@pytest.mark.parametrize("name", ["completed", "failed"])
async def test_a_job_that_has_ended_stays_as_it_is(tmp_path, capsys, command, name):
    code, asked, err = await changed(tmp_path, capsys, states()[name], *command)

    assert (code, asked) == (1, [])
    assert "error: team/digits has ended (" in err


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        ((403, {"kind": "Status", "message": "user cannot patch"}), "refuses (403): user cannot patch"),
        ((422, {"kind": "Status", "message": "spec: no"}), "refuses (422): spec: no"),
        ((409, {"kind": "Status", "message": "Precondition failed: UID"}), "refuses (409): Precondition"),
    ],
)
async def test_refusals_of_the_change_are_told(tmp_path, capsys, monkeypatch, refusal, words):
    made = job()

    class Refusing(JobServer):
        async def _change(self, request):
            self.refusals = [refusal]
            return await super()._change(request)

    server = Refusing(made)
    async with server.serving(tmp_path, namespace="team") as kubeconfig:
        assert await call("suspend", "digits", "--kubeconfig", kubeconfig) == 1

    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.out == ""


NOT_CHECKED = (
    "<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the"
    " existing errors to complete validation"
)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            f'EstimatorJob.estimator.dev "digits" is invalid: [spec.worker.replicas: Invalid value: 5000: should be'
            f" less than or equal to 1000, {NOT_CHECKED}]",
            'EstimatorJob.estimator.dev "digits" is invalid: spec.worker.replicas: Invalid value: 5000: should be'
            " less than or equal to 1000",
        ),
        (
            f'EstimatorJob.estimator.dev "digits" is invalid: [spec.a: no, spec.b: no, {NOT_CHECKED}]',
            'EstimatorJob.estimator.dev "digits" is invalid: [spec.a: no, spec.b: no]',
        ),
        (
            f'EstimatorJob.estimator.dev "digits" is invalid: [{NOT_CHECKED}, spec.resources.limits[cpu]: no]',
            'EstimatorJob.estimator.dev "digits" is invalid: spec.resources.limits[cpu]: no',
        ),
        ("denied: \x1b[31mred\x1b[0m\nline", "denied: red line"),
    ],
    ids=["one fault", "two faults", "first", "escapes"],
)
def test_a_refusal_says_what_is_wrong_and_nothing_else(said, told):
    status = json.dumps({"kind": "Status", "message": said}).encode()
    assert str(refusal(422, status, "/apis")) == f"the API server refuses (422): {told}"


async def test_another_controller_is_named(tmp_path, capsys):
    made = job(managedBy="kueue.x-k8s.io/multikueue")
    code, asked, out = await changed(tmp_path, capsys, made, "suspend")

    assert code == 0
    assert len(asked) == 1
    assert "note: it is managed by kueue.x-k8s.io/multikueue, which has to act on it" in out


@pytest.mark.parametrize("number", ["-1", "two", "1.5", "٣", ""])
def test_a_number_of_workers_is_a_number(capsys, number):
    from estimatorctl.__main__ import main

    with pytest.raises(SystemExit, match="2"):
        main(["scale", "digits", f"--replicas={number}"])
    assert "is no whole number of zero or more" in capsys.readouterr().err


async def test_a_name_with_a_slash_reaches_no_other_resource(tmp_path, capsys):
    server = JobServer(job())
    async with server.serving(tmp_path, namespace="team") as kubeconfig:
        assert await call("suspend", "digits/status", "--kubeconfig", kubeconfig) == 1

    assert server.patches == []
    assert 'estimatorjobs.estimator.dev "digits/status" not found' in capsys.readouterr().err
