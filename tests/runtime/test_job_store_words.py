"""What a replica whose model directory is in an object store is given, and what it tells."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from estimator_api.progress import CheckpointProgress, EvaluationProgress, ExportProgress, Progress
from estimator_runtime.errors import ModelDirUnavailableError
from estimator_runtime.job import model_store
from estimator_runtime.job.model_store import AT_THE_START_SECS
from estimator_runtime.job.progress import exposition
from estimator_runtime.job.progress.in_store import KEPT, InStore
from estimator_runtime.job.settings import environment
from estimator_runtime.mirror.report import Report

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
URI = "s3://models/vision"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (f"--model-dir={URI}", "--model-dir=/tmp/model"),
        (URI, "/tmp/model"),
        (f"{URI}/eval", "/tmp/model/eval"),
        (f"{URI}/", "/tmp/model/"),
        (f'{{"dir": "{URI}"}}', '{"dir": "/tmp/model"}'),
        (f"{URI}-2", f"{URI}-2"),
        ("--steps=5", "--steps=5"),
    ],
)
def test_arguments_that_name_the_store_name_the_local_directory(given, told):
    settings = replace(environment.read({}), model_dir="/tmp/model", mirrored=URI)
    assert settings.local([given]) == [told]


def test_without_a_store_arguments_stay():
    settings = environment.read({"ESTIMATOR_MODEL_DIR": URI})
    assert settings.local([URI]) == [URI]


class Told:
    """Documents of one replica."""

    def __init__(self, *, checkpoints=True, writes=True, begun=None):
        self.report = Report(checkpoint=begun)
        self.progress = Progress(role="chief")
        self._in_store = InStore(
            root="/tmp/model",
            uri=URI,
            report=lambda: self.report,
            now=lambda: NOW,
            writes=writes,
            checkpoints=checkpoints,
        )

    def document(self, **fields):
        self.progress = self.progress.model_copy(update=fields)
        return self._in_store.document(self.progress)


def checkpoint(step):
    return CheckpointProgress(path=f"/tmp/model/model.ckpt-{step}", global_step=step, kept=2)


def test_a_checkpoint_is_told_when_it_is_in_the_store():
    told = Told()
    assert told.document(checkpoint=checkpoint(5)).checkpoint is None
    told.report = Report(checkpoint="model.ckpt-5")
    assert told.document().checkpoint.path == f"{URI}/model.ckpt-5"
    assert told.document(checkpoint=checkpoint(10)).checkpoint.global_step == 5
    told.report = Report(checkpoint="model.ckpt.1-10")
    assert told.document().checkpoint.path == f"{URI}/model.ckpt.1-10"
    assert told.document().checkpoint.kept == 2


def test_a_checkpoint_is_told_though_a_newer_one_is_on_its_way():
    told = Told()
    for step in (5, 10, 15):
        assert told.document(checkpoint=checkpoint(step)).checkpoint is None
    told.report = Report(checkpoint="model.ckpt-5")
    assert told.document().checkpoint == checkpoint(5).model_copy(update={"path": f"{URI}/model.ckpt-5"})
    told.report = Report(checkpoint="model.ckpt-10")
    assert told.document(checkpoint=checkpoint(20)).checkpoint.global_step == 10


def test_a_checkpoint_that_nobody_has_asked_about_is_told_too():
    told = Told()
    told.report = Report(checkpoint="model.ckpt.1-7")
    wanted = CheckpointProgress(path=f"{URI}/model.ckpt.1-7", global_step=7, time="2026-05-01T12:00:00.000Z")
    assert told.document(checkpoint=checkpoint(10)).checkpoint == wanted
    assert Told().document().checkpoint is None


def test_what_the_process_before_has_saved_is_not_told_anew():
    """The time when that was saved is not known here, and the status has it."""
    told = Told(begun="model.ckpt-100")
    assert told.document().checkpoint is None
    assert told.document(checkpoint=checkpoint(110)).checkpoint is None
    told.report = Report(checkpoint="model.ckpt-110")
    assert told.document().checkpoint.global_step == 110


def test_a_checkpoint_without_a_number_tells_no_step():
    told = Told()
    told.report = Report(checkpoint="model.ckpt-5")
    told.document(checkpoint=checkpoint(5))
    told.report = Report(checkpoint="best")
    assert told.document().checkpoint.global_step == 5


def test_what_is_kept_of_checkpoints_that_never_arrive_is_bounded():
    told = Told()
    for step in range(10 * KEPT):
        told.document(checkpoint=checkpoint(step))
    assert len(told._in_store._seen) == KEPT
    told.report = Report(checkpoint=f"model.ckpt-{9 * KEPT}")
    assert told.document().checkpoint.kept == 2


def test_an_export_is_told_when_it_is_in_the_store():
    told = Told()
    export = ExportProgress(name="best", path="/tmp/model/export/best/17", global_step=5)
    assert told.document(exports=[export]).exports == []
    told.report = Report(exports=frozenset({"export/best/17"}))
    assert [one.path for one in told.document().exports] == [f"{URI}/export/best/17"]


def test_every_path_names_the_store():
    told = Told(checkpoints=False)
    evaluation = EvaluationProgress(global_step=5, checkpoint="/tmp/model/model.ckpt-5")
    document = told.document(checkpoint=checkpoint(5), restored_from=checkpoint(5), evaluation=evaluation)
    assert document.evaluation.checkpoint == document.checkpoint.path == f"{URI}/model.ckpt-5"
    assert document.restored_from.path == f"{URI}/model.ckpt-5"
    assert "/tmp/model" not in document.to_text()


def test_how_far_it_is_behind():
    told = Told()
    told.report = Report(uploaded_bytes=7, behind_since=NOW - timedelta(seconds=90), error="SlowDown")
    document = told.document()
    assert document.to_json()["mirror"] == {
        "uploadedBytes": 7,
        "lagSeconds": 90.0,
        "behindSince": "2026-05-01T11:58:30.000Z",
        "error": "SlowDown",
    }
    text = exposition.to_text(document)
    assert "estimator_job_mirror_uploaded_bytes 7\n" in text
    assert "estimator_job_mirror_lag_seconds 90.0\n" in text


def test_who_writes_nothing_tells_of_no_mirror():
    assert Told(writes=False).document().mirror is None
    assert "mirror" not in exposition.to_text(Told(writes=False).document())


class Time:
    """Stands for the module `time`."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now

    def sleep(self, secs):
        self.now += secs


def test_a_store_that_is_away_at_the_start_is_waited_for(monkeypatch, caplog):
    time = Time()
    monkeypatch.setattr(model_store, "time", time)

    def read():
        if time.now < AT_THE_START_SECS - 10:
            raise ModelDirUnavailableError(f"{URI}: cannot list: SlowDown")
        return "what is there"

    assert model_store._patiently(read) == "what is there"
    assert f"{URI}: cannot list: SlowDown. Trying again." in caplog.text


def test_a_store_that_stays_away_at_the_start_is_the_end_within_a_minute(monkeypatch):
    time = Time()
    monkeypatch.setattr(model_store, "time", time)

    def read():
        raise ModelDirUnavailableError(f"{URI}: cannot list: NoSuchBucket")

    with pytest.raises(ModelDirUnavailableError, match="NoSuchBucket"):
        model_store._patiently(read)
    assert AT_THE_START_SECS - 6 < time.now <= AT_THE_START_SECS
