"""The digest of a content is the same however it is read, and several threads share that of a large one."""

import hashlib
import threading

import pytest

from estimator_runtime.mirror import digests

PIECE = digests.PIECE_BYTES
CONTENT = bytes(range(256)) * (5 * PIECE // 512) + b"rest"
SIZES = [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, len(CONTENT)]


def running(content, chunk):
    with digests.Running() as digest:
        for start in range(0, len(content), chunk):
            digest.update(memoryview(content)[start : start + chunk])
        return digest.hexdigest()


@pytest.mark.parametrize("size", SIZES)
def test_bytes_files_and_chunks_have_one_digest(tmp_path, size):
    content = CONTENT[:size]
    path = tmp_path / "file"
    path.write_bytes(content)
    expected = digests.of_bytes(content)
    assert len(expected) == 64
    assert digests.of_file(path, None) == expected
    assert b"".join(digests.chunks(path, size)) == content
    for chunk in (1_000_003, PIECE, 3 * PIECE):
        assert running(content, chunk) == expected


def test_up_to_a_piece_is_plain_sha256():
    assert digests.of_bytes(b"one") == hashlib.sha256(b"one").hexdigest()
    assert digests.of_bytes(CONTENT[:PIECE]) == hashlib.sha256(CONTENT[:PIECE]).hexdigest()


@pytest.mark.parametrize("at", [0, PIECE - 1, PIECE, len(CONTENT) - 1])
def test_one_other_byte_anywhere_is_another_digest(at):
    other = bytearray(CONTENT)
    other[at] ^= 1
    assert digests.of_bytes(bytes(other)) != digests.of_bytes(CONTENT)


def test_pieces_in_another_order_are_another_digest():
    first, second = CONTENT[:PIECE], bytes(PIECE)
    assert digests.of_bytes(first + second) != digests.of_bytes(second + first)


def test_the_beginning_of_a_file_that_has_grown(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    for size in (0, 3, PIECE, PIECE + 3):
        assert digests.of_file(path, size) == digests.of_bytes(CONTENT[:size])
        assert b"".join(digests.chunks(path, size)) == CONTENT[:size]


def test_fewer_bytes_than_were_said_are_digested_as_they_are(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    assert digests.of_file(path, 2 * len(CONTENT)) == digests.of_bytes(CONTENT)
    assert b"".join(digests.chunks(path, 2 * len(CONTENT))) == CONTENT


def meeting(monkeypatch):
    """Lets no digest of a piece end before another one is being made, too."""
    monkeypatch.setattr(digests, "_AT_ONCE", 2)
    made, both = digests._of_parts, threading.Barrier(2, timeout=60)

    def meet(parts):
        if threading.current_thread() is not threading.main_thread():
            both.wait()
        return made(parts)

    monkeypatch.setattr(digests, "_of_parts", meet)


def test_pieces_of_a_file_are_digested_side_by_side(tmp_path, monkeypatch):
    expected = digests.of_bytes(CONTENT[: 2 * PIECE])
    path = tmp_path / "file"
    path.write_bytes(CONTENT[: 2 * PIECE])
    meeting(monkeypatch)
    assert digests.of_file(path, None) == expected


def test_pieces_that_arrive_are_digested_side_by_side(monkeypatch):
    expected = digests.of_bytes(CONTENT[: 2 * PIECE])
    meeting(monkeypatch)
    assert running(CONTENT[: 2 * PIECE], PIECE) == expected


def test_no_more_than_some_pieces_wait_in_memory(monkeypatch):
    """The one that reads waits for those that digest."""
    monkeypatch.setattr(digests, "_AT_ONCE", 1)
    made, go = digests._of_parts, threading.Event()

    def wait(parts):
        assert go.wait(60)
        return made(parts)

    monkeypatch.setattr(digests, "_of_parts", wait)
    taken = []

    def read():
        with digests.Running() as digest:
            for _ in range(digests._WAITING + 3):
                digest.update(memoryview(CONTENT)[:PIECE])
                taken.append(PIECE)
                if len(taken) == digests._WAITING:
                    full.set()
            digest.hexdigest()

    full = threading.Event()
    reader = threading.Thread(target=read)
    reader.start()
    assert full.wait(60)
    reader.join(0.2)
    assert len(taken) == digests._WAITING
    go.set()
    reader.join(60)
    assert not reader.is_alive()
    assert len(taken) == digests._WAITING + 3
