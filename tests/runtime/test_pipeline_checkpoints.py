"""The place in the training's data, kept over runs and restarts."""

import os

import linear_model
import numpy as np
import pytest
import tensorflow as tf
from linear_model import v1

import estimator_runtime
from estimator_runtime import CheckpointInputPipelineHook, Estimator, RunConfig, compat


def rows(count=20, *, shuffle=False, **shuffled):
    """An input of rows that tell their number; two a batch."""

    def input_fn():
        data = tf.data.Dataset.range(count)
        if shuffle:
            data = data.shuffle(count, **shuffled)
        return data.map(lambda n: ({"x": tf.cast([n], tf.float32)}, tf.cast([n], tf.float32))).batch(2)

    return input_fn


class RowsRead(v1.train.SessionRunHook):
    """Keeps the rows of every batch."""

    def __init__(self):
        self.rows = []

    def before_run(self, run_context):
        return v1.train.SessionRunArgs(run_context.session.graph.get_tensor_by_name("row:0"))

    def after_run(self, run_context, run_values):
        self.rows += run_values.results.ravel().astype(int).tolist()


def model_fn(features, labels, mode):
    row = tf.identity(features["x"], "row")
    return linear_model.spec(mode, linear_model.linear(row) * 0, labels * 0)


def estimator_at(model_dir, **config):
    return Estimator(model_fn, str(model_dir), RunConfig(**{"save_checkpoints_steps": 100, **config}))


def run(model_dir, steps, input_fn=None, **config):
    """The rows that a run of `steps` reads, in a process' first session."""
    estimator, read = estimator_at(model_dir, **config), RowsRead()
    estimator.train(input_fn or rows(), hooks=[CheckpointInputPipelineHook(estimator), read], steps=steps)
    return read.rows


def test_a_second_run_goes_on_where_the_first_ended(tmp_path):
    assert run(tmp_path, 3) == [0, 1, 2, 3, 4, 5]
    assert run(tmp_path, 2) == [6, 7, 8, 9]
    assert run(tmp_path, 2) == [10, 11, 12, 13]


def test_what_a_shuffle_has_not_given_yet_is_read_by_the_next_run(tmp_path):
    shuffled = rows(shuffle=True, seed=3, reshuffle_each_iteration=False)
    read = run(tmp_path, 4, shuffled) + run(tmp_path, 6, shuffled)
    assert sorted(read) == list(range(20))
    assert read != sorted(read)


def test_an_input_at_its_end_is_at_its_end_in_the_next_run(tmp_path):
    assert run(tmp_path, 100) == list(range(20))
    assert run(tmp_path, 1) == []


class Lost(v1.train.SessionRunHook):
    """Raises after some steps, as a process that is killed."""

    def __init__(self, steps):
        self.steps = steps

    def after_run(self, run_context, run_values):
        self.steps -= 1
        if not self.steps:
            raise KeyboardInterrupt


def test_a_restart_reads_on_from_its_last_checkpoint(tmp_path):
    estimator, read = estimator_at(tmp_path, save_checkpoints_steps=3), RowsRead()
    with pytest.raises(KeyboardInterrupt):
        estimator.train(rows(), hooks=[CheckpointInputPipelineHook(estimator), read, Lost(5)])
    assert len(read.rows) == 10
    assert run(tmp_path, 2) == [6, 7, 8, 9]
    assert linear_model.global_step(estimator) == 5


def test_the_place_is_that_of_the_checkpoint_that_the_model_is_restored_from(tmp_path):
    run(tmp_path, 6, save_checkpoints_steps=2)
    v1.train.update_checkpoint_state(str(tmp_path), str(tmp_path / "model.ckpt-2"))
    assert run(tmp_path, 1) == [4, 5]


def test_the_files_are_those_that_tensorflows_hook_wrote(tmp_path):
    run(tmp_path, 3)
    names = set(os.listdir(tmp_path))
    assert {"checkpoint_input", "input.ckpt-0.index", "input.ckpt-3.index"} <= names
    assert not {"input.ckpt-0.meta", "input.ckpt-3.meta"} & names
    assert tf.train.latest_checkpoint(str(tmp_path)) == str(tmp_path / "model.ckpt-3")
    assert {name for name, _ in tf.train.list_variables(str(tmp_path))} == {"w", "global_step"}
    assert estimator_at(tmp_path).evaluate(rows())["global_step"] == 3


def test_an_iterator_that_the_input_function_makes_itself_keeps_its_place(tmp_path):
    def own_iterator():
        iterator = v1.data.make_initializable_iterator(rows()())
        v1.add_to_collection(v1.GraphKeys.TABLE_INITIALIZERS, iterator.initializer)
        return iterator.get_next()

    assert run(tmp_path, 2, own_iterator) == [0, 1, 2, 3]
    assert run(tmp_path, 1, own_iterator) == [4, 5]


def test_in_a_cluster_each_task_has_files_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv(
        "TF_CONFIG",
        '{"cluster": {"chief": ["a:1"], "worker": ["b:1"], "ps": ["c:1"]}, "task": {"type": "worker", "index": 0}}',
    )
    hook = CheckpointInputPipelineHook(estimator_at(tmp_path))
    with tf.Graph().as_default():
        v1.train.create_global_step()
        iterator = v1.data.make_initializable_iterator(rows()())
        iterator.get_next()
        hook.begin()
        with v1.Session() as session:
            session.run([v1.global_variables_initializer(), iterator.initializer])
            hook.end(session)
    assert "input_worker_0.ckpt-0.index" in os.listdir(tmp_path)


def random_rows():
    return (
        tf.data.Dataset.range(9).map(lambda n: ({"x": tf.random.uniform([1])}, tf.constant([0.0]))).batch(2)
    )


def test_data_that_cannot_be_restored_is_refused_unless_that_is_wanted(tmp_path):
    estimator = estimator_at(tmp_path / "a")
    with pytest.raises(tf.errors.FailedPreconditionError, match="state"):
        estimator.train(random_rows, hooks=[CheckpointInputPipelineHook(estimator)], steps=1)
    estimator = estimator_at(tmp_path / "b")
    hook = CheckpointInputPipelineHook(estimator, external_state_policy="ignore")
    estimator.train(random_rows, hooks=[hook], steps=1)


def test_an_input_without_iterators_is_refused_by_name(tmp_path):
    estimator = estimator_at(tmp_path)

    def tensors():
        return {"x": tf.constant([[1.0]])}, tf.constant([[1.0]])

    with pytest.raises(ValueError, match="the input has none: return a tf.data.Dataset from input_fn"):
        estimator.train(tensors, hooks=[CheckpointInputPipelineHook(estimator)], steps=1)


def test_an_unknown_policy_is_refused(tmp_path):
    with pytest.raises(ValueError, match="must be 'fail', 'warn' or 'ignore', given: 'never'"):
        CheckpointInputPipelineHook(estimator_at(tmp_path), "never")


def test_programs_find_the_hook_where_tensorflow_had_it():
    compat.install()
    for face in (tf, tf.compat.v1, tf.compat.v2):
        assert face.data.experimental.CheckpointInputPipelineHook is CheckpointInputPipelineHook
    assert "CheckpointInputPipelineHook" in estimator_runtime.__all__
    np.testing.assert_equal(issubclass(CheckpointInputPipelineHook, v1.train.CheckpointSaverHook), False)
