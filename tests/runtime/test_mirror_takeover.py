"""Two processes that write one model directory: of an old chief that comes back nothing is seen any more."""

import pytest
from stored_models import FaultyBucket, Process, newest, refuse

from estimator_runtime import interruption
from estimator_runtime.errors import AnotherWriterError, ModelDirUnavailableError
from estimator_runtime.mirror.mirroring import Mirroring

LATER = "which began later, writes checkpoints there now"


@pytest.fixture
def bucket():
    return FaultyBucket()


@pytest.fixture
def old(tmp_path, bucket):
    """A chief that has saved step 1 and is cut off then."""
    process = Process(tmp_path / "old", bucket, run="old")
    process.save(1)
    process.round()
    return process


def test_an_old_chief_neither_names_its_checkpoint_nor_changes_anything(tmp_path, bucket, old):
    new = Process(tmp_path / "new", bucket, run="new")
    new.save(2)
    new.round()
    before = bucket.list()
    for step in (2, 3):
        old.save(step, value=7)
    old.write("graph.pbtxt", b"another graph")
    old.write("finished", b"{}")
    with pytest.raises(AnotherWriterError, match=LATER):
        old.round(everything=True)
    assert bucket.list() == before
    assert newest(bucket, tmp_path / "reader") == (2, [2, 2, 2])
    new.save(3)
    assert new.round()
    assert newest(bucket, tmp_path / "last") == (3, [3, 3, 3])


def test_what_an_old_chief_deletes_stays(tmp_path, bucket, old):
    new = Process(tmp_path / "new", bucket, run="new")
    new.save(2)
    new.round()
    for path in old.root.iterdir():
        path.unlink()
    old.round()
    assert newest(bucket, tmp_path / "reader") == (2, [2, 2, 2])
    old.clocks.seconds += 25 * 3600
    with pytest.raises(AnotherWriterError, match=LATER):
        old.round()
    assert newest(bucket, tmp_path / "next day") == (2, [2, 2, 2])


def test_a_chief_that_is_overtaken_between_its_look_and_the_file_that_names(tmp_path, bucket, old):
    """The store compares: the look alone would leave a moment for both."""
    new = Process(tmp_path / "new", bucket, run="new")
    new.save(2)

    def overtake(verb, key):
        if verb == "before put" and key == "checkpoint":
            bucket.fault = lambda verb, key: None
            new.round()

    bucket.fault = overtake
    old.save(3, value=7)
    with pytest.raises(AnotherWriterError, match=LATER):
        old.round()
    assert newest(bucket, tmp_path / "reader") == (2, [2, 2, 2])


def test_a_new_chief_prevails_over_an_old_one_that_was_a_moment_faster(tmp_path, bucket, old):
    new = Process(tmp_path / "new", bucket, run="new")
    new.save(2)

    def faster(verb, key):
        # The new one has its name there, and the old one had looked before.
        if verb == "before put" and key == "checkpoint":
            bucket.fault = lambda verb, key: None
            old._check_others = lambda **settings: None
            old.writer._check_others = old._check_others
            old.save(3, value=7)
            old.round()

    bucket.fault = faster
    assert new.round()
    assert newest(bucket, tmp_path / "reader") == (2, [2, 2, 2])


def test_a_process_that_writes_no_checkpoint_takes_nothing_over(tmp_path, bucket, old):
    """A job of mode Predict in the model directory of one that trains."""
    predicting = Process(tmp_path / "predicting", bucket, run="predicting")
    predicting.write("predictions/vision/predictions-00000.jsonl", b"{}")
    assert predicting.round(everything=True)
    old.save(2)
    assert old.round()
    assert newest(bucket, tmp_path / "reader") == (2, [2, 2, 2])


@pytest.mark.parametrize("saved", [1, 2, 3])
def test_a_process_that_begins_while_checkpoints_are_saved_takes_nothing_over(
    tmp_path, bucket, old, monkeypatch, saved
):
    """It has listed the store by then: what came after that is not its own all the same."""
    listed, last = bucket.list, 1 + saved

    def save_then(*arguments):
        found = listed(*arguments)
        monkeypatch.setattr(bucket, "list", listed)
        for step in range(2, last + 1):
            old.save(step)
            old.round()
        return found

    monkeypatch.setattr(bucket, "list", save_then)
    predictor = Process(tmp_path / "predictor", bucket, run="predicting")
    bucket.changes.clear()
    assert predictor.round(everything=True)
    assert bucket.changes == []
    old.save(last + 1)
    assert old.round()
    assert newest(bucket, tmp_path / "reader") == (last + 1, [last + 1] * 3)


def test_a_store_that_compares_nothing_is_written_to_all_the_same(tmp_path, bucket, monkeypatch):
    from estimator_runtime.mirror import bucket as buckets

    put = buckets.obstore.put

    def without_conditions(*arguments, mode=None, **settings):
        if mode not in (None, "overwrite"):
            raise buckets.BaseError("501 Not Implemented: A header you provided implies functionality")
        return put(*arguments, mode=mode, **settings)

    monkeypatch.setattr(buckets.obstore, "put", without_conditions)
    process = Process(tmp_path / "a", bucket, run="a")
    for step in (1, 2):
        process.save(step)
        assert process.round()
    assert newest(bucket, tmp_path / "reader") == (2, [2, 2, 2])


def test_a_store_that_does_not_even_say_who_writes_there_is_behind(bucket, old, monkeypatch):
    def refuse(key):
        raise ModelDirUnavailableError(f"cannot read {key}: SlowDown")

    monkeypatch.setattr(bucket, "read", refuse)
    old.save(2)
    with pytest.raises(ModelDirUnavailableError, match=r"cannot read \.estimator-writer: SlowDown"):
        old.round()
    assert old.reporter.report().behind_since is not None


@pytest.mark.parametrize("when", ["before put", "after put"])
def test_the_file_that_names_is_sent_once_though_an_answer_is_lost(tmp_path, bucket, when):
    process = Process(tmp_path / "a", bucket, run="a")
    bucket.fault = refuse("checkpoint", times=1, when=when)
    process.save(1)
    if when == "before put":
        with pytest.raises(ModelDirUnavailableError):
            process.round()
    assert process.round()
    assert [key for _, key in bucket.changes].count("checkpoint") == 1
    process.save(2)
    assert process.round()
    assert newest(bucket, tmp_path / "reader") == (2, [2, 2, 2])


def test_an_old_chief_ends_its_training(tmp_path, bucket, old):
    Process(tmp_path / "new", bucket, run="new").writer._check_others(begins=True)
    old.save(2)
    beside = Mirroring(
        lambda everything: old.round(everything=everything),
        old.reporter,
        uri="s3://models/vision",
        lost=interruption.request,
    )
    beside.start()
    try:
        with pytest.raises(AnotherWriterError, match=LATER):
            beside.finish(lambda: 3600.0)
        beside._thread.join()
        assert interruption.requested()
    finally:
        interruption.clear()
    assert old.reporter.report().error is not None
