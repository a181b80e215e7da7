"""One round of the mirror: what is to be done to the store, in which order. No I/O.

The order is what keeps readers from seeing half of something:

1. signs that something is complete (`finished`, `_SUCCESS`) which are gone locally go first;
2. small files of their own, for others may wait for them;
3. the newest checkpoint, then the file `checkpoint` that names it;
4. what was deleted locally, a checkpoint only when `checkpoint` names it no more;
5. older checkpoints that were saved faster than they went up, the newer ones first;
6. exports, each with its `saved_model.pb` last; event files;
7. older checkpoints that a saver keeps without naming them; `finished` last of all.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from estimator_runtime.mirror import files
from estimator_runtime.mirror.files import Signature


@dataclass(frozen=True, slots=True)
class Upload:
    """A file is to be carried to the store."""

    key: str


@dataclass(frozen=True, slots=True)
class SaveCheckpoint:
    """The files of a checkpoint are to be carried to the store, `keys` in this order."""

    prefix: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NameCheckpoints:
    """The store's file `checkpoint` is to name these, the newest last; `deleted` go afterwards."""

    prefixes: tuple[str, ...]
    deleted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Delete:
    """Objects are to be deleted, `first` before `rest`: without them readers take the rest for nothing."""

    first: tuple[str, ...]
    rest: tuple[str, ...]


Step = Upload | SaveCheckpoint | NameCheckpoints | Delete


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known when a round begins.

    Attributes:
        local: the local files that are this mirror's.
        alike: signatures of the files that the store has, as they were when it got them.
        named: what the local file `checkpoint` names, the newest last; empty when there is none or it is not whole.
        told: the checkpoints that the store's file `checkpoint` names, by their local names.
        events_are_due: whether event files are to go up although they have changed just now.
    """

    local: Mapping[str, Signature]
    alike: Mapping[str, Signature]
    named: tuple[str, ...]
    told: tuple[str, ...]
    events_are_due: bool

    def changed(self, key: str) -> bool:
        """Tells whether the store does not have a local file as it is."""
        return self.alike.get(key) != self.local[key]


def steps(situation: Situation) -> Iterator[Step]:
    """What is to be done, in order."""
    gone = [key for key in situation.alike if key not in situation.local]
    known = {*situation.named, *situation.told}
    plain_gone = [key for key in gone if files.checkpoint_of(key, known) is None and key != files.STATE]
    signs = tuple(
        sorted(key for key in plain_gone if key.rpartition("/")[2] in (files.FINISHED, files.SUCCESS))
    )
    if signs:
        yield Delete(signs, ())
    exports = files.exports(situation.local)
    exported = {key for group in exports.values() for key in group}
    plain = sorted(key for key in situation.local if key not in exported and _is_plain(key, known))
    plain.sort(key=files.place_among_plain)
    yield from _uploads(situation, plain)
    groups = files.checkpoints(situation.local, known)
    if situation.named:
        newest = situation.named[-1]
        yield from _saved(situation, newest, groups)
        there = {name for name in situation.named[:-1] if _is_there(situation, groups.get(name))}
        told = (*(name for name in situation.named[:-1] if name in there), newest)
        over = {
            key: prefix for key in gone if (prefix := files.checkpoint_of(key, known)) not in (None, *told)
        }
        if told != situation.told or _changed(situation, groups[newest]):
            yield NameCheckpoints(told, tuple(sorted({prefix for prefix in over.values() if prefix})))
        yield from _delete(over)
        for name in reversed(situation.named[:-1]):
            if name not in there and files.is_whole(groups.get(name, ())):
                yield from _saved(situation, name, groups)
                there.add(name)
                yield NameCheckpoints((*(one for one in situation.named[:-1] if one in there), newest))
    yield from _delete(key for key in plain_gone if key not in signs)
    for group in exports.values():
        yield from _uploads(situation, group)
    if situation.events_are_due:
        yield from _uploads(situation, sorted(filter(files.is_events, situation.local)))
    if situation.named:
        yield from _kept_unnamed(situation, groups)
    if files.FINISHED in situation.local:
        yield from _uploads(situation, [files.FINISHED])


def _is_plain(key: str, known: Collection[str]) -> bool:
    return not (
        key in (files.STATE, files.FINISHED)
        or files.checkpoint_of(key, known) is not None
        or files.is_events(key)
    )


def _uploads(situation: Situation, keys: Iterable[str]) -> Iterator[Upload]:
    return (Upload(key) for key in keys if situation.changed(key))


def _changed(situation: Situation, group: Iterable[str]) -> bool:
    return any(situation.changed(key) for key in group)


def _is_there(situation: Situation, group: Collection[str] | None) -> bool:
    return group is not None and not _changed(situation, group)


def _saved(situation: Situation, prefix: str, groups: Mapping[str, list[str]]) -> Iterator[SaveCheckpoint]:
    if _changed(situation, groups[prefix]):
        yield SaveCheckpoint(prefix, tuple(groups[prefix]))


def _kept_unnamed(situation: Situation, groups: Mapping[str, list[str]]) -> Iterator[SaveCheckpoint]:
    """Checkpoints that have not gone up while they were named; one beyond the newest may not be complete yet."""
    newest = files.checkpoint_step(situation.named[-1])
    for prefix in sorted(groups, key=files.checkpoint_step, reverse=True):
        is_older = prefix not in situation.named and files.checkpoint_step(prefix) <= newest
        if is_older and files.is_whole(groups[prefix]):
            yield from _saved(situation, prefix, groups)


def _delete(keys: Iterable[str]) -> Iterator[Delete]:
    gone = sorted(keys)
    if gone:
        of_exports = {key for group in files.exports(gone).values() for key in group}
        first = tuple(
            key
            for key in gone
            if files.is_saved_model(key) or (key not in of_exports and files.place_among_plain(key) > 0)
        )
        yield Delete(first, tuple(key for key in gone if key not in first))
