"""The reference pages tell every field of the models, link where they say, and are what is committed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from manifest_cases import REPOSITORY
from test_crd_document import OWN

from estimator_api import reference
from estimator_api.reference import FOLDER, Page, anchor, pages

PAGES = {page.name: page.text() for page in pages()}
ROWS = {name: re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE) for name, text in PAGES.items()}


def page(schema: dict[str, Any], **more: Any) -> str:
    """The text of a page about an object."""
    return Page(name="x.md", title="X", opening="About x.", root="spec", schema=schema, **more).text()


def test_every_field_of_the_resource_has_one_row() -> None:
    told = [
        row for name in ("estimatorjob.md", "estimator.md", "estimatorjob-status.md") for row in ROWS[name]
    ]
    assert len(told) == len(set(told))
    own = {
        path.removeprefix(".")
        for path in OWN
        if path.startswith((".spec.", ".status.")) and not path.endswith("[]")
    }
    assert own - set(told) == set()
    # Beyond those, one row for each part that has a pod's shape.
    parts = {path.rpartition(".")[2] for path in set(told) - own}
    assert parts == {
        "affinity", "annotations", "env", "imagePullSecrets", "labels", "nodeSelector", "resources", "template",
        "tolerations",
    }  # fmt: skip


def test_parts_of_pods_are_one_line() -> None:
    (row,) = re.findall(r"^\| `spec\.template` .*$", PAGES["estimatorjob.md"], re.MULTILINE)
    assert row.startswith(
        "| `spec.template` | object, as in a Pod: `metadata` and `spec` |  |  | Pod template shared"
    )
    (row,) = re.findall(r"^\| `spec\.worker\.env` .*$", PAGES["estimatorjob.md"], re.MULTILINE)
    assert "| list, as in a Pod: `spec.containers[].env` |  | at most 512 items |" in row
    assert "](" not in row


def test_every_field_of_the_progress_document_has_a_row_and_a_meaning() -> None:
    rows = re.findall(r"^\| `.*$", PAGES["progress-document.md"], re.MULTILINE)
    assert {"version", "state", "checkpoint.kept", "exports[].metrics"} <= set(ROWS["progress-document.md"])
    assert [row for row in rows if row.endswith("|  |")] == []


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_to_sections(name: str) -> None:
    sections = {
        one: {anchor(heading) for heading in re.findall(r"^## (.+)$", text, re.MULTILINE)}
        for one, text in PAGES.items()
    }
    for target, section in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", re.sub("`[^`]*`", "", PAGES[name])):
        if target in ("", *PAGES):
            assert not section or section in sections[target or name], f"{target}#{section}"
        else:
            assert (REPOSITORY / FOLDER / target).is_file(), target


@pytest.mark.parametrize("name", PAGES)
def test_pages_are_readable(name: str) -> None:
    assert len(PAGES[name].splitlines()) < 400
    assert PAGES[name].endswith("|\n")
    tables = re.findall(r"^\|.*$", PAGES[name], re.MULTILINE)
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in tables} == {6}, "a cell must not end early"


def test_one_rule_for_many_fields_is_said_once() -> None:
    (line,) = re.findall(
        r"^\* .*: cannot change while the job runs: .*$", PAGES["estimatorjob.md"], re.MULTILINE
    )
    assert "`spec.modelDir`, `spec.chief`" in line
    assert "`spec.runPolicy.failurePolicy`" in line


@pytest.mark.parametrize(
    ("field", "row"),
    [
        ({"type": "string", "maxLength": 5}, "string |  | at most 5 characters | "),
        ({"type": "string", "maxLength": 9, "format": "date-time"}, "date and time |  |  | "),
        ({"type": "string", "enum": ["A", "B"], "default": "A"}, 'string | `"A"` | `A`, `B` | '),
        ({"type": "string", "pattern": "a|b*"}, r"string |  | matches `a\|b*` | "),
        ({"type": "integer", "minimum": 0, "default": 0}, "integer | `0` | at least 0 | "),
        ({"type": "integer", "minimum": 1, "maximum": 3}, "integer |  | 1 to 3 | "),
        ({"type": "boolean", "default": False}, "boolean | `false` |  | "),
        ({"anyOf": [], "x-kubernetes-int-or-string": True}, "integer or string |  |  | "),
        ({"type": "object", "x-kubernetes-preserve-unknown-fields": True}, "any object |  |  | "),
        (
            {"type": "object", "additionalProperties": {"type": "number"}},
            "object with any names, each number |  |  | ",
        ),
        (
            {
                "type": "array",
                "maxItems": 4,
                "default": [],
                "x-kubernetes-list-type": "set",
                "items": {"type": "string", "maxLength": 5},
            },
            "list of string |  | at most 4 items; no two alike; each: at most 5 characters | ",
        ),
        (
            {
                "type": "array",
                "minItems": 1,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
                "items": {"type": "object", "properties": {}},
            },
            "list of [object](#specfield) |  | at least 1 items; no two with the same `name` | ",
        ),
        (
            {"type": "string", "x-kubernetes-validations": [{"rule": "x", "message": "must be <x>|*"}]},
            r"string |  | must be \<x>\|\* | ",
        ),
        (
            {"type": "string", "description": "One `<a>`.\n\nTwo <b>."},
            r"string |  |  | One `<a>`.<br>Two \<b>. |",
        ),
    ],
)
def test_row(field: dict[str, Any], row: str) -> None:
    text = page({"type": "object", "properties": {"field": field}})
    assert f"| `spec.field` | {row}" in text


def test_required_fields_and_rules_of_objects() -> None:
    part = {
        "type": "object",
        "description": "The part.",
        "required": ["a"],
        "properties": {"a": {"type": "string"}, "b": {"type": "object", "default": {}, "properties": {}}},
        "x-kubernetes-validations": [
            {"rule": "x", "message": "same words", "fieldPath": ".a"},
            {"rule": "y", "message": "same words", "fieldPath": ".b"},
            {"rule": "z", "message": "of the whole"},
        ],
    }
    schema = {"type": "object", "properties": {"part": part}}
    assert page(schema).split("## spec.part\n")[1].splitlines()[:9] == [
        "The part.",
        "",
        "* `spec.part.a`, `spec.part.b`: same words",
        "* of the whole",
        "",
        "| field | type | default | allowed | meaning |",
        "|---|---|---|---|---|",
        "| `spec.part.a` | string | required |  |  |",
        "| `spec.part.b` | [object](#specpartb) | `{}` |  |  |",
    ]
    elsewhere = page(schema, elsewhere={"spec.part": "part.md"})
    assert "[object](part.md#specpart)" in elsewhere
    assert "spec.part.a" not in elsewhere


def test_committed_pages_are_what_the_models_say() -> None:
    assert reference.main(["--check"]) == 0
    assert {path.name for path in (REPOSITORY / FOLDER).iterdir()} == set(PAGES)


def test_generating_and_checking(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert reference.main(["--check"], root=tmp_path) == 1
    assert capsys.readouterr().err.splitlines() == [
        f"docs/reference/{name} is missing: run `make generate` and commit it" for name in PAGES
    ]
    assert reference.main([], root=tmp_path) == 0
    assert reference.main(["--check"], root=tmp_path) == 0
