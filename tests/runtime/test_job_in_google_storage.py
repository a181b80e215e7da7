"""Jobs that choose the mirror for a model directory in gs://, which TensorFlow would write to itself."""

import json
import os
import subprocess
import sys
import threading
import uuid
from pathlib import Path

import job_model
import obstore
import pytest
from cluster_tasks import free_ports
from google_storage import google_storage
from job_process import SAVED_SPEC, Replica
from store_servers import clear_environment
from stored_models import Process, newest

from estimator_runtime import Estimator, RunConfig
from estimator_runtime.errors import AnotherWriterError, ModelDirUnavailableError
from estimator_runtime.job.board.command import main as show_events
from estimator_runtime.mirror import digests
from estimator_runtime.mirror.bucket import PART_BYTES, open_bucket

pytestmark = pytest.mark.timeout(180)
RECEIVER = {"servingInputReceiverFn": "job_model:raw_receiver"}


@pytest.fixture
def google(monkeypatch):
    with google_storage() as storage:
        clear_environment(monkeypatch, storage.environment)
        yield storage


@pytest.fixture
def uri(google):
    del google
    return f"gs://models/{uuid.uuid4().hex}"


def test_a_chief_trains_into_a_bucket_and_the_next_attempt_goes_on_from_it(google, uri, tmp_path):
    def train(steps, attempt):
        (port,) = free_ports(1)
        local = tmp_path / f"local-{attempt}"
        local.mkdir()
        variables = {
            "TF_CONFIG": json.dumps({"model_dir": uri}),
            "ESTIMATOR_MODEL_DIR": uri,
            "ESTIMATOR_MIRROR": "gs",
            "ESTIMATOR_ATTEMPT": attempt,
            "TMPDIR": str(local),
        }
        spec = SAVED_SPEC | {"train": SAVED_SPEC["train"] | {"maxSteps": steps}}
        chief = Replica(tmp_path, port, spec=spec, **variables, **google.environment)
        try:
            assert chief.await_end() == 0, chief.text()
            assert list(local.iterdir()) == []
            assert google.environment["GOOGLE_BEARER_TOKEN"] not in chief.log.read_text()
            return chief.message()
        finally:
            chief.end()

    message = train(20, "0")
    assert message.checkpoint.path == f"{uri}/model.ckpt-20"
    assert message.exports[0].path.startswith(f"{uri}/export/end/")
    assert message.mirror.behind_since is None
    keys = set(open_bucket(uri).list())
    assert {"checkpoint", "graph.pbtxt", "finished", "model.ckpt-15.index", "model.ckpt-20.index"} <= keys
    assert f"{message.exports[0].path.removeprefix(uri + '/')}/saved_model.pb" in keys
    assert train(30, "1").restored_from.path == f"{uri}/model.ckpt-20"
    assert "model.ckpt-30.index" in open_bucket(uri).list()


def run_locally(folder, job, environment):
    """`estimatorctl run` of a job; returns what it printed."""
    (folder / "job.yaml").write_text(json.dumps(job))
    own = {
        "PYTHONPATH": str(Path(__file__).parent),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "TMPDIR": str(folder),
    }
    ended = subprocess.run(
        [sys.executable, "-m", "estimatorctl", "run", "job.yaml"],
        check=False,
        cwd=folder,
        env=os.environ | environment | own,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def job_of(uri, estimator, **spec):
    return {
        "apiVersion": "estimator.dev/v1alpha1",
        "kind": "EstimatorJob",
        "metadata": {"name": "vision"},
        "spec": {"modelDir": {"uri": uri, "mirror": True}, "estimator": estimator, **spec},
    }


@pytest.fixture
def run(google, tmp_path):
    """Runs a job in a local run; returns what it printed."""
    return lambda where, estimator, **spec: run_locally(
        tmp_path, job_of(where, estimator, **spec), google.environment
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model directory with checkpoints of steps 2 and 4."""
    folder = tmp_path_factory.mktemp("trained")
    estimator = Estimator(job_model.model_fn, str(folder), RunConfig(save_checkpoints_steps=2))
    estimator.train(job_model.train_input, steps=4)
    return folder


@pytest.fixture
def base(uri, trained):
    """The same in the bucket."""
    bucket = open_bucket(uri)
    for path in trained.iterdir():
        content = path.read_bytes()
        bucket.put(path.name, content, size=len(content), digest=digests.of_bytes(content))
    return uri


def test_a_chief_begins_with_a_model_in_another_place_and_an_evaluator_exports(run, base, tmp_path):
    where = f"{base}-second"
    told = run(where, SAVED_SPEC | {"warmStartFrom": base}, evaluator={})
    assert f"{where}/model.ckpt-20" in told
    keys = set(open_bucket(where).list())
    assert any(key.startswith("eval/events.out.tfevents") for key in keys), "by the evaluator"
    assert any(key.startswith("export/end/") and key.endswith("/saved_model.pb") for key in keys)
    assert list(tmp_path.glob("estimator-model-*")) == []


def test_a_model_is_evaluated_exported_and_used_for_predictions(run, base):
    model = {"modelFn": "job_model:model_fn"}
    chosen = {"checkpointPath": f"{base}/model.ckpt-2"}
    evaluate = {"inputFn": "job_model:train_input", "steps": 1, **chosen}
    assert "step 2 " in run(f"{base}-empty", model | {"mode": "Evaluate", "evaluate": evaluate})
    predict = {"inputFn": "job_model:finite_input"}
    run(base, model | {"mode": "Predict", "predict": predict})
    assert set(open_bucket(f"{base}/predictions/vision").list()) == {"predictions-00000.jsonl", "_SUCCESS"}
    run(base, model | {"mode": "Export", "exports": [{"name": "again", **RECEIVER}]})
    exported = [key for key in open_bucket(base).list("export/again") if key.endswith("/saved_model.pb")]
    assert len(exported) == 1


class Overtaken:
    """A bucket in which somebody else writes between a look and the file that names checkpoints."""

    def __init__(self, bucket, meanwhile):
        self._bucket, self._meanwhile = bucket, [meanwhile]

    def __getattr__(self, name):
        return getattr(self._bucket, name)

    def replace(self, *arguments, **settings):
        if self._meanwhile:
            self._meanwhile.pop()()
        return self._bucket.replace(*arguments, **settings)


def test_an_old_chief_that_is_overtaken_changes_nothing(uri, tmp_path):
    new = Process(tmp_path / "new", open_bucket(uri), run="new")

    def overtake():
        new.save(2)
        assert new.round()

    old = Process(tmp_path / "old", open_bucket(uri), run="old")
    old.save(1)
    old.round()
    old.writer._bucket = Overtaken(open_bucket(uri), overtake)
    old.save(3, value=7)
    with pytest.raises(AnotherWriterError, match="which began later"):
        old.round()
    assert newest(open_bucket(uri), tmp_path / "reader") == (2, [2, 2, 2])


def test_a_write_in_parts_is_compared_with_nothing_and_one_request_with_generations(google, uri, tmp_path):
    """What the client can do: the file that names checkpoints is small, their data need not be."""
    content = b"x" * (PART_BYTES + 1)
    open_bucket(uri).put("data", content, size=len(content), digest="0")
    posts = [query for method, key, query in google.seen if method == "POST" and key.endswith("/data")]
    assert posts == ["uploads", "uploadId"]
    store = open_bucket(uri)
    first = store.replace("checkpoint", b"1", digest="1", before=None)
    assert first.version is not None
    obstore.put(open_bucket(uri)._store, "checkpoint", b"2", use_multipart=False)
    assert store.replace("checkpoint", b"3", digest="3", before=first) is None
    assert store.read("checkpoint") == b"2"


def test_tensorboards_event_files_come_from_the_bucket(google, uri, tmp_path):
    content = b"one"
    key = "eval/events.out.tfevents.1.host"
    open_bucket(uri).put(key, content, size=len(content), digest="0")
    left = threading.Event()
    left.set()
    variables = {"ESTIMATOR_MODEL_DIR": uri, "ESTIMATOR_BOARD_DIR": str(tmp_path), **google.environment}
    assert show_events(variables, left) == 0
    assert (tmp_path / key).read_bytes() == content


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"GOOGLE_BEARER_TOKEN": "another-token"},
            "AuthenticationRequired: .* - look at the credentials: the file",
        ),
        ({"GOOGLE_BASE_URL": "localhost"}, "GOOGLE_BASE_URL is 'localhost', which must be http://"),
        ({"GOOGLE_APPLICATION_CREDENTIALS": "/none", "GOOGLE_BEARER_TOKEN": ""}, "/none"),
    ],
)
def test_a_mistake_in_the_environment_is_told_without_what_is_secret(google, uri, monkeypatch, change, words):
    for name, value in change.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name)
    with pytest.raises(ModelDirUnavailableError, match=words) as raised:
        open_bucket(uri).list()
    assert "another-token" not in str(raised.value)
