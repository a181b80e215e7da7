"""What a process brings from the store before it begins.

Of the checkpoints the newest of which every value can be read is brought. Of the rest it is what the runtime reads again: small files, and
the event files of evaluations, from which BestExporter knows the best one. Everything else gets an empty file of its
name in its place. So TensorFlow counts and deletes older checkpoints and exports as it does in a directory, and what it
deletes is deleted in the store.
"""

import logging
import os
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from estimator_runtime import checkpoints, errors
from estimator_runtime.checkpoints import faults
from estimator_runtime.mirror import digests, files, leftovers, state_file
from estimator_runtime.mirror.bucket import Bucket, Stored
from estimator_runtime.mirror.files import Signature

_LOG: Final = logging.getLogger("estimator_runtime.mirror")
_SMALL_BYTES: Final = 16 << 20
_ATTEMPTS: Final = 5
"""A checkpoint may be deleted while it is read, for there is a newer one."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a writer begins with.

    Attributes:
        stored: what the store holds, by key.
        alike: the local files that the store has, as they are here; those that stand for others among them.
        named: the checkpoints that the store's file `checkpoint` names, the newest last.
        orphans: keys of checkpoints that a process before wanted to delete.
    """

    stored: Mapping[str, Stored]
    alike: Mapping[str, Signature]
    named: tuple[str, ...]
    orphans: frozenset[str] = frozenset()


def fetch(bucket: Bucket, root: Path, staging: Path, *, mine: Callable[[str], bool]) -> Fetched:
    """Fills the empty directory `root`.

    Args:
        bucket: where from.
        root: the local model directory.
        staging: a folder on the same file system, for files that are not complete.
        mine: which keys the process writes itself.

    Raises:
        CheckpointDamagedError: it is to have a checkpoint, there are some, and none is whole.
        ModelDirUnavailableError: the store cannot be read.
    """
    stored = bucket.list()
    newest, named = None, tuple[str, ...]()
    passed_over: set[str] = set()
    if mine(files.STATE):
        found, there = _newest_there(bucket, root, staging)
        if found is not None:
            newest, named = found.newest, found.named
        # What was saved since the list was made has to be known for the store's, or it would be sent there as new.
        saved = {key for group in files.checkpoints(there, named).values() for key in group}
        stored.update({key: one for key, one in there.items() if key in saved or key == files.STATE})
        passed_over = _orphans(bucket, stored, named)
    orphans = frozenset(passed_over)
    passed_over |= leftovers.half(stored, named)
    exported = {key for group in files.exports(stored).values() for key in group}
    alike = {}
    for key, one in stored.items():
        is_own = key in (files.STATE, files.WRITER)
        if not mine(key) or key in passed_over or is_own or not files.can_be_a_file(key):
            continue
        if files.is_temporary(key):
            # Locally nobody would see it, and so it would be deleted in the store as what is gone.
            continue
        path = root / key
        group = files.checkpoint_of(key, named)
        if path.is_dir():
            _LOG.warning("%s: %s is left there: here a folder has its name.", bucket.uri, key)
            continue
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # An empty object may stand for a folder, which only the store can tell.
            is_read = not one.size or (key not in exported and _is_read_again(key, one))
            if group is None and is_read:
                bring(bucket, key, path, staging)
            elif group is None or group != newest:
                path.touch()
                _set_time(path, one)
            alike[key] = files.signature(path)
        except FileNotFoundError:
            continue  # it was deleted meanwhile
        except (FileExistsError, NotADirectoryError):
            _LOG.warning("%s: %s is left there: here a file has the name of its folder.", bucket.uri, key)
    return Fetched(stored, alike, named, orphans)


def _orphans(bucket: Bucket, stored: Mapping[str, Stored], named: tuple[str, ...]) -> set[str]:
    """The keys of the checkpoints that the file `checkpoint` says are to go."""
    text = bucket.read(files.STATE)
    going = set() if text is None else {*state_file.deleted(text)} - {*named}
    groups = files.checkpoints(stored, going)
    return {key for prefix in going for key in groups.get(prefix, ())}


def fetch_checkpoint(
    bucket: Bucket, root: Path, staging: Path, *, reads_values: bool = True
) -> state_file.State | None:
    """Brings the newest whole checkpoint and then writes the file `checkpoint`, which names what the store's names.

    Args:
        bucket: where from.
        root: the local model directory.
        staging: a folder on the same file system.
        reads_values: whether one of which a value is damaged is passed over. It takes the memory of the largest value,
            which a process that holds no values may not have.

    Returns:
        What the store's file names, with the checkpoint that was brought as the newest; None when there is none.

    Raises:
        CheckpointDamagedError: there are some, and none is whole.
        ModelDirUnavailableError: the store cannot be read.
    """
    return _newest_there(bucket, root, staging, reads_values)[0]


def _newest_there(
    bucket: Bucket, root: Path, staging: Path, reads_values: bool = True
) -> tuple[state_file.State | None, dict[str, Stored]]:
    """What `fetch_checkpoint` returns, and the objects in no folder among which all was that it names."""
    for _ in range(_ATTEMPTS):
        text = bucket.read(files.STATE)
        state = None if text is None else state_file.parse(text, staging)
        named = () if state is None else state.named
        there = bucket.root()
        groups = files.checkpoints(there, named)
        whole = {prefix for prefix, group in groups.items() if files.is_whole(group)}
        going = set() if text is None else {*state_file.deleted(text)}
        damaged: dict[str, str] = {}
        try:
            for prefix in _candidates(named, whole, going):
                fault = _bring_checkpoint(bucket, prefix, groups[prefix], root, staging, reads_values)
                if fault is None:
                    kept = [name for name in named if name in whole and name != prefix]
                    brought = state_file.State((*kept, prefix), None if state is None else state.message)
                    _write_state(root, staging, brought)
                    return brought, there
                damaged[prefix] = fault
        except FileNotFoundError:
            continue
        newest = state.newest if state is not None else next(iter(damaged), None)
        if newest is None:
            return None, there
        if bucket.read(files.STATE) == text:
            what = damaged.get(newest) or _what_is_missing(newest, groups.get(newest, ()))
            raise checkpoints.damaged(f"{bucket.uri}/{newest}", what)
    raise errors.ModelDirUnavailableError(
        f"{bucket.uri}: its checkpoints are deleted faster than they can be read"
    )


def _candidates(named: Sequence[str], whole: set[str], going: set[str]) -> list[str]:
    """The checkpoints that may be the newest: those that are named, then those that are kept, of the highest step first.

    What is beyond those that are named counts where none of these is there.

    Args:
        named: the checkpoints that the file `checkpoint` names, the newest last.
        whole: those of which all files are there.
        going: those that are about to be deleted.
    """
    first = [name for name in reversed(named) if name in whole]
    newest = max(map(files.checkpoint_step, first), default=None)
    others = (
        name
        for name in whole.difference(first)
        if newest is None or (name not in going and files.checkpoint_step(name) <= newest)
    )
    return [*first, *sorted(others, key=files.checkpoint_step, reverse=True)]


def _what_is_missing(prefix: str, group: Collection[str]) -> str:
    """What is wrong with a checkpoint that is not whole, in the words for one in a local directory."""
    is_there = f"{prefix}.index" in group
    return "some of its data files are missing" if is_there else "its index file is missing"


def _bring_checkpoint(
    bucket: Bucket, prefix: str, group: list[str], root: Path, staging: Path, reads_values: bool
) -> str | None:
    """Brings a checkpoint unless it is there; returns what is wrong with it. In `root` it is seen when it is whole."""
    if _is_here(bucket, prefix, root):
        return None
    # A folder of a new name each time: what is known of a checkpoint is remembered by its path, and by times in seconds.
    with tempfile.TemporaryDirectory(prefix="brought-", dir=staging) as folder:
        there = f"{folder}/{prefix}"
        try:
            for key in group:
                bring(bucket, key, Path(folder, key), staging)
        except errors.ObjectDamagedError as error:
            fault: str | None = str(error)
        else:
            fault = faults.fault(there)
            # Each object may be what was put there, and still not be of one checkpoint with the others.
            if fault is None and reads_values and faults.condemn(there, in_session=False):
                fault = faults.fault(there)
        if fault is None:
            for key in group:
                Path(folder, key).rename(root / key)
            return None
    _LOG.warning("The checkpoint %s in %s is damaged (%s); looking for another.", prefix, bucket.uri, fault)
    for key in group:
        (root / key).unlink(missing_ok=True)
    return fault


def _is_here(bucket: Bucket, prefix: str, root: Path) -> bool:
    """Whether the local checkpoint of this name is whole and the store's: a run that began anew uses names again.

    The index has the checksums of all values.
    """
    if faults.fault(str(root / prefix)) is not None:
        return False
    index = f"{prefix}.index"
    found, path = bucket.look(index), root / index
    if found is None:
        raise FileNotFoundError(index)
    if found.digest is None:
        return bucket.read(index) == path.read_bytes()
    return found.digest == digests.of_file(path, None)


def bring(bucket: Bucket, key: str, path: Path, staging: Path) -> None:
    """Brings one file, which appears all at once.

    Args:
        bucket: where from.
        key: of the object.
        path: where to.
        staging: a folder on the same file system.

    Raises:
        FileNotFoundError: there is no such object.
        ModelDirUnavailableError: the store cannot be read.
    """
    partial = staging / "fetched"
    try:
        _set_time(partial, bucket.download(key, partial))
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)


def _write_state(root: Path, staging: Path, state: state_file.State) -> None:
    partial = staging / "state"
    partial.write_bytes(state_file.content(state, {name: name for name in state.named}))
    partial.rename(root / files.STATE)


def _set_time(path: Path, stored: Stored) -> None:
    """Gives a file the time of its object: savers go by it, and so does what is told of a checkpoint."""
    nanoseconds = int(stored.modified.timestamp() * 1e9)
    os.utime(path, ns=(nanoseconds, nanoseconds))


def _is_read_again(key: str, stored: Stored) -> bool:
    if files.is_events(key):
        return "/" in key
    return not key.startswith("predictions/") and key != files.SUCCESS and stored.size <= _SMALL_BYTES
