"""The bucket: objects below one prefix of a store, by keys relative to it.

The requests, their signatures and the upload in parts are the client library's. Repeating is shared: the library
repeats reads, listings and the parts of a large upload; an object that goes up in one request is not repeated before
somebody has looked whether it has arrived all the same, so it is sent once.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

from estimator_runtime.errors import ModelDirUnavailableError, ObjectDamagedError, StoreSettingsError
from estimator_runtime.mirror import digests, locations, plain_words, stores

if TYPE_CHECKING:
    # The library has this name for type checkers alone.
    from obstore.store import ObjectStore

_Result = TypeVar("_Result")
PART_BYTES: Final = 8 << 20
"""What is longer goes up in parts of this size, or of larger ones where there would be too many."""
_MOST_PARTS: Final = 9_000
"""Stores take 10,000."""
_PARTS_AT_ONCE: Final = 8
_BYTES_AT_ONCE: Final = 512 << 20
"""Parts are in memory while they go up."""
_PANIC: Final = "PanicException"
"""What a panic of the library is, which is no Exception and can be imported from nowhere."""
_KNOWS_NO_CONDITIONS: Final = re.compile(r"not.?implemented|not.?supported|\b501\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as the store has it.

    Attributes:
        size: bytes.
        modified: when it was put there.
        tag: the store's own mark of this content.
        digest: `digests` of its content; None where nobody has asked, or it was put there by somebody else.
        version: what some stores have beside the tag.
    """

    size: int
    modified: datetime
    tag: str | None = None
    digest: str | None = None
    version: str | None = None


class Bucket:
    """Objects below a prefix. Every method raises `ModelDirUnavailableError` when the store cannot or will not.

    Args:
        store: for requests that are repeated.
        once: for requests that are not.
        uri: how it is called in messages.
    """

    def __init__(self, store: ObjectStore, *, once: ObjectStore | None = None, uri: str) -> None:
        self._store = store
        self._once = once or store
        self._knows_conditions = True
        self.uri = uri

    def list(self, prefix: str = "") -> dict[str, Stored]:
        """All objects, or those in the folder `prefix`, by key. An empty one may stand for a folder, which cannot be read."""

        def listed() -> dict[str, Stored]:
            return stores.listed(obstore.list(self._store, prefix or None), _stored)

        return self._asked("list", listed)

    def root(self) -> dict[str, Stored]:
        """The objects that are in no folder, in one request for each thousand of them."""

        def listed() -> dict[str, Stored]:
            found = obstore.list_with_delimiter(self._store)
            return stores.listed([found["objects"]], _stored, found["common_prefixes"])

        return self._asked("list", listed)

    def look(self, key: str) -> Stored | None:
        """The object with its digest; None when there is none."""

        def looked() -> Stored | None:
            try:
                found = obstore.get(self._store, key, options={"head": True})
            except FileNotFoundError:
                return None
            attributes: Mapping[str, Any] = found.attributes
            return _stored(found.meta, attributes.get(digests.ATTRIBUTE))

        return self._asked(f"look at {key}", looked)

    def put(self, key: str, content: bytes | Path | Iterator[bytes], *, size: int, digest: str) -> None:
        """Puts an object in the place of what is there; nobody sees a part of it.

        Args:
            key: its key.
            content: its content, or the file that has it.
            size: length of the content.
            digest: `digests` of the content.
        """
        in_parts = size > PART_BYTES
        part = _part_bytes(size)

        def done() -> None:
            obstore.put(
                self._store if in_parts else self._once,
                key,
                content,
                attributes={digests.ATTRIBUTE: digest},
                use_multipart=in_parts,
                chunk_size=part,
                max_concurrency=max(1, min(_PARTS_AT_ONCE, _BYTES_AT_ONCE // part)),
            )

        self._asked(f"write {key}", done)

    def replace(self, key: str, content: bytes, *, digest: str, before: Stored | None) -> Stored | None:
        """Puts a small object in the place of one that is still there as it was; a store that cannot tell replaces any.

        Args:
            key: its key.
            content: its content.
            digest: `digests` of the content.
            before: what is to be there; None for nothing.

        Returns:
            The object; None when something else was there, which is left.
        """

        def put(mode: Any) -> Stored | None:
            try:
                found = obstore.put(
                    self._once, key, content, attributes={digests.ATTRIBUTE: digest}, mode=mode
                )
            except (AlreadyExistsError, PreconditionError):
                return None
            return Stored(len(content), datetime.now(UTC), found["e_tag"], digest, found["version"])

        def done() -> Stored | None:
            mode: Any = "create"
            if before is not None:
                marks = {"e_tag": before.tag, "version": before.version}
                mode = {name: mark for name, mark in marks.items() if mark is not None}
            if self._knows_conditions and mode:
                try:
                    return put(mode)
                except BaseError as error:
                    if not _KNOWS_NO_CONDITIONS.search(str(error)):
                        raise
                    self._knows_conditions = False
            return put("overwrite")

        return self._asked(f"write {key}", done)

    def read(self, key: str) -> bytes | None:
        """Content of a small object; None when there is none."""

        def done() -> bytes | None:
            try:
                return bytes(obstore.get(self._store, key).bytes())
            except FileNotFoundError:
                return None

        return self._asked(f"read {key}", done)

    def download(self, key: str, path: Path) -> Stored:
        """Writes an object's content to the file `path`; returns what was written.

        Raises:
            FileNotFoundError: there is none.
            ObjectDamagedError: the content is not what was put there, nor when it is asked for once more.
        """

        def done() -> Stored:
            found = obstore.get(self._store, key)
            # A chunk is digested while it is written and the next one comes: each of the three takes as long.
            with path.open("wb") as file, digests.Running() as running:
                size = 0
                for chunk in found.stream():
                    view = memoryview(chunk)
                    running.update(view)
                    file.write(view)
                    size += len(view)
                digest = running.hexdigest()
            attributes: Mapping[str, Any] = found.attributes
            wanted = attributes.get(digests.ATTRIBUTE)
            if size != found.meta["size"] or wanted not in (None, digest):
                raise ObjectDamagedError(
                    f"{self.uri}: the {size} bytes of {key} that arrived are not what was put there"
                )
            return _stored(found.meta, digest)

        try:
            return self._asked(f"read {key}", done)
        except ObjectDamagedError:
            return self._asked(f"read {key}", done)

    def download_rest(self, key: str, path: Path, *, size: int) -> None:
        """Appends to the file `path` what the object has beyond it; one that is longer than the object is begun anew.

        Args:
            key: of an object that only grows.
            path: the file, which may be read meanwhile; what came before an error stays.
            size: bytes that the object has at least.

        Raises:
            FileNotFoundError: there is none.
        """

        def done() -> None:
            begun = path.stat().st_size if path.exists() else 0
            with path.open("ab" if begun <= size else "wb") as file:
                if begun == size:
                    return
                first = begun if begun < size else 0
                found = obstore.get(self._store, key, options={"range": (first, size)})
                for chunk in found.stream():
                    file.write(memoryview(chunk))

        self._asked(f"read {key}", done)

    def delete(self, keys: Sequence[str]) -> None:
        """Deletes objects; one that is not there is none to delete."""

        def done() -> None:
            try:
                obstore.delete(self._store, list(keys))
            except FileNotFoundError:
                # Some stores say so of the first that is missing, and the others may not have been deleted.
                for key in keys:
                    self._delete_one(key)

        if keys:
            self._asked(f"delete {keys[0]}", done)

    def _delete_one(self, key: str) -> None:
        try:
            obstore.delete(self._store, key)
        except FileNotFoundError:
            return

    def _asked(self, what: str, ask: Callable[[], _Result]) -> _Result:
        try:
            return ask()
        except FileNotFoundError as error:
            if what.startswith("read "):
                raise FileNotFoundError(plain_words.of(error)) from None
            raise self._unavailable(what, error) from None
        except ModelDirUnavailableError:
            raise
        except (BaseError, OSError, ValueError) as error:
            # Without the cause, whose text may hold credentials.
            raise self._unavailable(what, error) from None
        except BaseException as error:
            if type(error).__name__ != _PANIC:
                raise
            raise self._unavailable(what, error) from None

    def _unavailable(self, what: str, error: BaseException) -> ModelDirUnavailableError:
        words, mistake = f"{self.uri}: cannot {what}: {plain_words.of(error)}", plain_words.mistake(error)
        if mistake is None:
            return ModelDirUnavailableError(words)
        words = f"{words} - {mistake.hint}"
        return (
            StoreSettingsError(words)
            if mistake.certain
            else ModelDirUnavailableError(words, may_be_settings=True)
        )


def _part_bytes(size: int) -> int:
    """Length of the parts of an object, in whole MiB."""
    return max(PART_BYTES, math.ceil(size / _MOST_PARTS / (1 << 20)) << 20)


def _stored(meta: Any, digest: str | None = None) -> Stored:
    return Stored(int(meta["size"]), meta["last_modified"], meta["e_tag"], digest, meta["version"])


def open_bucket(uri: str, variables: Mapping[str, str] = os.environ) -> Bucket:
    """The bucket at `uri`, reached as the SDKs' environment variables say.

    Args:
        uri: `s3://bucket/prefix`, `az://container/prefix` or `gs://bucket/prefix`.
        variables: the environment, see `stores.open_store`.

    Raises:
        ValueError: the URI is of another scheme, or names no container.
        StoreSettingsError: the environment says what cannot be.
    """
    place = locations.parse(uri)
    if place is None:
        known = ", ".join(f"{one}://" for one in locations.SCHEMES)
        raise ValueError(f"{uri} is in no object store that can be mirrored; those are {known}")
    try:
        store, once = (stores.open_store(place, variables, repeats=repeats) for repeats in (True, False))
    except stores.UNUSABLE as error:
        raise StoreSettingsError(f"{uri}: {plain_words.of_settings(error, variables)}") from None
    return Bucket(store, once=once, uri=uri)
