"""What the job's observer records of a training, and that no step waits for what it looks at."""

import json
import threading

import linear_model
import numpy as np
import pytest
import tensorflow as tf
from linear_model import raw_receiver, train_input
from watched_training import Each, watching_threads

from estimator_runtime import checkpoints, observation
from estimator_runtime.job import observer
from estimator_runtime.job.progress.recorder import Recorder
from estimator_runtime.job.termination import STEP_SECS, Termination


@pytest.fixture
def recorder():
    made = Recorder("chief", 0)
    observation.install(observer.JobObserver(made, Termination(STEP_SECS, lambda: None)))
    yield made
    observation.install(None)
    assert watching_threads() == []


@pytest.fixture
def looks(monkeypatch):
    """The threads that look at checkpoints, in their order."""
    threads = []
    really = observer._latest

    def latest(*args, **kwargs):
        threads.append(threading.current_thread())
        return really(*args, **kwargs)

    monkeypatch.setattr(observer, "_latest", latest)
    return threads


def test_no_step_looks_at_the_checkpoint_that_was_saved(tmp_path, recorder, looks):
    here = []
    count = Each(lambda number: here.append(looks.count(threading.current_thread())))
    estimator = linear_model.estimator(tmp_path, save_checkpoints_steps=1)
    estimator.train(train_input, steps=9, hooks=[count])
    assert set(here) == {1}, "where training begins"
    checkpoint = recorder.document().checkpoint
    assert checkpoint.path == estimator.latest_checkpoint()
    assert (checkpoint.global_step, checkpoint.kept) == (9, 10)


@pytest.mark.parametrize("given", [{"steps": np.int64(2)}, {"max_steps": np.float32(2.0)}])
def test_steps_that_were_computed_are_progress_that_can_be_written(tmp_path, recorder, given):
    linear_model.estimator(tmp_path).train(train_input, **given)
    assert json.loads(recorder.document().model_dump_json(by_alias=True))["maxSteps"] == 2


def test_the_last_checkpoint_is_recorded_though_training_fails(tmp_path, recorder):
    def fail(number):
        if number == 3:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        linear_model.estimator(tmp_path, save_checkpoints_steps=1).train(train_input, hooks=[Each(fail)])
    assert recorder.document().checkpoint.global_step >= 2


def test_a_checkpoint_that_cannot_be_looked_at_ends_no_training(tmp_path, recorder, monkeypatch, tf_log):
    estimator = linear_model.estimator(tmp_path, save_checkpoints_steps=1)
    really = observer._latest

    def latest(model_dir, step=None):
        if step is not None:
            raise tf.errors.PermissionDeniedError(None, None, "not today")
        return really(model_dir)

    monkeypatch.setattr(observer, "_latest", latest)
    estimator.train(train_input, steps=3)
    assert checkpoints.global_step(str(tmp_path)) == 3


def test_an_export_whose_checkpoint_is_deleted_meanwhile_is_recorded(tmp_path, recorder, trained):
    path = trained.export_saved_model(str(tmp_path / "best"), raw_receiver)
    observation.current().exported(path, str(tmp_path / "model.ckpt-7"), ["serving_default"])
    (export,) = recorder.document().exports
    assert (export.path, export.global_step) == (path, None)
