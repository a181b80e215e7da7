"""The writer of a mirrored model directory: what is in the store after each thing that can happen."""

import shutil
from datetime import timedelta

import pytest
from stored_models import FaultyBucket, Killed, Process, kill_at, newest, refuse

from estimator_runtime.errors import ModelDirUnavailableError
from estimator_runtime.mirror.writer import EVENTS_EVERY_SECS

CHECKPOINT = ("data-00000-of-00001", "meta", "index")


def keys_of(step):
    return [f"model.ckpt-{step}.{part}" for part in CHECKPOINT]


def puts(bucket):
    return [key for verb, key in bucket.changes if verb == "put"]


def test_data_go_up_before_the_index_and_the_file_that_names_them(tmp_path):
    bucket = FaultyBucket()
    process = Process(tmp_path / "a", bucket)
    process.write("graph.pbtxt", b"graph")
    process.save(1)
    process.write("finished", b"{}")
    assert process.round(everything=True)
    assert puts(bucket) == ["graph.pbtxt", *keys_of(1), "checkpoint", "finished"]
    assert newest(bucket, tmp_path / "reader") == (1, [1, 1, 1])


def test_a_round_without_changes_asks_for_nothing(tmp_path):
    bucket = FaultyBucket()
    process = Process(tmp_path / "a", bucket)
    process.save(1)
    process.round(everything=True)
    bucket.changes.clear()
    assert process.round(everything=True)
    assert bucket.changes == []


def test_what_the_saver_deletes_goes_after_the_newer_one_is_named(tmp_path):
    bucket = FaultyBucket()
    process = Process(tmp_path / "a", bucket)
    for step in (1, 2):
        process.save(step)
        process.round()
    bucket.changes.clear()
    process.save(3)
    process.round()
    assert [key for _, key in bucket.changes[:4]] == [*keys_of(3), "checkpoint"]
    assert {key for verb, key in bucket.changes[4:]} == set(keys_of(1))
    assert all(verb == "delete" for verb, _ in bucket.changes[4:])


def test_checkpoints_that_came_faster_than_they_went_up_follow_the_newest(tmp_path):
    bucket = FaultyBucket()
    process = Process(tmp_path / "a", bucket, keep=3)
    for step in (1, 2, 3):
        process.save(step)
    process.round()
    assert puts(bucket) == [
        *keys_of(3), "checkpoint", *keys_of(2), "checkpoint", *keys_of(1), "checkpoint",
    ]  # fmt: skip
    text = bucket.read("checkpoint").decode().splitlines()
    assert text[0] == 'model_checkpoint_path: "model.ckpt-3"'
    assert [line.split('"')[1] for line in text[1:4]] == ["model.ckpt-1", "model.ckpt-2", "model.ckpt-3"]


def test_a_checkpoint_that_is_deleted_while_it_goes_up_arrives_whole(tmp_path):
    """A saver that is faster than the line would else leave nothing whole in the store, ever."""
    process = None

    def train_on(verb, key):
        if verb == "after put" and key == "model.ckpt-1.data-00000-of-00001":
            for step in (2, 3, 4):
                process.save(step)

    bucket = FaultyBucket(fault=train_on)
    process = Process(tmp_path / "a", bucket)
    process.save(1)
    process.round()
    assert newest(bucket, tmp_path / "reader") == (1, [1, 1, 1])


@pytest.mark.parametrize("key", [*keys_of(1), "checkpoint", "graph.pbtxt"])
def test_an_object_whose_answer_was_lost_is_not_sent_again(tmp_path, key):
    bucket = FaultyBucket(fault=refuse(key, when="after put"))
    process = Process(tmp_path / "a", bucket)
    process.write("graph.pbtxt", b"graph")
    process.save(1)
    process.round()
    assert sorted(puts(bucket)) == sorted([*keys_of(1), "checkpoint", "graph.pbtxt"])
    assert process.reporter.report().behind_since is None


def test_after_a_failure_only_what_is_missing_is_sent(tmp_path):
    bucket = FaultyBucket(fault=refuse("model.ckpt-1.index", times=1))
    process = Process(tmp_path / "a", bucket)
    process.save(1)
    with pytest.raises(ModelDirUnavailableError):
        process.round()
    assert newest(bucket, tmp_path / "before") == (None, None)
    assert process.reporter.report().behind_since is not None
    process.round()
    assert puts(bucket) == [*keys_of(1), "checkpoint"]
    assert process.reporter.report().behind_since is None


def test_a_checkpoint_saved_again_with_other_values_never_mixes_with_the_first(tmp_path):
    seen = []

    def read(verb, key):
        seen.append(newest(bucket, tmp_path / f"reader-{len(seen)}"))

    bucket = FaultyBucket()
    process = Process(tmp_path / "a", bucket)
    process.save(1)
    process.round()
    bucket.fault = read
    process.save(1, value=7)
    process.round()
    assert [values for _, values in seen] == sorted([values for _, values in seen])
    assert {step for step, _ in seen} == {1}
    assert seen[0] == (1, [1, 1, 1])
    assert newest(bucket, tmp_path / "last") == (1, [7, 7, 7])
    assert not {*keys_of(1)} & set(bucket.list())


def test_a_checkpoint_saved_again_as_it_was_is_not_sent_again(tmp_path):
    bucket = FaultyBucket()
    Process(tmp_path / "a", bucket)
    first = Process(tmp_path / "b", bucket)
    first.save(1)
    first.round()
    again = Process(tmp_path / "c", bucket)
    bucket.changes.clear()
    again.save(1)
    again.round()
    assert not {"model.ckpt-1.data-00000-of-00001", "model.ckpt-1.index", "checkpoint"} & set(puts(bucket))


def test_a_restart_sends_nothing_that_the_store_has(tmp_path):
    """A session saves the checkpoint that it has restored once more."""
    bucket = FaultyBucket()
    before = Process(tmp_path / "a", bucket, run="a")
    for step in (1, 2):
        before.save(step)
    before.write("graph.pbtxt", b"graph")
    before.write("eval/events.out.tfevents.1.host", b"evaluations")
    before.export(1700000001)
    before.round(everything=True)
    for count in range(3):
        after = Process(tmp_path / f"restart {count}", bucket, run=str(count))
        bucket.changes.clear()
        after.save(2)
        after.write("graph.pbtxt", b"graph")
        after.round(everything=True)
        assert puts(bucket) == [".estimator-writer"], "its name, and nothing else"
        assert newest(bucket, tmp_path / f"reader {count}") == (2, [2, 2, 2])


def test_a_process_that_goes_on_deletes_the_checkpoints_of_the_one_before(tmp_path):
    bucket = FaultyBucket()
    before = Process(tmp_path / "a", bucket)
    for step in (1, 2):
        before.save(step)
        before.round()
    after = Process(tmp_path / "b", bucket)
    assert (after.root / "model.ckpt-1.index").stat().st_size == 0, "stands for the one that nobody needs"
    after.save(3)
    after.round()
    assert set(bucket.list()) == {*keys_of(2), *keys_of(3), "checkpoint"}


def test_a_model_directory_that_a_program_clears_keeps_its_newest_until_there_is_another(tmp_path):
    bucket = FaultyBucket()
    before = Process(tmp_path / "a", bucket)
    before.save(5)
    before.round()
    shutil.rmtree(before.root)
    before.root.mkdir()
    before.round()
    assert newest(bucket, tmp_path / "cleared") == (5, [5, 5, 5])
    before.save(1)
    before.round()
    assert newest(bucket, tmp_path / "anew") == (1, [1, 1, 1])
    assert set(bucket.list()) == {*keys_of(1), "checkpoint"}


def test_a_checkpoint_that_is_not_whole_is_not_named(tmp_path):
    bucket = FaultyBucket()
    process = Process(tmp_path / "a", bucket)
    process.save(1)
    process.round()
    process.save(2)
    (process.root / "model.ckpt-2.data-00000-of-00001").write_bytes(b"")
    process.round()
    assert newest(bucket, tmp_path / "reader") == (1, [1, 1, 1])


def test_an_export_appears_with_its_graph_and_goes_with_it(tmp_path):
    bucket = FaultyBucket()
    process = Process(tmp_path / "a", bucket)
    process.write("export/best/temp-1700000000/saved_model.pb", b"half")
    process.export(1700000001)
    process.round()
    folder = "export/best/1700000001"
    assert puts(bucket) == [
        f"{folder}/variables/variables.data-00000-of-00001",
        f"{folder}/variables/variables.index",
        f"{folder}/saved_model.pb",
    ]
    assert process.reporter.report().exports == {folder}
    bucket.changes.clear()
    shutil.rmtree(process.root / folder)
    process.round()
    assert bucket.changes[0] == ("delete", f"{folder}/saved_model.pb")
    assert set(bucket.list()) == set()


def test_a_process_that_goes_on_deletes_the_exports_of_the_one_before(tmp_path):
    bucket = FaultyBucket()
    before = Process(tmp_path / "a", bucket)
    before.export(1700000001)
    before.round()
    after = Process(tmp_path / "b", bucket)
    after.export(1700000002)
    shutil.rmtree(after.root / "export/best/1700000001")
    after.round()
    assert {key.split("/")[2] for key in bucket.list()} == {"1700000002"}


def test_event_files_go_up_now_and_then_and_at_the_end(tmp_path):
    bucket = FaultyBucket()
    process = Process(tmp_path / "a", bucket)
    events = "eval/events.out.tfevents.1.host"
    process.write(events, b"one")
    process.round()
    process.write(events, b"one two")
    process.round()
    assert bucket.read(events) == b"one"
    process.clocks.seconds += EVENTS_EVERY_SECS
    process.round()
    assert bucket.read(events) == b"one two"
    process.write(events, b"one two three")
    process.round(everything=True)
    assert bucket.read(events) == b"one two three"
    assert puts(bucket) == [events] * 3


def test_the_next_process_reads_evaluations_and_small_files_of_the_one_before(tmp_path):
    bucket = FaultyBucket()
    before = Process(tmp_path / "a", bucket)
    before.write("eval/events.out.tfevents.1.host", b"evaluations")
    before.write("events.out.tfevents.1.host", b"training")
    before.write("export/best/best_eval_result.json", b"{}")
    before.round(everything=True)
    after = Process(tmp_path / "b", bucket)
    assert (after.root / "eval/events.out.tfevents.1.host").read_bytes() == b"evaluations"
    assert (after.root / "export/best/best_eval_result.json").read_bytes() == b"{}"
    assert (after.root / "events.out.tfevents.1.host").read_bytes() == b"", "nobody reads it again"
    bucket.changes.clear()
    after.round(everything=True)
    assert bucket.changes == []
    assert bucket.read("events.out.tfevents.1.host") == b"training"


def test_an_evaluator_leaves_what_is_the_chiefs_alone(tmp_path):
    bucket = FaultyBucket()
    chief = Process(tmp_path / "a", bucket)
    chief.save(1)
    chief.round()
    evaluator = Process(tmp_path / "b", bucket, mine=lambda key: key.startswith("eval/"))
    evaluator.write("model.ckpt-0.index", b"its own copy")
    evaluator.write("eval/events.out.tfevents.1.host", b"evaluations")
    bucket.changes.clear()
    evaluator.round(everything=True)
    assert bucket.changes == [("put", "eval/events.out.tfevents.1.host")]


def test_what_a_killed_process_left_half_is_kept_for_a_day(tmp_path):
    bucket = FaultyBucket()
    process = Process(tmp_path / "a", bucket)
    process.save(5)
    process.round()
    for key in ("model.ckpt-9.data-00000-of-00001", "export/best/1700000001/variables/variables.index"):
        bucket.put(key, b"half", size=4, digest="0")
    for key in ("words.index", "other.ckpt-9.index", "notes-2.meta"):
        bucket.put(key, b"somebody's own", size=14, digest="0")
    process.clocks.seconds += timedelta(hours=23).total_seconds()
    process.round()
    assert "model.ckpt-9.data-00000-of-00001" in bucket.list()
    process.clocks.seconds += timedelta(hours=2).total_seconds()
    process.round()
    assert set(bucket.list()) == {
        *keys_of(5),
        "checkpoint",
        "words.index",
        "other.ckpt-9.index",
        "notes-2.meta",
    }


def train(folder, bucket, fault, told):
    """A process from its start to its end, as far as the fault lets it come; notes what it has told."""
    bucket.fault = lambda verb, key: None
    process = Process(folder, bucket)
    bucket.fault = fault
    begin = max((int(name.rpartition("-")[2]) for name in process.beginning.named), default=0)
    for step in range(begin + 1, 4):
        process.save(step)
        if step == 2:
            process.export(1700000002)
        process.round()
        told.append(process.reporter.report().checkpoint)
    process.write("finished", b"{}")
    assert process.round(everything=True)
    return process


def moments(folder):
    """How many moments a life without faults has."""
    counted = []
    train(folder, FaultyBucket(), lambda verb, key: counted.append(verb), [])
    return len(counted)


def test_killed_between_any_two_requests_the_store_has_a_whole_checkpoint_and_none_is_lost(tmp_path):
    number = moments(tmp_path / "whole")
    assert number > 30
    for moment in range(number):
        bucket, told, place = FaultyBucket(), [], tmp_path / str(moment)
        with pytest.raises(Killed):
            train(place / "first", bucket, kill_at(moment), told)
        step, values = newest(bucket, place / "reader")
        named = int(told[-1].rpartition("-")[2]) if told and told[-1] else None
        assert named is None or step >= named, moment
        assert step is None or values == [step] * 3, moment
        # What the store holds of an export that can be found is all of it.
        keys = {key for key in bucket.list() if key.startswith("export/")}
        assert len(keys) == 3 or not any(key.endswith("saved_model.pb") for key in keys), moment

        last = train(place / "second", bucket, lambda verb, key: None, told)
        assert newest(bucket, place / "last") == (3, [3, 3, 3]), moment
        last.clocks.seconds += timedelta(hours=25).total_seconds()
        last.round()
        exports = {key for key in bucket.list() if key.startswith("export/")}
        assert len(exports) in (0, 3), moment
        assert set(bucket.list()) - exports == {*keys_of(2), *keys_of(3), "checkpoint", "finished"}, moment
