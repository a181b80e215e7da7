"""What a job names in a store beside its model directory: checkpoints and assets that are read, predictions that are written."""

import json
import re
import uuid
from pathlib import Path

import job_model
import pytest
import tensorflow as tf
from store_servers import FaultyProxy, clear_environment, running

from estimator_runtime import Estimator, RunConfig
from estimator_runtime.errors import CheckpointDamagedError
from estimator_runtime.job import declared
from estimator_runtime.job.modes.prediction_files import OURS
from estimator_runtime.job.settings import environment, stored_files
from estimator_runtime.job.settings.errors import JobConfigError
from estimator_runtime.mirror import digests
from estimator_runtime.mirror.bucket import Bucket, open_bucket

FIELD = "estimator.predict.checkpointPath"
RECEIVER = {"servingInputReceiverFn": "job_model:raw_receiver"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running("s3", tmp_path_factory.mktemp("s3")) as environment:
        yield environment


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model directory with checkpoints of steps 2 and 4 and a SavedModel."""
    folder = tmp_path_factory.mktemp("trained")
    estimator = Estimator(job_model.model_fn, str(folder / "model"), RunConfig(save_checkpoints_steps=2))
    estimator.train(job_model.train_input, steps=4)
    estimator.export_saved_model(str(folder / "export"), job_model.raw_receiver)
    (exported,) = (folder / "export").iterdir()
    exported.rename(folder / "model" / "saved")
    return folder / "model"


@pytest.fixture
def proxy(server, monkeypatch):
    made = FaultyProxy(server)
    clear_environment(monkeypatch, made.environment)
    yield made
    made.close()


@pytest.fixture
def uri(proxy, trained):
    """A copy of the model directory in the store."""
    del proxy
    place = f"s3://models/{uuid.uuid4().hex}"
    put_all(place, trained)
    return place


def put_all(place, folder):
    bucket = open_bucket(place)
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            key = path.relative_to(folder).as_posix()
            bucket.put(key, content, size=len(content), digest=digests.of_bytes(content))


@pytest.mark.parametrize(
    ("given", "step"),
    [
        ("", 4),
        ("/", 4),
        ("/checkpoint", 4),
        ("/model.ckpt-2", 2),
        ("/model.ckpt-2.index", 2),
        ("/model.ckpt-4.data-00000-of-00001", 4),
        ("/saved", None),
    ],
)
def test_each_way_to_name_a_checkpoint(uri, given, step):
    local = stored_files.checkpoint(uri + given, field=FIELD)
    prefix = local if step is not None else f"{local}/variables/variables"
    reader = tf.train.load_checkpoint(prefix)
    assert reader.get_tensor("global_step") == (4 if step is None else step)


@pytest.mark.parametrize("given", ["/model.ckpt-3", "/none", "/graph.pbtxt"])
def test_what_is_no_checkpoint_is_said_to_be_none(uri, given):
    with pytest.raises(JobConfigError, match=re.escape(f"{FIELD}: there is no checkpoint {uri}{given}")):
        stored_files.checkpoint(uri + given, field=FIELD)


def test_what_is_damaged_is_not_said_to_be_no_checkpoint(uri):
    bucket = open_bucket(uri)
    for step in (0, 2, 4):
        key = f"model.ckpt-{step}.data-00000-of-00001"
        other = bytes(255 - one for one in bucket.read(key))
        bucket.put(key, other, size=len(other), digest=digests.of_bytes(other))
    with pytest.raises(CheckpointDamagedError, match=re.escape(f"{uri}/model.ckpt-4 is damaged (the value")):
        stored_files.checkpoint(uri, field=FIELD)


def task(monkeypatch, role, *, ports=(1, 2, 3), index=0):
    chief, *others = [f"localhost:{port}" for port in ports]
    # A worker of an elastic job is told of itself alone.
    cluster = {"chief": [chief], "ps": others[:1]} | ({"worker": others[1:]} if role == "worker" else {})
    told = {"cluster": cluster, "task": {"type": role, "index": index}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(told))
    return RunConfig()


@pytest.fixture
def temporary(monkeypatch, tmp_path):
    """TMPDIR, of a machine on which all tasks run."""
    monkeypatch.setattr(stored_files.tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_all_tasks_of_a_run_have_it_at_one_path_and_no_other_run_there(uri, temporary, monkeypatch):
    """An earlier run's may be of another content by the same name."""
    chief, ps, worker = (
        stored_files.checkpoint(uri, field=FIELD, task=task(monkeypatch, role))
        for role in ("chief", "ps", "worker")
    )
    assert chief == ps == worker
    for other in ({"ports": (4, 2, 3)}, {"ports": (1, 4, 3)}):
        assert stored_files.checkpoint(uri, field=FIELD, task=task(monkeypatch, "chief", **other)) != chief
    assert stored_files.checkpoint(uri, field=FIELD) != chief
    assert not list(temporary.rglob("staging*"))


def test_two_tasks_bring_it_to_one_path_at_once(uri, temporary, monkeypatch):
    chief, ps = task(monkeypatch, "chief"), task(monkeypatch, "ps")
    brought, download = [], Bucket.download

    def half_way(bucket, key, path):
        found = download(bucket, key, path)
        whole = path.read_bytes()
        path.write_bytes(whole[:1])
        if not brought:
            brought.append(None)
            brought.append(stored_files.checkpoint(uri, field=FIELD, task=ps))
        path.write_bytes(whole)
        return found

    monkeypatch.setattr(Bucket, "download", half_way)
    brought.append(stored_files.checkpoint(uri, field=FIELD, task=chief))
    assert brought == [None, brought[1], brought[1]]
    assert tf.train.load_checkpoint(brought[1]).get_tensor("global_step") == 4


@pytest.mark.parametrize(("role", "is_left"), [("chief", False), ("ps", True), ("worker", True)])
def test_what_all_have_goes_with_the_chief(uri, temporary, monkeypatch, role, is_left):
    at_the_end = []
    monkeypatch.setattr(
        stored_files.atexit, "register", lambda *call, **named: at_the_end.append((call, named))
    )
    stored_files.checkpoint(uri, field=FIELD, task=task(monkeypatch, role))
    assert list(temporary.glob("estimator-stored-*"))
    for (do, *arguments), named in at_the_end:
        do(*arguments, **named)
    assert bool(list(temporary.glob("estimator-stored-*"))) == is_left


def run(section, model_dir):
    variables = {"ESTIMATOR_JOB_NAME": "digits", "ESTIMATOR_MODEL_DIR": str(model_dir)}
    declared.run(declared.parse(json.dumps(section)), environment.read(variables))


def test_a_job_predicts_from_a_checkpoint_in_a_store_into_a_store(uri, proxy, tmp_path):
    """What an earlier run has left goes before anybody could take it for a part of this one."""
    output = f"{uri}/out"
    bucket = open_bucket(output)
    for name in ("predictions-00000.jsonl", "predictions-00007.jsonl", "_SUCCESS", "somebody's own"):
        bucket.put(name, b"old", size=3, digest=digests.of_bytes(b"old"))
    proxy.seen.clear()
    predict = {"inputFn": "job_model:finite_input", "checkpointPath": f"{uri}/model.ckpt-2", "output": output}
    run({"mode": "Predict", "modelFn": "job_model:model_fn", "predict": predict}, tmp_path / "empty")
    assert set(bucket.list()) == {"predictions-00000.jsonl", "_SUCCESS", "somebody's own"}
    assert [key.rpartition("/")[2] for key in proxy.puts()] == ["predictions-00000.jsonl", "_SUCCESS"]
    lines = bucket.read("predictions-00000.jsonl").decode().splitlines()
    estimator = Estimator(job_model.model_fn, str(tmp_path / "empty"))
    given = stored_files.checkpoint(f"{uri}/model.ckpt-2", field=FIELD)
    wanted = [one["y"].tolist() for one in estimator.predict(job_model.finite_input, checkpoint_path=given)]
    assert [json.loads(line)["y"] for line in lines] == wanted


def test_a_run_that_fails_leaves_the_predictions_before_it(uri):
    bucket = open_bucket(f"{uri}/out")
    bucket.put("_SUCCESS", b"", size=0, digest=digests.of_bytes(b""))

    def predict():
        with stored_files.carried(f"{uri}/out", field="estimator.predict.output", ours=OURS) as folder:
            (Path(folder) / "predictions-00000.jsonl").write_bytes(b"{}")
            raise ArithmeticError

    with pytest.raises(ArithmeticError):
        predict()
    assert set(bucket.list()) == {"_SUCCESS"}


def test_a_training_starts_from_a_checkpoint_in_a_store(uri, tmp_path):
    train = {"inputFn": "job_model:train_input", "maxSteps": 1}
    section = {"mode": "Train", "modelFn": "job_model:model_fn", "train": train, "warmStartFrom": uri}
    run(section, tmp_path / "model")
    before = tf.train.load_checkpoint(stored_files.checkpoint(f"{uri}/model.ckpt-4", field=FIELD))
    first = tf.train.load_checkpoint(str(tmp_path / "model" / "model.ckpt-0"))
    (name,) = {one for one, _ in tf.train.list_variables(str(tmp_path / "model"))} - {"global_step"}
    assert first.get_tensor(name).tolist() == before.get_tensor(name).tolist()


def test_an_export_takes_an_asset_from_a_store(uri, trained):
    open_bucket(uri).put("words.txt", b"one", size=3, digest=digests.of_bytes(b"one"))
    asset = {"destination": "vocabulary", "source": f"{uri}/words.txt"}
    exports = [{"name": "words", **RECEIVER, "assetsExtra": [asset]}]
    section = {"mode": "Export", "modelFn": "job_model:model_fn", "exports": exports}
    run(section, trained)
    (made,) = (trained / "export" / "words").iterdir()
    assert (made / "assets.extra" / "vocabulary").read_bytes() == b"one"
    exports[0]["assetsExtra"][0]["source"] = f"{uri}/none.txt"
    with pytest.raises(JobConfigError, match=r"assetsExtra\[vocabulary\].source: there is no file s3://"):
        run(section, trained)
