"""The bucket of a model directory on real servers, and behind a line that fails."""

import contextlib
import itertools
import json
import shutil
import threading
import uuid
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from google_storage import google_storage
from obstore.store import MemoryStore
from store_servers import FaultyProxy, clear_environment, running
from stored_models import Process, newest

from estimator_runtime.errors import ModelDirUnavailableError
from estimator_runtime.mirror import bucket as buckets
from estimator_runtime.mirror import digests, stores
from estimator_runtime.mirror.bucket import PART_BYTES, Bucket, open_bucket

KINDS = {"s3": "s3", "azure": "az", "google": "gs"}
LARGE = b"0123456789abcdef" * ((2 * PART_BYTES + PART_BYTES // 2) // 16)


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """Starts a server when it is first asked for; returns the environment of its clients."""
    from contextlib import ExitStack

    with ExitStack() as stack:
        started = {}

        def environment(name):
            if name not in started and name == "google":
                started[name] = stack.enter_context(google_storage()).environment
            if name not in started:
                if name == "azure" and shutil.which("npm") is None:
                    pytest.skip("Azurite needs Node")
                started[name] = stack.enter_context(running(name, tmp_path_factory.mktemp(name)))
            return started[name]

        yield environment


@pytest.fixture(params=KINDS)
def bucket(request, servers, monkeypatch):
    clear_environment(monkeypatch, servers(request.param))
    return open_bucket(f"{KINDS[request.param]}://models/{uuid.uuid4().hex}/a b")


@pytest.fixture
def proxy(servers, monkeypatch):
    made = FaultyProxy(servers("s3"))
    clear_environment(monkeypatch, made.environment)
    yield made
    made.close()


def put(bucket, key, content):
    bucket.put(key, content, size=len(content), digest=digests.of_bytes(content))


def test_what_is_put_is_found_with_its_digest(bucket, tmp_path):
    put(bucket, "export/best/1/saved_model.pb", b"graph")
    put(bucket, "checkpoint", b"names")
    file = tmp_path / "large"
    file.write_bytes(LARGE)
    bucket.put("data", file, size=len(LARGE), digest=digests.of_bytes(LARGE))
    bucket.put("grown", iter([LARGE[:100], LARGE[100:]]), size=len(LARGE), digest=digests.of_bytes(LARGE))
    assert {key: one.size for key, one in bucket.list().items()} == {
        "export/best/1/saved_model.pb": 5,
        "checkpoint": 5,
        "data": len(LARGE),
        "grown": len(LARGE),
    }
    assert set(bucket.root()) == {"checkpoint", "data", "grown"}
    assert set(bucket.list("export")) == {"export/best/1/saved_model.pb"}
    for key in ("data", "grown"):
        assert bucket.look(key).digest == digests.of_bytes(LARGE)
        assert bucket.download(key, tmp_path / key).digest == digests.of_bytes(LARGE)
        assert (tmp_path / key).read_bytes() == LARGE
    assert bucket.read("checkpoint") == b"names"


def test_what_is_not_there(bucket, tmp_path):
    assert bucket.list() == {}
    assert bucket.look("checkpoint") is None
    assert bucket.read("checkpoint") is None
    with pytest.raises(FileNotFoundError):
        bucket.download("checkpoint", tmp_path / "file")
    put(bucket, "a", b"1")
    put(bucket, "c", b"1")
    bucket.delete(["a", "b", "c"])
    assert bucket.list() == {}


def test_an_object_is_replaced_only_as_it_was(bucket):
    def replaced(content, before):
        return bucket.replace("checkpoint", content, digest=digests.of_bytes(content), before=before)

    first = replaced(b"first", None)
    assert replaced(b"another", None) is None
    second = replaced(b"second", first)
    assert second.digest == digests.of_bytes(b"second")
    assert replaced(b"third", first) is None
    assert bucket.read("checkpoint") == b"second"
    assert replaced(b"third", bucket.look("checkpoint")) is not None
    assert bucket.read("checkpoint") == b"third"


def test_a_model_directory_goes_there_and_comes_back(bucket, tmp_path):
    process = Process(tmp_path / "a", bucket)
    for step in (1, 2, 3):
        process.save(step)
        process.round()
    process.export(1700000001)
    process.round(everything=True)
    assert newest(bucket, tmp_path / "reader") == (3, [3, 3, 3])
    after = Process(tmp_path / "b", bucket)
    after.save(4)
    assert after.round(everything=True)
    assert {key.split(".")[1] for key in bucket.list() if key.startswith("model")} == {"ckpt-3", "ckpt-4"}


def test_a_bucket_that_is_missing_is_said_to_be(servers, monkeypatch):
    clear_environment(monkeypatch, servers("s3"))
    with pytest.raises(ModelDirUnavailableError, match="^s3://other/model: cannot list: NoSuchBucket"):
        open_bucket("s3://other/model").list()


def test_wrong_credentials_are_said_to_be_without_showing_them(servers, monkeypatch):
    clear_environment(monkeypatch, servers("s3") | {"AWS_SECRET_ACCESS_KEY": "a-wrong-secret"})
    with pytest.raises(ModelDirUnavailableError, match="SignatureDoesNotMatch") as raised:
        open_bucket("s3://models/model").list()
    assert "a-wrong-secret" not in str(raised.value)
    assert "local-access-key" not in str(raised.value)


def first(what, *verbs, times=1, containing=""):
    """A rule by which the first requests of some kind fail."""
    left = [times]

    def rule(method, path):
        if method in verbs and containing in path and left[0] > 0:
            left[0] -= 1
            return what
        return "pass"

    return rule


@pytest.mark.parametrize("what", ["slow down", "cut", "lose", "deny", "truncate"])
@pytest.mark.parametrize(
    "key", ["graph.pbtxt", "model.ckpt-1.data-00000-of-00001", "model.ckpt-1.index", "checkpoint"]
)
def test_a_request_that_fails_costs_no_second_upload_of_what_has_arrived(proxy, tmp_path, what, key):
    bucket = open_bucket(f"s3://models/{uuid.uuid4().hex}")
    process = Process(tmp_path / "a", bucket)
    process.write("graph.pbtxt", b"graph")
    process.save(1)
    proxy.rule = first(what, "PUT", containing=f"/{key}")
    if what == "lose":
        assert process.round()
    else:
        with pytest.raises(ModelDirUnavailableError):
            process.round()
        # Without the file `checkpoint` a reader takes the checkpoint of the highest step that is whole.
        whole = key == "checkpoint"
        assert newest(bucket, tmp_path / "before") == ((1, [1, 1, 1]) if whole else (None, None))
        assert process.round()
    assert len(proxy.puts()) == len(set(proxy.puts())), "each object arrived once"
    assert newest(bucket, tmp_path / "reader") == (1, [1, 1, 1])


@pytest.mark.parametrize("what", ["slow down", "cut", "lose"])
@pytest.mark.parametrize("verb", ["PUT", "POST"])
def test_of_a_large_object_only_the_part_that_failed_is_repeated(proxy, tmp_path, what, verb):
    """POST begins an upload in parts and completes it: when the answer to that is lost, the object is there."""
    bucket = open_bucket(f"s3://models/{uuid.uuid4().hex}")
    file = tmp_path / "large"
    file.write_bytes(LARGE)
    process = Process(tmp_path / "a", bucket)
    process.write("large", LARGE)
    proxy.rule = first(what, verb, containing="uploadId" if what == "lose" and verb == "POST" else "/large")
    assert process.round()
    assert len(proxy.puts()) <= 4, "three parts, one of them twice"
    assert bucket.look("large").digest == digests.of_bytes(LARGE)
    assert process.reporter.report().uploaded_bytes == len(LARGE)


def test_a_store_that_refuses_writes_is_read_and_named(proxy, tmp_path):
    bucket = open_bucket(f"s3://models/{uuid.uuid4().hex}")
    before = Process(tmp_path / "a", bucket)
    before.save(1)
    before.round()
    proxy.rule = lambda method, path: "pass" if method in ("GET", "HEAD") else "deny"
    after = Process(tmp_path / "b", bucket)
    after.save(2)
    with pytest.raises(ModelDirUnavailableError, match="AccessDenied"):
        after.round()
    assert newest(bucket, tmp_path / "reader") == (1, [1, 1, 1])


@pytest.mark.parametrize(
    ("what", "verbs", "words"),
    [
        ("expire", ("GET", "HEAD", "PUT", "DELETE"), "ExpiredToken"),
        ("gone", ("GET", "HEAD", "PUT", "DELETE"), "NoSuchBucket"),
        ("over quota", ("PUT",), "QuotaExceeded"),
        ("full", ("PUT",), "XMinioStorageFull"),
    ],
)
def test_what_ends_when_somebody_mends_the_store(proxy, servers, tmp_path, monkeypatch, what, verbs, words):
    """The next process has new credentials, for instance: they come by its environment."""
    uri = f"s3://models/{uuid.uuid4().hex}"
    process = Process(tmp_path / "a", open_bucket(uri))
    process.save(1)
    process.round()
    proxy.rule = lambda method, path: what if method in verbs else "pass"
    process.save(2)
    with pytest.raises(ModelDirUnavailableError, match=words) as raised:
        process.round()
    assert "local-secret-key" not in str(raised.value)
    clear_environment(monkeypatch, servers("s3"))
    mended = open_bucket(uri)
    assert newest(mended, tmp_path / "meanwhile") == (1, [1, 1, 1])
    proxy.rule = lambda method, path: "pass"
    proxy.seen.clear()
    # The same process goes on when the store does.
    assert process.round()
    assert len(proxy.puts()) == len(set(proxy.puts())), "each object went there once"
    after = Process(tmp_path / "b", mended)
    assert newest(mended, tmp_path / "after") == (2, [2, 2, 2])
    assert after.beginning.named[-1] == "model.ckpt-2"


def test_a_request_that_hangs_is_ended_and_repeated_by_the_next_round(proxy, tmp_path, monkeypatch):
    monkeypatch.setattr(stores, "_REQUEST_TIMEOUT", "2s")
    bucket = open_bucket(f"s3://models/{uuid.uuid4().hex}")
    process = Process(tmp_path / "a", bucket)
    process.save(1)
    proxy.rule = first("hang", "PUT", containing="model.ckpt-1.index")
    with pytest.raises(ModelDirUnavailableError, match="cannot write model.ckpt-1.index"):
        process.round()
    assert newest(bucket, tmp_path / "before") == (None, None)
    assert process.round()
    assert newest(bucket, tmp_path / "reader") == (1, [1, 1, 1])
    assert len(proxy.puts()) == len(set(proxy.puts()))


class Identity(ThreadingHTTPServer):
    """Gives credentials as the agent of EKS Pod Identity does, to whoever has the token.

    Attributes:
        keys: access key and secret that it gives now.
        tokens: the tokens that it was asked with.
    """

    daemon_threads = True

    def __init__(self, keys):
        self.keys, self.tokens = keys, []
        super().__init__(("127.0.0.1", 0), _Credentials)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()


class _Credentials(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.tokens.append(self.headers["Authorization"])
        key, secret = self.server.keys
        # What ends within minutes is asked for again at the next request.
        soon = (datetime.now(UTC) + timedelta(seconds=60)).strftime("%Y-%m-%dT%H:%M:%SZ")
        answer = {"AccessKeyId": key, "SecretAccessKey": secret, "Token": "", "Expiration": soon}
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        pass


def test_credentials_that_are_rotated_reach_the_process_that_runs(servers, monkeypatch, tmp_path):
    environment = dict(servers("s3"))
    right = environment.pop("AWS_ACCESS_KEY_ID"), environment.pop("AWS_SECRET_ACCESS_KEY")
    identity, token = Identity(right), tmp_path / "token"
    token.write_text("first")
    address = f"http://127.0.0.1:{identity.server_address[1]}/v1/credentials"
    environment |= {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": address,
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(token),
    }
    clear_environment(monkeypatch, environment)
    process = Process(tmp_path / "a", open_bucket(f"s3://models/{uuid.uuid4().hex}"))
    identity.keys = (right[0], "an-old-secret")
    process.save(1)

    def train():
        # What was given a moment ago is kept for that moment.
        for step in itertools.count(2):
            process.round()
            process.save(step)

    with pytest.raises(ModelDirUnavailableError, match="SignatureDoesNotMatch") as raised:
        train()
    assert "an-old-secret" not in str(raised.value)
    before = process.reporter.report().checkpoint
    identity.keys = right
    token.write_text("second")
    while process.reporter.report().behind_since is not None:
        with contextlib.suppress(ModelDirUnavailableError):
            process.round()
    assert identity.tokens[-1] == "second"
    step, _ = newest(process.bucket, tmp_path / "reader")
    assert before is None or step > int(before.rpartition("-")[2])
    identity.shutdown()
    identity.server_close()


@pytest.mark.parametrize("size", [PART_BYTES + 1, 10_000 * PART_BYTES + 1, 5 << 40])
def test_a_file_of_any_size_fits_into_the_parts_that_stores_allow(monkeypatch, tmp_path, size):
    """Ten thousand in S3 and Google's store, of five gigabytes at most; Azure allows more and smaller ones."""
    sent = []
    monkeypatch.setattr(buckets.obstore, "put", lambda *what, **how: sent.append(how))
    Bucket(MemoryStore(), uri="s3://models").put("model.ckpt-1", tmp_path / "data", size=size, digest="0")
    (how,) = sent
    assert PART_BYTES <= how["chunk_size"] <= 5 << 30
    assert -(-size // how["chunk_size"]) <= 10_000
    assert how["use_multipart"]
    assert 1 <= how["max_concurrency"] <= 8
    assert how["max_concurrency"] * how["chunk_size"] <= max(512 << 20, how["chunk_size"]), (
        "they are in memory"
    )


def test_files_up_to_75_gb_go_up_in_parts_of_8_mb(monkeypatch, tmp_path):
    sent = []
    monkeypatch.setattr(buckets.obstore, "put", lambda *what, **how: sent.append(how))
    bucket = Bucket(MemoryStore(), uri="s3://models")
    bucket.put("model.ckpt-1", tmp_path / "data", size=9_000 * PART_BYTES, digest="0")
    assert [(how["chunk_size"], how["max_concurrency"]) for how in sent] == [(PART_BYTES, 8)]
