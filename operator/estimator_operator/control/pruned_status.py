"""What the API server drops of a status because the CRD that is installed is older than the operator.

Fields that a CRD does not know are pruned without a word. Taken for stored they would be written at each look, as a
change that changes nothing, and what they count would never grow. So what was sent and not kept is remembered, and put
into every version of the status in which it is absent: plans go on from it, and only the next process starts without.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

Json = dict[str, Any]
Path = tuple[str, ...]

_ITEM: Final = "[]"
"""Step of a path into the items of a list."""
_IDENTITY: Final = ("replica", "attempt", "role", "type", "name")
"""Fields by which two items of lists of a status are the same."""


@dataclass(frozen=True, slots=True)
class Unkept:
    """What a status write said that the API server did not keep.

    Attributes:
        sent: The whole status that was sent.
        paths: Where in it the fields are that were dropped.
    """

    sent: Json
    paths: frozenset[Path]

    @property
    def fields(self) -> list[str]:
        """Their names as people write them, such as `status.restarts.evaluator`."""
        return sorted(".".join(("status", *path)).replace(f".{_ITEM}", _ITEM) for path in self.paths)

    def restored(self, status: Json) -> Json:
        """A status with what is remembered of it, where it says nothing itself."""
        for path in self.paths:
            status = _restored(status, self.sent, path)
        return status

    def without(self, status: Json) -> Json:
        """What would be left of a status if it were written."""
        for path in self.paths:
            status = _without(status, path)
        return status


def unkept(sent: Json, kept: Json) -> Unkept | None:
    """What is missing in the answer to a status write; None when nothing is."""
    paths = frozenset(_missing(sent, kept, ()))
    return Unkept(sent=sent, paths=paths) if paths else None


def _missing(sent: Any, kept: Any, path: Path) -> Iterator[Path]:
    if sent == kept:
        return
    if isinstance(sent, dict) and isinstance(kept, dict):
        for key, value in sent.items():
            if key in kept:
                yield from _missing(value, kept[key], (*path, key))
            else:
                yield (*path, key)
    elif isinstance(sent, list) and isinstance(kept, list):
        for one, other in zip(sent, kept, strict=False):
            yield from _missing(one, other, (*path, _ITEM))


def _restored(into: Any, source: Any, path: Path) -> Any:
    step, rest = path[0], path[1:]
    if step == _ITEM:
        if not (isinstance(into, list) and isinstance(source, list) and len(into) == len(source)):
            return into
        pairs = zip(into, source, strict=True)
        return [_restored(one, other, rest) if _alike(one, other) else one for one, other in pairs]
    if not (isinstance(into, dict) and isinstance(source, dict) and step in source):
        return into
    if not rest:
        return into if step in into else {**into, step: source[step]}
    return {**into, step: _restored(into[step], source[step], rest)} if step in into else into


def _without(status: Any, path: Path) -> Any:
    step, rest = path[0], path[1:]
    if step == _ITEM:
        return [_without(one, rest) for one in status] if isinstance(status, list) else status
    if not isinstance(status, dict) or step not in status:
        return status
    if not rest:
        return {key: value for key, value in status.items() if key != step}
    return {**status, step: _without(status[step], rest)}


def _alike(one: Any, other: Any) -> bool:
    return (
        isinstance(one, dict)
        and isinstance(other, dict)
        and all(one.get(key) == other.get(key) for key in _IDENTITY)
    )
