"""How far the staging of inputs is: what its endpoint answers and what its log says."""

import http.client
import http.server
import json
import signal
import subprocess
import sys
import threading

import pytest
from cluster_tasks import free_ports
from staged import Time, stager

from estimator_api.progress import InputsProgress, parse_progress
from estimator_runtime.job.settings.errors import JobConfigError
from estimator_runtime.job.staging.command import main
from estimator_runtime.job.staging.sources import ChangedError, Entry
from estimator_runtime.job.staging.tally import Tally

MIB = 1 << 20


class Bytes:
    """A source whose files come byte by byte."""

    uri = "s3://data/train"
    is_archive = False

    def __init__(self, **files):
        self.files = files
        self.at_each = lambda: None

    def entries(self):
        return [Entry(key, len(content), str(len(content))) for key, content in self.files.items()]

    def read(self, entry, offset):
        for byte in self.files[entry.key][offset:]:
            yield bytes([byte])
            self.at_each()

    def fault(self, entry, path):
        return None


class Archive(Bytes):
    is_archive = True

    def entries(self):
        return [Entry(key, None, "mark") for key in self.files]


def test_the_log_has_a_line_for_each_step_and_one_now_and_then(tmp_path):
    time, lines = Time(), []
    tally = Tally(lines.append, lambda: time.now)
    source = Bytes(a=b"a" * 100)
    source.at_each = lambda: time.sleep(2)
    stager(source, tmp_path, share=tally.share()).run()
    assert lines[:2] == ["inputs: 0 % of 100 B are here (6 B)", "inputs: 10 % of 100 B are here (10 B)"]
    assert lines[-1] == "inputs: 100 % of 100 B are here (100 B)"
    assert [sum(f" {step} % of" in line for line in lines) for step in range(10, 100, 10)] == [2] * 9


def test_what_comes_at_once_is_no_line_a_step(tmp_path):
    lines = []
    tally = Tally(lines.append, lambda: 0.0)
    stager(Bytes(a=b"a" * 100), tmp_path, share=tally.share()).run()
    assert lines == []
    assert tally.progress() == InputsProgress(staged_bytes=100, total_bytes=100)


def test_several_inputs_are_one_amount(tmp_path):
    tally = Tally()
    first, second = (
        stager(Bytes(**{name: b"1234"}), tmp_path / name, share=tally.share()) for name in ("one", "two")
    )
    assert tally.progress().total_bytes is None
    first.look()
    assert tally.progress().total_bytes is None, "or it would be all too soon"
    second.look()
    first.run()
    assert tally.progress() == InputsProgress(staged_bytes=4, total_bytes=8)
    second.run()
    assert tally.progress() == InputsProgress(staged_bytes=8, total_bytes=8)


def test_an_archive_of_unknown_length_has_no_total(tmp_path):
    time, lines = Time(), []
    tally = Tally(lines.append, lambda: time.now)
    source = Archive(a=b"no archive")
    source.at_each = lambda: time.sleep(11)
    with pytest.raises(JobConfigError, match="cannot be unpacked"):
        stager(source, tmp_path, share=tally.share()).run()
    assert tally.progress() == InputsProgress(staged_bytes=10)
    assert lines[-1] == "inputs: 10 B are here"


def test_what_is_there_already_and_half_files_count(tmp_path):
    source = Bytes(whole=b"1234")
    stager(source, tmp_path).run()
    source.files["half"] = b"5" * 16
    read, seen = source.read, []
    tally = Tally()

    def until_half(entry, offset):
        for byte in read(entry, offset):
            if len(seen) == 8:
                raise KeyboardInterrupt
            seen.append(byte)
            yield byte

    source.read = until_half
    with pytest.raises(KeyboardInterrupt):
        stager(source, tmp_path).run()
    source.read = lambda entry, offset: (
        pytest.fail("nothing more comes") if offset == 0 else read(entry, offset)
    )
    before = []
    source.at_each = lambda: before.append(tally.progress().staged_bytes)
    stager(source, tmp_path, share=tally.share()).run()
    assert before[0] == 4 + 8 + 1
    assert tally.progress() == InputsProgress(staged_bytes=20, total_bytes=20)


def test_what_has_to_come_again_is_not_counted_twice(tmp_path):
    tally = Tally()
    source = Bytes(a=b"12345678")
    read, faults = source.read, ["its digest is another"]
    source.fault = lambda entry, path: faults.pop() if faults else None
    changes = [ChangedError("a has changed")]

    def changing(entry, offset):
        yield from read(entry, offset)
        if changes:
            source.files["a"] = b"123456"
            raise changes.pop()

    source.read = changing
    stager(source, tmp_path, share=tally.share()).run()
    assert tally.progress() == InputsProgress(staged_bytes=6, total_bytes=6)


class _HalfWay(http.server.BaseHTTPRequestHandler):
    """Gives the first half of a file, asks the staging how far it is until it says so, and gives the rest."""

    def do_GET(self):
        content = b"x" * 2 * MIB
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", '"x"')
        self.end_headers()
        if self.server.listed:
            self.wfile.write(content[:MIB])
            document = self.server.answer()
            while document.inputs.staged_bytes < MIB:
                document = self.server.answer()
            self.server.heard.append(document)
            self.wfile.write(content[MIB:])
        self.server.listed = True

    def log_message(self, *args):
        pass


@pytest.fixture
def _handlers():
    before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}
    yield
    for one, handler in before.items():
        signal.signal(one, handler)


@pytest.mark.usefixtures("_handlers")
def test_the_endpoint_answers_while_it_stages(tmp_path):
    (progress_port,) = free_ports(1)

    def answer():
        connection = http.client.HTTPConnection("127.0.0.1", progress_port, timeout=10)
        connection.request("GET", "/progress")
        text = connection.getresponse().read()
        connection.close()
        return parse_progress(text)

    (tmp_path / "data").mkdir()
    (tmp_path / "data/file").write_bytes(b"y" * MIB)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _HalfWay) as server:
        server.listed, server.answer, server.heard = False, answer, []
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        uris = [f"http://127.0.0.1:{server.server_address[1]}/a.tgz", f"file://{tmp_path}/data"]
        variables = {
            "ESTIMATOR_INPUTS": json.dumps(
                [{"uri": uri, "folder": str(tmp_path / f"to-{number}")} for number, uri in enumerate(uris)]
            ),
            "ESTIMATOR_TERMINATION_LOG": str(tmp_path / "log"),
            "ESTIMATOR_PROGRESS_PORT": str(progress_port),
            "ESTIMATOR_PROGRESS_HOST": "127.0.0.1",
            "ESTIMATOR_ROLE": "worker",
            "ESTIMATOR_INDEX": "3",
        }
        assert main(variables) == 78, "two megabytes of x are no archive"
        server.shutdown()
    (document,) = server.heard
    assert (document.role, document.index, document.state) == ("worker", 3, "Starting")
    assert document.inputs == InputsProgress(staged_bytes=MIB, total_bytes=3 * MIB)
    assert document.global_step is None
    with pytest.raises(ConnectionRefusedError):
        answer()


@pytest.mark.usefixtures("_handlers")
def test_what_is_missing_is_known_before_anything_is_brought(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/file").write_bytes(b"y")
    places = [(f"file://{tmp_path}/data", "one"), (f"file://{tmp_path}/none", "two")]
    inputs = [{"uri": uri, "folder": str(tmp_path / folder)} for uri, folder in places]
    variables = {"ESTIMATOR_INPUTS": json.dumps(inputs), "ESTIMATOR_TERMINATION_LOG": str(tmp_path / "log")}
    assert main(variables) == 78
    assert not (tmp_path / "one").exists()


def test_staging_imports_no_tensorflow():
    code = "import sys, estimator_runtime.job.staging.command\nassert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
