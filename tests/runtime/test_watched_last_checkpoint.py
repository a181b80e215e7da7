"""A worker that waits for the last checkpoint: it is looked for beside the wait, which an interruption ends."""

import json
import threading

import linear_model
import pytest
import tensorflow as tf
from linear_model import train_input, v1
from watched_training import AS_WORKER, Each, become_worker, watching_threads

from estimator_runtime import Estimator, checkpoints, experimental, interruption
from estimator_runtime.cluster import watcher

PATIENCE_SECS = 60


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    assert watching_threads() == []


@pytest.fixture
def as_worker(monkeypatch):
    become_worker(monkeypatch)


def test_an_interrupted_worker_does_not_stand_still_for_the_last_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", json.dumps(AS_WORKER))
    estimator = Estimator(linear_model.model_fn, str(tmp_path))
    hook = experimental.make_stop_at_checkpoint_step_hook(estimator, 1, wait_after_file_check_secs=10_000)
    interruption.request()
    try:
        with tf.Graph().as_default():
            advance = v1.assign_add(v1.train.create_global_step(), 1)
            with v1.train.MonitoredSession(hooks=[hook]) as session:
                session.run(advance)
                assert not session.should_stop()
    finally:
        interruption.clear()


class Saved:
    """What each thread is told of the newest checkpoint; those beside the training are told what `beside` returns."""

    def __init__(self, monkeypatch, beside):
        self.here = threading.current_thread()
        self.asked = []
        really = checkpoints.global_step

        def global_step(model_dir):
            self.asked.append(threading.current_thread())
            return (
                really(model_dir) if self.asked[-1] is self.here else beside(self.asked.count(self.asked[-1]))
            )

        monkeypatch.setattr(checkpoints, "global_step", global_step)


def test_a_worker_that_waits_for_the_last_checkpoint_has_it_looked_for_elsewhere(
    tmp_path, as_worker, monkeypatch
):
    saved = Saved(monkeypatch, lambda number: 3 if number > 1 else 0)
    estimator = linear_model.estimator(tmp_path)
    steps = []
    hook = experimental.make_stop_at_checkpoint_step_hook(estimator, 3, wait_after_file_check_secs=0)
    estimator.train(train_input, hooks=[Each(steps.append), hook, hook])
    assert saved.asked.count(saved.here) == 1, "where training begins"
    assert len(saved.asked) == 3
    assert len(steps) >= 3


def test_a_worker_whose_look_for_the_last_checkpoint_hangs_is_interrupted(tmp_path, as_worker, monkeypatch):
    monkeypatch.setattr(watcher, "_LEAVE_AFTER_SECS", 0.01)
    hangs = threading.Event()

    def look(number):
        interruption.request()
        hangs.wait(PATIENCE_SECS)
        return 0

    Saved(monkeypatch, look)
    estimator = linear_model.estimator(tmp_path)
    hook = experimental.make_stop_at_checkpoint_step_hook(estimator, 3, wait_after_file_check_secs=10_000)
    try:
        # The job's own hook ends an interrupted training; here it is the number of steps.
        estimator.train(train_input, hooks=[hook], steps=5)
    finally:
        interruption.clear()
        threads = watching_threads()
        hangs.set()
        for thread in threads:
            thread.join(PATIENCE_SECS)
