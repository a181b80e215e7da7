"""The stager: brings one input into its folder, from wherever an earlier attempt has left off."""

import hashlib
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, TypeVar

from estimator_api.constants import INPUTS_DATA
from estimator_runtime.job.settings.errors import JobConfigError
from estimator_runtime.job.staging import archives
from estimator_runtime.job.staging.record import Record
from estimator_runtime.job.staging.sources import ChangedError, Entry, Source
from estimator_runtime.job.staging.tally import Share, Tally

_Result = TypeVar("_Result")
DATA: Final = INPUTS_DATA
"""Folder of an input that the program sees."""
STATE: Final = "state"
PATIENCE_SECS: Final = 60.0
"""For how long a source may fail without a byte from it."""
_AT_ONCE: Final = 8
_LISTINGS: Final = 3
"""How often a source is listed anew that changes while it is read."""
_LONGEST_PAUSE_SECS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Staged:
    """What an input consists of.

    Attributes:
        files: how many files.
        size: their bytes.
        brought: bytes that came from the source now.
    """

    files: int
    size: int
    brought: int


class Stager:
    """Brings one input.

    Args:
        source: where from.
        folder: the input's folder, which may hold what an earlier attempt has brought.
        most: its sizeLimit in bytes; None for none.
        tell: is told what goes wrong on the way.
        share: counts what is there.
        clock: seconds since any fixed moment.
        sleep: waits for some seconds.
    """

    def __init__(
        self,
        source: Source,
        folder: Path,
        *,
        most: int | None = None,
        tell: Callable[[str], None] = lambda _: None,
        share: Share | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._source = source
        self._data, self._state = folder / DATA, folder / STATE
        self._most = most
        self._tell = tell
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._brought = 0
        self._share = Tally().share() if share is None else share
        self._looked_at: list[Entry] = []
        self._given_up = threading.Event()

    def look(self) -> list[Entry]:
        """Learns what there is to bring; the next run brings that.

        Raises:
            JobConfigError: nothing is there, or what is there cannot be an input.
            OSError: the source has failed for too long.
        """
        entries = self._patiently(self._source.entries)
        if not entries:
            raise JobConfigError(f"{self._source.uri}: nothing is there")
        self._check(entries)
        self._share.begin({one.key: one.size for one in entries})
        self._looked_at = entries
        return entries

    def run(self) -> Staged:
        """Brings everything, as it was when it was last looked at.

        Raises:
            JobConfigError: nothing is there, or what is there cannot be an input.
            OSError: the source has failed for too long.
        """
        self._state.mkdir(parents=True, exist_ok=True)
        for _ in range(_LISTINGS - 1):
            try:
                return self._round()
            except ChangedError as error:
                self._tell(f"{error}. Looking again.")
        return self._round()

    def _round(self) -> Staged:
        self._given_up.clear()
        record = Record(self._state / "record", self._source.uri)
        entries, self._looked_at = self._looked_at or self.look(), []
        if self._source.is_archive:
            return self._unpacked(entries[0], record)
        self._data.mkdir(exist_ok=True)
        for key in record.keys() - {one.key for one in entries}:
            (self._data / key).unlink(missing_ok=True)
        there = {one for one in entries if self._is_there(one, record)}
        for one in there:
            self._share.has(one.key, one.size or 0)
        missing = [one for one in entries if one not in there]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            work = [pool.submit(self._bring, one, record) for one in missing]
            try:
                done, _ = wait(work, return_when=FIRST_EXCEPTION)
                for ended in done:
                    ended.result()
            except BaseException:
                # The others end at their next byte, or nobody would be told for as long as they take.
                self._given_up.set()
                pool.shutdown(cancel_futures=True)
                raise
        shutil.rmtree(self._state / "partial", ignore_errors=True)
        return Staged(len(entries), sum(one.size or 0 for one in entries), self._brought)

    def _check(self, entries: list[Entry]) -> None:
        keys = {one.key for one in entries}
        for key in sorted(keys):
            parts = PurePosixPath(key).parts
            folders = {"/".join(parts[:end]) for end in range(1, len(parts))}
            # A store takes any text for a key.
            if key != "/".join(parts) or ".." in parts or "\0" in key or folders & keys:
                raise JobConfigError(f"{self._source.uri}: the key {key!r} cannot be a file's path")
        size = sum(one.size or 0 for one in entries)
        if self._most is not None and size > self._most:
            raise JobConfigError(
                f"{self._source.uri} has {size} bytes, more than its sizeLimit of {self._most} bytes"
            )

    def _is_there(self, entry: Entry, record: Record) -> bool:
        path = self._data / entry.key
        return record.has(entry) and path.is_file() and path.stat().st_size == entry.size

    def _bring(self, entry: Entry, record: Record) -> None:
        partial = self._fetched(entry)
        target = self._data / entry.key
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.rename(target)
        record.add(entry)

    def _unpacked(self, entry: Entry, record: Record) -> Staged:
        files = [one for one in self._data.rglob("*") if one.is_file()] if record.has(entry) else []
        if not files:
            archive = self._fetched(entry)
            folder = archives.clear(self._state / "unpacked")
            archives.unpack(archive, folder, most=self._most, name=self._source.uri)
            archive.unlink()
            shutil.rmtree(self._data, ignore_errors=True)
            folder.rename(self._data)
            record.add(entry)
            files = [one for one in self._data.rglob("*") if one.is_file()]
        else:
            self._share.has(entry.key, entry.size or 0)
        return Staged(len(files), sum(one.stat().st_size for one in files), self._brought)

    def _fetched(self, entry: Entry) -> Path:
        """The file of an entry, whole and right, in the folder of what is not complete."""
        folder = self._state / "partial"
        folder.mkdir(exist_ok=True)
        name = hashlib.sha256(f"{self._source.uri} {entry.key} {entry.size} {entry.mark}".encode())
        partial = folder / name.hexdigest()
        for is_last in (False, True):
            self._patiently(lambda: self._continue(entry, partial), lambda: _length(partial))
            fault = self._source.fault(entry, partial)
            if fault is None:
                break
            partial.unlink()
            if is_last:
                raise OSError(f"{self._source.uri}: {entry.key} arrived damaged twice: {fault}")
        return partial

    def _continue(self, entry: Entry, partial: Path) -> None:
        offset = _length(partial)
        if not entry.mark and offset != entry.size:
            # Nobody could tell whether the rest belongs to it.
            offset = 0
        self._share.has(entry.key, offset)
        if offset == entry.size and partial.exists():
            return
        try:
            with partial.open("ab" if offset else "wb") as file:
                for chunk in self._source.read(entry, offset):
                    file.write(chunk)
                    offset += len(chunk)
                    self._count(entry, len(chunk), offset)
        except ChangedError:
            partial.unlink()
            raise
        if entry.size is not None and _length(partial) != entry.size:
            if _length(partial) > entry.size:
                partial.unlink()
            raise OSError(f"{self._source.uri}: {entry.key} ended before its {entry.size} bytes")

    def _count(self, entry: Entry, size: int, length: int) -> None:
        if self._given_up.is_set():
            raise OSError(f"{self._source.uri}: given up, for another file cannot be brought")
        with self._lock:
            self._brought += size
        self._share.has(entry.key, length)

    def _patiently(self, ask: Callable[[], _Result], length: Callable[[], int] = lambda: 0) -> _Result:
        """What `ask` returns, once the source answers; `length` grows while bytes come."""
        since, pause, before = self._clock(), 0.5, length()
        while True:
            try:
                return ask()
            except ChangedError:
                # The source is listed anew; an archive that cannot be continued is read from its beginning.
                if not self._source.is_archive:
                    raise
                error: OSError = OSError(f"{self._source.uri}: it changes while it is read")
            except OSError as failure:
                error = failure
            if length() > before:
                since, pause, before = self._clock(), 0.5, length()
            if self._given_up.is_set() or self._clock() - since + pause > PATIENCE_SECS:
                raise error
            self._tell(f"{error}. Trying again.")
            self._sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECS)


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
