"""Reading a model directory in a store: what a process begins with, and the follower."""

import threading
from pathlib import Path

import obstore
import pytest
import tensorflow as tf
from linear_model import model_fn, train_input
from stored_models import FaultyBucket, Process, refuse

from estimator_runtime import Estimator, RunConfig, checkpoints
from estimator_runtime.errors import CheckpointDamagedError, ModelDirUnavailableError
from estimator_runtime.mirror import digests
from estimator_runtime.mirror.fetching import fetch
from estimator_runtime.mirror.follower import Checkpoints, Follower, following
from estimator_runtime.mirror.report import Reporter

v1 = tf.compat.v1


class Reader:
    """A process that follows a bucket."""

    def __init__(self, folder, bucket, *, checkpoints=Checkpoints.EACH):
        self.root = folder / "model"
        staging = folder / "staging"
        self.root.mkdir(parents=True)
        staging.mkdir()
        self.follower = Follower(bucket, self.root, staging, checkpoints=checkpoints)

    def step(self):
        return checkpoints.latest(str(self.root)), self.names()

    def names(self):
        return sorted(path.name for path in self.root.iterdir())


@pytest.fixture
def bucket():
    return FaultyBucket()


def test_each_newest_checkpoint_is_followed_and_old_ones_go(tmp_path, bucket):
    chief, reader = Process(tmp_path / "a", bucket), Reader(tmp_path / "b", bucket)
    assert not reader.follower.look()
    for step in (1, 2, 3):
        chief.save(step)
        chief.round()
        assert reader.follower.look()
        assert checkpoints.latest(str(reader.root)) == str(reader.root / f"model.ckpt-{step}")
    assert not reader.follower.look()
    assert "model.ckpt-1.index" not in reader.names()
    assert "model.ckpt-2.index" in reader.names()


def test_markers_are_followed_and_their_deletion_too(tmp_path, bucket):
    chief, reader = (
        Process(tmp_path / "a", bucket),
        Reader(tmp_path / "b", bucket, checkpoints=Checkpoints.NONE),
    )
    chief.save(1)
    chief.write("step_target", b"1")
    chief.write("finished", b"2")
    chief.round()
    reader.follower.look()
    assert (reader.root / "step_target").read_bytes() == b"1"
    assert (reader.root / "finished").read_bytes() == b"2"
    (chief.root / "finished").unlink()
    chief.round()
    reader.follower.look()
    assert not (reader.root / "finished").exists()
    chief.save(2)
    chief.round()
    reader.follower.look()
    assert "model.ckpt-2.index" not in reader.names(), "a parameter server restores nothing"


def test_a_worker_sees_how_far_the_run_before_came_and_no_more(tmp_path, bucket):
    chief = Process(tmp_path / "a", bucket)
    chief.save(1)
    chief.round()
    reader = Reader(tmp_path / "b", bucket, checkpoints=Checkpoints.FIRST)
    reader.follower.look()
    chief.save(2)
    chief.round()
    reader.follower.look()
    assert checkpoints.latest(str(reader.root)) == str(reader.root / "model.ckpt-1")


def test_a_checkpoint_that_is_deleted_while_it_is_read_is_given_up_for_the_newer_one(tmp_path, bucket):
    chief, reader = Process(tmp_path / "a", bucket, keep=1), Reader(tmp_path / "b", bucket)
    chief.save(1)
    chief.round()
    download, gone = bucket.download, []

    def late(key, path):
        if not gone:
            gone.append(key)
            chief.save(2)
            chief.round()
        return download(key, path)

    bucket.download = late
    reader.follower.look()
    assert checkpoints.latest(str(reader.root)) == str(reader.root / "model.ckpt-2")


def test_a_damaged_object_is_no_checkpoint(tmp_path, bucket, caplog):
    chief = Process(tmp_path / "a", bucket)
    for step in (1, 2):
        chief.save(step)
        chief.round()
    bucket.put("model.ckpt-2.index", b"", size=0, digest="0")
    reader = Reader(tmp_path / "b", bucket)
    reader.follower.look()
    assert checkpoints.latest(str(reader.root)) == str(reader.root / "model.ckpt-1")
    assert "not what was put there" in caplog.text


def damage_values(bucket, prefix):
    """Other values under the name, put there as whole as any: an upload of another process that ended late."""
    key = f"{prefix}.data-00000-of-00001"
    other = bytes(255 - one for one in bucket.read(key))
    bucket.put(key, other, size=len(other), digest=digests.of_bytes(other))


def test_of_a_checkpoint_with_damaged_values_readers_take_the_one_before(tmp_path, bucket, caplog):
    chief = Process(tmp_path / "a", bucket)
    for step in (1, 2):
        chief.save(step)
        chief.round()
    damage_values(bucket, "model.ckpt-2")
    reader = Reader(tmp_path / "b", bucket)
    reader.follower.look()
    assert checkpoints.latest(str(reader.root)) == str(reader.root / "model.ckpt-1")
    assert "model.ckpt-2 in s3://models/vision is damaged (the value of w cannot be read" in caplog.text
    assert not list((tmp_path / "b/staging").iterdir())
    again = Process(tmp_path / "c", bucket)
    assert checkpoints.latest(str(again.root)) == str(again.root / "model.ckpt-1")
    again.save(2, value=7)
    again.round()
    reader.follower.look()
    assert values(checkpoints.latest(str(reader.root))) == [7, 7, 7]


def test_a_worker_reads_no_values_for_which_it_may_have_no_room(tmp_path, bucket):
    chief = Process(tmp_path / "a", bucket)
    chief.save(1)
    chief.round()
    damage_values(bucket, "model.ckpt-1")
    reader = Reader(tmp_path / "b", bucket, checkpoints=Checkpoints.FIRST)
    reader.follower.look()
    assert checkpoints.latest(str(reader.root)) == str(reader.root / "model.ckpt-1")


@pytest.fixture
def fetched(tmp_path, bucket):
    """A function that returns an Estimator in a new directory, which has what the store has."""

    def make(name, **settings):
        root, staging = tmp_path / name / "model", tmp_path / name / "staging"
        root.mkdir(parents=True)
        staging.mkdir()
        fetch(bucket, root, staging, mine=lambda key: True)
        return Estimator(model_fn, str(root), RunConfig(save_checkpoints_steps=1, **settings))

    return make


def carry(estimator, bucket):
    """Puts all checkpoints of an Estimator into the store."""
    for path in Path(estimator.model_dir).glob("[cm]*"):
        content = path.read_bytes()
        bucket.put(path.name, content, size=len(content), digest=digests.of_bytes(content))


def begun_at(estimator, input_fn=train_input):
    """The step at which a training begins there."""
    restored = RestoredStep()
    estimator.train(input_fn, steps=1, hooks=[restored])
    return restored.step


def test_a_training_goes_on_from_the_checkpoint_before_one_with_damaged_values(bucket, fetched):
    before = fetched("a")
    before.train(train_input, steps=2)
    carry(before, bucket)
    damage_values(bucket, "model.ckpt-2")
    assert begun_at(fetched("b")) == 1


def test_a_training_goes_on_from_a_checkpoint_that_holds_an_iterator(bucket, fetched):
    """numpy has no type for its state."""

    def input_fn():
        iterator = v1.data.make_one_shot_iterator(train_input())
        saveable = tf.data.experimental.make_saveable_from_iterator(iterator)
        v1.add_to_collection(v1.GraphKeys.SAVEABLE_OBJECTS, saveable)
        return iterator.get_next()

    before = fetched("a")
    before.train(input_fn, steps=2)
    carry(before, bucket)
    assert begun_at(fetched("b"), input_fn) == 2


def lose_data(bucket, prefix):
    bucket.delete([f"{prefix}.data-00000-of-00001"])


def lose_all(bucket, prefix):
    bucket.delete([key for key in bucket.list() if key.startswith(f"{prefix}.")])


def cut_index(bucket, prefix):
    bucket.put(f"{prefix}.index", b"", size=0, digest="0")


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (damage_values, "the value of w cannot be read"),
        (cut_index, "are not what was put there"),
        (lose_data, "of its data files are missing"),
        (lose_all, "its index file is missing"),
    ],
)
def test_over_checkpoints_that_are_all_damaged_nothing_is_trained(tmp_path, bucket, damage, what):
    chief = Process(tmp_path / "a", bucket)
    for step in (1, 2):
        chief.save(step)
        chief.round()
        damage(bucket, f"model.ckpt-{step}")
    before = bucket.list()
    words = (
        rf"s3://models/vision/model\.ckpt-2 is damaged \(.*{what}.* and s3://models/vision has no other one"
    )
    with pytest.raises(CheckpointDamagedError, match=words):
        Process(tmp_path / "b", bucket)
    assert bucket.list() == before
    reader = Reader(tmp_path / "c", bucket)
    assert reader.follower.look()
    assert checkpoints.latest(str(reader.root)) is None
    assert not reader.follower.look(), "it waits for another"
    chief.save(3)
    chief.round()
    reader.follower.look()
    assert checkpoints.latest(str(reader.root)) == str(reader.root / "model.ckpt-3")


def test_damaged_checkpoints_that_nobody_names_are_not_trained_over_either(tmp_path, bucket):
    chief = Process(tmp_path / "a", bucket)
    chief.save(1)
    chief.round()
    damage_values(bucket, "model.ckpt-1")
    bucket.delete(["checkpoint"])
    with pytest.raises(CheckpointDamagedError, match=r"vision/model\.ckpt-1 is damaged"):
        Process(tmp_path / "b", bucket)


def test_what_was_killed_in_its_first_upload_is_trained_over(tmp_path, bucket):
    bucket.fault = refuse("model.ckpt-1.index")
    chief = Process(tmp_path / "a", bucket)
    chief.save(1)
    with pytest.raises(ModelDirUnavailableError):
        chief.round()
    assert Process(tmp_path / "b", bucket).beginning.named == ()


def test_a_checkpoint_that_is_kept_and_not_named_stands_in_for_damaged_ones(tmp_path, bucket):
    chief = Process(tmp_path / "a", bucket, keep=1, for_ever=True)
    for step in (1, 2, 3, 4):
        chief.save(step)
        chief.round()
    for part in ("data-00000-of-00001", "index"):
        content = bucket.read(f"model.ckpt-1.{part}")
        bucket.put(f"model.ckpt-9.{part}", content, size=len(content), digest=digests.of_bytes(content))
    damage_values(bucket, "model.ckpt-4")
    # Of step 3 a process that was killed has not deleted everything, and step 9 is of one that was killed in its upload.
    text = bucket.read("checkpoint") + b"# deleted: model.ckpt-3\n"
    bucket.put("checkpoint", text, size=len(text), digest=digests.of_bytes(text))
    reader = Reader(tmp_path / "b", bucket)
    reader.follower.look()
    assert values(checkpoints.latest(str(reader.root))) == [2, 2, 2]
    again = Process(tmp_path / "c", bucket, keep=1, for_ever=True)
    assert values(checkpoints.latest(str(again.root))) == [2, 2, 2]
    again.save(3, value=7)
    assert again.round()
    reader.follower.look()
    assert values(checkpoints.latest(str(reader.root))) == [7, 7, 7]
    assert {"model.ckpt-1.index", "model.ckpt-2.index"} <= set(bucket.list())


class RestoredStep(v1.train.SessionRunHook):
    """At which step a training begins."""

    def after_create_session(self, session, coord):
        self.step = session.run(v1.train.get_global_step())


def test_a_name_that_a_new_run_uses_again_is_brought_again(tmp_path, bucket):
    chief, reader = Process(tmp_path / "a", bucket), Reader(tmp_path / "b", bucket)
    for step in (0, 100):
        chief.save(step, value=1)
        chief.round()
        reader.follower.look()
    # The program of the next pod clears its directory first.
    again = Process(tmp_path / "c", bucket)
    for path in again.root.glob("[cm]*"):
        path.unlink()
    again.forget()
    again.save(0, value=2)
    again.round()
    reader.follower.look()
    assert checkpoints.latest(str(reader.root)) == str(reader.root / "model.ckpt.1-0")
    again.save(100, value=2)
    again.round()
    reader.follower.look()
    newest = checkpoints.latest(str(reader.root))
    assert newest.endswith("-100")
    assert values(newest) == [2, 2, 2]


@pytest.mark.parametrize("digest", ["ours", "nobody's"])
def test_what_is_here_is_not_brought_again(tmp_path, bucket, monkeypatch, digest):
    chief, reader = Process(tmp_path / "a", bucket), Reader(tmp_path / "b", bucket)
    chief.save(1)
    chief.round()
    if digest != "ours":
        key = "model.ckpt-1.index"
        obstore.put(bucket.store, key, bucket.read(key))
    reader.follower.look()
    downloaded, download = [], bucket.download
    monkeypatch.setattr(
        bucket, "download", lambda key, path: (downloaded.append(key), download(key, path))[1]
    )
    text = bucket.read("checkpoint") + b"# another\n"
    bucket.put("checkpoint", text, size=len(text), digest=digests.of_bytes(text))
    assert reader.follower.look()
    assert downloaded == []


def values(path):
    return tf.train.load_checkpoint(path).get_tensor("w").tolist()


def test_a_state_file_of_another_directory_is_understood(tmp_path, bucket):
    """Somebody has copied a model directory there, whose saver wrote absolute paths."""
    chief = Process(tmp_path / "a", bucket)
    chief.save(1)
    chief.round()
    text = (
        b'model_checkpoint_path: "/model/model.ckpt-1"\nall_model_checkpoint_paths: "/model/model.ckpt-1"\n'
    )
    bucket.put("checkpoint", text, size=len(text), digest="0")
    reader = Reader(tmp_path / "b", bucket)
    reader.follower.look()
    assert checkpoints.latest(str(reader.root)) == str(reader.root / "model.ckpt-1")


def test_looking_goes_on_after_a_failure(tmp_path, caplog):
    looks = iter([ModelDirUnavailableError("s3://models: away"), True])
    done = threading.Event()

    def look():
        found = next(looks, None)
        if found is None:
            done.set()
            return False
        if isinstance(found, Exception):
            raise found
        return found

    reporter = Reporter()
    with following(look, reporter, alone=True):
        assert done.wait(30)
    assert "s3://models: away" in caplog.text
    assert reporter.report().error is None
