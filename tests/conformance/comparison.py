"""Two results held against each other, leaf by leaf. Pure: it knows neither TensorFlow nor files.

A result is what `plain` makes of it: dicts with string keys, lists, strings, numbers, None. Paths name the leaves,
`events/model/values/loss 5/0/content`. Numbers are equal within 1e-6 (of the larger one where that is above 1), all
else is equal when it is the same.
"""

import fnmatch
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

TOLERANCE = 1e-6
REFUSED = "refused: "
"""Before the names of an error's kinds, the nearest first, in place of a result."""
_ABSENT = "<absent>"


@dataclass(frozen=True, slots=True)
class Difference:
    """One path at which two results differ, and what each has there."""

    path: str
    reference: Any
    here: Any

    def __str__(self) -> str:
        return f"{self.path}: {_short(self.reference)} there, {_short(self.here)} here"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The differences of one program, sorted by what was declared.

    Attributes:
        unexplained: differences without a reason.
        explained: reason -> the differences that it explains.
        vanished: patterns that were declared and match no difference.
    """

    unexplained: tuple[Difference, ...]
    explained: Mapping[str, tuple[Difference, ...]]
    vanished: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.unexplained and not self.vanished


def plain(value: Any, hidden: Mapping[str, str] | None = None) -> Any:
    """A result as plain data; `hidden` are texts (the directory) to replace by a word wherever they occur."""
    if hasattr(value, "dtype") and hasattr(value, "tolist"):
        if value.dtype.kind == "b" and not value.shape:
            return bool(value)
        shape = list(getattr(value, "shape", ()))
        kind = "bytes" if value.dtype.kind in "OSU" else str(value.dtype)
        return {"dtype": kind, "shape": shape, "values": plain(value.tolist(), hidden)}
    if isinstance(value, Mapping):
        return {normal(str(key), hidden): plain(part, hidden) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part, hidden) for part in value]
    if isinstance(value, set | frozenset):
        return sorted(plain(part, hidden) for part in value)
    if isinstance(value, bytes):
        return normal(value.decode(errors="backslashreplace"), hidden)
    if isinstance(value, str):
        return normal(value, hidden)
    if value is None or isinstance(value, bool | int | float):
        return value
    raise TypeError(f"a result holds plain values and arrays, not {type(value)}: {value}")


def normal(text: str, hidden: Mapping[str, str] | None = None) -> str:
    """A text without what is different in every run: paths, addresses of objects, times, homes of classes."""
    for secret, word in (hidden or {}).items():
        text = text.replace(secret, word)
    text = re.sub(r"\b0x[0-9a-f]+\b", "0x", text)
    text = re.sub(r"(?<![\w.])1\d{9}(?![\w.])", "<time>", text)
    return re.sub(r"<(class|module|function|bound method) '?([\w.<>]*\.)?(\w+)'?", r"<\1 \3", text)


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """All (path, leaf) of plain data; empty containers are leaves."""
    items: Any = None
    if isinstance(value, dict) and value:
        items = value.items()
    elif isinstance(value, list) and value:
        items = enumerate(value)
    if items is None:
        yield path, value
        return
    for key, part in items:
        yield from leaves(part, f"{path}/{key}" if path else str(key))


def differences(reference: Any, here: Any) -> list[Difference]:
    """Everything in which two plain results differ."""
    there, ours = dict(leaves(reference)), dict(leaves(here))
    paths = [*there, *(path for path in ours if path not in there)]
    return [
        Difference(path, there.get(path, _ABSENT), ours.get(path, _ABSENT))
        for path in paths
        if path not in there or path not in ours or not _equal(there[path], ours[path])
    ]


def judge(reference: Any, here: Any, declared: Mapping[str, str]) -> Verdict:
    """The differences of two results, explained as far as they are declared."""
    unexplained: list[Difference] = []
    explained: dict[str, list[Difference]] = {}
    seen: set[str] = set()
    for difference in differences(reference, here):
        patterns = [pattern for pattern in declared if fnmatch.fnmatchcase(difference.path, pattern)]
        seen.update(patterns)
        if patterns:
            explained.setdefault(declared[patterns[0]], []).append(difference)
        else:
            unexplained.append(difference)
    return Verdict(
        tuple(unexplained),
        {reason: tuple(found) for reason, found in explained.items()},
        tuple(pattern for pattern in declared if pattern not in seen),
    )


def _equal(one: Any, other: Any) -> bool:
    numbers = [isinstance(value, int | float) and not isinstance(value, bool) for value in (one, other)]
    if not all(numbers):
        return type(one) is type(other) and (bool(one == other) or _is_refused_as(one, other))
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return one == other or abs(one - other) <= TOLERANCE * max(1.0, abs(one), abs(other))


def _is_refused_as(one: Any, other: Any) -> bool:
    """Whether both end in an error, and who catches the one catches the other: that one may be of more kinds."""
    if not (isinstance(one, str) and one.startswith(REFUSED) and other.startswith(REFUSED)):
        return False
    nearest, *_ = one.removeprefix(REFUSED).split(", ")
    return nearest in other.removeprefix(REFUSED).split(", ")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 300 else f"{text[:300]}..."
