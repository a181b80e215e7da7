"""The table of axes in tests/README.md names tests that are there, and every axis that the operator is held to."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
README = (TESTS / "README.md").read_text()
ROWS = [line for line in README.partition("## Axes")[2].splitlines() if line.startswith("| ")][1:]
NAMED = re.compile(r"`([\w/]*\.py)?::(\w+)`")
MAKEFILE = (TESTS.parent / "Makefile").read_text()


def named(row: str) -> list[tuple[str, str]]:
    """Files and functions that a row names; `::test` is of the file before it."""
    found, last = [], ""
    for file, function in NAMED.findall(row):
        last = file or last
        found.append((last, function))
    return found


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip()[:40])
def test_every_axis_names_functions_that_are_there(row: str) -> None:
    assert named(row)
    for file, function in named(row):
        tree = ast.parse((TESTS / file).read_text())
        defined = {one.name for one in tree.body if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef))}
        assert function in defined, f"{file}::{function}"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip()[:40])
def test_every_axis_has_a_form_in_make_test_and_what_is_large_runs_in_make_scale(row: str) -> None:
    small, large = row.split("|")[2:4]
    assert all(file.startswith("integration/") for file, _ in named(small))
    assert named(large) or "full size" in large or "next row" in large
    for file, _ in named(large):
        assert (
            file.startswith("bench/") or f"tests/{file}" in MAKEFILE or "pytest -q -s tests/scale" in MAKEFILE
        )


@pytest.mark.parametrize(
    "axis",
    [
        "1,000 workers and 1,000 ps",
        "2,000 jobs, 10,000 pods",
        "limit of depth",
        "limit of size",
        "labels edited by hand",
        "clocks 90 s apart, in both directions",
        "away through suspend, edit, resume",
        "two leaders that write at once",
    ],
)
def test_no_axis_is_missing(axis: str) -> None:
    assert sum(axis in row.split("|")[1] for row in ROWS) == 1


def test_every_large_test_is_in_the_table() -> None:
    files = {file for row in ROWS for file, _ in named(row)}
    assert {f"scale/{one.name}" for one in (TESTS / "scale").glob("test_*.py")} <= files
