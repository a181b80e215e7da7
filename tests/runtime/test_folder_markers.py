"""Objects whose key ends in a slash, as consoles and file system gateways write for folders: nobody can read one as a file."""

import os
import uuid
from dataclasses import replace

import pytest
from google_storage import google_storage
from staged import data, stager
from store_servers import clear_environment, make_folder, running

from estimator_runtime.job.settings.errors import JobConfigError
from estimator_runtime.job.staging.sources import SettingsError, source_of
from estimator_runtime.mirror import digests, plain_words
from estimator_runtime.mirror.bucket import open_bucket
from estimator_runtime.mirror.fetching import fetch

TREE = {
    "": b"",
    "sub/": b"",
    "sub/a": b"content",
    "empty/": b"",
    "deep/er/": b"",
    "nothing in it": b"",
    "same": b"a file and a folder",
    "same/": b"",
}
FILES = {"sub/a": b"content", "nothing in it": b"", "same": b"a file and a folder"}


@pytest.fixture
def storage(monkeypatch):
    with google_storage() as made:
        clear_environment(monkeypatch, made.environment)
        yield made


def put(storage, folder, tree):
    for key, content in tree.items():
        storage.put(f"{folder}/{key}", content, {}, None)


def test_an_input_has_none(storage, tmp_path):
    put(storage, "train", TREE)
    staged = stager(source_of("gs://models/train", os.environ), tmp_path).run()
    assert data(tmp_path) == FILES
    assert staged.files == len(FILES)


def test_a_folder_with_nothing_but_markers_is_no_input(storage, tmp_path):
    put(storage, "train", {"": b"", "sub/": b"", "sub/sub/": b""})
    with pytest.raises(JobConfigError, match="nothing is there"):
        stager(source_of("gs://models/train", os.environ), tmp_path).run()


def test_an_object_beside_the_marker_of_its_name(storage, tmp_path):
    storage.put("train", b"content", {}, None)
    put(storage, "train", {"": b""})
    stager(source_of("gs://models/train", os.environ), tmp_path).run()
    assert data(tmp_path) == {"train": b"content"}


def test_a_file_and_files_below_it_are_refused(storage, tmp_path):
    put(storage, "train", {"same": b"a file", "same/a": b"1"})
    with pytest.raises(JobConfigError, match="the key 'same/a' cannot be a file's path"):
        stager(source_of("gs://models/train", os.environ), tmp_path).run()


def test_an_input_of_an_s3_bucket_has_none(tmp_path, monkeypatch):
    with running("s3", tmp_path / "server") as environment:
        clear_environment(monkeypatch, environment)
        folder = f"train-{uuid.uuid4().hex}"
        for key in (folder, f"{folder}/sub", f"{folder}/empty"):
            assert make_folder(environment, key) == 200
        open_bucket(f"s3://models/{folder}").put("sub/a", b"1", size=1, digest=digests.of_bytes(b"1"))
        stager(source_of(f"s3://models/{folder}", os.environ), tmp_path).run()
    assert data(tmp_path) == {"sub/a": b"1"}


def test_a_model_directory_has_none(storage, tmp_path):
    exported = "export/best/1777000000"
    put(
        storage,
        "vision",
        {
            "": b"",
            "export/": b"",
            f"{exported}/": b"",
            f"{exported}/variables/": b"",
            f"{exported}/variables/variables.index": b"index",
            f"{exported}/saved_model.pb": b"graph",
            f"{exported}/assets/": b"",
            "predictions/": b"",
            "eval/": b"",
            "eval/events.out.tfevents.1.host": b"evaluations",
        },
    )
    root, staging = tmp_path / "model", tmp_path / "staging"
    root.mkdir()
    staging.mkdir()
    bucket = open_bucket("gs://models/vision")
    fetched = fetch(bucket, root, staging, mine=lambda key: True)
    files = {
        f"{exported}/variables/variables.index",
        f"{exported}/saved_model.pb",
        "eval/events.out.tfevents.1.host",
    }
    assert {one.relative_to(root).as_posix() for one in root.rglob("*") if one.is_file()} == files
    assert set(fetched.alike) == files
    assert "" not in bucket.list()
    assert "" not in bucket.root()


EVENTS = "eval/events.out.tfevents.1.host"


@pytest.fixture
def fetched(tmp_path):
    """A function that brings what a bucket holds; returns that and the local files."""

    def make(bucket):
        root, staging = tmp_path / "model", tmp_path / "staging"
        root.mkdir()
        staging.mkdir()
        brought = fetch(bucket, root, staging, mine=lambda key: True)
        return brought, {one.relative_to(root).as_posix() for one in root.rglob("*") if one.is_file()}

    return make


def test_an_object_without_a_slash_that_stands_for_a_folder_is_no_file(storage, fetched):
    """As blobfuse, AzCopy and Hadoop on Azure write them."""
    storage.put("vision/eval", b"", {}, None)
    storage.put("vision/nothing in it", b"", {}, None)
    storage.put("vision/sub/eval", b"", {}, None)
    put(storage, "vision", {EVENTS: b"evaluations", f"sub/{EVENTS}": b"evaluations"})
    bucket = open_bucket("gs://models/vision")
    files = {EVENTS, f"sub/{EVENTS}", "nothing in it"}
    assert set(bucket.list()) == files
    assert set(bucket.root()) == {"nothing in it"}
    brought, local = fetched(bucket)
    assert set(brought.stored) == set(brought.alike) == local == files


@pytest.mark.parametrize("content", [b"", b"short", b"events"])
def test_a_file_with_the_name_of_a_folder_that_is_here_is_passed_over(storage, fetched, caplog, content):
    key = "events.out.tfevents.2.host" if content == b"events" else "folder"
    bucket = open_bucket("gs://models/vision")
    put(storage, "vision", {f"{key}/within": b"1", key: content, "after it": b"2"})
    found = bucket.list() | {key: replace(bucket.list()["after it"], size=len(content))}
    bucket.list = lambda: {one: found[one] for one in (f"{key}/within", key, "after it")}
    brought, local = fetched(bucket)
    assert set(brought.alike) == local == {f"{key}/within", "after it"}
    assert f"gs://models/vision: {key} is left there: here a folder has its name" in caplog.text


@pytest.mark.parametrize("key", ["train/a//b", "train/a\x01b", "train/../b"])
def test_a_key_that_the_client_cannot_read_is_told_with_what_to_do(storage, key):
    storage.put("train/good", b"1", {}, None)
    storage.objects[key] = storage.objects["train/good"]
    with pytest.raises(SettingsError, match="delete or rename that object") as raised:
        source_of("gs://models/train", os.environ).entries()
    assert str(raised.value).isprintable()


def test_characters_that_cannot_be_seen_are_told_by_their_numbers():
    assert plain_words.of(OSError("the key a\x01b\x7f")) == r"the key a\x01b\x7f"
