"""A file system that is full: a limit on the size of files stands for it, which needs no rights to set."""

import contextlib
import resource
from pathlib import Path

import linear_model
import pytest
import tensorflow as tf
from linear_model import eval_input, global_step, train_input

from estimator_runtime import CheckpointSaverHook, SessionRunHook
from estimator_runtime.checkpoints import storage
from estimator_runtime.errors import StorageFullError

v1 = tf.compat.v1
VALUES = 500_000
LIMIT_BYTES = 500_000


def large_model(features, labels, mode):
    v1.get_variable("ballast", [VALUES], initializer=v1.zeros_initializer())
    return linear_model.model_fn(features, labels, mode)


@contextlib.contextmanager
def no_room():
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT_BYTES, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


class FullAfter(SessionRunHook):
    """The disk is full from the seventh step on."""

    def __init__(self, stack):
        self.stack = stack
        self.runs = 0

    def after_run(self, run_context, run_values):
        self.runs += 1
        if self.runs == 7:
            self.stack.enter_context(no_room())


def names(model_dir):
    return {path.name for path in Path(model_dir).iterdir()}


def test_a_full_disk_is_named_and_the_last_good_checkpoint_is_kept(tmp_path):
    estimator = linear_model.estimator(tmp_path / "model", large_model)
    with contextlib.ExitStack() as stack:
        with pytest.raises(StorageFullError) as raised:
            estimator.train(train_input, steps=20, hooks=[FullAfter(stack)])
    message = str(raised.value)
    assert f"There is no room to write in {estimator.model_dir} (" in message
    assert "File too large" in message
    assert "model.ckpt-5 is whole. Make room there" in message
    assert isinstance(raised.value, OSError)
    assert isinstance(raised.value.__cause__, tf.errors.OpError)
    left = {name for name in names(estimator.model_dir) if "ckpt-10" in name or "temp" in name}
    assert not left, "half a checkpoint takes room and is read by nobody"
    assert estimator.latest_checkpoint().endswith("model.ckpt-5")
    assert estimator.evaluate(eval_input)["global_step"] == 5

    estimator.train(train_input, max_steps=10)
    assert global_step(estimator) == 10


def test_an_export_without_room(tmp_path):
    estimator = linear_model.estimator(tmp_path / "model", large_model)
    estimator.train(train_input, steps=5)
    base = tmp_path / "export"
    with no_room(), pytest.raises(StorageFullError, match=f"There is no room to write in {base}"):
        estimator.export_savedmodel(str(base), linear_model.raw_receiver)
    assert names(base) == set()
    assert estimator.export_savedmodel(str(base), linear_model.raw_receiver)


def test_what_fills_another_place_is_not_blamed_on_this_one(tmp_path):
    error = OSError(28, "No space left on device", "/elsewhere/file")
    with pytest.raises(OSError) as raised, storage.explained(str(tmp_path)):
        raise error
    assert raised.value is error


def test_other_files_and_whole_checkpoints_are_no_leftovers(tmp_path):
    kept = {
        "checkpoint",
        "model.ckpt-5.index",
        "model.ckpt-5.meta",
        "model.ckpt-5.data-00000-of-00001",
        "my_model.data-00000-of-00001",
        "model.ckpt.notes",
    }
    left = {"model.ckpt-9.data-00000-of-00002", "model.ckpt-9.meta", "model.ckpt-5.meta.tmp123abc"}
    for name in kept | left:
        (tmp_path / name).touch()
    (tmp_path / "model.ckpt-9_temp").mkdir()
    (tmp_path / "model.ckpt-9_temp" / "part").touch()
    (tmp_path / "eval").mkdir()
    with pytest.raises(StorageFullError), storage.explained(str(tmp_path)):
        raise tf.errors.ResourceExhaustedError(None, None, f"{tmp_path}/part; No space left on device")
    assert names(tmp_path) == kept | {"eval"}


def test_a_saver_hook_of_the_programs_own(tmp_path):
    estimator = linear_model.estimator(tmp_path / "model", large_model)
    hook = CheckpointSaverHook(estimator.model_dir, save_steps=5)
    with contextlib.ExitStack() as stack:
        with pytest.raises(StorageFullError, match="model.ckpt-5 is whole"):
            estimator.train(train_input, steps=20, hooks=[hook, FullAfter(stack)])
