"""Variables that no process could be started with: read from files, whole for programs, short for their children."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from estimator_api.constants import LARGEST_VARIABLE
from estimator_runtime.cluster import environment_files

pytestmark = pytest.mark.timeout(180)

PROGRAM = str(Path(__file__).with_name("environment_program.py"))
CLUSTER = {
    "chief": ["digits-chief-0.digits.team.svc:2222"],
    "worker": [f"digits-worker-{one}.digits.{'n' * 63}.svc:2222" for one in range(1000)],
    "ps": [f"digits-ps-{one}.digits.{'n' * 63}.svc:2222" for one in range(1000)],
}
TASK = {"type": "worker", "index": 7}


@pytest.fixture
def pod(tmp_path):
    """The environment of a pod, with its files."""
    folder = tmp_path / "environment"
    folder.mkdir()
    (folder / "TF_CONFIG").write_text(json.dumps({"cluster": CLUSTER}))
    tf_config = {"cluster": str(folder / "TF_CONFIG"), "task": TASK, "model_dir": str(tmp_path / "model")}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "ESTIMATOR_"))}
    return kept | {
        "TF_CONFIG": json.dumps(tf_config, separators=(",", ":")),
        "ESTIMATOR_ENVIRONMENT_DIR": str(folder),
        "ESTIMATOR_ROLE": "worker",
        "ESTIMATOR_INDEX": "7",
        "ESTIMATOR_TERMINATION_LOG": str(tmp_path / "message"),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def run(arguments, environment):
    return subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False
    )


def whole(pod):
    own = json.loads(pod["TF_CONFIG"])
    return json.dumps(own | {"cluster": CLUSTER}, separators=(",", ":"))


def test_linux_starts_no_process_with_such_an_environment(pod):
    """Else there would be no need for files."""
    with pytest.raises(OSError, match="Argument list too long"):
        run(["-c", ""], pod | {"TF_CONFIG": whole(pod)})
    fits = "x" * (LARGEST_VARIABLE - len("TF_CONFIG=") - 1)
    assert run(["-c", ""], pod | {"TF_CONFIG": fits}).returncode == 0
    with pytest.raises(OSError, match="Argument list too long"):
        run(["-c", ""], pod | {"TF_CONFIG": fits + "x"})


def test_a_program_finds_the_whole_cluster_and_its_children_can_be_started(pod, tmp_path):
    spec = json.dumps({"params": {"words": "é" * 100_000}}, ensure_ascii=False)
    (tmp_path / "environment" / "ESTIMATOR_SPEC").write_text(spec, encoding="utf-8")
    told = tmp_path / "told.json"
    ended = run(["-m", "estimator_runtime.job", "--script", PROGRAM, "--", str(told)], pod)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(told.read_text())
    assert len(found["seen"]["TF_CONFIG"]) > LARGEST_VARIABLE
    assert found["seen"] == {"TF_CONFIG": whole(pod), "ESTIMATOR_SPEC": spec}
    assert found["cluster"] == CLUSTER
    assert found["task"] == ["worker", 7]
    assert found["child"] == {"TF_CONFIG": pod["TF_CONFIG"], "ESTIMATOR_SPEC": None}
    assert found["child joins"] == "worker 7 1000\n"


def test_a_program_without_the_job_runner_finds_the_cluster_by_its_run_config(pod, tmp_path):
    ended = run([PROGRAM, str(tmp_path / "told.json")], pod)
    assert ended.returncode == 0, ended.stderr
    found = json.loads((tmp_path / "told.json").read_text())
    assert (found["cluster"], found["task"]) == (CLUSTER, ["worker", 7])


def test_a_program_that_does_not_know_of_the_files_trains_no_model_alone(pod):
    """Each of its pods would take itself for the only one, and all would write to one model directory."""
    ended = run(["-c", "import tensorflow as tf, json, os\n" + UNAWARE], pod)
    assert ended.returncode != 0
    assert "TypeError" in ended.stderr


UNAWARE = "tf.train.ClusterSpec(json.loads(os.environ['TF_CONFIG'])['cluster'])"


@pytest.mark.parametrize("content", [None, "[]", "{"], ids=["missing", "no object", "no JSON"])
def test_a_file_that_cannot_be_read_is_told_and_not_tried_again(pod, tmp_path, content):
    file = tmp_path / "environment" / "TF_CONFIG"
    file.unlink() if content is None else file.write_text(content)
    ended = run(["-m", "estimator_runtime.job", "--script", PROGRAM], pod)
    assert ended.returncode == 78
    assert "ESTIMATOR_ENVIRONMENT_DIR: " in (tmp_path / "message").read_text()


@pytest.mark.parametrize(
    "own",
    ["", "{", "[]", '{"model_dir":"/m"}', '{"cluster":{"chief":["a:1"]},"task":{"type":"chief","index":0}}'],
)
def test_what_is_whole_already_is_left_as_it_is(pod, monkeypatch, own):
    """A program may set its own TF_CONFIG."""
    monkeypatch.setenv("ESTIMATOR_ENVIRONMENT_DIR", pod["ESTIMATOR_ENVIRONMENT_DIR"])
    monkeypatch.setenv("TF_CONFIG", own)
    environment_files.load()
    assert os.environ["TF_CONFIG"] == own
