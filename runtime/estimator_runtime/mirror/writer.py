"""The writer: carries what changed in the local model directory to the store, one round at a time.

A round is made of steps (`round_plan.steps`), each of which leaves the store readable. A round that fails leaves the rest to
the next one. Nothing is sent twice without need: the length and the digest of what the store has are compared first,
and after a request of which the answer was lost the store is asked whether the object has arrived.

Of two processes that write checkpoints to one place the one that has begun last goes on: an older one may have been cut
off from the cluster and come back. With its first checkpoint a process puts its name into the store. It looks for the
name before it changes anything, and replaces the file `checkpoint` only as it was when it looked.
"""

import contextlib
import itertools
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from estimator_runtime.checkpoints import faults
from estimator_runtime.errors import AnotherWriterError, ModelDirUnavailableError
from estimator_runtime.mirror import digests, files, leftovers, round_plan, state_file
from estimator_runtime.mirror.bucket import PART_BYTES, Bucket, Stored
from estimator_runtime.mirror.fetching import Fetched
from estimator_runtime.mirror.report import Reporter

EVENTS_EVERY_SECS: Final = 30.0
"""Shortest time between two uploads of event files, which go up whole each time."""
_EVENTS_SHARE: Final = 0.1
"""Largest part of the time that is spent on them."""
_CLEAN_EVERY_SECS: Final = 3600.0
_REPLACEMENTS: Final = 3
"""How often the file `checkpoint` is replaced when an older process was faster once more."""


class Writer:
    """Carries files; used by one thread at a time.

    Args:
        bucket: where to.
        root: the local model directory.
        staging: an empty folder on the same file system.
        beginning: what was brought before; what is deleted of that is deleted in the store.
        mine: which keys this process writes; it leaves all others alone.
        reporter: is told.
        run: a name that no other process has, for one that writes checkpoints; None where there can be no other.
        clock: seconds since any fixed moment.
    """

    def __init__(
        self,
        bucket: Bucket,
        root: Path,
        staging: Path,
        *,
        beginning: Fetched,
        mine: Callable[[str], bool],
        reporter: Reporter,
        run: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._run = run
        self._is_known = False
        self._state_there: Stored | None = None
        self._bucket = bucket
        self._root = root
        self._staging = staging
        self._mine = mine
        self._reporter = reporter
        self._clock = clock
        self._stored = dict(beginning.stored)
        self._alike = dict(beginning.alike)
        self._told = beginning.named
        # Where a checkpoint goes that was saved again under its name, with other content.
        self._renamed: dict[str, str] = {}
        # Of these nobody will be told when `checkpoint` has been written, and of the doomed nobody is told now.
        self._orphans: set[str] = set()
        self._doomed = set(beginning.orphans)
        self._unsure: set[str] = set()
        self._events_due = 0.0
        self._clean_due = 0.0
        reporter.named(self._told[-1] if self._told else None)

    def run(self, *, everything: bool = False) -> bool:
        """One round; tells whether all that had changed when it began is in the store now.

        Args:
            everything: event files too, even though they have gone up just before.

        Raises:
            ModelDirUnavailableError: the store did not do what it was asked for; what was done is kept.
            AnotherWriterError: another process writes checkpoints there now.
        """
        moment = self._reporter.now()
        state = state_file.read(self._root) if self._mine(files.STATE) else None
        situation = self._situation(state, everything=everything)
        steps = list(round_plan.steps(situation))
        is_behind = not all(map(self._is_event_upload, steps))
        if is_behind:
            self._reporter.behind()
        if is_behind or self._doomed:
            self._check_others(begins=any(isinstance(step, round_plan.SaveCheckpoint) for step in steps))
        if self._may_clean:
            self._delete_doomed()
        done = True
        begun = self._clock()
        lost: set[str] = set()
        left = iter(steps)
        for step in left:
            match step:
                case round_plan.Upload(key):
                    done &= self._upload(key)
                case round_plan.SaveCheckpoint(prefix, keys):
                    if self._is_overtaken(state, prefix):
                        done = False
                        break
                    if not self._save(prefix, keys):
                        done = False
                        lost.add(prefix)
                case round_plan.NameCheckpoints(prefixes, deleted):
                    assert state is not None, "it names them"
                    if prefixes[-1] in lost:
                        # Nothing may be deleted before another is named.
                        break
                    self._name(state, [one for one in prefixes if one not in lost], deleted)
                case round_plan.Delete(first, rest):
                    self._delete(first)
                    self._delete(rest)
        was_named = not lost.intersection(situation.named[-1:])
        if situation.events_are_due and not any(map(self._is_event_upload, left)):
            spent = self._clock() - begun
            self._events_due = self._clock() + max(EVENTS_EVERY_SECS, spent / _EVENTS_SHARE)
        if done:
            self._reporter.alike()
        else:
            self._reporter.works(since=moment if was_named else None)
        self._clean()
        return done

    def _check_others(self, *, begins: bool = False) -> None:
        """Makes sure that no process which began later writes checkpoints there.

        Args:
            begins: whether this one is about to write one.
        """
        if self._run is None or not (self._is_known or begins):
            return
        name = self._run.encode()
        found = self._bucket.read(files.WRITER) if self._is_known else None
        if found is None:
            self._bucket.put(files.WRITER, name, size=len(name), digest=digests.of_bytes(name))
            self._state_there = self._bucket.look(files.STATE)
            self._is_known = True
        elif found != name:
            raise AnotherWriterError(
                f"{self._bucket.uri}: another process, which began later, writes checkpoints there now; this one ends"
            )

    def _situation(self, state: state_file.State | None, *, everything: bool) -> round_plan.Situation:
        local = {key: one for key, one in files.found(self._root).items() if self._mine(key)}
        named: tuple[str, ...] = ()
        if state is not None:
            group = files.checkpoints(local, [state.newest]).get(state.newest, ())
            if files.is_whole(group) and faults.fault(str(self._root / state.newest)) is None:
                named = state.named
        return round_plan.Situation(
            local=local,
            alike=dict(self._alike),
            named=named,
            told=self._told,
            events_are_due=everything or self._clock() >= self._events_due,
        )

    @staticmethod
    def _is_event_upload(step: round_plan.Step) -> bool:
        return isinstance(step, round_plan.Upload) and files.is_events(step.key)

    def _upload(self, key: str) -> bool:
        """Carries a file; tells whether it was still there."""
        path = self._root / key
        try:
            signature = files.signature(path)
            self._carry(path, key, signature.size, grows=True)
        except FileNotFoundError:
            return False
        self._alike[key] = signature
        folder = files.export_of(key)
        if folder is not None:
            self._reporter.exported(folder)
        return True

    def _save(self, prefix: str, keys: Sequence[str]) -> bool:
        """Carries a checkpoint; tells whether it was still there.

        It is held by hard links meanwhile: a saver that is faster than the line deletes it before its index has gone up.
        """
        with self._held(keys) as folder:
            if folder is None:
                return False
            signatures = {key: files.signature(folder / key) for key in keys}
            changed = [key for key in keys if self._alike.get(key) != signatures[key]]
            before = self._renamed.get(prefix, prefix)
            name = self._name_for(prefix, before, changed, folder)
            for key in changed if name == before else keys:
                self._carry(folder / key, self._under(name, prefix, key), signatures[key].size, grows=False)
                self._alike[key] = signatures[key]
            if name != before:
                self._renamed[prefix] = name
                self._orphans.update(self._under(before, prefix, key) for key in keys)
        return True

    def _is_overtaken(self, state: state_file.State | None, prefix: str) -> bool:
        """Whether a checkpoint that nobody is told of has to wait: there may be many, and there is a newer one now."""
        if state is None or prefix in state.named:
            return False
        now = state_file.read(self._root)
        return now is not None and now.newest != state.newest

    def _name_for(self, prefix: str, before: str, changed: Sequence[str], folder: Path) -> str:
        """The name in the store: another one when readers are told of this name and other values are to go there.

        Objects are replaced one by one, and somebody who reads between two of them has neither checkpoint.
        """
        if prefix not in self._told or all(
            self._has(self._under(before, prefix, key), path.stat().st_size, digests.of_file(path, None))
            for key in changed
            if not key.endswith(".meta")
            for path in (folder / key,)
        ):
            return before
        base, dash, number = prefix.rpartition("-")
        names = (
            f"{base}.{count}{dash}{number}" if dash else f"{prefix}.{count}" for count in itertools.count(1)
        )
        return next(name for name in names if not any(key.startswith(f"{name}.") for key in self._stored))

    @staticmethod
    def _under(name: str, prefix: str, key: str) -> str:
        """The key of a file of the checkpoint `prefix` where that is called `name`."""
        return name + key.removeprefix(prefix)

    @contextlib.contextmanager
    def _held(self, keys: Sequence[str]) -> Iterator[Path | None]:
        folder = self._staging / "held"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            for key in keys:
                try:
                    os.link(self._root / key, folder / key)
                except FileNotFoundError:
                    yield None
                    return
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _name(self, state: state_file.State, prefixes: Sequence[str], deleted: Sequence[str]) -> None:
        names = {prefix: self._renamed.get(prefix, prefix) for prefix in prefixes}
        going = {self._renamed.get(prefix, prefix) for prefix in deleted}
        going.update(key.rpartition(".")[0] for key in self._orphans if key.endswith(".index"))
        content = state_file.content(state, names, going)
        if self._is_known:
            self._replace_state(content, digests.of_bytes(content))
        else:
            self._put(files.STATE, content, size=len(content), digest=digests.of_bytes(content))
        self._told = tuple(prefixes)
        self._reporter.named(names[prefixes[-1]])
        self._doomed |= self._orphans
        self._orphans.clear()
        self._delete_doomed()

    def _replace_state(self, content: bytes, digest: str) -> None:
        """Puts the file `checkpoint` unless another process, which began later, has put one there."""
        for _ in range(_REPLACEMENTS):
            if self._state_there is not None and self._state_there.digest == digest:
                self._stored[files.STATE] = self._state_there
                return
            try:
                there = self._bucket.replace(files.STATE, content, digest=digest, before=self._state_there)
            except ModelDirUnavailableError:
                # Perhaps only the answer was lost.
                with contextlib.suppress(ModelDirUnavailableError):
                    self._state_there = self._bucket.look(files.STATE)
                if self._state_there is None or self._state_there.digest != digest:
                    raise
                there = self._state_there
            if there is not None:
                self._state_there = self._stored[files.STATE] = there
                self._reporter.uploaded(len(content))
                return
            self._check_others()
            self._state_there = self._bucket.look(files.STATE)
        raise ModelDirUnavailableError(f"{self._bucket.uri}: {files.STATE} is changed by others all the time")

    def _delete_doomed(self) -> None:
        self._bucket.delete(sorted(self._doomed))
        for key in self._doomed:
            self._stored.pop(key, None)
        self._doomed.clear()

    def _delete(self, keys: Sequence[str]) -> None:
        remote = []
        for key in keys:
            prefix = files.checkpoint_of(key, self._told)
            remote.append(
                key if prefix is None else self._under(self._renamed.get(prefix, prefix), prefix, key)
            )
        self._bucket.delete(remote)
        for key, there in zip(keys, remote, strict=True):
            self._alike.pop(key, None)
            self._stored.pop(there, None)

    def _carry(self, path: Path, key: str, size: int, *, grows: bool) -> None:
        """Puts the first `size` bytes of a file; one that may grow is not left to the library to read to its end."""
        if size <= PART_BYTES:
            with path.open("rb") as file:
                content = file.read(size)
            self._put(key, content, size=len(content), digest=digests.of_bytes(content))
            return
        digest = digests.of_file(path, size)
        self._put(key, digests.chunks(path, size) if grows else path, size=size, digest=digest)

    def _put(self, key: str, content: bytes | Path | Iterator[bytes], *, size: int, digest: str) -> None:
        if key in self._unsure:
            self._arrived(key)
        if self._has(key, size, digest):
            return
        self._unsure.add(key)
        try:
            self._bucket.put(key, content, size=size, digest=digest)
        except ModelDirUnavailableError:
            # Perhaps only the answer was lost.
            with contextlib.suppress(ModelDirUnavailableError):
                self._arrived(key)
            if not self._has(key, size, digest):
                raise
        else:
            self._stored[key] = Stored(size, self._reporter.now(), None, digest)
            self._unsure.discard(key)
        self._reporter.uploaded(size)

    def _arrived(self, key: str) -> None:
        """Asks the store what it has under `key`."""
        found = self._bucket.look(key)
        if found is None:
            self._stored.pop(key, None)
        else:
            self._stored[key] = found
        self._unsure.discard(key)

    def _has(self, key: str, size: int, digest: str) -> bool:
        known = self._stored.get(key)
        if known is None or known.size != size or key in self._unsure:
            return False
        if known.digest is None:
            known = self._bucket.look(key)
            if known is None:
                del self._stored[key]
                return False
            self._stored[key] = known
        return known.size == size and known.digest == digest

    def _clean(self) -> None:
        """Deletes what killed processes have left, now and then."""
        if not self._may_clean or self._clock() < self._clean_due:
            return
        self._check_others()
        self._clean_due = self._clock() + _CLEAN_EVERY_SECS
        told = [self._renamed.get(prefix, prefix) for prefix in self._told]
        for keys in leftovers.to_clean(self._bucket.list(), told, self._reporter.now()):
            if all(map(self._is_left_by_a_mirror, keys)):
                self._bucket.delete(keys)
                for key in keys:
                    self._stored.pop(key, None)

    @property
    def _may_clean(self) -> bool:
        """Whether this process writes checkpoints.

        Another one knows those alone that there were when it began, and would take newer ones for half.
        """
        return self._mine(files.STATE) and (self._run is None or self._is_known)

    def _is_left_by_a_mirror(self, key: str) -> bool:
        """Whether a mirror has put an object there, and not for a file that is here, with which it stays and goes."""
        if key in self._alike:
            return False
        found = self._bucket.look(key)
        return found is not None and found.digest is not None
