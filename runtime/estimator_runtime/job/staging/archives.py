"""Unpacking archives of somebody else: nothing outside of the folder, no devices, no more than there is room for."""

import errno
import lzma
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO, Final

from estimator_runtime.job.settings.errors import JobConfigError

_CHUNK: Final = 1 << 20
_DAMAGED: Final = (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError)
_BEYOND_PYTHON: Final = (RuntimeError, ValueError, OverflowError, KeyError)
"""A zip that is encrypted or compressed as Python cannot do it; names, numbers and times that there cannot be; links to nothing."""
_OF_NAMES: Final = (errno.ENAMETOOLONG, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ELOOP)
"""What the disk says, in an empty folder, of names that are too long, or one file's and another's folder."""


def unpack(path: Path, folder: Path, *, most: int | None, name: str) -> int:
    """Unpacks a tar (also gz, bz2, xz) or zip archive into an empty folder; returns the bytes of its files.

    Args:
        path: the archive.
        folder: where to.
        most: the most bytes that its files may have together; None for any.
        name: how it is called in messages.

    Raises:
        JobConfigError: it is no archive, holds what must not be unpacked, or is larger than `most`.
    """
    room = _Room(most, name)
    try:
        if zipfile.is_zipfile(path):
            _unpack_zip(path, folder, room, name)
        else:
            _unpack_tar(path, folder, room)
    except (*_DAMAGED, *_BEYOND_PYTHON) as error:
        raise JobConfigError(f"{name} cannot be unpacked: {error}") from error
    except OSError as error:
        # The disk's errors have a number, those of gzip and bz2 about what they read have none.
        if error.errno is not None and error.errno not in _OF_NAMES:
            raise
        raise JobConfigError(f"{name} cannot be unpacked: {error}") from error
    return room.used


class _Room:
    def __init__(self, most: int | None, name: str) -> None:
        self._most, self._name, self.used = most, name, 0

    def take(self, size: int) -> None:
        self.used += size
        if self._most is not None and self.used > self._most:
            raise JobConfigError(f"{self._name} unpacked has more than its sizeLimit of {self._most} bytes")


def _unpack_tar(path: Path, folder: Path, room: _Room) -> None:
    with tarfile.open(path) as archive:
        for member in archive:
            room.take(member.size if member.isreg() else 0)
            if hasattr(tarfile, "data_filter"):
                # Refuses absolute names, names and links that lead out, devices; drops owners and special modes.
                archive.extract(member, folder, filter="data")
            else:
                # Python 3.11.3 and before, Debian 12's among them.
                _check(member, folder)
                archive.extract(member, folder, set_attrs=False)
        # The compression's checksum is behind the end of the archive, where nobody has read it yet.
        while archive.fileobj is not None and archive.fileobj.read(_CHUNK):
            pass


def _check(member: tarfile.TarInfo, folder: Path) -> None:
    """Refuses what Python's own filter refuses.

    Raises:
        tarfile.ExtractError: the member, or what it links to, is outside of the folder, or it is a device or a pipe.
    """
    root = folder.resolve()
    places = [root / member.name]
    if member.issym():
        places.append(places[0].parent / member.linkname)
    elif member.islnk():
        places.append(root / member.linkname)
    elif not (member.isreg() or member.isdir()):
        raise tarfile.ExtractError(f"{member.name!r} is a special file")
    # Links that were unpacked before are followed.
    if not all(place.resolve().is_relative_to(root) for place in places):
        raise tarfile.ExtractError(f"{member.name!r} leads out of the folder")


def _unpack_zip(path: Path, folder: Path, room: _Room, name: str) -> None:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            parts = PurePosixPath(member.filename).parts
            if not parts or parts[0] == "/" or ".." in parts or "\\" in member.filename:
                raise JobConfigError(f"{name} holds {member.filename!r}, which leads out of the folder")
            target = folder.joinpath(*parts)
            if member.is_dir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(member) as content, target.open("wb") as file:
                _copy(content, file, room.take)


def _copy(content: IO[bytes], file: IO[bytes], take: Callable[[int], None]) -> None:
    """What the archive says of its files' sizes need not be true, so what is written is counted."""
    while chunk := content.read(_CHUNK):
        take(len(chunk))
        file.write(chunk)


def clear(folder: Path) -> Path:
    """`folder`, empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
