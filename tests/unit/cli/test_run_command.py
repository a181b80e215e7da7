"""`estimatorctl run` as a process: signals, exit codes, what it prints, what it leaves behind."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
from contextlib import ExitStack, contextmanager

import pytest
from local_jobs import write_job

from estimatorctl.__main__ import main

COMMAND = [sys.executable, "-m", "estimatorctl", "run"]


@contextmanager
def started(*arguments, cwd):
    """The command in the background, with its output to be read."""
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def read_until(process, *texts):
    """Reads the output until each of `texts` has been in a line, in whatever order."""
    lines, missing = [], set(texts)
    for line in process.stdout:
        lines.append(line)
        missing = {text for text in missing if text not in line}
        if not missing:
            return
    raise AssertionError("".join(lines))


def pids_of(model_dir):
    return [pid for file in model_dir.glob("*.pids") for pid in json.loads(file.read_text())]


def run(*arguments, cwd):
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )


def test_ctrl_c_stops_every_child_with_a_checkpoint_and_says_how_to_continue(tmp_path):
    job = write_job(tmp_path)
    with started(job, cwd=tmp_path) as process, ExitStack() as stack:
        # The chief may be at its step before the last replica is ready.
        read_until(process, "Training: all replicas are ready", "step 10 of 100")
        children = [
            stack.enter_context(os.fdopen(os.pidfd_open(pid))) for pid in pids_of(tmp_path / "moths-model")
        ]
        process.send_signal(signal.SIGINT)
        output = process.stdout.read()
        assert process.wait() == 130
        assert all(select.select([one], [], [], 0)[0] for one in children)

    assert len(children) == 4
    assert (tmp_path / "moths-model/step").read_text() == "10"
    assert "default/moths  Suspended" in output
    assert "Checkpoint" in output
    assert f"To continue from the checkpoint of step 10:\n  estimatorctl run {job}" in output


def test_killing_the_command_leaves_no_process(tmp_path):
    job = write_job(tmp_path, env=[("GRANDCHILD", "1")])
    with started(job, cwd=tmp_path) as process, ExitStack() as stack:
        read_until(process, "Training: all replicas are ready")
        pids = pids_of(tmp_path / "moths-model")
        ends = [stack.enter_context(os.fdopen(os.pidfd_open(pid))) for pid in pids]
        process.kill()
        process.wait()
        for one in ends:
            assert select.select([one], [], [], 30)[0], "a process outlived the run"

    assert len(pids) == 8, "four replicas and a process of each"


def test_two_runs_on_one_model_directory_are_refused(tmp_path, capsys):
    job = write_job(tmp_path)
    with started(job, "--model-dir", "here", cwd=tmp_path) as process:
        read_until(process, "Training: all replicas are ready")
        assert main(["run", str(job), "--model-dir", str(tmp_path / "here")]) == 2

    here = tmp_path / "here"
    assert capsys.readouterr().err.startswith(f"error: another run (pid {process.pid}) trains in {here}")


def test_completion_and_failure_as_exit_codes(tmp_path):
    alone = {"worker": None, "ps": None, "evaluator": None}
    write_job(tmp_path, command=["sh", "-c", "echo fine"], **alone)
    good = run("job.yaml", cwd=tmp_path)
    write_job(tmp_path, command=["sh", "-c", "echo no such moth; exit 78"], **alone)
    bad = run("job.yaml", cwd=tmp_path)

    assert good.returncode == 0
    assert "default/moths  Completed" in good.stdout
    assert bad.returncode == 1
    assert "default/moths  Failed (ConfigurationError)" in bad.stdout
    assert "chief-0 failed with exit code 78: no such moth" in bad.stdout
    log = re.search(r"chief-0 ended with exit code 78; (\S+) ends with:\n  no such moth", bad.stdout)
    assert log, bad.stdout
    with open(log[1]) as file:
        assert file.read() == "no such moth\n"


@pytest.mark.parametrize(("section", "told"), [({}, True), ({"enabled": False}, False)])
def test_how_to_start_tensorboard_is_said(tmp_path, section, told):
    alone = {"worker": None, "ps": None, "evaluator": None}
    write_job(tmp_path, command=["sh", "-c", "true"], tensorBoard=section, **alone)
    done = run("job.yaml", "--model-dir", "a model", cwd=tmp_path)

    assert done.returncode == 0
    line = f"note: TensorBoard is not run; to have one: tensorboard --logdir '{tmp_path}/a model'\n"
    assert (line in done.stdout) is told
    assert ("TensorBoard" in done.stdout) is told


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"workr": {}}, "spec.workr: unknown field"),
        ({"suspend": True}, "spec.suspend: is true, so nothing would run"),
        ({"worker": {"replicas": -1}}, "spec.worker.replicas: must be at least 0"),
        ({"code": {"configMap": {"name": "moths-code"}}}, "no ConfigMap moths-code in this file"),
        ({"command": ["no-such-trainer"]}, "command no-such-trainer is not found on this machine"),
    ],
)
def test_what_is_wrong_with_a_manifest_is_said_and_nothing_runs(tmp_path, monkeypatch, capsys, fields, words):
    monkeypatch.chdir(tmp_path)

    assert main(["run", str(write_job(tmp_path, **fields))]) == 2
    assert words in capsys.readouterr().err
    assert pids_of(tmp_path / "moths-model") == []


def test_neither_kubernetes_nor_tensorflow_is_imported_to_run():
    code = (
        "import sys, estimatorctl.__main__, estimatorctl.local.run\n"
        "print([name for name in sys.modules if name.partition('.')[0] in ('kubernetes', 'kopf', 'tensorflow')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


READS = "import os, pathlib; print(pathlib.Path(os.environ['DIGITS'], 'train').read_text())"


def test_inputs_are_brought_before_the_first_process(tmp_path):
    (tmp_path / "from").mkdir()
    (tmp_path / "from/train").write_text("one, two")
    job = write_job(
        tmp_path,
        inputs=[
            {"uri": f"file://{tmp_path}/from", "path": "/data/digits"},
            {"uri": "file:///nowhere", "path": "/data/ps", "roles": ["ps"]},
        ],
        command=["python", "-S", "-c", READS],
        env=[("DIGITS", "/data/digits")],
        worker=None,
        ps=None,
        evaluator=None,
    )
    ended = run(job, cwd=tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "1 files, 8 bytes, 8 of them brought now" in ended.stderr
    assert "note:" not in ended.stdout
    (log,) = (tmp_path / "moths-model").glob(".estimatorctl/*/moths-chief-0.log")
    assert log.read_text() == "one, two\n"


def test_inputs_that_cannot_be_brought_end_the_run(tmp_path):
    inputs = [{"uri": f"file://{tmp_path}/none", "path": "/data/digits"}]
    ended = run(write_job(tmp_path, inputs=inputs), cwd=tmp_path)
    assert ended.returncode == 2
    assert f"inputs: file://{tmp_path}/none: nothing is there" in ended.stderr
    assert "the inputs could not be brought (exit code 78); the line above says why" in ended.stderr
    assert not list((tmp_path / "moths-model").glob(".estimatorctl/*/*.log"))
