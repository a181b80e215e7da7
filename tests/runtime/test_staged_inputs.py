"""What is staged for a job's input functions: whole, checked, continued, and nothing outside of its folder."""

import functools
import http.server
import itertools
import json
import os
import signal
import threading
import urllib.parse
import uuid

import obstore
import pytest
from staged import LARGE, Time, data, stager
from store_servers import FaultyProxy, clear_environment, running

from estimator_runtime.job.settings.errors import JobConfigError
from estimator_runtime.job.staging import stager as stagers
from estimator_runtime.job.staging.command import main
from estimator_runtime.job.staging.record import Record
from estimator_runtime.job.staging.sources import ChangedError, Entry, FolderSource, source_of
from estimator_runtime.job.staging.stager import PATIENCE_SECS, Stager
from estimator_runtime.mirror import digests, locations, stores
from estimator_runtime.mirror.bucket import open_bucket


class Line:
    """A source that breaks off where it is told to.

    Attributes:
        asked: (key, offset) of each reading.
        breaks: how many bytes each next reading gives before it ends; none left, all of them.
    """

    uri = "s3://data/train"
    is_archive = False

    def __init__(self, **files):
        self.files = {key.replace("__", "/"): content for key, content in files.items()}
        self.asked, self.breaks, self.faults, self.listings = [], [], [], 0

    def entries(self):
        self.listings += 1
        return [Entry(key, len(content), digests.of_bytes(content)) for key, content in self.files.items()]

    def read(self, entry, offset):
        self.asked.append((entry.key, offset))
        if digests.of_bytes(self.files[entry.key]) != entry.mark:
            raise ChangedError(entry.key)
        content = self.files[entry.key][offset:]
        yield content[: self.breaks.pop(0)] if self.breaks else content

    def fault(self, entry, path):
        return self.faults.pop(0) if self.faults else None


def test_a_file_is_continued_where_the_line_broke(tmp_path):
    line = Line(one=b"0123456789", deep__er__two=b"two")
    line.breaks = [4, 3, 3]
    staged = stager(line, tmp_path).run()
    assert data(tmp_path) == line.files
    assert [offset for key, offset in line.asked if key == "one"][0] == 0
    assert (staged.files, staged.size, staged.brought) == (2, 13, 13), "no byte came twice"


def test_the_next_attempt_brings_only_what_is_missing(tmp_path):
    line = Line(one=b"0123456789", two=b"two")
    line.read = functools.partial(read_until, line, 4)
    with pytest.raises(OSError, match="the line is cut"):
        stager(line, tmp_path).run()
    assert "one" not in data(tmp_path), "half a file is not seen"
    again = Line(one=b"0123456789", two=b"two")
    staged = stager(again, tmp_path).run()
    assert ("one", 4) in again.asked
    assert staged.brought < staged.size
    assert data(tmp_path) == again.files
    assert stager(again, tmp_path).run().brought == 0


class Killed(BaseException):
    """The process is gone: nothing of it runs on."""


@pytest.mark.parametrize(
    "when", ["before it is read", "while it comes", "before it is seen", "before it is recorded"]
)
@pytest.mark.parametrize("number", [1, 2, 3])
def test_killed_at_any_file_the_next_attempt_brings_the_rest(tmp_path, monkeypatch, when, number):
    """And no byte of a file that was recorded, nor of half a file, a second time."""
    files = {"a": b"0123", "deep__b": b"456789", "c": b"abc"}
    monkeypatch.setattr(stagers, "_AT_ONCE", 1)
    line, seen, begun = Line(**files), [], itertools.count(1)
    read, dead = line.read, threading.Event()

    def die(moment, file):
        if dead.is_set() or (moment == when and file == number):
            dead.set()
            raise Killed

    def reading(entry, offset):
        this = next(begun)
        die("before it is read", this)
        for content in read(entry, offset):
            seen.append(entry.key)
            yield content[:1]
            die("while it comes", this)
            yield content[1:]

    line.read = reading
    line.fault = lambda entry, path: die("before it is seen", len(seen))
    add = Record.add
    monkeypatch.setattr(
        Record, "add", lambda record, entry: (die("before it is recorded", len(seen)), add(record, entry))
    )
    with pytest.raises(Killed):
        stager(line, tmp_path).run()
    whole = data(tmp_path)
    assert all(line.files[key] == content for key, content in whole.items()), "half a file is not seen"
    assert len(whole) == (number if when == "before it is recorded" else number - 1)
    monkeypatch.setattr(Record, "add", add)
    again = Line(**files)
    staged = stager(again, tmp_path).run()
    assert data(tmp_path) == again.files
    left = 3 - number + (when in ("before it is read", "while it comes", "before it is recorded"))
    assert len(again.asked) == left
    assert staged.brought == sum(len(again.files[key][offset:]) for key, offset in again.asked)
    assert stager(again, tmp_path).run().brought == 0


def read_until(line, end, entry, offset):
    """Gives the first bytes of a file and then nothing any more."""
    line.asked.append((entry.key, offset))
    yield line.files[entry.key][offset:end]
    raise OSError("the line is cut")


def test_what_the_source_changes_and_deletes_is_followed(tmp_path):
    stager(Line(a=b"1", b=b"2", c=b"3"), tmp_path).run()
    after = Line(a=b"1", b=b"changed")
    stager(after, tmp_path).run()
    assert data(tmp_path) == after.files
    assert {key for key, _ in after.asked} == {"b"}


def test_a_source_that_changes_while_it_is_read_is_listed_anew(tmp_path):
    line = Line(a=b"old")
    entries = line.entries

    def changing():
        found = entries()
        line.files["a"] = b"newer"
        return found

    line.entries = changing
    stager(line, tmp_path).run()
    assert data(tmp_path) == {"a": b"newer"}
    assert line.listings == 2


def test_what_arrives_damaged_is_read_again_and_twice_is_an_error(tmp_path):
    line = Line(a=b"content")
    line.faults = ["its digest is another"]
    stager(line, tmp_path / "once").run()
    assert line.asked == [("a", 0), ("a", 0)]
    line.faults = ["its digest is another"] * 2
    with pytest.raises(OSError, match="a arrived damaged twice: its digest is another"):
        stager(line, tmp_path / "twice").run()
    assert data(tmp_path / "twice") == {}


def test_a_source_that_is_away_is_waited_for_and_not_for_ever(tmp_path):
    time, line, told = Time(), Line(a=b"1"), []

    def away():
        raise OSError("s3://data/train: SlowDown")

    line.entries = away
    with pytest.raises(OSError, match="SlowDown"):
        Stager(line, tmp_path, tell=told.append, clock=lambda: time.now, sleep=time.sleep).run()
    assert PATIENCE_SECS - 6 < time.now <= PATIENCE_SECS
    assert told[0] == "s3://data/train: SlowDown. Trying again."


def test_a_file_that_cannot_be_brought_ends_the_others(tmp_path):
    line = Line(endless=b"1", lost=b"2")
    line.entries = lambda: [Entry("endless", 10**12, "mark"), Entry("lost", 1, "mark")]

    def read(entry, offset):
        while entry.key == "endless":
            yield b"1"
        raise OSError("s3://data/train: lost: AccessDenied")

    line.read = read
    with pytest.raises(OSError, match="AccessDenied"):
        stager(line, tmp_path).run()
    assert data(tmp_path) == {}


@pytest.mark.parametrize("key", ["../up", "a/../b", "/root", "a//b"])
def test_a_key_that_leads_out_of_the_folder_is_refused(tmp_path, key):
    line = Line()
    line.files = {key: b"1"}
    with pytest.raises(JobConfigError, match="cannot be a file's path"):
        stager(line, tmp_path).run()


def test_more_than_the_size_limit_is_refused_before_anything_comes(tmp_path):
    line = Line(a=b"12345", b=b"678")
    with pytest.raises(JobConfigError, match="has 8 bytes, more than its sizeLimit of 7 bytes"):
        stager(line, tmp_path, most=7).run()
    assert line.asked == []


def test_nothing_there_is_an_error(tmp_path):
    with pytest.raises(JobConfigError, match="nothing is there"):
        stager(FolderSource(f"file://{tmp_path}/none"), tmp_path / "to").run()


def test_a_folder_and_a_file_of_a_volume(tmp_path):
    (tmp_path / "from/deep").mkdir(parents=True)
    (tmp_path / "from/deep/a b").write_bytes(LARGE)
    stager(FolderSource(f"file://{tmp_path}/from"), tmp_path / "folder").run()
    assert data(tmp_path / "folder") == {"deep/a b": LARGE}
    stager(FolderSource(f"file://{tmp_path}/from/deep/a%20b"), tmp_path / "file").run()
    assert data(tmp_path / "file") == {"a b": LARGE}


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        (
            "hdfs://namenode/data",
            "^hdfs://namenode/data: inputs come from s3://, gs://, az://, file://, http://",
        ),
        ("s3://", "names no bucket"),
        ("https://host/a.zip#md5=1", "^https://host/a.zip: what follows #"),
        ("https://u:p@host/a.zip", "^https://host/a.zip: user and password"),
    ],
)
def test_what_no_input_can_be(uri, words):
    with pytest.raises(JobConfigError, match=words):
        source_of(uri, {})


def test_what_the_environment_says_is_wrong(tmp_path, capfd):
    log = tmp_path / "log"
    assert main({"ESTIMATOR_TERMINATION_LOG": str(tmp_path / "no" / "folder")}) == 78
    assert main({"ESTIMATOR_INPUTS": '[{"uri": 1}]', "ESTIMATOR_TERMINATION_LOG": str(log)}) == 78
    assert log.read_text().startswith("inputs: ESTIMATOR_INPUTS does not say what to bring")
    assert log.read_text() in capfd.readouterr().err


@pytest.fixture(autouse=True)
def _handler_of_sigterm():
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running("s3", tmp_path_factory.mktemp("s3")) as environment:
        yield environment


def test_inputs_come_from_a_bucket(server, monkeypatch, tmp_path):
    """By the command, from a real server behind a line that breaks: what others put there and what this runtime did."""
    proxy = FaultyProxy(server)
    clear_environment(monkeypatch, proxy.environment)
    uri = f"s3://models/{uuid.uuid4().hex}"
    store = stores.open_store(locations.parse(uri))
    obstore.put(store, "train/part-0", LARGE, use_multipart=False)
    obstore.put(store, "train/part-1", LARGE, use_multipart=True, chunk_size=5 << 20)
    open_bucket(uri).put("train/own", b"own", size=3, digest=digests.of_bytes(b"own"))
    wrong = [{"uri": f"{uri}/none", "folder": str(tmp_path / "x")}]
    log = tmp_path / "log"
    variables = os.environ | {"ESTIMATOR_TERMINATION_LOG": str(log)}
    assert main(variables | {"ESTIMATOR_INPUTS": json.dumps(wrong)}) == 78
    assert log.read_text() == f"inputs: {uri}/none: nothing is there"
    failed = []

    def once(method, path):
        if method == "GET" and path.endswith("part-0") and not failed:
            failed.append(path)
            return "slow down"
        return "pass"

    proxy.rule = once
    inputs = [
        {"uri": f"{uri}/train", "folder": str(tmp_path / "all")},
        {"uri": f"{uri}/train/own", "folder": str(tmp_path / "one"), "sizeLimit": 3},
    ]
    assert main(variables | {"ESTIMATOR_INPUTS": json.dumps(inputs)}) == 0
    assert failed
    assert data(tmp_path / "all") == {"part-0": LARGE, "part-1": LARGE, "own": b"own"}
    assert data(tmp_path / "one") == {"own": b"own"}
    proxy.seen.clear()
    assert main(variables | {"ESTIMATOR_INPUTS": json.dumps(inputs)}) == 0
    assert [path for method, path, _ in proxy.seen if method == "GET" and "part" in path] == [], (
        "nothing again"
    )
    proxy.close()


class _GoogleStorage(http.server.BaseHTTPRequestHandler):
    """A bucket `data` with one object, as the XML interface of Google Cloud Storage answers."""

    def do_GET(self):
        tag = digests.of_bytes(LARGE)
        if self.path.startswith("/data?"):
            described = f"<Key>train/part-0</Key><Size>{len(LARGE)}</Size><ETag>{tag}</ETag>"
            listed = f"<Contents>{described}<LastModified>2026-05-01T12:00:00Z</LastModified></Contents>"
            content = f"<ListBucketResult>{listed}</ListBucketResult>".encode()
        else:
            assert urllib.parse.unquote(self.path) == "/data/train/part-0"
            content = LARGE
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Last-Modified", "Fri, 01 May 2026 12:00:00 GMT")
        self.send_header("ETag", tag)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        pass


def test_inputs_come_from_google_cloud_storage(monkeypatch, tmp_path):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _GoogleStorage) as google:
        threading.Thread(target=google.serve_forever, args=(0.05,), daemon=True).start()
        address = f"http://127.0.0.1:{google.server_address[1]}"
        monkeypatch.setenv("GOOGLE_BASE_URL", address)
        monkeypatch.setenv("GOOGLE_SKIP_SIGNATURE", "true")
        stager(source_of("gs://data/train", os.environ), tmp_path).run()
        google.shutdown()
    assert data(tmp_path) == {"part-0": LARGE}


def test_an_object_that_is_not_what_its_tag_says(server, monkeypatch, tmp_path):
    clear_environment(monkeypatch, server)
    uri = f"s3://models/{uuid.uuid4().hex}"
    obstore.put(stores.open_store(locations.parse(uri)), "a", b"content", use_multipart=False)
    source = source_of(uri, os.environ)
    (entry,) = source.entries()
    (tmp_path / "a").write_bytes(b"Content")
    assert source.fault(entry, tmp_path / "a") == "its MD5 is another than its tag"
    assert source.fault(entry, tmp_path / "a") is None, "the same twice: the tag is no MD5"


def test_an_object_that_the_store_lists_without_a_mark(tmp_path, monkeypatch):
    with running("s3", tmp_path / "server") as environment:
        clear_environment(monkeypatch, environment)
        unmarked = tmp_path / "server/s3/objects/models/plain/one"
        unmarked.parent.mkdir(parents=True)
        unmarked.write_bytes(b"put beside the server")
        source = source_of("s3://models/plain", os.environ)
        assert [entry.mark for entry in source.entries()] == [""]
        stager(source, tmp_path / "staged").run()
    assert data(tmp_path / "staged") == {"one": b"put beside the server"}
