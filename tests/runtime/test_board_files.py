"""What TensorBoard sees of a model directory in a store: appended to, never replaced, and nothing else."""

import threading

import pytest
from stored_models import FaultyBucket

from estimator_runtime.errors import ModelDirUnavailableError
from estimator_runtime.job.board import command
from estimator_runtime.job.board.event_files import EventFiles
from estimator_runtime.mirror import digests

EVENTS = "eval/events.out.tfevents.1.host"


class Counting(FaultyBucket):
    """A bucket that counts the bytes that are asked for.

    Attributes:
        asked: (key, local bytes, bytes that are there) of each reading of an event file.
    """

    def __init__(self):
        super().__init__()
        self.asked = []

    def download_rest(self, key, path, *, size):
        self.asked.append((key, path.stat().st_size if path.exists() else 0, size))
        super().download_rest(key, path, size=size)

    def give(self, key, content):
        self.put(key, content, size=len(content), digest=digests.of_bytes(content))


@pytest.fixture
def bucket():
    return Counting()


def shown(root):
    return {one.relative_to(root).as_posix(): one.read_bytes() for one in root.rglob("*") if one.is_file()}


def test_what_is_new_is_appended_to_the_file_that_is_open(bucket, tmp_path):
    files = EventFiles(bucket, tmp_path)
    bucket.give("events.out.tfevents.0.host", b"training")
    bucket.give(EVENTS, b"one,")
    assert files.look() == 2
    with (tmp_path / EVENTS).open("rb") as board:
        assert board.read() == b"one,"
        bucket.give(EVENTS, b"one,two")
        assert files.look() == 1
        assert board.read() == b"two"
    assert bucket.asked[-1] == (EVENTS, 4, 7)
    assert files.look() == 0
    assert len(bucket.asked) == 3, "what has not changed is not asked for"


def test_another_process_goes_on_where_the_last_one_was(bucket, tmp_path):
    bucket.give(EVENTS, b"one,two")
    EventFiles(bucket, tmp_path).look()
    (tmp_path / EVENTS).write_bytes(b"one,t")  # it was killed while it wrote
    EventFiles(bucket, tmp_path).look()
    assert shown(tmp_path) == {EVENTS: b"one,two"}


def test_only_what_is_shown_is_brought(bucket, tmp_path):
    bucket.give("model.ckpt-1.index", b"x")
    bucket.give("checkpoint", b"x")
    bucket.give("plugins/profile/1/host.xplane.pb", b"trace")
    bucket.give(EVENTS, b"one")
    EventFiles(bucket, tmp_path).look()
    assert shown(tmp_path) == {"plugins/profile/1/host.xplane.pb": b"trace", EVENTS: b"one"}


def test_what_was_deleted_or_begun_anew_is_so_here(bucket, tmp_path):
    files = EventFiles(bucket, tmp_path)
    bucket.give(EVENTS, b"a longer history")
    bucket.give("events.out.tfevents.0.host", b"x")
    files.look()
    bucket.give(EVENTS, b"short")
    bucket.delete(["events.out.tfevents.0.host"])
    files.look()
    assert shown(tmp_path) == {EVENTS: b"short"}


class Left(threading.Event):
    """Is set after so many looks, without waiting."""

    def __init__(self, looks):
        super().__init__()
        self.looks = looks

    def wait(self, timeout=None):
        self.looks -= 1
        return self.looks <= 0


def test_a_store_that_is_away_is_said_once_and_looked_at_again(bucket, tmp_path, monkeypatch, capsys):
    bucket.give(EVENTS, b"one")
    answers = [ModelDirUnavailableError("s3://models: away")] * 3 + [None] * 2
    listed = bucket.list

    def answer(prefix=""):
        error = answers.pop(0)
        if error is not None:
            raise error
        return listed(prefix)

    bucket.list = answer
    monkeypatch.setattr(command, "open_bucket", lambda uri, variables: bucket)
    variables = {"ESTIMATOR_MODEL_DIR": bucket.uri, "ESTIMATOR_BOARD_DIR": str(tmp_path)}
    assert command.main(variables, Left(5)) == 0
    assert capsys.readouterr().err.splitlines() == [
        "s3://models: away. Looking again.",
        f"{bucket.uri} can be read.",
    ]
    assert shown(tmp_path) == {EVENTS: b"one"}


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("hdfs://models/x", "in no object store that can be mirrored"),
        ("s3://", "names no bucket"),
        (None, "ESTIMATOR_MODEL_DIR is not set"),
    ],
)
def test_what_cannot_be_followed_is_said(uri, said, tmp_path, capsys):
    variables = {"ESTIMATOR_BOARD_DIR": str(tmp_path)} | ({} if uri is None else {"ESTIMATOR_MODEL_DIR": uri})
    assert command.main(variables, Left(1)) == 78
    assert said in capsys.readouterr().err
