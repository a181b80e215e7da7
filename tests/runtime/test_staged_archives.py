"""Archives as inputs: continued, checked and unpacked, and nothing outside of their folder."""

import contextlib
import errno
import http.server
import io
import tarfile
import threading
import zipfile

import pytest
from staged import LARGE, data, stager

from estimator_runtime.job.settings.errors import JobConfigError
from estimator_runtime.job.staging import archives, sources
from estimator_runtime.job.staging.sources import source_of
from estimator_runtime.mirror import digests


def tar(path, *members, mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        for name, content, kind in members:
            info = tarfile.TarInfo(name)
            info.type, info.size = kind, len(content) if kind == tarfile.REGTYPE else 0
            if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                info.linkname = content.decode()
            archive.addfile(info, io.BytesIO(content) if kind == tarfile.REGTYPE else None)
    return path


@pytest.fixture(params=["with Python's filter", "without"])
def python(request, monkeypatch):
    """Python 3.11.3 and before has no filter of members."""
    if request.param == "without":
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
        extract = tarfile.TarFile.extract

        def without(self, member, path="", set_attrs=True, *, numeric_owner=False):
            return extract(self, member, path, set_attrs, numeric_owner=numeric_owner)

        monkeypatch.setattr(tarfile.TarFile, "extract", without)
    elif not hasattr(tarfile, "data_filter"):
        pytest.skip("this Python has none")


@pytest.mark.usefixtures("python")
@pytest.mark.parametrize(
    "members",
    [
        [("../up", b"1", tarfile.REGTYPE)],
        [("link", b"/etc/passwd", tarfile.SYMTYPE)],
        [("within/link", b"../../up", tarfile.SYMTYPE)],
        [("link", b"../../up", tarfile.LNKTYPE)],
        [("a", b".", tarfile.SYMTYPE), ("a/b", b"..", tarfile.SYMTYPE)],
        [("device", b"", tarfile.CHRTYPE)],
        [("pipe", b"", tarfile.FIFOTYPE)],
    ],
)
def test_an_archive_that_leads_out_of_the_folder_is_refused(tmp_path, members):
    path = tar(tmp_path / "a.tgz", *members)
    with pytest.raises(JobConfigError, match=r"^a\.tgz cannot be unpacked"):
        archives.unpack(path, archives.clear(tmp_path / "to"), most=None, name="a.tgz")
    assert not (tmp_path / "up").exists()


@pytest.mark.usefixtures("python")
def test_folders_and_links_within_are_unpacked(tmp_path):
    members = [
        ("data", b"", tarfile.DIRTYPE),
        ("data/one", b"1", tarfile.REGTYPE),
        ("data/link", b"one", tarfile.SYMTYPE),
        ("other", b"data/one", tarfile.LNKTYPE),
    ]
    path = tar(tmp_path / "a.tgz", *members)
    folder = archives.clear(tmp_path / "to")
    assert archives.unpack(path, folder, most=None, name="a.tgz") == 1
    assert [(folder / name).read_bytes() for name in ("data/one", "data/link", "other")] == 3 * [b"1"]


def test_a_zip_that_leads_out_of_the_folder_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("../up", b"1")
    with pytest.raises(JobConfigError, match="leads out of the folder"):
        archives.unpack(tmp_path / "a.zip", archives.clear(tmp_path / "to"), most=None, name="a.zip")
    assert not (tmp_path / "up").exists()


def changed_zip(path, local, central, value):
    """A zip of one file, with two bytes at these places of its two headers set to a value."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("digits-\u00e9", b"1")
    content = bytearray(path.read_bytes())
    for header, place in ((b"PK\x03\x04", local), (b"PK\x01\x02", central)):
        start = content.index(header) + place
        content[start : start + 2] = value.to_bytes(2, "little")
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("local", "central", "value", "words"),
    [
        (6, 8, 0x801, "is encrypted, password required"),
        (6, 8, 0x840, "strong encryption"),
        (6, 8, 0x820, "patched data"),
        (8, 10, 9, "compression method is not supported"),
        (8, 10, 77, "compression method is not supported"),
        (4, 6, 99, "zip file version 9.9"),
        # The last character of the name.
        (37, 53, 0xFFFF, "codec can't decode"),
    ],
    ids=[
        "encrypted",
        "strongly encrypted",
        "patched",
        "Deflate64",
        "unknown method",
        "newer version",
        "no UTF-8",
    ],
)
def test_a_zip_that_python_cannot_unpack_is_said_to_be(tmp_path, local, central, value, words):
    path = changed_zip(tmp_path / "a.zip", local, central, value)
    with pytest.raises(JobConfigError, match=f"^a cannot be unpacked: .*{words}"):
        archives.unpack(path, archives.clear(tmp_path / "to"), most=None, name="a")


@pytest.mark.parametrize(
    "headers",
    [{"path": "a\0b"}, {"GNU.sparse.map": "some"}, {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}],
)
def test_a_tar_whose_extended_headers_are_nonsense_is_said_to_be(tmp_path, headers):
    path = tmp_path / "a"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("digits")
        info.pax_headers, info.size = headers, 1024
        archive.addfile(info, io.BytesIO(b"x" * 1024))
    with pytest.raises(JobConfigError, match="^a cannot be unpacked"):
        archives.unpack(path, archives.clear(tmp_path / "to"), most=None, name="a")


LONG = "long/" + 256 * "a"
DEEP = "/".join(5000 * ["a"])


@pytest.mark.parametrize(
    "names",
    [[LONG], [DEEP], ["a", "a/b"], ["a", "a/b/c"], ["a/b", "a"], ["a", "a/"]],
    ids=[
        "a long name",
        "a long path",
        "below a file",
        "deep below a file",
        "over a folder",
        "a folder over a file",
    ],
)
def test_a_zip_whose_names_cannot_be_files_is_said_to_be(tmp_path, names):
    with zipfile.ZipFile(tmp_path / "a", "w") as archive:
        for name in names:
            archive.writestr(name, b"")
    with pytest.raises(JobConfigError, match="^a cannot be unpacked"):
        archives.unpack(tmp_path / "a", archives.clear(tmp_path / "to"), most=None, name="a")


@pytest.mark.usefixtures("python")
@pytest.mark.parametrize(
    "members",
    [
        [(LONG, b"", tarfile.REGTYPE)],
        [(DEEP, b"", tarfile.REGTYPE)],
        [("a", b"", tarfile.REGTYPE), ("a/b", b"", tarfile.REGTYPE)],
        [("a", b"", tarfile.REGTYPE), ("a/b/c", b"", tarfile.REGTYPE)],
        [("a/b", b"", tarfile.REGTYPE), ("a", b"", tarfile.REGTYPE)],
        [("a", b"a", tarfile.SYMTYPE), ("a/b", b"", tarfile.REGTYPE)],
        [("a", b"a", tarfile.SYMTYPE), ("a", b"", tarfile.REGTYPE)],
        [("a", b"none", tarfile.LNKTYPE)],
    ],
    ids=[
        "a long name",
        "a long path",
        "below a file",
        "deep below a file",
        "over a folder",
        "below a link to itself",
        "over a link to itself",
        "a link to nothing",
    ],
)
def test_a_tar_whose_names_cannot_be_files_is_said_to_be(tmp_path, members):
    tar(tmp_path / "a", *members)
    with pytest.raises(JobConfigError, match="^a cannot be unpacked"):
        archives.unpack(tmp_path / "a", archives.clear(tmp_path / "to"), most=None, name="a")


def test_errors_of_the_disk_stay_its_own(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(archives, "_copy", full)
    with zipfile.ZipFile(tmp_path / "a", "w") as archive:
        archive.writestr("b", b"1")
    with pytest.raises(OSError, match="No space left") as raised:
        archives.unpack(tmp_path / "a", archives.clear(tmp_path / "to"), most=None, name="a")
    assert raised.value.errno == errno.ENOSPC


@pytest.mark.usefixtures("python")
def test_a_time_that_no_file_can_have(tmp_path):
    path = tmp_path / "a"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("digits")
        info.pax_headers = {"mtime": "1e40"}
        archive.addfile(info)
    to = archives.clear(tmp_path / "to")
    if hasattr(tarfile, "data_filter"):
        with pytest.raises(JobConfigError, match="^a cannot be unpacked"):
            archives.unpack(path, to, most=None, name="a")
    else:
        assert archives.unpack(path, to, most=None, name="a") == 0


def test_an_archive_that_unpacks_to_more_than_there_is_room_for_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(10**6))
    assert (tmp_path / "a.zip").stat().st_size < 10**4
    with pytest.raises(JobConfigError, match="more than its sizeLimit of 10000 bytes"):
        archives.unpack(tmp_path / "a.zip", archives.clear(tmp_path / "to"), most=10**4, name="a.zip")


class Web(http.server.ThreadingHTTPServer):
    """Serves one content, by ranges, and ends the connection early where it is told to.

    Attributes:
        ranges: the Range headers that it was asked with.
        cuts: after how many bytes each next answer ends.
    """

    daemon_threads = True

    def __init__(self, content):
        self.content, self.ranges, self.cuts = content, [], []
        super().__init__(("127.0.0.1", 0), _Handler)
        self.thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()
        self.address = f"http://127.0.0.1:{self.server_address[1]}/some/digits.tar.gz"

    def close(self):
        self.shutdown()
        self.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        web = self.server
        asked = self.headers.get("Range")
        web.ranges.append(asked)
        # The first request is for what the archive is.
        end = web.cuts.pop(0) if web.cuts and len(web.ranges) > 1 else None
        offset = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        content = web.content[offset:]
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{digests.of_bytes(web.content)}"')
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(content[:end])

    def log_message(self, *args):
        pass


def test_an_archive_of_the_web_is_continued_checked_and_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "_CHUNK", 1000)
    path = tar(tmp_path / "a.tgz", ("digits/train", LARGE, tarfile.REGTYPE), mode="w")
    web = Web(path.read_bytes())
    web.cuts = [2_000_000]
    try:
        good = source_of(f"{web.address}?token=1#sha256={sources.of_file(path, 'sha256')}", {})
        stager(good, tmp_path / "in").run()
        assert data(tmp_path / "in") == {"digits/train": LARGE}
        assert web.ranges[:2] == [None, None]
        assert web.ranges[2].startswith("bytes=")
        assert stager(good, tmp_path / "in").run().brought == 0
        other = source_of(f"{web.address}?token=1#sha256={'0' * 64}", {})
        with pytest.raises(OSError, match=r"^http://127.*digits.tar.gz: .*SHA-256 is another") as raised:
            stager(other, tmp_path / "other").run()
        assert "token" not in str(raised.value)
    finally:
        web.close()


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_an_archive_that_is_damaged_is_said_to_be(tmp_path, mode):
    path = tar(tmp_path / "a", ("digits", LARGE, tarfile.REGTYPE), mode=mode)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    path.write_bytes(content)
    with pytest.raises(JobConfigError, match="^a cannot be unpacked"):
        archives.unpack(path, archives.clear(tmp_path / "to"), most=None, name="a")
