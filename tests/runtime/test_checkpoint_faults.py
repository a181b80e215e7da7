"""Checkpoints of which something is lost: what is found, what is used instead, and what is never touched."""

import shutil
from pathlib import Path

import linear_model
import pytest
import tensorflow as tf
from linear_model import eval_input, global_step, train_input

from estimator_runtime import Estimator, checkpoints
from estimator_runtime.checkpoints import faults
from estimator_runtime.errors import CheckpointDamagedError

v1 = tf.compat.v1


def files(model_dir, step):
    (data,) = Path(model_dir).glob(f"model.ckpt-{step}.data-*")
    return Path(model_dir, f"model.ckpt-{step}.index"), data


def cut_short(model_dir):
    data = files(model_dir, 10)[1]
    data.write_bytes(data.read_bytes()[:-1])


def flipped(model_dir):
    data = files(model_dir, 10)[1]
    data.write_bytes(bytes(255 - byte for byte in data.read_bytes()))


def no_data(model_dir):
    files(model_dir, 10)[1].unlink()


def no_index(model_dir):
    files(model_dir, 10)[0].unlink()


def bad_index(model_dir):
    files(model_dir, 10)[0].write_bytes(b"no table at all")


def gone(model_dir):
    for file in files(model_dir, 10):
        file.unlink()


def bad_state(model_dir):
    gone(model_dir)
    Path(model_dir, "checkpoint").write_text("}{ this is no checkpoint state")


def empty_state(model_dir):
    gone(model_dir)
    Path(model_dir, "checkpoint").write_text("")


def no_state(model_dir):
    gone(model_dir)
    Path(model_dir, "checkpoint").unlink()


def strange_state(model_dir):
    Path(model_dir, "checkpoint").write_text('model_checkpoint_path: "model.ckpt-77"\n')
    gone(model_dir)


DAMAGES = [
    cut_short,
    flipped,
    no_data,
    no_index,
    bad_index,
    gone,
    bad_state,
    empty_state,
    no_state,
    strange_state,
]


@pytest.fixture
def damaged(trained, tmp_path, monkeypatch):
    """A function that returns a copy of the trained Estimator (checkpoints 0, 5, 10) after some damage."""
    monkeypatch.setattr(checkpoints, "_PAUSE_SECS", 0.0)

    def make(damage):
        model_dir = tmp_path / "model"
        shutil.copytree(trained.model_dir, model_dir)
        damage(model_dir)
        return linear_model.estimator(model_dir)

    return make


def value(estimator, step):
    path = str(Path(estimator.model_dir, f"model.ckpt-{step}"))
    return tf.train.load_variable(path, "w").item()


@pytest.mark.parametrize("damage", DAMAGES)
def test_everybody_falls_back_to_the_one_before(damage, damaged, tf_log):
    estimator = damaged(damage)
    five = value(estimator, 5)
    assert estimator.get_variable_value("w").item() == five
    assert "w" in estimator.get_variable_names()
    assert estimator.evaluate(eval_input)["global_step"] == 5
    assert next(estimator.predict(eval_input))["y"].shape == (1,)
    warnings = [line for line in tf_log if "going on with" in line]
    assert len(warnings) == 1, "once for all of them"
    assert "model.ckpt-5, the newest one that is whole. Nothing was deleted." in warnings[0]
    assert estimator.model_dir in warnings[0]

    estimator.train(train_input, steps=2)
    assert global_step(estimator) == 7
    assert tf.train.latest_checkpoint(estimator.model_dir).endswith("model.ckpt-7")
    assert value(estimator, 5) == five
    restored = [line for line in tf_log if line.startswith("Restoring parameters from ")]
    assert not restored or restored[-1].endswith("model.ckpt-5")


@pytest.mark.filterwarnings("ignore:To make it possible to preserve tf.data options")
@pytest.mark.parametrize("make_strategy", [lambda: None, lambda: tf.distribute.MirroredStrategy(["/cpu:0"])])
@pytest.mark.parametrize("damage", [cut_short, flipped, bad_state])
def test_training_falls_back_by_itself(damage, make_strategy, damaged, tf_log):
    """It is the first to look here, with the largest limit on what is kept: the good one stays."""
    estimator = damaged(damage)
    five = value(estimator, 5)
    again = linear_model.estimator(
        estimator.model_dir, keep_checkpoint_max=1, train_distribute=make_strategy()
    )
    again.train(train_input, steps=1)
    assert global_step(again) == 6
    assert abs(value(again, 6) - five) > 0
    assert len([line for line in tf_log if "going on with" in line]) == 1


def test_an_export_falls_back(damaged, tmp_path):
    estimator = damaged(flipped)
    path = Path(estimator.export_savedmodel(str(tmp_path / "export"), linear_model.raw_receiver))
    exported = tf.train.load_variable(str(path / "variables" / "variables"), "w")
    assert exported.item() == value(estimator, 5)


def test_the_one_that_was_asked_for_has_no_substitute(damaged):
    estimator = damaged(flipped)
    path = str(Path(estimator.model_dir, "model.ckpt-10"))
    with pytest.raises(tf.errors.DataLossError):
        estimator.evaluate(eval_input, checkpoint_path=path)
    with pytest.raises(tf.errors.DataLossError):
        next(estimator.predict(eval_input, checkpoint_path=path))


@pytest.mark.filterwarnings("ignore:To make it possible to preserve tf.data options")
@pytest.mark.parametrize("make_strategy", [lambda: None, lambda: tf.distribute.MirroredStrategy(["/cpu:0"])])
def test_without_an_earlier_one_training_says_what_to_do(damaged, make_strategy):
    def alone(model_dir):
        flipped(model_dir)
        for step in (0, 5):
            for file in files(model_dir, step):
                file.unlink()

    estimator = linear_model.estimator(damaged(alone).model_dir, train_distribute=make_strategy())
    for use in (
        lambda: estimator.train(train_input, steps=1),
        lambda: estimator.evaluate(eval_input),
        lambda: next(estimator.predict(eval_input)),
        lambda: estimator.get_variable_value("w"),
    ):
        with pytest.raises(
            CheckpointDamagedError, match=r"model.ckpt-10 is damaged \(the value of .* Put one back"
        ):
            use()
    assert all(file.exists() for file in files(estimator.model_dir, 10))


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (no_data, "1 of its 1 data files are missing"),
        (bad_index, "its index file cannot be read"),
        (no_index, "its index file is missing"),
        (gone, "its index file is missing"),
    ],
)
def test_files_that_the_only_one_lacks_are_named(damage, what, damaged):
    """To TensorFlow a data file that is missing is a variable that is, and an index that is cut short no table."""

    def alone(model_dir):
        for file in (*files(model_dir, 0), *files(model_dir, 5)):
            file.unlink()
        damage(model_dir)

    with pytest.raises(CheckpointDamagedError, match=f"model.ckpt-10 is damaged .{what}.*Put one back"):
        damaged(alone).train(train_input, steps=1)


@pytest.mark.parametrize("damage", [no_data, bad_index])
def test_readers_of_the_only_one_say_the_same(damage, damaged):
    def alone(model_dir):
        for file in (*files(model_dir, 0), *files(model_dir, 5)):
            file.unlink()
        damage(model_dir)

    estimator = damaged(alone)
    for use in (
        lambda: estimator.evaluate(eval_input),
        lambda: next(estimator.predict(eval_input)),
        lambda: estimator.get_variable_value("w"),
    ):
        with pytest.raises(CheckpointDamagedError, match=r"model.ckpt-10 is damaged"):
            use()


def test_an_error_of_the_model_is_not_blamed_on_a_checkpoint_that_is_whole(trained):
    def lacking(features, labels, mode):
        v1.get_variable("of_another_model", [])
        return linear_model.model_fn(features, labels, mode)

    with pytest.raises(tf.errors.NotFoundError, match="of_another_model"):
        Estimator(lacking, trained.model_dir).evaluate(eval_input)


def test_a_damaged_input_is_not_blamed_on_the_checkpoint(trained):
    def broken():
        def fail(x):
            raise tf.errors.DataLossError(None, None, "a corrupted record")

        return eval_input().map(lambda x, y: ({"x": v1.py_func(fail, [x["x"]], tf.float32)}, y))

    asked = []
    for _ in range(2):
        with pytest.raises(tf.errors.OpError):
            trained.evaluate(broken)
        asked.append(trained.latest_checkpoint())
    assert asked == [str(Path(trained.model_dir, "model.ckpt-10"))] * 2


def test_a_state_file_that_is_away_for_a_moment(damaged, monkeypatch, tf_log):
    """As where a rename is a copy and a deletion."""
    estimator = damaged(lambda model_dir: None)
    state, aside = Path(estimator.model_dir, "checkpoint"), Path(estimator.model_dir, "aside")
    state.rename(aside)
    monkeypatch.setattr(checkpoints.time, "sleep", lambda secs: aside.rename(state))
    assert estimator.latest_checkpoint().endswith("model.ckpt-10")
    assert not [line for line in tf_log if "going on with" in line]


def test_a_directory_without_checkpoints_is_not_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints.time, "sleep", lambda secs: pytest.fail("waited"))
    assert checkpoints.latest(str(tmp_path)) is None
    assert checkpoints.latest(str(tmp_path / "nowhere")) is None


def test_a_newer_writing_of_the_same_name_is_judged_anew(damaged):
    estimator = damaged(flipped)
    path = str(Path(estimator.model_dir, "model.ckpt-10"))
    assert faults.condemn(path)
    assert "cannot be read" in faults.fault(path)
    estimator.train(train_input, max_steps=10)
    assert faults.fault(path) is None
    assert not faults.condemn(path)


def test_sharded_and_partitioned_variables_and_texts(tmp_path):
    """What a whole checkpoint needs is computed from its index: it must hold for everything that can be saved."""
    with tf.Graph().as_default(), v1.Session() as session:
        v1.get_variable("parts", [7, 3], partitioner=v1.fixed_size_partitioner(3))
        for position, (dtype, first) in enumerate(
            [
                (tf.string, "text"),
                (tf.bool, True),
                (tf.int8, 1),
                (tf.complex64, 1j),
                (tf.bfloat16, 1),
                (tf.half, 1),
            ]
        ):
            v1.get_variable(f"v{position}", initializer=tf.constant(first, dtype))
        v1.get_variable("empty", [0, 4])
        session.run(v1.global_variables_initializer())
        path = v1.train.Saver(sharded=True).save(session, str(tmp_path / "model.ckpt"), 1)
    assert faults.fault(path) is None
    assert not faults.condemn(path)


def stateful_input():
    """Batches whose iterator is saved with the model's variables, as a value that numpy has no type for."""
    iterator = v1.data.make_one_shot_iterator(train_input())
    saveable = tf.data.experimental.make_saveable_from_iterator(iterator)
    v1.add_to_collection(v1.GraphKeys.SAVEABLE_OBJECTS, saveable)
    return iterator.get_next()


@pytest.fixture
def with_iterator(tmp_path):
    """An Estimator whose checkpoints 1 and 2 hold an iterator."""
    estimator = linear_model.estimator(tmp_path / "model", save_checkpoints_steps=1)
    estimator.train(stateful_input, steps=2)
    return estimator


def flip_state(model_dir, step):
    """Other bytes for the iterator alone, which has the largest file of the checkpoint."""
    parts = Path(model_dir).glob(f"model.ckpt-{step}.data-*")
    data = max(parts, key=lambda path: path.stat().st_size)
    content = data.read_bytes()
    data.write_bytes(bytes([255 - content[0]]) + content[1:])
    reader = tf.train.load_checkpoint(str(Path(model_dir, f"model.ckpt-{step}")))
    for name, dtype in reader.get_variable_to_dtype_map().items():
        if dtype != tf.variant:
            reader.get_tensor(name)


def test_the_state_of_an_iterator_is_no_damage(with_iterator):
    path = str(Path(with_iterator.model_dir, "model.ckpt-2"))
    assert not faults.condemn(path)
    assert faults.fault(path) is None
    with_iterator.train(stateful_input, steps=1)
    assert global_step(with_iterator) == 3


def test_a_damaged_iterator_is_set_aside_with_its_checkpoint(with_iterator, tf_log):
    flip_state(with_iterator.model_dir, 2)
    with_iterator.train(stateful_input, steps=1)
    assert len([line for line in tf_log if "going on with" in line and "model.ckpt-1," in line]) == 1
    assert tf.train.latest_checkpoint(with_iterator.model_dir).endswith("model.ckpt-2")


def test_an_export_of_a_whole_checkpoint_reads_no_value_before_it_restores(trained, tmp_path, monkeypatch):
    """It would read the largest table twice, and hold a second copy of it."""
    monkeypatch.setattr(faults, "condemn", pytest.fail)
    trained.export_saved_model(str(tmp_path / "export"), linear_model.raw_receiver)
