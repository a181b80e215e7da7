"""What a real API server refuses at `kubectl apply`, and in which words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from api_server import ApiServer
from crd_manifests import CHANGES, answers, changed, manifest, read_cases

from estimator_api import crd

INVALID = read_cases("job", "roles", "estimator")
UNKNOWN = read_cases("unknown_fields")


def changes() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Name, the field that must be named, and the spec after each change that must be refused."""
    for field, value in CHANGES["refused"].items():
        yield field.lower(), f"spec.{field}", changed(field, value)
    for name, value in CHANGES["refusedRunPolicy"].items():
        yield name.lower(), f"spec.runPolicy.{name}", changed("runPolicy", {name: value})


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
    before = {name: manifest(name, CHANGES["before"]) for name, _, _ in changes()}
    after = {name: manifest(name, spec) for name, _, spec in changes()}
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


@pytest.mark.parametrize(("name", "field"), [(name, field) for name, field, _ in changes()])
def test_change_of_a_running_job(change_refusals: dict[str, str], name: str, field: str) -> None:
    assert (
        f"{field}: Forbidden: cannot change while the job runs: suspend the job first"
        in change_refusals[name]
    )


def test_every_rule_is_broken_by_some_manifest(
    refusals: dict[str, str], change_refusals: dict[str, str]
) -> None:
    said = re.sub(r"\[\d+\]", "[]", "\n".join([*refusals.values(), *change_refusals.values()]))
    missing = [
        f"{field}: {message}"
        for field, message in rules(crd.schema(), "")
        if not re.search(
            rf'{re.escape(field)}: (Invalid value|Forbidden): ("[^"]*": )?{re.escape(message)}', said
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
