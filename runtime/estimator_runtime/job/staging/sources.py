"""Where inputs come from: object stores, folders, and archives at an address of the web.

A source lists what it has and reads it from any byte on. Its errors are OSError: a source may be away for a while.
"""

import hashlib
import http.client
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Protocol

import obstore
from obstore.exceptions import BaseError, PreconditionError

from estimator_api.constants import INPUT_SCHEMES
from estimator_runtime.job.settings.errors import JobConfigError
from estimator_runtime.mirror import digests, locations, plain_words, stores

_STORES: Final = ("s3", "gs", "az")
_CHUNK: Final = 1 << 20
_TIMEOUT_SECS: Final = 60.0
_LOOKS_AT_ONCE: Final = 8
_MD5_LENGTH: Final = 32
_OF_SHA256: Final = "sha256:"
"""Begins the mark of an archive of which nothing is known but the digest that it must have."""


class SettingsError(OSError):
    """A store refuses what looks like a mistake in the environment: credentials that nobody knows, no such bucket."""


class ChangedError(OSError):
    """The source has another content now than when it was listed."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a source.

    Attributes:
        key: path below the input, with slashes.
        size: bytes; None when nobody says.
        mark: changes when the content does; "" when nobody says.
    """

    key: str
    size: int | None
    mark: str


class Source(Protocol):
    """What an input is brought from."""

    uri: str
    is_archive: bool

    def entries(self) -> list[Entry]:
        """Everything that it has.

        Raises:
            OSError: it cannot be read.
        """

    def read(self, entry: Entry, offset: int) -> Iterator[bytes]:
        """The content of `entry` from a byte on.

        Raises:
            ChangedError: it is not what was listed, or can only be read from its beginning.
            OSError: it cannot be read.
        """

    def fault(self, entry: Entry, path: Path) -> str | None:
        """What is wrong with the file that was brought; None when its checksum is right or there is none."""


class StoreSource:
    """A prefix of an object store, or one object.

    Checked is the digest that this runtime's own uploads carry, else an entity tag that is an MD5. Some encrypted buckets
    have tags of that form which are none: where one content arrives twice, the tag is not believed again.

    Args:
        uri: of the scheme s3, gs or az.
        variables: the environment.
    """

    is_archive = False

    def __init__(self, uri: str, variables: Mapping[str, str]) -> None:
        self.uri = plain_words.of_uri(uri)
        self._variables = variables
        place = locations.parse(uri, _STORES)
        assert place is not None, "the caller has looked at the scheme"
        self._place = place
        self._store = self._opened(place)
        self._digests: dict[str, str] = {}
        self._md5s: dict[str, str] = {}
        self._has_md5 = True

    def _opened(self, place: locations.Location) -> Any:
        try:
            return stores.open_store(place, self._variables)
        except stores.UNUSABLE as error:
            raise JobConfigError(f"{self.uri}: {plain_words.of_settings(error, self._variables)}") from None

    def entries(self) -> list[Entry]:
        """All objects below the prefix, else the object of that name."""
        try:
            found = self._files()
            if not found and self._place.prefix:
                folder, _, name = self._place.prefix.rpartition("/")
                store = self._opened(locations.Location(self._place.scheme, self._place.container, folder))
                try:
                    found = [_entry(obstore.head(store, name))]
                except FileNotFoundError:
                    return []
                self._store = store
        except (BaseError, OSError, ValueError) as error:
            raise self._plain(error) from None
        return found

    def _files(self) -> list[Entry]:
        """What is below the prefix. Of an empty object with nothing below it only the store knows whether it is a folder."""
        found = stores.listed(obstore.list(self._store), _entry).values()
        with ThreadPoolExecutor(_LOOKS_AT_ONCE) as pool:
            is_file = pool.map(lambda one: bool(one.size) or self._is_there(one.key), found)
            return [one for one, is_one in zip(found, is_file, strict=True) if is_one]

    def _is_there(self, key: str) -> bool:
        try:
            obstore.head(self._store, key)
        except FileNotFoundError:
            return False
        return True

    def read(self, entry: Entry, offset: int) -> Iterator[bytes]:
        """The object from a byte on, as long as it is the one that was listed."""
        # A store may list an object without a mark: a gateway over files that were not put through it.
        options: dict[str, Any] = {"if_match": entry.mark} if entry.mark else {}
        if offset:
            options["range"] = {"offset": offset}
        try:
            found = obstore.get(self._store, entry.key, options=options)  # type: ignore[arg-type]  # a dict of that form
            attributes: Mapping[str, Any] = found.attributes
            if digests.ATTRIBUTE in attributes:
                self._digests[entry.key] = attributes[digests.ATTRIBUTE]
            for chunk in found.stream():
                yield bytes(chunk)
        except PreconditionError:
            raise ChangedError(f"{self.uri}: {entry.key} has changed while it was read") from None
        except (BaseError, OSError, ValueError) as error:
            raise self._plain(error) from None

    def fault(self, entry: Entry, path: Path) -> str | None:
        """What the digest says, else what the tag says."""
        wanted = self._digests.get(entry.key)
        if wanted is not None:
            return None if digests.of_file(path, None) == wanted else "its digest is another"
        tag = entry.mark.strip('"').lower()
        is_md5 = len(tag) == _MD5_LENGTH and set(tag) <= set("0123456789abcdef")
        if self._place.scheme != "s3" or not is_md5 or not self._has_md5:
            return None
        found = of_file(path, "md5")
        if found == tag:
            return None
        if self._md5s.get(entry.key) == found:
            self._has_md5 = False
            return None
        self._md5s[entry.key] = found
        return "its MD5 is another than its tag"

    def _plain(self, error: Exception) -> OSError | JobConfigError:
        words, mistake = f"{self.uri}: {plain_words.of(error, self._variables)}", plain_words.mistake(error)
        if mistake is None:
            return OSError(words)
        kind = JobConfigError if mistake.certain else SettingsError
        return kind(f"{words} - {mistake.hint}")


class FolderSource:
    """A folder, or a file, that the pod mounts.

    Args:
        uri: file:// and an absolute path.
    """

    is_archive = False

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._root = Path(urllib.parse.unquote(uri.removeprefix("file://")))

    def entries(self) -> list[Entry]:
        """All files below the folder, links to files among them; else the file."""
        if self._root.is_file():
            root, files = self._root.parent, [self._root]
        else:
            root, files = self._root, sorted(one for one in self._root.rglob("*") if one.is_file())
        found = []
        for path in files:
            status = path.stat()
            found.append(Entry(path.relative_to(root).as_posix(), status.st_size, f"{status.st_mtime_ns}"))
        self._base = root
        return found

    def read(self, entry: Entry, offset: int) -> Iterator[bytes]:
        """The file from a byte on."""
        with (self._base / entry.key).open("rb") as file:
            status = os.fstat(file.fileno())
            if (status.st_size, f"{status.st_mtime_ns}") != (entry.size, entry.mark):
                raise ChangedError(f"{self.uri}: {entry.key} has changed while it was read")
            file.seek(offset)
            while chunk := file.read(_CHUNK):
                yield chunk

    def fault(self, entry: Entry, path: Path) -> str | None:
        """Nothing is known of the content but its length."""
        del entry, path
        return None


class WebSource:
    """An archive at http:// or https://.

    Args:
        uri: its address; `#sha256=...` says what its content must be.
    """

    is_archive = True

    def __init__(self, uri: str) -> None:
        self.uri = plain_words.of_uri(uri)
        self._address, _, fragment = uri.partition("#")
        if "@" in urllib.parse.urlsplit(self._address).netloc:
            raise JobConfigError(f"{self.uri}: user and password do not belong in a URI, which many can read")
        name, _, digest = fragment.partition("=")
        if fragment and (name != "sha256" or len(digest) != hashlib.sha256().digest_size * 2):
            raise JobConfigError(f"{self.uri}: what follows # must be sha256= and 64 hexadecimal digits")
        self._sha256 = digest.lower() or None

    def entries(self) -> list[Entry]:
        """The archive."""
        with self._asked(0) as answer:
            length = answer.headers.get("Content-Length")
            mark = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
        name = urllib.parse.unquote(urllib.parse.urlsplit(self._address).path).rpartition("/")[2]
        return [
            Entry(
                name,
                None if length is None else int(length),
                mark or (f"{_OF_SHA256}{self._sha256}" if self._sha256 else ""),
            )
        ]

    def read(self, entry: Entry, offset: int) -> Iterator[bytes]:
        """The archive from a byte on."""
        changed = ChangedError(f"{self.uri}: it has changed, or can only be read from its beginning")
        if offset and entry.mark.startswith("W/"):
            raise changed
        try:
            with self._asked(offset, entry.mark) as answer:
                if offset and answer.status != HTTPStatus.PARTIAL_CONTENT:
                    raise changed
                while chunk := answer.read(_CHUNK):
                    yield chunk
        except (http.client.HTTPException, ValueError) as error:
            raise OSError(f"{self.uri}: {plain_words.of(error)}") from None

    def fault(self, entry: Entry, path: Path) -> str | None:
        """What the digest in the URI says; archives have checksums of their own."""
        del entry
        if self._sha256 is None or of_file(path, "sha256") == self._sha256:
            return None
        return "its SHA-256 is another than the one after #"

    def _asked(self, offset: int, mark: str = "") -> Any:
        headers = {"Accept-Encoding": "identity"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
            if not mark.startswith(_OF_SHA256):
                headers["If-Range"] = mark
        request = urllib.request.Request(self._address, headers=headers)  # noqa: S310 - http and https alone come here
        try:
            return urllib.request.urlopen(request, timeout=_TIMEOUT_SECS)  # noqa: S310 - the same
        except (urllib.error.URLError, http.client.HTTPException, ValueError) as error:
            raise OSError(f"{self.uri}: {plain_words.of(error)}") from None


def source_of(uri: str, variables: Mapping[str, str]) -> Source:
    """The source at `uri`.

    Raises:
        JobConfigError: nothing can be brought from there.
    """
    scheme = uri.partition("://")[0]
    if scheme in _STORES:
        try:
            return StoreSource(uri, variables)
        except ValueError as error:
            raise JobConfigError(str(error)) from error
    if scheme == "file":
        return FolderSource(uri)
    if scheme in ("http", "https"):
        return WebSource(uri)
    known = ", ".join(f"{one}://" for one in INPUT_SCHEMES)
    raise JobConfigError(f"{plain_words.of_uri(uri)}: inputs come from {known}")


def of_file(path: Path, name: str) -> str:
    """A file's digest by one of hashlib's algorithms, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(name, usedforsecurity=False)).hexdigest()


def _entry(meta: Any) -> Entry:
    return Entry(meta["path"], int(meta["size"]), meta["e_tag"] or "")
