"""InMemoryEvaluatorHook and the hook that stops at a checkpoint."""

import json
import os

import linear_model
import pytest
import tensorflow as tf
from linear_model import eval_input, train_input, v1

from estimator_runtime import Estimator, RunConfig, experimental
from estimator_runtime.training import stop_at_checkpoint
from estimator_runtime.training.early_stopping import read_eval_metrics

Evaluator = experimental.InMemoryEvaluatorHook
AS_WORKER = {
    "cluster": {"chief": ["a:1"], "worker": ["b:1"], "ps": ["c:1"]},
    "task": {"type": "worker", "index": 0},
}


def estimator_at(tmp_path, model_fn=linear_model.model_fn, **arguments):
    return Estimator(model_fn, str(tmp_path), RunConfig(save_checkpoints_steps=100), **arguments)


def test_evaluates_at_the_start_now_and_then_and_at_the_end(tmp_path):
    estimator = estimator_at(tmp_path)
    hook = Evaluator(estimator, eval_input, every_n_iter=4)
    estimator.train(train_input, hooks=[hook], steps=10)
    in_memory = read_eval_metrics(estimator.eval_dir())
    assert list(in_memory) == [0, 4, 8, 10]
    written = estimator.evaluate(eval_input)
    assert in_memory[10] == {key: pytest.approx(written[key]) for key in ("loss", "mae")}
    estimator.train(train_input, hooks=[hook], steps=2)
    assert list(read_eval_metrics(estimator.eval_dir())) == [0, 4, 8, 10, 12]


def test_batches_name_and_hooks_of_the_evaluation(tmp_path):
    estimator, recorder = estimator_at(tmp_path), linear_model.Recorder()
    hook = Evaluator(estimator, eval_input, steps=1, hooks=[recorder], name="first", every_n_iter=100)
    estimator.train(train_input, hooks=[hook], steps=3)
    assert list(read_eval_metrics(estimator.eval_dir("first"))) == [0, 3]
    assert recorder.runs == 2
    assert not os.path.exists(estimator.eval_dir())


def test_the_optimizers_variables_and_those_of_evaluation_alone_are_left_out(tmp_path):
    def model_fn(features, labels, mode):
        if mode == "eval":
            extra = v1.get_variable("extra", [], initializer=v1.constant_initializer(5.0))
            return linear_model.spec(
                mode,
                linear_model.linear(features["x"]),
                labels,
                eval_metric_ops={"extra": v1.metrics.mean(extra)},
            )
        y = linear_model.linear(features["x"])
        loss = tf.reduce_mean(tf.square(y - labels))
        train_op = v1.train.AdamOptimizer(0.1).minimize(loss, v1.train.get_global_step())
        return linear_model.spec(mode, y, labels, loss=loss, train_op=train_op)

    estimator = estimator_at(tmp_path, model_fn)
    estimator.train(train_input, hooks=[Evaluator(estimator, eval_input)], steps=2)
    assert read_eval_metrics(estimator.eval_dir())[2]["extra"] == 5


def test_a_local_init_op_of_the_model(tmp_path):
    def model_fn(features, labels, mode):
        count = v1.get_variable("count", [], collections=["mine"], trainable=False)
        scaffold = v1.train.Scaffold(local_init_op=v1.assign(count, 3.0))
        fields = (
            {"scaffold": scaffold, "eval_metric_ops": {"count": v1.metrics.mean(count)}}
            if mode == "eval"
            else {}
        )
        return linear_model.spec(mode, linear_model.linear(features["x"]), labels, **fields)

    estimator = estimator_at(tmp_path, model_fn)
    estimator.train(train_input, hooks=[Evaluator(estimator, eval_input)], steps=2)
    assert [metrics["count"] for metrics in read_eval_metrics(estimator.eval_dir()).values()] == [3, 3]


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"every_n_iter": None}, ValueError, "invalid every_n_iter=None"),
        ({"every_n_iter": 0}, ValueError, "invalid every_n_iter=0"),
        ({"steps": 0}, ValueError, "Must specify steps > 0, given: 0"),
        ({"hooks": [3]}, TypeError, "Hooks must be a SessionRunHook, given: 3"),
    ],
)
def test_refused_arguments(arguments, error, text, trained):
    with pytest.raises(error, match=text):
        Evaluator(trained, eval_input, **arguments)


@pytest.mark.parametrize(("what", "make"), [("saver", v1.train.Saver), ("init_fn", lambda: lambda *_: None)])
def test_scaffolds_that_set_variables_themselves(what, make, tmp_path):
    def model_fn(features, labels, mode):
        y = linear_model.linear(features["x"])
        return linear_model.spec(
            mode, y, labels, scaffold=v1.train.Scaffold(**{what: make()}) if mode == "eval" else None
        )

    estimator = estimator_at(tmp_path, model_fn)
    with pytest.raises(ValueError, match=f"InMemoryEvaluator does not support custom {what}"):
        estimator.train(train_input, hooks=[Evaluator(estimator, eval_input)], steps=1)


def dense_table():
    return tf.lookup.experimental.DenseHashTable(
        tf.int64, tf.float32, default_value=1.0, empty_key=-1, deleted_key=-2, name="table"
    )


@pytest.mark.parametrize("modes", [["train", "eval"], ["train"]], ids="-".join)
def test_tables_that_checkpoints_hold_are_refused_when_the_hook_begins(modes, tmp_path):
    """Their contents cannot be copied as a variable's can."""

    def model_fn(features, labels, mode):
        y = linear_model.linear(features["x"])
        if mode in modes:
            y *= dense_table().lookup(tf.constant([7], tf.int64))
        return linear_model.spec(mode, y, labels)

    estimator = estimator_at(tmp_path, model_fn)
    with pytest.raises(
        ValueError, match="does not support saveables other than global variables. Given: .*table"
    ):
        estimator.train(train_input, hooks=[Evaluator(estimator, eval_input)], steps=1)
    assert not os.path.exists(estimator.eval_dir())


def test_iterators_that_checkpoints_hold_are_refused_when_the_hook_begins(tmp_path):
    def saved_input():
        iterator = v1.data.make_initializable_iterator(train_input())
        v1.add_to_collection(v1.GraphKeys.TABLE_INITIALIZERS, iterator.initializer)
        saveable = tf.data.experimental.make_saveable_from_iterator(iterator)
        v1.add_to_collection(v1.GraphKeys.SAVEABLE_OBJECTS, saveable)
        return iterator.get_next()

    estimator = estimator_at(tmp_path)
    with pytest.raises(ValueError, match="does not support saveables other than global variables"):
        estimator.train(saved_input, hooks=[Evaluator(estimator, eval_input)], steps=1)


def test_a_table_of_the_evaluation_alone_is_no_obstacle(tmp_path):
    def model_fn(features, labels, mode):
        y = linear_model.linear(features["x"])
        if mode == "eval":
            y *= dense_table().lookup(tf.constant([7], tf.int64))
        return linear_model.spec(mode, y, labels)

    estimator = estimator_at(tmp_path, model_fn)
    estimator.train(train_input, hooks=[Evaluator(estimator, eval_input)], steps=1)
    assert list(read_eval_metrics(estimator.eval_dir())) == [0, 1]


def test_tables_with_fixed_contents_are_no_obstacle(tmp_path):
    def model_fn(features, labels, mode):
        contents = tf.lookup.KeyValueTensorInitializer(tf.constant([7], tf.int64), tf.constant([1.0]))
        table = tf.lookup.StaticHashTable(contents, 0.0)
        y = linear_model.linear(features["x"]) * table.lookup(tf.constant([7], tf.int64))
        return linear_model.spec(mode, y, labels)

    estimator = estimator_at(tmp_path, model_fn)
    estimator.train(train_input, hooks=[Evaluator(estimator, eval_input)], steps=1)
    assert list(read_eval_metrics(estimator.eval_dir())) == [0, 1]


def test_not_in_a_cluster(tmp_path, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", json.dumps(AS_WORKER))
    with pytest.raises(ValueError, match="InMemoryEvaluator supports only single machine"):
        Evaluator(estimator_at(tmp_path), eval_input)


# The last checkpoint


def test_the_chief_stops_at_the_step(tmp_path):
    estimator = estimator_at(tmp_path)
    estimator.train(train_input, hooks=[experimental.make_stop_at_checkpoint_step_hook(estimator, 7)])
    assert linear_model.global_step(estimator) == 7


def test_a_worker_stops_once_the_checkpoint_is_there(tmp_path, monkeypatch):
    """The worker has made the last step; a chief, here the pause itself, is still writing the checkpoint."""
    slept = []

    def wait(secs):
        slept.append(secs)
        if len(slept) == 2:
            with tf.Graph().as_default(), v1.Session() as session:
                session.run(v1.assign(v1.train.create_global_step(), 4))
                v1.train.Saver().save(session, str(tmp_path / "model.ckpt"), global_step=4)

    monkeypatch.setattr(stop_at_checkpoint.time, "sleep", wait)
    monkeypatch.setenv("TF_CONFIG", json.dumps(AS_WORKER))
    hook = experimental.make_stop_at_checkpoint_step_hook(
        estimator_at(tmp_path), 4, wait_after_file_check_secs=9
    )
    with tf.Graph().as_default():
        advance = v1.assign_add(v1.train.create_global_step(), 1)
        with v1.train.MonitoredSession(hooks=[hook]) as session:
            steps = []
            while not session.should_stop():
                steps.append(session.run(advance))
    assert steps[-3:] == [steps[-1] - 2, steps[-1] - 1, steps[-1]]
    assert slept == [9, 9]


def test_a_worker_needs_a_last_step(tmp_path, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", json.dumps(AS_WORKER))
    with pytest.raises(ValueError, match="last_step must be specified"):
        experimental.make_stop_at_checkpoint_step_hook(estimator_at(tmp_path), None)
