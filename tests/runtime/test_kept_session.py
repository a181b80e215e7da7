"""A session that evaluations share: failures in between, promises of programs, evaluator tasks, and what it holds."""

import collections
import functools

import linear_model
import pytest
import tensorflow as tf
from kept_evaluations import Results, assert_as_alone, evaluated
from linear_model import eval_input, train_input, v1

from estimator_runtime import (
    Estimator,
    EvalSpec,
    TrainSpec,
    WarmStartSettings,
    experimental,
    train_and_evaluate,
)
from estimator_runtime.errors import CheckpointMismatchError
from estimator_runtime.loop.kept import keeping
from estimator_runtime.training import evaluator
from estimator_runtime.training.early_stopping import read_eval_metrics

keras = pytest.importorskip("keras")


# Failures in between


def test_a_damaged_checkpoint_in_between(tmp_path, opened):
    estimator = linear_model.estimator(tmp_path).train(train_input, steps=15)
    paths = {step: f"{tmp_path}/model.ckpt-{step}" for step in (5, 10, 15)}
    whole = {step: estimator.evaluate(eval_input, checkpoint_path=path) for step, path in paths.items()}
    data = tmp_path / "model.ckpt-10.data-00000-of-00001"
    data.write_bytes(bytes(255 - byte for byte in data.read_bytes()))
    opened[0].clear()
    with keeping.call():
        assert estimator.evaluate(eval_input, checkpoint_path=paths[5]) == whole[5]
        assert estimator.evaluate(eval_input, checkpoint_path=paths[15]) == whole[15]
        with pytest.raises(tf.errors.DataLossError):
            estimator.evaluate(eval_input, checkpoint_path=paths[10])
        assert estimator.evaluate(eval_input, checkpoint_path=paths[5]) == whole[5]
    # Three use a session, two of them the same; one fails in a new one again. TensorFlow closes none that is not ready.
    assert len(opened[0]) == 3
    assert len(set(opened[0]) - set(opened[1])) == 1


def test_an_input_that_fails_once(tmp_path, opened):
    file = tmp_path / "numbers"

    def input_fn():
        lines = tf.data.TextLineDataset(str(file)).batch(1)
        return lines.map(lambda line: ({"x": tf.strings.to_number(line)[:, None]}, tf.ones([1, 1])))

    estimator = linear_model.estimator(tmp_path / "model").train(train_input, steps=5)
    file.write_text("1\n2\n3")
    right = estimator.evaluate(input_fn)
    with keeping.call():
        assert estimator.evaluate(input_fn) == right
        assert estimator.evaluate(input_fn) == right
        file.write_text("1\ntwo\n3")
        with pytest.raises(tf.errors.InvalidArgumentError, match="two") as raised:
            estimator.evaluate(input_fn)
        file.write_text("1\n2\n3")
        assert estimator.evaluate(input_fn) == right
        assert estimator.evaluate(input_fn) == right
    file.write_text("1\ntwo\n3")
    with pytest.raises(tf.errors.InvalidArgumentError, match="two") as alone:
        estimator.evaluate(input_fn)
    assert type(raised.value) is type(alone.value)
    assert [error.value.node_def for error in (raised, alone)] == [None, None]
    assert set(opened[0]) <= set(opened[1])


# A program that promises that its input_fn and model_fn build the same graph each time


class Counted:
    """Counts the calls of an input_fn and a model_fn."""

    def __init__(self):
        self.calls = collections.Counter()

    def model(self, features, labels, mode):
        self.calls[mode] += 1
        return linear_model.model_fn(features, labels, mode)

    def input_fn(self):
        self.calls["input"] += 1
        return eval_input()


def one_shot():
    return v1.data.make_one_shot_iterator(eval_input()).get_next()


def test_a_promised_graph_is_built_once(tmp_path, opened):
    counted = Counted()
    input_fn = experimental.same_graph_each_time(counted.input_fn)
    estimator, results = evaluated(tmp_path, counted.model, input_fn)
    assert counted.calls == {"input": 1, "train": 1, "eval": 1}
    assert len(opened[0]) == 2
    assert_as_alone(estimator, results)
    assert list(read_eval_metrics(estimator.eval_dir())) == [5, 10, 15, 20, 25]


def test_a_promise_does_not_keep_what_lasts_in_a_session(tmp_path, opened):
    estimator, results = evaluated(
        tmp_path, input_fn=experimental.same_graph_each_time(functools.partial(one_shot))
    )
    assert len(opened[0]) == 6
    assert_as_alone(estimator, results, one_shot)


def test_a_promise_is_of_one_input_fn_without_hooks(tmp_path):
    counted = Counted()
    estimator = linear_model.estimator(tmp_path, counted.model).train(train_input, steps=5)
    first, second = (experimental.same_graph_each_time(counted.input_fn) for _ in range(2))
    with keeping.call():
        for input_fn in (first, second, first, first):
            estimator.evaluate(input_fn)
        assert counted.calls["input"] == 2
        recorder = linear_model.Recorder()
        estimator.evaluate(first, hooks=[recorder])
        assert (counted.calls["input"], recorder.runs) == (3, 2)
    estimator.evaluate(first)
    assert counted.calls["input"] == 4


def test_a_checkpoint_of_another_model_is_told_of_all_the_same(tmp_path):
    input_fn = experimental.same_graph_each_time(functools.partial(eval_input))
    estimator = linear_model.estimator(tmp_path / "model").train(train_input, steps=5)

    def other(features, labels, mode):
        y = tf.matmul(features["x"], v1.get_variable("w", [1, 2]))
        return linear_model.spec(mode, y, labels)

    another = linear_model.estimator(tmp_path / "other", other).train(train_input, steps=5)
    with keeping.call():
        right = estimator.evaluate(input_fn)
        with pytest.raises(CheckpointMismatchError, match="w has shape"):
            estimator.evaluate(input_fn, checkpoint_path=another.latest_checkpoint())
        assert estimator.evaluate(input_fn) == right


# In the evaluator task, and around


def test_an_evaluator_task_keeps_its_session(tmp_path, monkeypatch, opened):
    estimator = linear_model.estimator(tmp_path).train(train_input, steps=5)
    results = Results()

    trainings = []

    def train_on(secs):
        trainings.append(estimator.train(train_input, steps=5))

    monkeypatch.setattr(evaluator.time, "sleep", train_on)
    opened[0].clear()
    with keeping.call():
        evaluator.run(
            estimator, 20, EvalSpec(eval_input, start_delay_secs=0, throttle_secs=1000, exporters=results)
        )
    assert [int(result["global_step"]) for result in results.results.values()] == [5, 10, 15, 20]
    assert len(opened[0]) == 1 + len(trainings)
    assert_as_alone(estimator, results.results)


def test_a_warm_started_model(tmp_path, opened):
    linear_model.estimator(tmp_path / "first").train(train_input, steps=5)
    estimator = Estimator(
        linear_model.model_fn,
        str(tmp_path / "second"),
        linear_model.config(),
        warm_start_from=WarmStartSettings(str(tmp_path / "first")),
    )
    opened[0].clear()
    results = Results()
    train_and_evaluate(
        estimator,
        TrainSpec(train_input, max_steps=15),
        EvalSpec(eval_input, throttle_secs=0, exporters=results),
    )
    assert len(opened[0]) == 2
    assert_as_alone(estimator, results.results)


def test_between_evaluations_the_session_holds_nothing(tmp_path):
    estimator = linear_model.estimator(tmp_path).train(train_input, steps=5)
    with keeping.call():
        estimator.evaluate(eval_input)
        kept = keeping.current()._kept
        missing = {name.decode() for name in kept._session.run(kept.built.scaffold.ready_op)}
        assert {"w", "global_step", "eval_step", "mean_absolute_error/total"} <= missing
        (reads,) = (one for one in kept.graph.get_operations() if one.type == "IteratorGetNext")
        with pytest.raises(tf.errors.OutOfRangeError):
            kept._session.run(reads)
        assert estimator.evaluate(eval_input)["global_step"] == 5


def test_outside_of_train_and_evaluate_nothing_is_kept(tmp_path, opened):
    estimator = linear_model.estimator(tmp_path).train(train_input, steps=5)
    opened[0].clear()
    estimator.evaluate(eval_input)
    estimator.evaluate(eval_input)
    assert len(opened[0]) == 2
    assert set(opened[0]) <= set(opened[1])
