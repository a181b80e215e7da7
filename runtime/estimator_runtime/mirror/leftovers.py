"""What a process that was killed has left half in the store.

Nobody reads it: `checkpoint` does not name such a checkpoint, and an export without `saved_model.pb` is none. It is
kept for a day, for another process may be about to complete it. What a mirror cannot have left there is somebody's own.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from estimator_runtime.mirror import files
from estimator_runtime.mirror.bucket import Stored

AGE: Final = timedelta(days=1)


def half(keys: Iterable[str], named: Iterable[str]) -> set[str]:
    """The keys that belong to something half: also whole checkpoints beyond the newest that is named.

    Args:
        keys: all keys of the store.
        named: the checkpoints that the file `checkpoint` names; without any, no whole checkpoint is beyond.
    """
    keys, known = list(keys), set(named)
    newest = max(map(files.checkpoint_step, known), default=None)
    found: set[str] = set()
    for prefix, group in files.checkpoints(keys, known).items():
        beyond = newest is not None and files.checkpoint_step(prefix) > newest
        if prefix not in known and (beyond or not files.is_whole(group)):
            found.update(group)
    for group in files.half_exports(keys).values():
        found.update(group)
    return found


def to_clean(stored: Mapping[str, Stored], named: Iterable[str], now: datetime) -> list[list[str]]:
    """The keys of each thing that is half and has been for a day: nothing of it is younger."""
    known = set(named)
    found = half(stored, known)
    groups = [*files.checkpoints(found, known).values(), *files.half_exports(found).values()]
    return [group for group in groups if all(now - stored[key].modified > AGE for key in group)]
