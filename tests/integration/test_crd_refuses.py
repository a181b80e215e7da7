"""What a real API server refuses at `kubectl apply`, and in which words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from api_server import ApiServer
from crd_manifests import CHANGES, answers, changed, manifest, present, read_cases

from estimator_api import crd

INVALID = read_cases("job", "roles", "estimator", "modes", "policies", "strategies", "templates")
UNKNOWN = read_cases("unknown_fields")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of a job that must be refused: its spec before and after, the field that is named, and why."""

    name: str
    before: dict[str, Any]
    after: dict[str, Any]
    field: str
    says: str = "Forbidden: cannot change while the job runs: suspend the job first"


def changes() -> Iterator[Change]:
    """All of them."""
    before = CHANGES["before"]
    for field, value in CHANGES["refused"].items():
        yield Change(name=field.lower(), before=before, after=changed(field, value), field=f"spec.{field}")
    for name, value in CHANGES["refusedRunPolicy"].items():
        after = changed("runPolicy", {name: value})
        yield Change(name=name.lower(), before=before, after=after, field=f"spec.runPolicy.{name}")
    for name, case in CHANGES["refusedOtherwise"].items():
        yield Change(
            name=name,
            before=present(case["before"]),
            after=present(case["after"]),
            field=case["field"],
            says=case["says"],
        )


@pytest.fixture(scope="module")
def refusals(api_server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the server says to every bad manifest."""
    folder = tmp_path_factory.mktemp("crd") / "bad"
    manifests = {
        name: manifest(case.get("name", name), case["spec"]) for name, case in (INVALID | UNKNOWN).items()
    }
    return answers(api_server, folder, manifests, "--dry-run=server")


@pytest.fixture(scope="module")
def change_refusals(api_server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the server says to every bad change of a job that runs."""
    api_server.call("POST", "/api/v1/namespaces", {"metadata": {"name": "crd-refuses"}})
    place = ("--namespace", "crd-refuses")
    folder = tmp_path_factory.mktemp("crd")
    before = {one.name: manifest(one.name, one.before) for one in changes()}
    after = {one.name: manifest(one.name, one.after) for one in changes()}
    assert answers(api_server, folder / "before", before, *place) == {}
    said = answers(api_server, folder / "after", after, *place, "--dry-run=server")
    api_server.call("DELETE", "/api/v1/namespaces/crd-refuses")
    return said


@pytest.mark.parametrize("name", INVALID)
def test_invalid_manifest(refusals: dict[str, str], name: str) -> None:
    said = refusals[name]
    assert INVALID[name]["field"] in said
    assert INVALID[name]["says"] in said


@pytest.mark.parametrize("name", UNKNOWN)
def test_unknown_field(refusals: dict[str, str], name: str) -> None:
    assert f'unknown field "{UNKNOWN[name]["field"]}"' in refusals[name]


@pytest.mark.parametrize("change", list(changes()), ids=lambda one: one.name)
def test_change_of_a_running_job(change_refusals: dict[str, str], change: Change) -> None:
    said = change_refusals[change.name]
    assert f"{change.field}: " in said
    assert change.says in said


def test_every_rule_is_broken_by_some_manifest(
    refusals: dict[str, str], change_refusals: dict[str, str]
) -> None:
    said = re.sub(r"\[\d+\]", "[]", "\n".join([*refusals.values(), *change_refusals.values()]))
    missing = [
        f"{field}: {message}"
        for field, message in rules(crd.schema(), "")
        if not re.search(
            rf'{re.escape(field)}: (Invalid value|Forbidden|Required value): ("[^"]*": )?{re.escape(message)}',
            said,
        )
    ]
    assert missing == []


def rules(schema: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    """The field that each rule of the schema names, and its message."""
    for rule in schema.get("x-kubernetes-validations", ()):
        yield f"{path}{rule.get('fieldPath', '')}".removeprefix(".") or "<nil>", rule["message"]
    for name, part in schema.get("properties", {}).items():
        yield from rules(part, f"{path}.{name}")
    if "items" in schema:
        yield from rules(schema["items"], f"{path}[]")
