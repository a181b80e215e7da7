"""The reference of the API for people, generated from the models.

python -m estimator_api.reference           # writes docs/reference/
python -m estimator_api.reference --check   # exit status 1 when a page is not what the models say

A page has one table for each object, and one row for each of its fields: path, type, default, what is allowed, and
what it means. Parts that have the shape of a pod's are one row: Kubernetes documents them.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from estimator_api import constants as c
from estimator_api.generated_files import NOTICE, REPOSITORY, keep
from estimator_api.job import EstimatorJob
from estimator_api.pod_fields import POD_SCHEMA_KEY
from estimator_api.progress import Progress
from estimator_api.structural import INT_OR_STRING, PRESERVE, project

Json = Mapping[str, Any]

FOLDER: Final = Path("docs/reference")
_RULES: Final = "x-kubernetes-validations"
_HEADER: Final = "| field | type | default | allowed | meaning |\n|---|---|---|---|---|\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page.

    Attributes:
        name: Its file in docs/reference.
        title: Its heading.
        opening: What is said before the tables.
        root: Path of the object that it is about; "" when fields are named without one.
        schema: The structural schema of that object, parts of pods marked.
        elsewhere: Objects below it that have a page of their own: its file by the object's path.
    """

    name: str
    title: str
    opening: str
    root: str
    schema: Json
    elsewhere: Mapping[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """The page as Markdown."""
        parts = [f"<!-- {NOTICE} -->\n# {self.title}\n{self.opening}\n"]
        parts.extend(
            self._section(path, schema)
            for path, schema in objects(self.root, self.schema)
            if not any(f"{path}.".startswith(f"{other}.") for other in self.elsewhere)
        )
        return "\n".join(parts)

    def _section(self, path: str, schema: Json) -> str:
        heading = f"## {path}\n{_prose(schema.get('description', ''))}\n\n" if path else ""
        required = schema.get("required", ())
        rows = (
            (_below(path, name), part, _default(part, required=name in required))
            for name, part in schema["properties"].items()
        )
        table = "".join(
            f"| `{name}` | {self._type(name, part)} | {default} | {_allowed(part)}"
            f" | {_cell(part.get('description', ''))} |\n"
            for name, part, default in rows
        )
        return f"{heading}{_rules(path, schema)}{_HEADER}{table}"

    def _type(self, path: str, schema: Json) -> str:
        kind = str(schema.get("type"))
        if POD_SCHEMA_KEY in schema:
            where = schema[POD_SCHEMA_KEY]
            part = f"`{where}`" if where else "`metadata` and `spec`"
            return f"{'list' if kind == 'array' else kind}, as in a Pod: {part}"
        if schema.get(INT_OR_STRING):
            return "integer or string"
        if kind == "array":
            return f"list of {self._type(f'{path}[]', schema['items'])}"
        if kind != "object":
            return "date and time" if schema.get("format") == "date-time" else kind
        if isinstance(schema.get("additionalProperties"), Mapping):
            return f"object with any names, each {self._type(path, schema['additionalProperties'])}"
        if schema.get(PRESERVE):
            return "any object"
        return f"[object]({self.elsewhere.get(path, '')}#{anchor(path)})"


def pages() -> tuple[Page, ...]:
    """All pages."""
    job = project(EstimatorJob.model_json_schema(by_alias=True), with_pods=False)
    spec = job["properties"]["spec"]
    return (
        Page(
            name="estimatorjob.md",
            title=f"{c.KIND} {c.API_VERSION}",
            opening=f"{_prose(job['description'])}\n\n"
            f"`kubectl explain {c.SHORT_NAME}.spec` says the same. What the operator writes is on the page of the "
            "[status](estimatorjob-status.md); what pods tell, on that of the [progress document](progress-document.md).",
            root="spec",
            schema=spec,
            elsewhere={"spec.estimator": "estimator.md"},
        ),
        Page(
            name="estimator.md",
            title="The declarative Estimator",
            opening="One part of the [spec](estimatorjob.md); what `estimator_runtime.job` makes an Estimator from.",
            root="spec.estimator",
            schema=spec["properties"]["estimator"],
        ),
        Page(
            name="estimatorjob-status.md",
            title=f"Status of an {c.KIND}",
            opening="Numbers with fractions are strings, as in all of Kubernetes. "
            "What people write is on the page of the [spec](estimatorjob.md).",
            root="status",
            schema=job["properties"]["status"],
        ),
        Page(
            name="progress-document.md",
            title="Progress document",
            opening="JSON that a replica answers to `GET /progress` and leaves as its termination message. A missing "
            "field means that something is not known; unknown fields are ignored; more than 64 KiB are not read. "
            "The [pod contract](../pod-contract.md) says when it is asked for.",
            root="",
            schema=project(Progress.model_json_schema(by_alias=True), with_pods=False),
        ),
    )


def objects(path: str, schema: Json) -> Iterator[tuple[str, Json]]:
    """Every object below `schema` that has fields of its own, with its path, each before those inside it."""
    if "items" in schema:
        yield from objects(f"{path}[]", schema["items"])
    elif "properties" in schema:
        yield path, schema
        for name, part in schema["properties"].items():
            yield from objects(_below(path, name), part)


def anchor(path: str) -> str:
    """What a link to the section of `path` ends with, as GitHub makes it of the heading."""
    return re.sub(r"[^a-z0-9_-]", "", path.lower())


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _rules(path: str, schema: Json) -> str:
    """The rules of an object as a list, those with the same words in one item."""
    fields: dict[str, list[str]] = {}
    for rule in schema.get(_RULES, ()):
        fields.setdefault(rule["message"], []).append(rule.get("fieldPath", ""))
    items = [
        f"* {', '.join(f'`{path}{below}`' for below in named if below)}: {_prose(message)}\n"
        if any(named)
        else f"* {_prose(message)}\n"
        for message, named in fields.items()
    ]
    return "".join(items) + "\n" if items else ""


def _default(schema: Json, *, required: bool) -> str:
    if required:
        return "required"
    default = schema.get("default")
    return "" if default is None or default == [] else f"`{json.dumps(default)}`"


def _allowed(schema: Json) -> str:
    """Bounds, choices and rules of one field; those of objects are told in their own sections."""
    said = list(_bounds(schema))
    items = schema.get("items")
    if items and "properties" not in items and (each := _allowed(items)):
        said.append(f"each: {each}")
    if "properties" not in schema:
        said.extend(_cell(rule["message"]) for rule in schema.get(_RULES, ()))
    return "; ".join(said)


def _bounds(schema: Json) -> Iterator[str]:
    if "enum" in schema:
        yield ", ".join(f"`{value}`" for value in schema["enum"])
    for least, most, unit in (
        ("minimum", "maximum", ""),
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " items"),
    ):
        if unit == " characters" and schema.get("format") == "date-time":
            continue
        low, high = schema.get(least), schema.get(most)
        if low is not None and high is not None:
            yield f"{low} to {high}{unit}"
        elif low is not None:
            yield f"at least {low}{unit}"
        elif high is not None:
            yield f"at most {high}{unit}"
    kind = schema.get("x-kubernetes-list-type")
    if kind == "set":
        yield "no two alike"
    elif kind == "map":
        yield f"no two with the same {' and '.join(f'`{key}`' for key in schema['x-kubernetes-list-map-keys'])}"
    if "pattern" in schema:
        yield _cell(f"matches `{schema['pattern']}`")


def _prose(text: str) -> str:
    """Text of a model as Markdown: what stands outside of backticks has no markup in it."""
    parts = text.split("`")
    parts[::2] = [re.sub(r"([*<])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


def _cell(text: str) -> str:
    return _prose(text).replace("|", r"\|").replace("\n\n", "<br>")


def main(arguments: Sequence[str] | None = None, *, root: Path = REPOSITORY) -> int:
    """Writes or checks the pages below `root`; returns the exit status."""
    return keep(
        {FOLDER / page.name: page.text() for page in pages()},
        arguments,
        module="estimator_api.reference",
        purpose=(__doc__ or "").partition("\n")[0],
        root=root,
    )


if __name__ == "__main__":
    sys.exit(main())
