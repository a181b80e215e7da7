"""The evaluator task: which checkpoints it evaluates, how it waits, and when it ends."""

import shutil
import time

import linear_model
import pytest
import tensorflow as tf

from estimator_runtime import EvalSpec, Exporter, FinalExporter, interruption
from estimator_runtime.checkpoints import holds
from estimator_runtime.cluster import finished, watcher
from estimator_runtime.training import evaluator
from estimator_runtime.training.checkpoint_evaluator import CheckpointEvaluator, Status


def input_fn():
    return None


class Record(Exporter):
    def __init__(self, name="record", only_final=False):
        self._name = name
        self.only_final = only_final
        self.calls = []

    @property
    def name(self):
        return self._name

    def export(self, estimator, export_path, checkpoint_path, eval_result, is_the_final_export):
        self.calls.append((checkpoint_path, is_the_final_export))
        return None if self.only_final and not is_the_final_export else "exported"


class Checkpoints:
    """A stand-in for an estimator, whose checkpoints appear as the script says: a step, or None for no checkpoint."""

    def __init__(self, model_dir, *script):
        self.model_dir = str(model_dir)
        self.script = list(script)
        self.evaluated = []
        self.when_evaluated = lambda step: None

    def latest_checkpoint(self):
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return None if step is None else f"ckpt-{step}"

    def evaluate(self, *, input_fn, steps, name, checkpoint_path, hooks):
        step = int(checkpoint_path.removeprefix("ckpt-"))
        self.evaluated.append(step)
        self.when_evaluated(step)
        return {"global_step": step, "loss": 1.0}


@pytest.fixture
def sleeps(monkeypatch):
    slept = []
    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0)
    return slept


def spec(*exporters, **kwargs):
    return EvalSpec(input_fn, exporters=exporters, **{"start_delay_secs": 0, "throttle_secs": 9, **kwargs})


def test_each_checkpoint_is_evaluated_once_until_max_steps(tmp_path, sleeps, tf_log):
    estimator, record = Checkpoints(tmp_path, None, 5, 5, 10), Record()
    evaluator.run(estimator, 10, spec(record, start_delay_secs=120))
    assert estimator.evaluated == [5, 10]
    assert record.calls == [("ckpt-5", False), ("ckpt-10", True)]
    assert sleeps == [120, 9, 9, 9, 9]
    assert "Exiting evaluation, global_step=10 >= train max_steps=10" in tf_log
    assert [line for line in tf_log if "Estimator is not trained yet" in line]


def test_a_clock_that_is_set_back_delays_no_evaluation(tmp_path, sleeps, monkeypatch):
    """The time of the day jumps when a node's clock is corrected."""
    clock = iter(range(10**6, 0, -3600))
    monkeypatch.setattr(time, "time", lambda: next(clock))
    evaluator.run(Checkpoints(tmp_path, None, 5, 10), 10, spec())
    assert sleeps == [9, 9, 9]


def test_warnings_are_not_repeated_within_ten_minutes(tmp_path, sleeps, tf_log):
    evaluator.run(Checkpoints(tmp_path, None, None, None, 10), 10, spec())
    assert len([line for line in tf_log if "Estimator is not trained yet" in line]) == 1


def test_a_throttle_of_zero_is_warned_about_once(tmp_path, sleeps, tf_log):
    evaluator.run(Checkpoints(tmp_path, None, None, 10), 10, spec(throttle_secs=0))
    assert len([line for line in tf_log if "EvalSpec.throttle_secs is set as 0" in line]) == 1
    assert sleeps == []


def test_the_marker_ends_the_wait_and_brings_the_final_export(tmp_path):
    """No sleep is replaced here: without the marker the test would take hours."""
    estimator, record = Checkpoints(tmp_path, 5, 5), Record(only_final=True)
    estimator.when_evaluated = lambda step: finished.write(
        str(tmp_path), finished.Finished(5, "stopped", 100)
    )
    evaluator.run(estimator, 100, spec(record, throttle_secs=10_000))
    assert estimator.evaluated == [5]
    assert record.calls == [("ckpt-5", False), ("ckpt-5", True)]


class LateMarker:
    """A marker that appears when it is looked for the third time after the first export."""

    def __init__(self, record):
        self._record = record
        self._looks = 0

    def believed(self):
        self._looks += bool(self._record.calls)
        return self._looks >= 3


def test_the_marker_ends_a_wait_that_has_begun(tmp_path, monkeypatch):
    record = Record(only_final=True)
    monkeypatch.setattr(finished, "Watch", lambda *arguments: LateMarker(record))
    monkeypatch.setattr(watcher, "_FIRST_SECS", 0.001)
    evaluator.run(Checkpoints(tmp_path, 5), None, spec(record, throttle_secs=10_000))
    assert record.calls == [("ckpt-5", False), ("ckpt-5", True)]


def test_the_last_checkpoint_before_the_marker_is_evaluated(tmp_path):
    estimator, record = Checkpoints(tmp_path, 5, 8), Record()
    estimator.when_evaluated = lambda step: finished.write(
        str(tmp_path), finished.Finished(8, "stopped", None)
    )
    evaluator.run(estimator, None, spec(record, throttle_secs=10_000))
    assert estimator.evaluated == [5, 8]
    assert record.calls == [("ckpt-5", False), ("ckpt-8", True)]


def test_training_that_left_no_checkpoint(tmp_path, tf_log):
    finished.write(str(tmp_path), finished.Finished(10, "max_steps", 10))
    evaluator.run(Checkpoints(tmp_path, None), 10, spec(start_delay_secs=10_000, throttle_secs=10_000))
    assert "Exiting evaluation: training has ended and left no checkpoint to evaluate." in tf_log


def test_an_interruption_ends_the_wait(tmp_path):
    estimator = Checkpoints(tmp_path, 5)
    estimator.when_evaluated = lambda step: interruption.request()
    try:
        evaluator.run(estimator, None, spec(throttle_secs=10_000))
    finally:
        interruption.clear()
    assert estimator.evaluated == [5]


# One evaluation


def test_an_export_is_repeated_as_final_only_where_there_was_none(tmp_path):
    estimator = Checkpoints(tmp_path, 5)
    always, final = Record("always"), Record("final", only_final=True)
    checkpoints = CheckpointEvaluator(estimator, spec(always, final), None)
    assert checkpoints.evaluate_and_export().export_results == ("exported", None)
    assert checkpoints.evaluate_and_export().status is Status.NO_NEW_CHECKPOINT
    assert checkpoints.evaluate_and_export(training_ended=True).export_results == ("exported", "exported")
    assert checkpoints.evaluate_and_export(training_ended=True).status is Status.NO_NEW_CHECKPOINT
    assert estimator.evaluated == [5]
    assert (len(always.calls), final.calls) == (1, [("ckpt-5", False), ("ckpt-5", True)])


def test_a_checkpoint_that_is_deleted_while_it_is_read(tmp_path, tf_log):
    estimator = Checkpoints(tmp_path, 5, 10)

    def deleted(step):
        if step == 5:
            raise tf.errors.NotFoundError(None, None, "gone")

    estimator.when_evaluated = deleted
    outcome = CheckpointEvaluator(estimator, spec(), None).evaluate_and_export()
    assert outcome.checkpoint_path == "ckpt-10"
    assert [
        line
        for line in tf_log
        if "Checkpoint ckpt-5 was deleted or damaged while it was being evaluated" in line
    ]


def test_a_checkpoint_in_evaluation_is_not_lost_to_keep_checkpoint_max(tmp_path, tf_log):
    """The chief deletes it while it is evaluated, before it is restored for the first and for the second time."""
    model_dir = tmp_path / "model"

    class Delete(tf.compat.v1.train.SessionRunHook):
        def __init__(self, moment):
            setattr(self, moment, self.delete)

        def delete(self, *_):
            for file in model_dir.glob("model.ckpt-5.*"):
                file.unlink()

    exporter = FinalExporter("end", linear_model.raw_receiver)
    for moment in ("begin", "end"):
        shutil.rmtree(model_dir, ignore_errors=True)
        estimator = linear_model.estimator(model_dir).train(linear_model.train_input, steps=5)
        eval_spec = EvalSpec(
            linear_model.eval_input,
            hooks=[Delete(moment)],
            exporters=[exporter],
            start_delay_secs=0,
            throttle_secs=0,
        )
        evaluator.run(estimator, 5, eval_spec)
        assert len(list((model_dir / "export" / "end").iterdir())) == 1
        assert not list(model_dir.glob("model.ckpt-5.*"))
    assert not (model_dir / holds.DIRECTORY).exists()
    assert not [line for line in tf_log if "was deleted" in line]


@pytest.mark.parametrize("model_dir", ["./model", "model", ".//model/"])
def test_a_checkpoint_is_held_however_its_directory_is_written(tmp_path, monkeypatch, model_dir):
    monkeypatch.chdir(tmp_path)
    linear_model.estimator("model").train(linear_model.train_input, steps=5)
    path = tf.train.latest_checkpoint(model_dir)
    hold = holds.CheckpointHold(model_dir)
    with hold.holding(path):
        for file in (tmp_path / "model").glob("model.ckpt-5.*"):
            file.unlink()
        held = hold.readable(path)
        assert held != path
        assert tf.train.load_checkpoint(held).get_tensor("global_step") == 5


def test_what_cannot_be_held_is_not(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(holds.os, "link", refuse)
    hold = holds.CheckpointHold(str(tmp_path))
    (tmp_path / "model.ckpt-5.index").touch()
    path = str(tmp_path / "model.ckpt-5")
    with hold.holding(path):
        assert hold.readable(path) == path
    assert [file.name for file in tmp_path.iterdir()] == ["model.ckpt-5.index"]


def test_a_checkpoint_that_is_not_all_there_yet_is_looked_at_again(tmp_path, tf_log):
    """As on a shared directory that shows an index before the data."""
    model_dir = tmp_path / "model"
    linear_model.estimator(model_dir, save_checkpoints_steps=50).train(linear_model.train_input, steps=5)
    for file in model_dir.glob("model.ckpt-0*"):
        file.unlink()
    (data,) = model_dir.glob("model.ckpt-5.data*")
    aside = data.rename(tmp_path / "aside")
    estimator = linear_model.estimator(model_dir)
    checkpoints = CheckpointEvaluator(estimator, EvalSpec(linear_model.eval_input), None)
    assert checkpoints.evaluate_and_export().status is Status.MISSING_CHECKPOINT
    assert [line for line in tf_log if "1 of its 1 data files are missing" in line and "look for it" in line]
    aside.rename(data)
    assert checkpoints.evaluate_and_export().metrics["global_step"] == 5


def ended_without_contents(tmp_path):
    """A model directory whose training has ended, and the data of whose last checkpoint are aside."""
    model_dir = tmp_path / "model"
    estimator = linear_model.estimator(model_dir, save_checkpoints_steps=50)
    estimator.train(linear_model.train_input, steps=5)
    finished.write(str(model_dir), finished.Finished(5, "max_steps", 5))
    (data,) = model_dir.glob("model.ckpt-5.data*")
    return linear_model.estimator(model_dir), data, data.rename(tmp_path / "aside")


def at_once(*exporters):
    return EvalSpec(linear_model.eval_input, exporters=exporters, start_delay_secs=0, throttle_secs=0)


def test_the_last_checkpoint_is_evaluated_though_the_marker_was_seen_before_its_contents(
    tmp_path, monkeypatch
):
    """Else the one before it would be the final export."""
    estimator, data, aside = ended_without_contents(tmp_path)

    def sleep(secs):
        if aside.exists():
            aside.rename(data)

    monkeypatch.setattr(time, "sleep", sleep)
    record = Record()
    evaluator.run(estimator, 5, at_once(record))
    assert record.calls == [(f"{estimator.model_dir}/model.ckpt-5", True)]


def test_a_last_checkpoint_that_stays_damaged_is_told_of_and_the_one_before_it_exported(
    tmp_path, monkeypatch, tf_log
):
    monkeypatch.setattr(evaluator, "_WAIT_FOR_CONTENTS_SECS", 0)
    estimator, _, _ = ended_without_contents(tmp_path)
    record = Record()
    evaluator.run(estimator, 5, at_once(record))
    assert record.calls == [(f"{estimator.model_dir}/model.ckpt-0", True)]
    (line,) = [line for line in tf_log if "was neither evaluated nor exported" in line]
    assert f"The last checkpoint {estimator.model_dir}/model.ckpt-5 cannot be read (1 of its 1 data" in line


def test_an_evaluation_that_fails_by_itself(tmp_path):
    estimator = Checkpoints(tmp_path, 5)

    def fails(step):
        raise ValueError("of the model")

    estimator.when_evaluated = fails
    with pytest.raises(ValueError, match="of the model"):
        CheckpointEvaluator(estimator, spec(), None).evaluate_and_export()


@pytest.mark.parametrize(
    ("result", "error", "text"),
    [
        ({}, ValueError, "should never return empty metrics"),
        (None, ValueError, "should never return empty metrics"),
        ("text", TypeError, "should return dict. Given <class 'str'>"),
        ({"loss": 1.0}, ValueError, "should have `global_step` in result"),
    ],
)
def test_results_that_are_no_results(result, error, text, tmp_path, monkeypatch):
    estimator = Checkpoints(tmp_path, 5)
    monkeypatch.setattr(estimator, "evaluate", lambda **kwargs: result)
    with pytest.raises(error, match=text):
        CheckpointEvaluator(estimator, spec(), None).evaluate_and_export()
