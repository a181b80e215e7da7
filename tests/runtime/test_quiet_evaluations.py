"""Batches that an evaluation takes in a loop of the graph are the batches that it would take one by one."""

import linear_model
import numpy as np
import pytest
import stretched
import tensorflow as tf
from linear_model import v1
from stretched import NOBODY, Sees, varied

from estimator_runtime import EstimatorSpec, ModeKeys
from estimator_runtime.loop.stretches import step_loop

BATCHES = 53


@pytest.fixture
def stretches(monkeypatch):
    return stretched.watch_evaluations(monkeypatch)


def batches(count=BATCHES):
    return lambda: varied(4 * count)


def many_metrics(features, labels, mode):
    y = linear_model.linear(features["x"])
    if mode != ModeKeys.EVAL:
        return linear_model.spec(mode, y, labels)
    is_high, score = labels > 1.0, tf.sigmoid(y)
    mean = tf.keras.metrics.Mean(name="keras_mean")
    mean.update_state(y)
    return linear_model.spec(
        mode,
        y,
        labels,
        eval_metric_ops={
            "mae": v1.metrics.mean_absolute_error(labels, y),
            "auc": v1.metrics.auc(is_high, score),
            "precision": v1.metrics.precision_at_thresholds(is_high, score, [0.2, 0.5]),
            "recall": v1.metrics.recall(is_high, score > 0.5),
            "per_class": v1.metrics.mean_per_class_accuracy(is_high, score > 0.5, num_classes=2),
            "correlated": v1.metrics.mean_cosine_distance(labels, y, dim=1),
            "keras_mean": mean,
        },
    )


def evaluated(directory, steps_per_loop, model=many_metrics, source=None, **arguments):
    estimator = stretched.estimator(
        directory, model, steps_per_loop, **{**NOBODY, "save_checkpoints_steps": 1}
    )
    if estimator.latest_checkpoint() is None:
        estimator.train(varied, steps=1)
    return estimator.evaluate(source or batches(), **arguments)


def same(one, another):
    assert one.keys() == another.keys()
    for name, value in one.items():
        np.testing.assert_array_equal(value, another[name], err_msg=name)


@pytest.mark.parametrize(
    ("steps", "made"),
    [
        # 6 of each seven, but where a line of the log is due.
        pytest.param(BATCHES, 42, id="all"),
        pytest.param(50, 40, id="some"),
        pytest.param(90, 42, id="more than there are"),
        pytest.param(None, 46, id="to the end"),
    ],
)
def test_loops_measure_what_single_batches_measure(tmp_path, stretches, caplog, steps, made):
    """All metrics, to the last bit, and the log."""
    caplog.set_level("INFO", "tensorflow")
    results, lines = [], []
    for steps_per_loop in (1, 7):
        caplog.clear()
        results.append(evaluated(tmp_path, steps_per_loop, steps=steps))
        lines.append([one for one in caplog.messages if one.startswith("Evaluation [")])
    same(*results)
    assert results[0]["keras_mean"] > 0
    assert lines[0] == lines[1]
    assert [one.made for one in stretches] == [0, made]


def test_by_default_a_long_evaluation_has_loops_and_a_short_one_or_one_to_the_end_has_none(
    tmp_path, stretches, monkeypatch
):
    results = [evaluated(tmp_path, steps_per_loop, steps=BATCHES) for steps_per_loop in (1, "auto")]
    same(*results)
    assert stretches[1].made > 0
    monkeypatch.setattr(step_loop, "build", lambda *_, **__: pytest.fail("a loop"))
    evaluated(tmp_path, "auto", steps=10)
    evaluated(tmp_path, "auto", steps=None)


def test_a_thousand_batches_are_one_call_of_the_session_between_two_lines_of_the_log(tmp_path, counts):
    totals = []
    for steps in (1000, 2000):
        evaluated(tmp_path, 1000, linear_model.model_fn, batches(10), steps=1)
        counts.clear()
        evaluated(tmp_path, 1000, linear_model.model_fn, batches(2000), steps=steps)
        totals.append(counts["run"] + counts["called"])
    # Ten lines, each after a stretch and a batch that the hook sees, however many batches.
    assert totals[1] == totals[0] <= 2 * 10 + 16


def test_a_loss_that_is_no_number_ends_no_evaluation(tmp_path, stretches):
    def model(features, labels, mode):
        y = linear_model.linear(features["x"])
        loss = tf.reduce_mean(y) + tf.where(tf.reduce_all(features["word"] == "9"), 0.0, np.nan)
        if mode != ModeKeys.EVAL:
            return linear_model.spec(mode, y, labels)
        return linear_model.spec(mode, y, labels, loss=loss)

    results = [evaluated(tmp_path, steps, model, steps=BATCHES) for steps in (1, 60)]
    same(*results)
    assert np.isnan(results[0]["loss"])
    assert stretches[1].made > 40


def test_a_hook_that_looks_at_each_batch_is_shown_each(tmp_path, stretches, caplog):
    caplog.set_level("INFO", "tensorflow")
    counted = []

    class Counts(v1.train.SessionRunHook):
        def before_run(self, run_context):
            (batch,) = v1.get_collection(v1.GraphKeys.EVAL_STEP)
            return v1.train.SessionRunArgs(batch)

        def after_run(self, run_context, run_values):
            counted.append(1)

    evaluated(tmp_path, 10, steps=BATCHES, hooks=[Counts()])
    assert (len(counted), stretches[0].made) == (BATCHES, 0)
    assert any("Evaluation runs one batch" in line and "Counts" in line for line in caplog.messages)


def test_a_hook_that_says_how_often_it_looks_is_called_so_often(tmp_path, stretches):
    class Seldom(Sees):
        steps_between_looks = 20

    hook = Seldom()
    evaluated(tmp_path, 60, steps=BATCHES, hooks=[hook])
    assert stretches[0].made > 0
    assert len(hook.steps) == BATCHES - stretches[0].made


def test_an_input_that_fails_in_a_loop_fails_the_evaluation_with_its_own_words(tmp_path, stretches):
    def failing():
        def example(features, labels):
            # Infinite in every batch that has a word "1" at its beginning: the second.
            x = features["x"] / tf.cast(tf.not_equal(features["word"][0], "1"), tf.float32)
            return {**features, "x": tf.debugging.check_numerics(x, "odd")}, labels

        return varied().map(example)

    said = []
    for steps_per_loop in (1, 60):
        with pytest.raises(tf.errors.InvalidArgumentError) as error:
            evaluated(tmp_path, steps_per_loop, source=failing, steps=BATCHES)
        said.append(error.value.message)
    assert "odd" in said[0]
    assert "odd" in said[1]
    assert "copied_step" not in said[1]


def test_an_evaluation_of_nothing_has_measured_nothing(tmp_path, stretches, caplog):
    results = [evaluated(tmp_path, steps, source=batches(0), steps=BATCHES) for steps in (1, 60)]
    same(*results)
    assert stretches[1].made == 0
    assert sum("ran no batch" in line for line in caplog.messages) == 2


def test_an_input_that_ends_within_a_stretch_has_been_evaluated(tmp_path, stretches, caplog):
    evaluated(tmp_path, 1000, source=batches(20), steps=400)
    assert stretches[0].made == 20
    assert "ran no batch" not in caplog.text


def test_random_numbers_with_a_seed_are_those_of_single_batches_by_default(tmp_path, stretches):
    def noisy(features, labels, mode):
        y = linear_model.linear(features["x"])
        return linear_model.spec(mode, y + v1.random_normal([], seed=5), labels)

    results = [evaluated(tmp_path, steps, noisy, steps=BATCHES) for steps in (1, "auto")]
    same(*results)
    assert stretches[1].made == 0


def test_what_a_loop_cannot_hold_is_evaluated_batch_by_batch(tmp_path, stretches, caplog):
    caplog.set_level("INFO", "tensorflow")

    def in_python(features, labels, mode):
        y = linear_model.linear(features["x"])
        y = tf.reshape(v1.py_func(lambda x: x, [y], tf.float32, stateful=False), [-1, 1])
        if mode == ModeKeys.TRAIN:
            step = v1.train.get_global_step()
            return EstimatorSpec(mode, loss=tf.reduce_mean(y), train_op=v1.assign_add(step, 1))
        return linear_model.spec(mode, y, labels)

    evaluated(tmp_path, 10, in_python, steps=BATCHES)
    assert stretches[0].made == 0
    assert any("Evaluation runs one batch" in line and "PyFunc" in line for line in caplog.messages)
