"""Foreign text on one line and without control characters, for the log, conditions and events.

A termination message or a webhook's refusal is written by others, and ends on somebody's terminal: escape sequences
recolour it, move its cursor and hide what stands before them, newlines forge lines of the log.
"""

from __future__ import annotations

import re
from typing import Final

_ESCAPES: Final = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])?|\x9b[0-?]*[ -/]*[@-~]"
)
_CONTROLS: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufff9-\ufffb\ud800-\udfff]+"
)
"""Control characters but tab and newline; with them what separates lines or turns the direction of text, and halves of
characters, which JSON may have and UTF-8 may not."""


def visible(text: str) -> str:
    """The text without what a terminal would act on; tabs and newlines stay."""
    return _CONTROLS.sub(" ", _ESCAPES.sub("", text.replace("\r\n", "\n")))


def one_line(text: str) -> str:
    """The same on one line, with single blanks."""
    return " ".join(visible(text).split())


def first_bytes(text: str, most: int) -> str:
    """As much of the text as fits into so many bytes of UTF-8, in whole characters."""
    return text if len(text) * 4 <= most else text.encode(errors="ignore")[:most].decode(errors="ignore")


def escaped(document: str) -> str:
    """A JSON document that says the same, with what a terminal would act on written as numbers."""
    return _CONTROLS.sub(lambda found: "".join(f"\\u{ord(one):04x}" for one in found.group()), document)
