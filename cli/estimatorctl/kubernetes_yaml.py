"""YAML as kubectl reads it, so that a manifest means the same in a local run and on the cluster.

kubectl (sigs.k8s.io/yaml) turns YAML into JSON before anything else. Plain scalars follow YAML 1.1 where that is about
booleans and octal numbers, YAML 1.2 where it is about floats, and there are no dates and no sexagesimal numbers:
`1e-3` is a number, `1:30` and `2001-12-14` are strings, `y` and `on` are true, a key `1` is "1". PyYAML's own rules
differ in each of these. What JSON cannot say (infinity, a key that is no scalar) kubectl refuses, and so does this.

The last of two equal keys wins, and a merge (`<<`) overrides the keys above it, as in kubectl. Keys that are fractions
are refused here, which kubectl writes in the precision of a float32. An unknown tag is refused here and ignored by
kubectl.

Kustomize (`kubectl apply -k`) has a reader of its own, to which `yes`, `on` and `y` are text and a date has a time. A
local run cannot know how its file will be applied; the guide names the difference.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

import yaml

_TAG: Final = "tag:yaml.org,2002:"
_PLAIN: Final = "!plain"
"""Tag of scalars without quotes and tag: those whose text says what they are."""
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_POINT_FIRST: Final = re.compile(r"\.[0-9_]+([eE][-+]?[0-9_]+)?")
_INTEGER: Final = re.compile(
    r"(?P<sign>[-+]?)(?:0(?P<prefix>[xXoObB]?)(?P<rest>[0-9a-fA-F]+)|(?P<decimal>[0-9]+))"
)
_BASES: Final = {"": 8, "o": 8, "x": 16, "b": 2}
_WORDS: Final[dict[str, bool | None]] = {
    **{form: True for word in ("y", "yes", "on", "true") for form in (word, word.title(), word.upper())},
    **{form: False for word in ("n", "no", "off", "false") for form in (word, word.title(), word.upper())},
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
}
_NO_JSON: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
Number = int | float


def load_documents(text: str) -> Iterator[Any]:
    """Yields each document of a stream, made of what JSON has: dict, list, str, int, float, bool, None.

    Raises:
        yaml.YAMLError: The text is no YAML, or says what JSON cannot.
    """
    for node in yaml.compose_all(text, Loader=_Composer):
        yield None if node is None else _Reader().value(node)


class _Composer(yaml.SafeLoader):
    """Leaves plain scalars to the reader."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        if kind is yaml.ScalarNode and implicit[0]:
            return _PLAIN
        return super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]


class _Reader:
    """Makes the values of one document; what is anchored is made once."""

    def __init__(self) -> None:
        self._made: dict[int, Any] = {}
        self._open: set[int] = set()

    def value(self, node: yaml.Node) -> Any:
        """The value of a node."""
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        if id(node) in self._open:
            raise _refused("an anchor's value contains itself", node)
        if id(node) not in self._made:
            self._open.add(id(node))
            if isinstance(node, yaml.SequenceNode):
                self._made[id(node)] = [self.value(one) for one in node.value]
            else:
                self._made[id(node)] = self._mapping(node)
            self._open.remove(id(node))
        return self._made[id(node)]

    def _mapping(self, node: yaml.Node) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, value in node.value:
            if key.tag in (_PLAIN, f"{_TAG}merge") and key.value == "<<":
                sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
                for source in reversed(sources):
                    if not isinstance(source, yaml.MappingNode):
                        raise _refused("a merge (<<) takes a mapping or a sequence of mappings", value)
                    made |= self.value(source)
            else:
                made[_key(key)] = self.value(value)
        return made


def _key(node: yaml.Node) -> str:
    value = _scalar(node) if isinstance(node, yaml.ScalarNode) else None
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    raw = _number(node.value) if isinstance(value, int) else None
    if isinstance(raw, int) and raw == value:
        return str(raw)
    raise _refused("a key must be a string, an integer of 64 bits or a boolean: quote it", node)


def _scalar(node: yaml.ScalarNode) -> Any:
    text = str(node.value)
    kind = node.tag.removeprefix(_TAG)
    if kind in ("str", "timestamp"):
        return text
    if kind == "binary":
        try:
            return base64.b64decode(text).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise _refused(f"!!binary: {error}", node) from error
    found = _plain(text, node)
    if node.tag == _PLAIN or (kind, type(found)) in _TAGGED:
        return found
    raise _refused(f"{text!r} is no {node.tag}", node)


_TAGGED: Final = {("int", int), ("float", int), ("float", float), ("bool", bool), ("null", type(None))}


def _plain(text: str, node: yaml.Node) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if _NO_JSON.fullmatch(text):
        raise _refused(f"{text} cannot be said in JSON", node)
    number = _number(text)
    return text if number is None else _through_json(number)


def _number(text: str) -> Number | None:
    """The number that a plain scalar is to Go's YAML; None: it is none."""
    if text.startswith("."):
        try:
            found = float(text) if _POINT_FIRST.fullmatch(text) else math.inf
        except ValueError:
            found = math.inf
        return found if math.isfinite(found) else None
    if not re.match(r"[-+0-9]", text):
        return None
    plain = text.replace("_", "")
    integer = _INTEGER.fullmatch(plain)
    if integer is not None:
        digits, base = integer["decimal"], 10
        if digits is None:
            digits, base = integer["rest"], _BASES[integer["prefix"].lower()]
        try:
            return int(integer["sign"] + digits, base)
        except ValueError:
            pass
    if _FLOAT.fullmatch(plain):
        found = float(plain)
        return found if math.isfinite(found) else None
    return None


def _through_json(number: Number) -> Number:
    """The number after it was written and read as JSON: whole ones are integers, large ones rounded as floats are.

    Go writes floats below 1e21 without an exponent, and reads what fits into 64 bits as an integer.
    """
    if isinstance(number, int):
        if -(2**63) <= number < 2**63:
            return number
        number = float(number)
    return int(Decimal(repr(number))) if number.is_integer() and abs(number) < 1e21 else number


def _refused(words: str, node: yaml.Node) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, words, node.start_mark)
