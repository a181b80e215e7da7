"""The files of a model directory: which there are, what each is, and when it has changed.

A key is the path below the model directory with slashes. What TensorFlow and the runtime write under a temporary name
first is no file of the model directory yet.
"""

import os
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

STATE: Final = "checkpoint"
"""Names the newest checkpoint and the others that are kept."""
WRITER: Final = ".estimator-writer"
"""In the store alone: names the process that writes checkpoints there."""
FINISHED: Final = "finished"
SUCCESS: Final = "_SUCCESS"
_TEMPORARY: Final = re.compile(
    r"temp-.*"  # an export that is being made
    r"|.*_temp"  # the parts of a checkpoint before they are merged
    r"|.*\.tmp([0-9a-f]+)?"
    r"|.*\.tempstate\d+"
    r"|.*\.incomplete"
    r"|checkpoint_in_evaluation|\.estimatorctl"
)
_CHECKPOINT: Final = re.compile(r"(?P<prefix>[^/]+)\.(index|meta|data-(?P<shard>\d{5})-of-(?P<shards>\d{5}))")
_EVENTS: Final = re.compile(r"(^|/)[^/]*\.tfevents\.[^/]*$")
_EXPORT: Final = re.compile(r"(?:[^/]+/)+\d{10,}")
_HALF_EXPORT: Final = re.compile(r"(?P<folder>export/(?:[^/]+/)*?\d{10})/(?P<inside>.+)")
"""Stricter: what is half is deleted, and a folder that is called by a time may be anybody's."""
_OF_SAVED_MODEL: Final = re.compile(
    r"variables/variables\.(index|data-\d{5}-of-\d{5})|assets(\.extra)?/.+|fingerprint\.pb"
)
_STANDARD_BASE: Final = "model.ckpt"
_SAVED_MODEL: Final = ("saved_model.pb", "saved_model.pbtxt")


@dataclass(frozen=True, slots=True)
class Signature:
    """What changes when a file is written: length, time in nanoseconds and the file's number on its disk."""

    size: int
    modified: int
    number: int


def signature(path: Path) -> Signature:
    """The signature of a file.

    Raises:
        FileNotFoundError: there is none.
    """
    status = path.stat()
    return Signature(status.st_size, status.st_mtime_ns, status.st_ino)


def found(root: Path) -> dict[str, Signature]:
    """All files below `root`, by key."""
    return dict(_walked(root, ""))


def _walked(folder: Path, above: str) -> Iterator[tuple[str, Signature]]:
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return
    for entry in entries:
        if is_temporary(entry.name):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walked(Path(entry.path), f"{above}{entry.name}/")
        elif entry.is_file():
            try:
                yield f"{above}{entry.name}", signature(Path(entry.path))
            except FileNotFoundError:
                continue


def is_temporary(key: str) -> bool:
    """Tells whether a key, or a folder of it, has a name by which it is no file of the model directory yet."""
    return any(_TEMPORARY.fullmatch(part) for part in key.split("/"))


def checkpoint_of(key: str, named: Collection[str]) -> str | None:
    """Name of the model's checkpoint that a file belongs to, such as `model.ckpt-100`; None for other files.

    Other files may be called so too: `words.index`, or the checkpoints of input pipelines, `input.ckpt-100.index`.

    Args:
        key: the file.
        named: checkpoints that are known to be the model's; others have the same name up to their number, or the
            Estimator's own.
    """
    match = _CHECKPOINT.fullmatch(key)
    if match is None:
        return None
    prefix = match["prefix"]
    base, dash, number = prefix.rpartition("-")
    is_numbered = bool(dash) and number.isascii() and number.isdigit()
    is_models = base == _STANDARD_BASE or any(base == name.rpartition("-")[0] for name in named)
    return prefix if prefix in named or (is_numbered and is_models) else None


def checkpoint_step(prefix: str) -> int:
    """The number at the end of a checkpoint's name; -1 where there is none."""
    number = prefix.rpartition("-")[2]
    return int(number) if number.isascii() and number.isdigit() else -1


def checkpoints(keys: Iterable[str], named: Collection[str]) -> dict[str, list[str]]:
    """The files of each of the model's checkpoints, in the order in which they are to be written: data, graph, index."""
    groups: dict[str, list[str]] = {}
    for key in sorted(keys):
        prefix = checkpoint_of(key, named)
        if prefix is not None:
            groups.setdefault(prefix, []).append(key)
    return {prefix: sorted(group, key=_place_in_checkpoint) for prefix, group in groups.items()}


def _place_in_checkpoint(key: str) -> tuple[int, str]:
    return (2 if key.endswith(".index") else 1 if key.endswith(".meta") else 0), key


def is_whole(group: Iterable[str]) -> bool:
    """Tells whether these files of one checkpoint are all that it needs: its index and every shard of its data."""
    shards: dict[int, set[int]] = {}
    has_index = False
    for key in group:
        match = _CHECKPOINT.fullmatch(key)
        if match is not None and match["shard"] is not None:
            shards.setdefault(int(match["shards"]), set()).add(int(match["shard"]))
        has_index |= key.endswith(".index")
    return has_index and any(len(present) == wanted for wanted, present in shards.items())


def is_events(key: str) -> bool:
    """Tells whether it is an event file, which grows while it is written."""
    return _EVENTS.search(key) is not None


def is_saved_model(key: str) -> bool:
    """Tells whether this is the file without which an export is none."""
    return key.rpartition("/")[2] in _SAVED_MODEL


def export_of(key: str) -> str | None:
    """Folder of the export that this is the `saved_model.pb` of; None for other files."""
    folder = key.rpartition("/")[0]
    return folder if is_saved_model(key) and _EXPORT.fullmatch(folder) else None


def exports(keys: Collection[str]) -> dict[str, list[str]]:
    """The files of each export by its folder, values first and `saved_model.pb` last.

    A folder without that file is no export, however it is called.
    """
    folders = {folder for key in keys if (folder := export_of(key)) is not None}
    groups: dict[str, list[str]] = {}
    for key in sorted(keys) if folders else ():
        folder = next((above for above in folders_of(key) if above in folders), None)
        if folder is not None:
            groups.setdefault(folder, []).append(key)
    return {
        folder: sorted(group, key=lambda key: _place_in_export(key, folder))
        for folder, group in groups.items()
    }


def _place_in_export(key: str, folder: str) -> int:
    inside = key.removeprefix(f"{folder}/")
    # Values first: without them nothing is taken for the half of an export.
    return 2 if inside in _SAVED_MODEL else 0 if inside.startswith("variables/") else 1


def folders_of(key: str) -> Iterator[str]:
    """The folders that a key is in, the outermost first."""
    return (key[:place] for place, letter in enumerate(key) if letter == "/")


def half_exports(keys: Iterable[str]) -> dict[str, list[str]]:
    """What is in folders of exports and can be nothing but a part of a SavedModel that lacks `saved_model.pb`."""
    groups: dict[str, dict[str, str]] = {}
    for key in sorted(keys):
        match = _HALF_EXPORT.fullmatch(key)
        if match is not None:
            groups.setdefault(match["folder"], {})[key] = match["inside"]
    return {
        folder: list(group)
        for folder, group in groups.items()
        if all(map(_OF_SAVED_MODEL.fullmatch, group.values()))
        and any(inside.startswith("variables/") for inside in group.values())
    }


def place_among_plain(key: str) -> int:
    """Files of a higher place are written after those of a lower one: they speak of these."""
    name = key.rpartition("/")[2]
    if name in (SUCCESS, FINISHED, *_SAVED_MODEL) or name == STATE or name.startswith(f"{STATE}_"):
        return 2
    return 1 if name.endswith(".index") else 0


def can_be_a_file(key: str) -> bool:
    """Whether a key is a path below a directory: a store takes any text for one."""
    return all(part not in ("", ".", "..") for part in key.split("/"))
