"""Jobs whose model directory is in an S3 bucket, as processes: trained, evaluated, killed, continued."""

import json
import os
import re
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
import yaml
from cluster_tasks import free_ports
from code_blocks import code_blocks
from job_process import SAVED_SPEC, Replica
from store_servers import FaultyProxy, clear_environment, running

from estimator_runtime import checkpoints
from estimator_runtime.mirror import digests
from estimator_runtime.mirror.bucket import open_bucket
from estimator_runtime.mirror.fetching import fetch_checkpoint

pytestmark = pytest.mark.timeout(180)
GUIDE = Path(__file__).parents[2] / "docs" / "user-guide.md"
ENDLESS = {
    "mode": "Train",
    "modelFn": "job_model:model_fn",
    "runConfig": {"saveCheckpointsSteps": 10, "keepCheckpointMax": 2},
    "train": {"inputFn": "job_model:train_input", "hooks": ["job_model:Pause"]},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running("s3", tmp_path_factory.mktemp("s3")) as environment:
        yield environment


@pytest.fixture
def uri(server, monkeypatch):
    clear_environment(monkeypatch, server)
    return f"s3://models/{uuid.uuid4().hex}"


@pytest.fixture
def start(tmp_path, server, uri):
    replicas = []

    def make(*, environment=server, cluster=None, role="chief", index=0, where=uri, **settings):
        (port,) = free_ports(1)
        tf_config = {"model_dir": where}
        if cluster is not None:
            tf_config |= {"cluster": cluster, "task": {"type": role, "index": index}}
        variables = {"TF_CONFIG": json.dumps(tf_config), "ESTIMATOR_MODEL_DIR": where, **environment}
        # A place of its own for its local directory: nothing of it is left at its end.
        local = tmp_path / f"local-{len(replicas)}"
        local.mkdir()
        variables["TMPDIR"] = str(local)
        replicas.append(Replica(tmp_path, port, role=role, index=index, **settings, **variables))
        replicas[-1].local = local
        return replicas[-1]

    yield make
    for replica in replicas:
        replica.end()


def test_a_chief_trains_evaluates_and_exports_into_a_bucket(start, uri, tmp_path):
    chief = start(spec=SAVED_SPEC)
    assert chief.await_end() == 0, chief.text()
    bucket = open_bucket(uri)
    keys = set(bucket.list())
    assert {"checkpoint", "graph.pbtxt", "finished"} <= keys
    assert {key for key in keys if key.endswith(".index") and "/" not in key} == {
        "model.ckpt-15.index",
        "model.ckpt-20.index",
    }
    assert any(key.startswith("eval/events.out.tfevents") for key in keys)
    message = chief.message()
    assert message.state == "Finished"
    assert message.checkpoint.path == f"{uri}/model.ckpt-20"
    assert message.checkpoint.kept == 2
    (export,) = message.exports
    assert export.path.startswith(f"{uri}/export/end/")
    assert f"{export.path.removeprefix(uri + '/')}/saved_model.pb" in keys
    assert message.mirror.uploaded_bytes > 0
    assert message.mirror.behind_since is None
    assert message.mirror.lag_seconds == 0
    assert message.mirror.error is None
    assert list(chief.local.iterdir()) == []
    assert "local-secret-key" not in chief.log.read_text()

    more = SAVED_SPEC | {"train": SAVED_SPEC["train"] | {"maxSteps": 30}}
    again = start(spec=more, ESTIMATOR_ATTEMPT="1")
    assert again.await_end() == 0, again.text()
    assert again.message().restored_from.path == f"{uri}/model.ckpt-20"
    assert newest_step(bucket, tmp_path) == 30


def test_a_chief_does_not_begin_anew_over_damaged_checkpoints(start, uri):
    assert start(spec=SAVED_SPEC).await_end() == 0
    bucket = open_bucket(uri)
    for step in (15, 20):
        bucket.put(f"model.ckpt-{step}.index", b"other", size=5, digest=digests.of_bytes(b"other"))
    before = {key: one.modified for key, one in bucket.list().items()}
    again = start(spec=SAVED_SPEC, ESTIMATOR_ATTEMPT="1")
    assert again.await_end() == 1, again.text()
    words = f"CheckpointDamagedError: The checkpoint {uri}/model.ckpt-20 is damaged (its index file cannot be read"
    assert again.message().error.startswith(words)
    assert {key: one.modified for key, one in bucket.list().items()} == before


def newest_step(bucket, tmp_path):
    folder = tmp_path / uuid.uuid4().hex
    folder.mkdir()
    (folder / "staging").mkdir()
    fetch_checkpoint(bucket, folder, folder / "staging")
    return checkpoints.global_step(str(folder))


def test_sigterm_waits_for_the_last_checkpoint_and_the_next_attempt_goes_on_from_it(start, uri, tmp_path):
    chief = start(spec=ENDLESS)
    chief.await_progress(lambda told: (told.global_step or 0) >= 15, "steps")
    assert chief.terminate().await_end() == 143, chief.text()
    stopped = chief.message()
    assert stopped.checkpoint.path == f"{uri}/model.ckpt-{stopped.checkpoint.global_step}"
    assert newest_step(open_bucket(uri), tmp_path) == stopped.checkpoint.global_step >= 15
    again = start(spec=ENDLESS, ESTIMATOR_ATTEMPT="1")
    told = again.await_progress(lambda told: told.restored_from is not None, "a restored checkpoint")
    assert told.restored_from.global_step == stopped.checkpoint.global_step
    again.process.kill()
    again.await_end()
    assert newest_step(open_bucket(uri), tmp_path) >= stopped.checkpoint.global_step


def test_training_goes_on_while_the_store_is_away(start, uri, server, tmp_path):
    proxy = FaultyProxy(server)
    chief = start(spec=ENDLESS, environment=proxy.environment)
    chief.await_progress(lambda told: told.checkpoint is not None, "a checkpoint")
    proxy.rule = lambda method, path: "slow down"
    # What is refused first may be no checkpoint: events, or a look at what is left there, for which nothing waits.
    away = chief.await_progress(
        lambda told: told.mirror is not None and told.mirror.error and told.mirror.behind_since, "a failure"
    )
    assert "SlowDown" in away.mirror.error
    chief.await_progress(lambda told: told.global_step > away.global_step + 10, "steps without a store")
    assert "estimator_job_mirror_lag_seconds" in chief.get("/metrics")
    proxy.rule = lambda method, path: "pass"
    back = chief.await_progress(
        lambda told: told.checkpoint.global_step > away.checkpoint.global_step, "a checkpoint in the store"
    )
    assert newest_step(open_bucket(uri), tmp_path) >= back.checkpoint.global_step
    assert chief.terminate().await_end() == 143, chief.text()
    proxy.close()


def test_an_evaluator_evaluates_and_exports_what_the_chief_writes(start, uri):
    chief, worker = (f"127.0.0.1:{port}" for port in free_ports(2))
    cluster = {"chief": [chief]}
    evaluator = start(spec=SAVED_SPEC, cluster=cluster, role="evaluator")
    evaluator.await_progress(lambda told: True, "an answer")
    trained = start(spec=SAVED_SPEC, cluster=cluster)
    assert trained.await_end() == 0, trained.text()
    assert evaluator.await_end() == 0, evaluator.text()
    message = evaluator.message()
    assert message.evaluation.global_step == 20
    assert message.evaluation.checkpoint == f"{uri}/model.ckpt-20"
    (export,) = message.exports
    keys = set(open_bucket(uri).list())
    assert f"{export.path.removeprefix(uri + '/')}/saved_model.pb" in keys
    assert "model.ckpt-20.index" in keys
    assert message.checkpoint is None or message.checkpoint.path.startswith(uri)


def test_a_program_sees_a_local_directory(start, uri, tmp_path):
    arguments = ["--module", "job_program", "--", "--max-steps", "10", "--exit-code", "0"]
    chief = start(arguments=arguments)
    assert chief.await_end() == 0, chief.text()
    assert newest_step(open_bucket(uri), tmp_path) == 10


def guides_job(uri, server):
    """The user guide's job with its model in a bucket and inputs from there, on this server and small."""
    documents = [
        one for kind, text in code_blocks(GUIDE) if kind == "yaml" for one in yaml.safe_load_all(text)
    ]
    (job,) = [
        one for one in documents if one.get("spec", {}).get("modelDir", {}).get("uri") == "s3://models/vision"
    ]
    (inputs,) = [one["inputs"] for one in documents if set(one) == {"inputs"}]
    spec = job["spec"]
    spec |= {
        "estimator": SAVED_SPEC,
        "modelDir": {"uri": uri},
        "worker": {"replicas": 0},
        "ps": {"replicas": 0},
    }
    spec["inputs"] = [one | {"uri": f"{uri}-data"} for one in inputs if one["uri"].startswith("s3://")]
    for variable in spec["template"]["spec"]["containers"][0]["env"]:
        variable["value"] = server[variable["name"]]
    return job


def test_the_user_guides_job_trains_into_a_bucket_as_a_local_run(server, uri, tmp_path):
    assert all(f"`{name}`" in GUIDE.read_text() for name in server), "what the server's clients need is named"
    (tmp_path / "job.yaml").write_text(json.dumps(guides_job(uri, server)))
    open_bucket(f"{uri}-data").put("train/one", b"1", size=1, digest=digests.of_bytes(b"1"))
    environment = (
        os.environ
        | server
        | {
            "PYTHONPATH": str(Path(__file__).parent),
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
            "TMPDIR": str(tmp_path),
        }
    )
    command = [sys.executable, "-m", "estimatorctl", "run", "job.yaml"]
    ended = subprocess.run(
        command, check=False, cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"{uri}/model.ckpt-20" in ended.stdout
    assert f"{uri}-data: 1 files, 1 bytes, 1 of them brought now" in ended.stderr
    keys = set(open_bucket(uri).list())
    assert {"model.ckpt-20.index", "finished"} <= keys
    assert any(key.startswith("export/end/") and key.endswith("/saved_model.pb") for key in keys)
    assert list(tmp_path.glob("estimator-model-*")) == []


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        (
            "hdfs://models/vision",
            r"modelDir.uri: .*hdfs://models/vision; it knows az://, file://, .*s3:// and paths; Hadoop's file system has no client",
        ),
        ("s3://", "modelDir.uri: s3:// names no bucket"),
    ],
)
def test_what_no_store_can_be_is_refused_at_once(start, where, reason):
    chief = start(spec=SAVED_SPEC, where=where)
    assert chief.await_end() == 78, chief.text()
    assert re.search(reason, chief.message().error), chief.message().error


def test_a_cluster_with_parameter_servers_sees_one_file_system_nowhere(start, uri, tmp_path):
    chief, worker, *ps = (f"127.0.0.1:{port}" for port in free_ports(4))
    cluster = {"chief": [chief], "worker": [worker], "ps": ps}
    others = [start(spec=SAVED_SPEC, cluster=cluster, role="ps", index=index) for index in range(2)]
    others.append(start(spec=SAVED_SPEC, cluster=cluster, role="worker"))
    others.append(start(spec=SAVED_SPEC, cluster=cluster, role="evaluator"))
    trained = start(spec=SAVED_SPEC, cluster=cluster)
    for one in (trained, *others):
        assert one.await_end() == 0, one.text()
    keys = set(open_bucket(uri).list())
    newest = max(step_of(key) for key in keys if key.endswith(".index") and "/" not in key)
    assert newest >= 20
    assert f"model.ckpt-{newest}.data-00000-of-00001" in keys
    assert others[-1].message().evaluation.global_step == newest
    assert newest_step(open_bucket(uri), tmp_path) == newest


def step_of(key):
    return int(key.removesuffix(".index").rpartition("-")[2])
