"""What tells one content of a file from another: its length and a digest.

The stores' own tags are digests of the content with some stores and some kinds of upload alone, so each object carries
this one among its metadata: SHA-256 of the content, and of more than a piece SHA-256 of its pieces' digests in their
order, for those can be made by several threads at once.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final, Self

ATTRIBUTE: Final = "sha256of8m"
"""Name of the metadata field: letters and digits, for Azure takes no hyphens and proxies no underscores."""
PIECE_BYTES: Final = 8 << 20
"""Length of a piece; the last one may be shorter."""
_READ_BYTES: Final = 1 << 20
_AT_ONCE: Final = min(4, os.cpu_count() or 1)
"""Threads of one digest: what it does not share it holds up."""
_WAITING: Final = 4
"""Pieces that may wait to be digested while more arrive: what they hold is in memory."""


class Running:
    """The digest of a content that comes in chunks, made by threads beside the one that has them. A context manager."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_AT_ONCE, "digest")
        self._pieces: list[Future[bytes]] = []
        self._views: list[memoryview] = []
        self._length = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def update(self, chunk: memoryview) -> None:
        """Adds bytes, which nobody may change afterwards; waits where too many are before them."""
        while chunk:
            part = chunk[: PIECE_BYTES - self._length]
            chunk = chunk[len(part) :]
            self._views.append(part)
            self._length += len(part)
            if self._length == PIECE_BYTES:
                self._submit()

    def hexdigest(self) -> str:
        """The digest of all, 64 hexadecimal digits; nothing can be added after it."""
        if self._length or not self._pieces:
            self._submit()
        return _joined([piece.result() for piece in self._pieces])

    def _submit(self) -> None:
        if len(self._pieces) >= _WAITING:
            self._pieces[-_WAITING].result()
        self._pieces.append(self._pool.submit(_of_parts, self._views))
        self._views, self._length = [], 0


def of_bytes(content: bytes) -> str:
    """Digest of `content`, 64 hexadecimal digits."""
    view = memoryview(content)
    return _joined([_of_parts([view[start : start + PIECE_BYTES]]) for start in _starts(len(view))])


def of_file(path: Path, length: int | None) -> str:
    """Digest of the first `length` bytes of a file, of all when it is None or there are fewer."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        size = size if length is None else min(size, length)

        def piece(start: int) -> bytes:
            return _of_parts(_read(file.fileno(), start, min(PIECE_BYTES, size - start)))

        if size <= PIECE_BYTES:
            return _joined([piece(0)])
        with ThreadPoolExecutor(_AT_ONCE, "digest") as pool:
            return _joined(list(pool.map(piece, _starts(size))))


def chunks(path: Path, length: int) -> Iterator[bytes]:
    """Yields the first `length` bytes of a file, or fewer when it is shorter."""
    with path.open("rb") as file:
        yield from _read(file.fileno(), 0, length)


def _starts(size: int) -> range:
    return range(0, max(size, 1), PIECE_BYTES)


def _read(file: int, start: int, length: int) -> Iterator[bytes]:
    end = start + length
    while start < end and (chunk := os.pread(file, min(_READ_BYTES, end - start), start)):
        start += len(chunk)
        yield chunk


def _of_parts(parts: Iterable[bytes | memoryview]) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.digest()


def _joined(pieces: Sequence[bytes]) -> str:
    (first, *others) = pieces
    return (_of_parts(pieces) if others else first).hex()
