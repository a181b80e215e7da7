"""The `finished` marker: written whole, removed when training goes on, and believed by the right evaluator."""

import fractions
import json
import os
from collections import Counter

import linear_model
import numpy as np
import pytest
import tensorflow as tf

from estimator_runtime import EvalSpec, TrainSpec, interruption
from estimator_runtime.cluster import finished
from estimator_runtime.cluster.finished import Finished
from estimator_runtime.training import local


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def model_dir(tmp_path):
    return str(tmp_path)


@pytest.mark.parametrize("marker", [Finished(7, "max_steps", 7), Finished(3, "stopped", None)])
def test_what_is_written_is_read(model_dir, marker, tmp_path):
    finished.write(model_dir, marker)
    assert finished.read(model_dir) == marker
    assert [path.name for path in tmp_path.iterdir()] == ["finished"]


def test_the_file_is_a_json_object(model_dir, tmp_path):
    finished.write(model_dir, Finished(7, "max_steps", 5))
    assert json.loads((tmp_path / "finished").read_text()) == {
        "globalStep": 7,
        "maxSteps": 5,
        "reason": "max_steps",
    }


def test_no_marker(model_dir):
    assert finished.read(model_dir) is None
    finished.remove(model_dir)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"globalStep": "many"}', '{"globalStep": null}'])
def test_an_unreadable_marker_is_none(model_dir, tmp_path, text, tf_log):
    (tmp_path / "finished").write_text(text)
    assert finished.read(model_dir) is None
    assert "Ignoring the unreadable file" in tf_log[0]


@pytest.mark.parametrize(
    ("step", "max_steps", "reason"),
    [(5, 5, "max_steps"), (6, 5, "max_steps"), (4, 5, "stopped"), (4, None, "stopped")],
)
def test_the_reason_follows_from_the_step(step, max_steps, reason):
    assert Finished.after(global_step=step, max_steps=max_steps) == Finished(step, reason, max_steps)


def test_a_marker_that_reached_max_steps_is_believed_at_once(model_dir):
    finished.write(model_dir, Finished(10, "max_steps", 10))
    assert finished.Watch(model_dir, 10, Clock()).believed()
    assert finished.Watch(model_dir, 5, Clock()).believed()


def test_a_marker_of_a_shorter_run_is_never_believed(model_dir):
    finished.write(model_dir, Finished(10, "max_steps", 10))
    clock = Clock()
    watch = finished.Watch(model_dir, 20, clock)
    clock.now += 10 * finished.STALE_AFTER_SECS
    assert not watch.believed()


@pytest.mark.parametrize("max_steps", [20, None])
def test_a_marker_of_early_stopping_is_believed_when_it_appears(model_dir, max_steps):
    watch = finished.Watch(model_dir, max_steps, Clock())
    assert not watch.believed()
    finished.write(model_dir, Finished(10, "stopped", max_steps))
    assert watch.believed()


@pytest.mark.parametrize("max_steps", [20, None])
def test_an_inherited_marker_of_early_stopping_is_believed_after_a_while(model_dir, max_steps):
    finished.write(model_dir, Finished(10, "stopped", max_steps))
    clock = Clock()
    watch = finished.Watch(model_dir, max_steps, clock)
    assert not watch.believed()
    clock.now += finished.STALE_AFTER_SECS
    assert watch.believed()


def test_an_inherited_marker_that_the_chief_removes_ends_nothing(model_dir):
    marker = Finished(10, "stopped", None)
    finished.write(model_dir, marker)
    clock = Clock()
    watch = finished.Watch(model_dir, None, clock)
    finished.remove(model_dir)
    assert not watch.believed()
    clock.now += finished.STALE_AFTER_SECS
    assert not watch.believed()
    finished.write(model_dir, marker)
    assert watch.believed()


@pytest.fixture
def estimator(tmp_path):
    return linear_model.estimator(tmp_path / "m")


def marker_of(estimator):
    return finished.read(estimator.model_dir)


def test_who_serves_training_believes_what_appears(model_dir):
    for inherited in (None, Finished(3, "stopped", None)):
        if inherited is not None:
            finished.write(model_dir, inherited)
        appearance = finished.Appearance(model_dir)
        assert not appearance.seen()
        finished.write(model_dir, Finished(4, "stopped", None))
        assert appearance.seen()
        finished.remove(model_dir)
        assert not appearance.seen()
    assert not finished.Appearance(None).seen()


def test_a_marker_that_was_removed_and_written_again_has_appeared(model_dir):
    finished.write(model_dir, Finished(3, "stopped", None))
    appearance = finished.Appearance(model_dir)
    finished.remove(model_dir)
    assert not appearance.seen()
    finished.write(model_dir, Finished(3, "stopped", None))
    assert appearance.seen()


def test_a_marker_that_was_written_again_between_two_looks_has_appeared(model_dir):
    marker = Finished(3, "stopped", None)
    finished.write(model_dir, marker)
    os.utime(finished.path(model_dir), (1000, 1000))
    appearance = finished.Appearance(model_dir)
    assert not appearance.seen()
    finished.remove(model_dir)
    finished.write(model_dir, marker)
    assert appearance.seen()


def test_what_is_there_when_storage_can_be_read_at_last_is_older(model_dir, monkeypatch, tf_log):
    finished.write(model_dir, Finished(3, "stopped", None))
    reads = finished.read

    def refused(_):
        raise tf.errors.PermissionDeniedError(None, None, "no")

    monkeypatch.setattr(finished, "read", refused)
    appearance = finished.Appearance(model_dir)
    assert [line for line in tf_log if "Could not look for" in line]
    monkeypatch.setattr(finished, "read", reads)
    assert not appearance.seen()
    finished.write(model_dir, Finished(4, "stopped", None))
    assert appearance.seen()


def test_announcing_marks_the_end_of_training(estimator):
    with finished.announcing(estimator, 10):
        assert marker_of(estimator) is None
        estimator.train(linear_model.train_input, max_steps=10)
    assert marker_of(estimator) == Finished(10, "max_steps", 10)

    with finished.announcing(estimator, 10):
        assert marker_of(estimator) is not None, "no progress is possible, so the marker stays"
    assert marker_of(estimator) == Finished(10, "max_steps", 10)

    with finished.announcing(estimator, 11):
        assert marker_of(estimator) is None, "training goes on"
        estimator.train(linear_model.train_input, max_steps=11)
    assert marker_of(estimator) == Finished(11, "max_steps", 11)


def test_training_that_failed_or_was_interrupted_leaves_no_marker(estimator):
    with pytest.raises(ZeroDivisionError), finished.announcing(estimator, 10):
        raise ZeroDivisionError
    assert marker_of(estimator) is None
    with finished.announcing(estimator, 10):
        interruption.request()
    interruption.clear()
    assert marker_of(estimator) is None


@pytest.fixture
def of_job(monkeypatch):
    """A process of a job."""

    def begin(uid):
        monkeypatch.setenv("ESTIMATOR_JOB_UID", uid)
        monkeypatch.setattr(finished, "_ended_here", Counter())

    return begin


def ended(estimator, max_steps):
    """Whether there was anything to train."""
    with finished.announcing(estimator, max_steps) as anything_left:
        return not anything_left


@pytest.mark.parametrize(
    ("uid", "max_steps", "at_once"),
    [
        ("one", 5000, True),
        ("another", 5000, False),
        ("one", 9000, False),
        ("one", None, False),
        ("", 5000, False),
    ],
    ids=["restarted", "another job", "more steps", "no steps given", "no job"],
)
def test_only_a_chief_of_the_same_run_ends_at_once(of_job, model_dir, uid, max_steps, at_once):
    """It had stopped early, at step 0 of 5,000, and nobody saw its end."""
    estimator = linear_model.estimator(model_dir)
    of_job("one")
    assert not ended(estimator, 5000)
    assert finished.read(model_dir).job == "one"
    of_job(uid)
    assert ended(estimator, max_steps) == at_once
    assert finished.read(model_dir).job == (uid or None)


def test_a_program_may_train_again_in_the_same_process(of_job, model_dir):
    estimator = linear_model.estimator(model_dir)
    of_job("one")
    assert [ended(estimator, None) for _ in range(3)] == [False, False, False]
    of_job("one")
    assert ended(estimator, None)


def test_a_chief_that_was_interrupted_trains_on(of_job, model_dir):
    estimator = linear_model.estimator(model_dir)
    of_job("one")
    interruption.request()
    try:
        assert not ended(estimator, 5000)
    finally:
        interruption.clear()
    of_job("one")
    assert not ended(estimator, 5000)


def test_a_lone_chief_whose_end_nobody_saw_trains_and_evaluates_nothing(of_job, model_dir):
    estimator = linear_model.estimator(model_dir)
    train_spec = TrainSpec(linear_model.train_input, hooks=[tf.compat.v1.train.StopAtStepHook(num_steps=3)])
    eval_spec = EvalSpec(linear_model.eval_input, steps=1, throttle_secs=0)
    of_job("one")
    assert local.run(estimator, train_spec, eval_spec)[0]["global_step"] == 3
    of_job("one")
    assert local.run(estimator, train_spec, eval_spec) == (None, None)
    of_job("another")
    assert local.run(estimator, train_spec, eval_spec)[0]["global_step"] > 3


def test_a_program_that_trains_several_times_goes_on_where_it_ended(of_job, model_dir):
    """One call of `train_and_evaluate` for each epoch; the process is lost after the second of four."""
    estimator = linear_model.estimator(model_dir)
    of_job("one")
    assert [ended(estimator, None) for _ in range(2)] == [False, False]
    of_job("one")
    assert [ended(estimator, None) for _ in range(4)] == [True, True, False, False]
    of_job("one")
    assert [ended(estimator, None) for _ in range(5)] == [True, True, True, True, False]


LONG = 10 * finished.STALE_AFTER_SECS
"""Seconds after which a guess by the clock would be made."""


@pytest.mark.parametrize("max_steps", [None, 5000], ids=["end of input", "max_steps"])
@pytest.mark.parametrize("writer", [None, "another"], ids=["no job", "another job"])
def test_the_evaluator_of_a_job_never_believes_a_marker_of_an_earlier_run(
    of_job, model_dir, writer, max_steps
):
    """However long its chief needs to come."""
    finished.write(model_dir, Finished(10, "stopped", max_steps, writer, 1))
    of_job("one")
    clock = Clock()
    watch = finished.Watch(model_dir, max_steps, clock)
    clock.now += LONG
    assert not watch.believed()
    finished.remove(model_dir)
    assert not watch.believed()
    finished.write(model_dir, Finished(12, "stopped", max_steps, "another", 1))
    clock.now += LONG
    assert not watch.believed(), "another job that trains in the same directory"
    finished.write(model_dir, Finished(20, "stopped", max_steps, "one", 1))
    assert watch.believed()


def test_the_evaluator_of_a_job_believes_its_own_marker_at_once(of_job, model_dir):
    """One that was restarted, or that comes after a short training."""
    finished.write(model_dir, Finished(10, "stopped", None, "one", 1))
    of_job("one")
    assert finished.Watch(model_dir, None, Clock()).believed()
    assert not finished.Watch(model_dir, 5000, Clock()).believed(), "the job was changed since"


def test_an_evaluator_in_its_second_training_awaits_the_second_marker(of_job, model_dir):
    estimator = linear_model.estimator(model_dir)
    of_job("one")
    finished.write(model_dir, Finished(10, "stopped", None, "one", 1))
    with finished.taking_part(estimator):
        assert finished.Watch(model_dir, None, Clock()).believed()
    clock = Clock()
    watch = finished.Watch(model_dir, None, clock)
    clock.now += LONG
    assert not watch.believed()
    finished.write(model_dir, Finished(20, "stopped", None, "one", 2))
    assert watch.believed()


def test_an_evaluator_that_was_interrupted_has_not_seen_the_end(of_job, model_dir):
    of_job("one")
    finished.write(model_dir, Finished(10, "stopped", None, "one", 1))
    with finished.taking_part(linear_model.estimator(model_dir)):
        interruption.request()
    interruption.clear()
    assert finished.Watch(model_dir, None, Clock()).believed()


def test_who_serves_the_training_of_a_job_believes_no_other_job(of_job, model_dir):
    of_job("one")
    appearance = finished.Appearance(model_dir)
    finished.write(model_dir, Finished(10, "stopped", None, "another", 1))
    assert not appearance.seen()
    finished.write(model_dir, Finished(10, "stopped", None, "one", 1))
    assert appearance.seen()


@pytest.mark.parametrize(
    ("given", "step"),
    [
        (np.int64(10), 10),
        (np.int32(10), 10),
        (np.float64(10.0), 10),
        (np.array([10]), 10),
        (fractions.Fraction(10), 10),
        (9.5, 10),
        (None, None),
    ],
)
def test_max_steps_that_was_computed_is_told_as_a_whole_number(estimator, given, step):
    with finished.announcing(estimator, given):
        estimator.train(linear_model.train_input, max_steps=10)
    assert marker_of(estimator) == Finished(10, "stopped" if given is None else "max_steps", step)
