"""What tells one content of a file from another: its length and a digest of 128 bits.

The stores' own tags are digests of the content with some stores and some kinds of upload alone, so each object carries
this one among its metadata.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ATTRIBUTE: Final = "blake2b"
"""Name of the metadata field."""
_CHUNK: Final = 4 << 20


def new() -> "hashlib.blake2b":
    """Returns the digest of nothing, to be updated."""
    return hashlib.blake2b(digest_size=16)


def of_bytes(content: bytes) -> str:
    """Digest of `content`, 32 hexadecimal digits."""
    digest = new()
    digest.update(content)
    return digest.hexdigest()


def of_file(path: Path, length: int | None) -> str:
    """Digest of the first `length` bytes of a file, of all when it is None."""
    digest = new()
    for chunk in chunks(path, path.stat().st_size if length is None else length):
        digest.update(chunk)
    return digest.hexdigest()


def chunks(path: Path, length: int) -> Iterator[bytes]:
    """Yields the first `length` bytes of a file, or fewer when it is shorter."""
    left = length
    with path.open("rb") as file:
        while left and (chunk := file.read(min(left, _CHUNK))):
            left -= len(chunk)
            yield chunk
