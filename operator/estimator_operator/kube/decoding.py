"""From the API server's bytes to dictionaries, object by object: one that cannot be decoded does not spoil the others.

An object's depth is chosen by whoever creates it: the API server takes thousands of levels, Python's decoder, models
and comparisons end with a RecursionError at some hundreds. So an object that is nested deeper than `MOST_LEVELS`, or
cannot be decoded at all, becomes a stub: its identity, who manages it, its status if that can be read, and under
`UNREADABLE` the reason. Its controller tells the reason in a condition and leaves the rest alone. Only such objects
are looked through token by token; that is done in a thread, for it may take a second.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any, Final

Json = dict[str, Any]

UNREADABLE: Final = "estimator.dev/unreadable"
"""Top-level key of a stub: why the object could not be decoded."""
NAMELESS: Final = "estimator.dev/nameless"
"""Top-level key of a list: what else it has that cannot be told from others."""
MOST_LEVELS: Final = 200
"""Levels of nesting that are read; the models' own limit is about the same."""

VERSION_MOST: Final = 19
"""Digits of a resourceVersion: etcd's revisions have 63 bits."""
_TOKEN: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{\[]+|[}\]]+|,', re.DOTALL)
_KEY: Final = re.compile(rb'\s*("[^"\\]*(?:\\.[^"\\]*)*")\s*:\s*', re.DOTALL)
_OPEN: Final = b"{["
_CLOSE: Final = b"}]"
_DEEP: Final = f"it is nested more than {MOST_LEVELS} levels deep"
_IDENTITY: Final = ("namespace", "name", "uid", "resourceVersion", "generation", "creationTimestamp")
_METADATA: Final = (*_IDENTITY, "deletionTimestamp", "labels", "ownerReferences", "finalizers")


class UndecodableError(ValueError):
    """The bytes are no object, and its identity cannot be read either."""


async def decode_object(text: bytes) -> Json:
    """One object; a stub of it when it cannot be decoded.

    Raises:
        UndecodableError: It is none.
    """
    found = _fast(text)
    if found is None or _too_deep(text, found):
        return await asyncio.to_thread(_slow_object, text)
    return found


async def decode_list(text: bytes) -> Json:
    """A list of objects, each of which may be a stub. Items of which not even a name can be read are under `NAMELESS`.

    Raises:
        UndecodableError: It is no list.
    """
    found = _fast(text)
    if found is None or _too_deep(text, found):
        found = await asyncio.to_thread(_slow_list, text)
    # Taken for an empty list, anything else would say that nothing exists any more.
    metadata = found.get("metadata")
    if not isinstance(found.get("items", 0), list | None) or not isinstance(metadata, dict | None):
        raise UndecodableError("the answer is no list")
    if not isinstance((metadata or {}).get("continue"), str | None):
        raise UndecodableError("the list cannot be continued")
    items = found.get("items") or []
    nameless = [one for one in items if not has_name(one)]
    if nameless:
        found[NAMELESS] = nameless
        found["items"] = [one for one in items if has_name(one)]
    return found


async def decode_event(line: bytes) -> Json:
    """An event of a watch, whose object may be a stub.

    Raises:
        UndecodableError: It is none.
    """
    found = _fast(line)
    if found is None or _too_deep(line, found):
        found = await asyncio.to_thread(_slow_event, line)
    if not isinstance(found.get("type"), str) or not isinstance(found.get("object"), dict):
        raise UndecodableError("this is no event of a watch")
    return found


def has_name(found: Any) -> bool:
    """It is an object of which at least name and uid can be told; no other is worth a look."""
    metadata = found.get("metadata") if isinstance(found, dict) else None
    if not isinstance(metadata, dict):
        return False
    return all(isinstance(metadata.get(key), str) and metadata[key] for key in ("name", "uid"))


def list_version(metadata: Json) -> int:
    """The version of the cluster that a list shows; 0 when it does not say."""
    text = metadata.get("resourceVersion")
    if not isinstance(text, str) or not text.isascii() or not text.isdecimal() or len(text) > VERSION_MOST:
        return 0
    return int(text)


def _fast(text: bytes) -> Json | None:
    """The object, or None when it cannot be decoded as a whole."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        raise UndecodableError("the answer is not an object")
    return found


def _too_deep(text: bytes, found: object) -> bool:
    """The object has more than the levels that are read; most are small enough to know without a look."""
    if text.count(b"{") + text.count(b"[") <= MOST_LEVELS:
        return False
    return _levels_exceed(found, MOST_LEVELS)


def _levels_exceed(found: object, most: int) -> bool:
    level = [found]
    for _ in range(most + 1):
        level = [
            child
            for one in level
            for child in (one.values() if isinstance(one, dict) else one if isinstance(one, list) else ())
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def _slow_object(text: bytes) -> Json:
    try:
        found = json.loads(text)
    except RecursionError:
        return _stub(text, _DEEP)
    except ValueError as error:
        return _stub(text, f"it is not JSON: {error}")
    if not isinstance(found, dict):
        raise UndecodableError("the answer is not an object")
    return _stub(text, _DEEP) if _levels_exceed(found, MOST_LEVELS) else found


def _slow_list(text: bytes) -> Json:
    members = _members(text)
    array = members.pop("items", b"").strip()
    if array[:1] != b"[":
        raise UndecodableError("the answer is no list")
    items: list[Json] = []
    for part in _parts(array):
        try:
            items.append(_slow_object(part))
        except UndecodableError:
            items.append({})
    return {key: _value(part) for key, part in members.items()} | {"items": items}


def _slow_event(line: bytes) -> Json:
    members = _members(line)
    return {"type": _value(members.get("type", b"")), "object": _slow_object(members.get("object", b""))}


def _stub(text: bytes, reason: str) -> Json:
    """What is readable of an object that is not."""
    members = _members(text)
    # One by one: managedFields is as deep as the rest.
    found = _members(members.get("metadata", b"{}"))
    metadata = {key: _value(found[key]) for key in _METADATA if key in found}
    if not isinstance(metadata.get("name"), str) or not isinstance(metadata.get("uid"), str):
        raise UndecodableError(f"an object without a name: {reason}")
    manager = _value(_members(members.get("spec", b"{}")).get("managedBy", b"null"))
    status = _value(members.get("status", b"null"))
    return {
        "apiVersion": _value(members.get("apiVersion", b"null")),
        "kind": _value(members.get("kind", b"null")),
        "metadata": metadata,
        "spec": {} if manager is None else {"managedBy": manager},
        "status": status if isinstance(status, dict) else {},
        UNREADABLE: reason,
    }


def _value(text: bytes) -> Any:
    """A part by itself, or None when it cannot be decoded either."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return None if _levels_exceed(found, MOST_LEVELS) else found


def _members(text: bytes) -> dict[str, bytes]:
    """The members of an object, none of them decoded; none when it is no object."""
    members = {}
    if text.lstrip()[:1] == b"{":
        for part in _parts(text):
            key = _KEY.match(part)
            if key is not None:
                members[str(_value(key[1]))] = part[key.end() :]
    return members


def _parts(text: bytes) -> Iterator[bytes]:
    """What stands between the commas of an object or array.

    Raises:
        UndecodableError: It does not end where it should.
    """
    depth, start = 0, 0
    for token in _TOKEN.finditer(text):
        first = token[0][:1]
        if first in _OPEN:
            if depth == 0:
                start = token.start() + 1
            depth += len(token[0])
        elif first in _CLOSE:
            depth -= len(token[0])
            if depth <= 0:
                last = text[start : token.end() - 1]
                if depth < 0 or text[token.end() :].strip():
                    break
                if last.strip():
                    yield last
                return
        elif first == b"," and depth == 1:
            yield text[start : token.start()]
            start = token.end()
    raise UndecodableError("it was cut off, or is no JSON")
