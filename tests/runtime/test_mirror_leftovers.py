"""What the mirror takes for half and deletes in the store, what is somebody's own, and that all that is local goes up."""

from datetime import timedelta

import obstore
import pytest
from stored_models import FaultyBucket, Process, newest, refuse

from estimator_runtime.errors import ModelDirUnavailableError
from estimator_runtime.mirror import digests

OWN = (
    "data/2025113012/part-0.parquet",
    "data/2025113012/variables/variables.index",
    "export/tflite/1700000001/model.tflite",
    "export/best/20251130120000/variables/variables.index",
    "export/best/1700000002/variables/variables.index",
    "export/best/1700000002/notes.txt",
    "export/words/1700000003/assets/words.txt",
    "dumps/20251130120000/x.npy",
    "profiles/1700000004/events.out.tfevents.1.host",
)
"""Files in folders that are called as exports are."""


def keys_of(*steps):
    parts = ("data-00000-of-00001", "index", "meta")
    return {f"model.ckpt-{step}.{part}" for step in steps for part in parts}


def pass_days(process, days=2):
    process.clocks.seconds += timedelta(days=days).total_seconds()


def test_what_is_somebodys_own_is_not_deleted(tmp_path):
    bucket = FaultyBucket()
    for key in OWN:
        bucket.put(key, b"own", size=3, digest=digests.of_bytes(b"own"))
    process = Process(tmp_path / "a", bucket)
    process.save(1)
    pass_days(process)
    process.round(everything=True)
    pass_days(process)
    process.round(everything=True)
    assert set(bucket.list()) == {*OWN, *keys_of(1), "checkpoint"}


@pytest.mark.parametrize(
    "key",
    [
        "export/best/1700000001/variables/variables.index",
        "model.ckpt-9.index",
        "model.ckpt-9.data-00000-of-00001",
    ],
)
def test_what_no_mirror_has_put_there_is_not_deleted_however_it_is_called(tmp_path, key):
    bucket = FaultyBucket()
    obstore.put(bucket.store, key, b"put there by hand")
    process = Process(tmp_path / "a", bucket)
    process.save(1)
    pass_days(process)
    process.round()
    assert key in bucket.list()


@pytest.mark.parametrize("key", ["data/temp-1/part-0.csv", "notes.tmp", "data/parts_temp/0", "a.incomplete"])
def test_what_is_called_as_temporary_files_are_is_not_deleted(tmp_path, key):
    """Locally such a name is no file of the model directory yet."""
    bucket = FaultyBucket()
    obstore.put(bucket.store, key, b"put there by hand")
    process = Process(tmp_path / "a", bucket)
    process.save(1)
    process.round(everything=True)
    assert bucket.read(key) == b"put there by hand"


def test_what_is_in_folders_called_as_exports_are_goes_up_and_stays(tmp_path):
    bucket = FaultyBucket()
    process = Process(tmp_path / "a", bucket)
    process.save(1)
    for key in OWN:
        process.write(key, key.encode())
    assert process.round(everything=True)
    for count in range(2):
        assert {key: bucket.read(key) for key in OWN} == {key: key.encode() for key in OWN}
        pass_days(process)
        process.round(everything=True)
        process = Process(tmp_path / f"restart {count}", bucket)
        process.save(1)
        assert {key: (process.root / key).read_bytes() for key in OWN} == {key: key.encode() for key in OWN}


def test_what_looks_half_here_stays_while_it_is_here(tmp_path):
    bucket = FaultyBucket()
    process = Process(tmp_path / "a", bucket)
    process.save(1)
    process.write("export/values/1700000001/variables/variables.index", b"values")
    process.round()
    pass_days(process)
    process.round()
    assert bucket.read("export/values/1700000001/variables/variables.index") == b"values"


def test_a_saved_model_is_last_among_all_that_is_in_its_folder(tmp_path):
    bucket = FaultyBucket()
    process = Process(tmp_path / "a", bucket)
    folders = ("export/best/1700000001", "export/variables/1700000001", "saved", "1700000001")
    for folder in folders:
        for key in (
            "assets/1700000002/words",
            "fingerprint.pb",
            "saved_model.pb",
            "variables/variables.index",
        ):
            process.write(f"{folder}/{key}", b"some")
        process.write(f"{folder}/zoo/saved_model.pb", b"another")
    process.round()
    for folder in folders:
        there = [key for _, key in bucket.changes if key.startswith(f"{folder}/")]
        assert len(there) == 5
        if folder.startswith("export/"):
            assert there[0] == f"{folder}/variables/variables.index"
            assert there[-1] == f"{folder}/saved_model.pb"
        assert there.index(f"{folder}/saved_model.pb") > there.index(f"{folder}/variables/variables.index")


def test_what_is_left_of_an_export_goes_whatever_of_it_has_gone_up(tmp_path):
    folder = "export/best/1700000001"
    keys = [
        f"{folder}/{key}"
        for key in ("assets/words", "fingerprint.pb", "saved_model.pb", "variables/variables.index")
    ]
    for count, refused in enumerate(keys):
        bucket = FaultyBucket(fault=refuse(refused))
        killed = Process(tmp_path / f"killed {count}", bucket)
        for key in keys:
            killed.write(key, b"some")
        with pytest.raises(ModelDirUnavailableError):
            killed.round()
        after = Process(tmp_path / f"after {count}", bucket)
        assert not (after.root / folder).exists(), "nobody would complete it"
        after.save(1)
        after.round()
        pass_days(after)
        after.round()
        assert set(bucket.list()) == {*keys_of(1), "checkpoint"}, refused


def test_a_process_that_saves_no_checkpoint_cleans_nothing(tmp_path):
    """It knows those alone that there were at its start: what a training beside it has saved since is beyond them."""
    bucket = FaultyBucket()
    trainer = Process(tmp_path / "trainer", bucket, run="training", keep=3)
    trainer.save(1)
    trainer.round()
    predictor = Process(tmp_path / "predictor", bucket, run="predicting")
    predictor.round()
    for step in (2, 3):
        trainer.save(step)
        trainer.round()
    predictor.clocks.seconds += timedelta(hours=25).total_seconds()
    predictor.round(everything=True)
    assert set(bucket.list()) == {*keys_of(1, 2, 3), "checkpoint", ".estimator-writer"}
    assert newest(bucket, tmp_path / "reader") == (3, [3, 3, 3])


def test_a_newer_checkpoint_goes_before_those_that_nobody_is_told_of(tmp_path):
    bucket = FaultyBucket()
    process = Process(tmp_path / "a", bucket, for_ever=True)
    for step in range(1, 6):
        process.save(step)
    process.export(1700000001)

    def train_on(verb, key):
        if (verb, key) == ("after put", "model.ckpt-3.index"):
            process.save(6)

    bucket.fault = train_on
    assert not process.round()
    assert process.reporter.report().behind_since is not None
    assert process.round()
    whole = [key for verb, key in bucket.changes if verb == "put" and key.endswith((".index", ".pb"))]
    assert whole == [
        *(f"model.ckpt-{step}.index" for step in (5, 4)),
        "export/best/1700000001/variables/variables.index",
        "export/best/1700000001/saved_model.pb",
        *(f"model.ckpt-{step}.index" for step in (3, 6, 2, 1)),
    ]


EVENTS = "events.out.tfevents.1.host"


def saves_while_one_goes_up(process, *, fails_at=None):
    """A saver that is faster than the line, and a store that fails once."""
    process.step = 2
    for step in (1, 2):
        process.save(step)

    def fault(verb, key):
        if verb == "after put" and key.endswith(".index"):
            for _ in range(2):
                process.step += 1
                process.save(process.step)
        elif verb == "before put" and process.step == fails_at and key.endswith(".index"):
            process.step += 1
            process.save(process.step)
            raise ModelDirUnavailableError("SlowDown")

    process.bucket.fault = fault


@pytest.mark.parametrize("for_ever", [True, False])
def test_a_saver_that_is_faster_than_the_store_keeps_nothing_else_from_going_up(tmp_path, for_ever):
    bucket = FaultyBucket()
    process = Process(tmp_path / "a", bucket, keep=1 if for_ever else 2, for_ever=for_ever)
    bucket.put("model.ckpt-99.index", b"half", size=4, digest="0")
    process.write(EVENTS, b"some")
    process.write("export/words", b"some")
    saves_while_one_goes_up(process, fails_at=4)
    process.round()
    assert process.reporter.report().checkpoint == "model.ckpt-2"
    assert bucket.read(EVENTS) == bucket.read("export/words") == b"some"
    with pytest.raises(ModelDirUnavailableError) as raised:
        process.round()
    process.reporter.failed(str(raised.value))
    process.write(EVENTS, b"more")
    process.clocks.seconds += 1
    begun = process.reporter.now()
    process.round()
    report = process.reporter.report()
    assert report.checkpoint == "model.ckpt-5"
    assert report.error is None
    assert report.behind_since is None or report.behind_since >= begun, "what was saved before has gone up"
    assert bucket.read(EVENTS) == b"some", "they go up now and then"
    pass_days(process)
    process.round()
    assert bucket.read(EVENTS) == b"more"
    assert "model.ckpt-99.index" not in bucket.list()
    bucket.fault = lambda verb, key: None
    assert process.round(everything=True)
    assert process.reporter.report().behind_since is None
    assert newest(bucket, tmp_path / "reader") == (process.step, [process.step] * 3)


def test_a_newest_checkpoint_that_is_gone_before_it_goes_up_is_not_named(tmp_path):
    bucket = FaultyBucket()
    process = Process(tmp_path / "a", bucket, keep=1)
    process.save(1)
    process.round()
    process.save(2)
    process.write("graph.pbtxt", b"graph")
    process.write(EVENTS, b"some")
    process.clocks.seconds += timedelta(minutes=1).total_seconds()
    bucket.fault = lambda verb, key: process.save(3) if (verb, key) == ("after put", "graph.pbtxt") else None
    assert not process.round()
    assert newest(bucket, tmp_path / "before") == (1, [1, 1, 1])
    assert process.reporter.report().behind_since is not None
    assert process.round()
    assert bucket.read(EVENTS) == b"some", "nothing has gone up in their turn"
    assert newest(bucket, tmp_path / "after") == (3, [3, 3, 3])


def test_checkpoints_that_the_saver_keeps_for_ever_go_up_when_the_store_is_back(tmp_path):
    """The file `checkpoint` names them no more by then."""
    bucket = FaultyBucket()
    process = Process(tmp_path / "a", bucket, for_ever=True)

    def away(verb, key):
        raise ModelDirUnavailableError("SlowDown")

    bucket.fault = away
    for step in range(1, 6):
        process.save(step)
        with pytest.raises(ModelDirUnavailableError):
            process.round()
    bucket.fault = lambda verb, key: None
    assert process.round()
    assert set(bucket.list()) == {*keys_of(1, 2, 3, 4, 5), "checkpoint"}
    assert newest(bucket, tmp_path / "reader") == (5, [5, 5, 5])
    pass_days(process)
    bucket.changes.clear()
    process.round(everything=True)
    assert bucket.changes == []
    after = Process(tmp_path / "b", bucket, for_ever=True)
    after.save(6)
    after.round()
    # A saver counts from its own beginning, so the new one deletes what was named before.
    assert set(bucket.list()) == {*keys_of(1, 2, 3, 5, 6), "checkpoint"}
