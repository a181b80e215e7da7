"""The digits example as local processes: stopped, continued, its ps killed, completed. All with TensorFlow."""

import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

DIGITS = Path(__file__).parents[2] / "examples/digits"
pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def job(tmp_path):
    """The example with one worker and fewer steps, so that it is stopped and continued in little time."""
    manifest = yaml.safe_load((DIGITS / "job.yaml").read_text())
    spec = manifest["spec"]
    spec["worker"]["replicas"] = 1
    spec["estimator"]["train"]["maxSteps"] = 3000
    spec["estimator"]["runConfig"]["saveCheckpointsSteps"] = 200
    spec["estimator"]["evaluate"]["throttleSeconds"] = 1
    path = tmp_path / "job.yaml"
    path.write_text(yaml.safe_dump(manifest))
    return path


@contextmanager
def running(job):
    """`estimatorctl run` beside the manifest, its output to be read line by line."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "estimatorctl",
            "run",
            str(job),
            "--model-dir",
            "model",
            "--code",
            str(DIGITS),
        ],
        cwd=job.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def read_until(process, expression):
    """The output up to the line that matches."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if re.search(expression, line):
            return lines
    raise AssertionError("".join(lines))


def children_of(process):
    """Pids of the replicas by role."""
    pids = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    environments = {int(pid): Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") for pid in pids}
    return {
        one.removeprefix(b"ESTIMATOR_ROLE=").decode(): pid
        for pid, variables in environments.items()
        for one in variables
        if one.startswith(b"ESTIMATOR_ROLE=")
    }


def test_stopped_continued_and_a_killed_ps_survived(job):
    with running(job) as process:
        read_until(process, r"step [1-9]\d* of 3000|evaluation at step [1-9]")
        assert set(children_of(process)) == {"chief", "worker", "ps", "evaluator"}
        process.send_signal(signal.SIGINT)
        stopped = process.stdout.read()
        assert process.wait() == 130, stopped
    saved = int(re.search(r"To continue from the checkpoint of step (\d+)", stopped)[1])
    assert saved > 0
    assert (job.parent / f"model/model.ckpt-{saved}.index").exists()

    with running(job) as process:
        told = read_until(process, "training goes on from step")
        os.kill(children_of(process)["ps"], signal.SIGKILL)
        output = "".join(told) + process.stdout.read()
        assert process.wait() == 0, output
    assert f"training goes on from step {saved} " in output
    assert "ps-0 failed, exit code 137: killed by SIGKILL" in output
    assert re.search(r"Restarts +\d+ \(\d+ of \d+ counted.*\): .*ps-0 1", output), output
    assert float(re.findall(r"accuracy ([0-9.]+)", output)[-1]) >= 0.95
    for name in ("best", "final"):
        assert list(job.parent.glob(f"model/export/{name}/*/saved_model.pb")), output


def test_chief_and_worker_of_a_synchronous_job_start_again_together(job):
    manifest = yaml.safe_load(job.read_text())
    spec = manifest["spec"]
    spec["strategy"] = {"kind": "MultiWorkerMirrored", "communication": {"implementation": "Ring"}}
    del spec["ps"], spec["evaluator"], spec["estimator"]["evaluate"], spec["estimator"]["exports"]
    spec["estimator"]["mode"] = "Train"
    del spec["estimator"]["train"]["maxSteps"]
    job.write_text(yaml.safe_dump(manifest))
    with running(job) as process:
        read_until(process, r"step [1-9]\d*[, ]")
        os.kill(children_of(process)["worker"], signal.SIGKILL)
        told = "".join(read_until(process, "training goes on from step"))
        assert "worker-0 failed, exit code 137: killed by SIGKILL" in told
        process.send_signal(signal.SIGINT)
        stopped = process.stdout.read()
        assert process.wait() == 130, stopped
    assert re.search(r"Restarts +2 \(1 of \d+ counted.*\): chief-0 1, worker-0 1", stopped), stopped
    begun = int(re.search(r"training goes on from step (\d+)", told)[1])
    saved = int(re.search(r"To continue from the checkpoint of step (\d+)", stopped)[1])
    assert begun % 200 == 0, "where the chief had saved"
    assert saved >= begun
