"""Outcomes of a library's tests on both sides, by the name of the test, and what differs."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

PASSED: Final = "passed"
FAILED: Final = "failed"
SKIPPED: Final = "skipped"
ABSENT: Final = "absent"


def of_report(xml: str, file: str = "") -> dict[str, str]:
    """Outcomes by the names of tests, from a JUnit report of `file`, which is put before each name.

    A file that could not be imported is one failed test of its name. Of a test that is reported twice (its teardown
    failed) the failure counts.
    """
    found: dict[str, str] = {}
    for case in ET.fromstring(xml).iter("testcase"):
        name = "::".join(part for part in (file, case.get("classname"), case.get("name")) if part)
        kinds = {child.tag for child in case}
        outcome = FAILED if kinds & {"failure", "error"} else SKIPPED if "skipped" in kinds else PASSED
        if found.get(name) != FAILED:
            found[name] = outcome
    return found


@dataclass(frozen=True, slots=True)
class Difference:
    """A test that ends otherwise here.

    Attributes:
        test: its name.
        there: its outcome on 2.15.
        here: its outcome here.
        reason: the declared one, empty when there is none.
    """

    test: str
    there: str
    here: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.test}: {self.there} on 2.15, {self.here} here"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the comparison of a library's tests gives.

    Attributes:
        there: how many tests passed, failed and were skipped on 2.15.
        here: the same, here.
        differences: all tests that end otherwise.
        vanished: declared patterns that no difference meets.
    """

    there: Counter[str]
    here: Counter[str]
    differences: tuple[Difference, ...]
    vanished: tuple[str, ...]

    @property
    def unexplained(self) -> tuple[Difference, ...]:
        """The differences without a declared reason."""
        return tuple(difference for difference in self.differences if not difference.reason)

    @property
    def passed(self) -> bool:
        """Whether something passed on 2.15, and all that differs does so as declared."""
        return self.there[PASSED] > 0 and not self.unexplained and not self.vanished


def judge(there: Mapping[str, str], here: Mapping[str, str], differs: Mapping[str, str]) -> Verdict:
    """Compares the outcomes of the same tests.

    Args:
        there: Outcomes by names of tests, on 2.15.
        here: The same, here.
        differs: Reasons by patterns of names.
    """
    met: set[str] = set()
    differences = []
    for test in sorted({*there, *here}):
        sides = there.get(test, ABSENT), here.get(test, ABSENT)
        if sides[0] == sides[1]:
            continue
        pattern = next((pattern for pattern in differs if fnmatchcase(test, pattern)), None)
        if pattern is not None:
            met.add(pattern)
        differences.append(Difference(test, *sides, differs[pattern] if pattern is not None else ""))
    return Verdict(
        Counter(there.values()),
        Counter(here.values()),
        tuple(differences),
        tuple(pattern for pattern in differs if pattern not in met),
    )


def table(verdicts: Mapping[tuple[str, str], Verdict]) -> list[str]:
    """The table in Markdown, and a line for each reason below it.

    Args:
        verdicts: By name and version of the library.
    """
    lines = [
        "| library | tests | 2.15: passed / failed / skipped | here: passed / failed / skipped | differ |",
        "|---|---|---|---|---|",
    ]
    reasons = []
    for (name, version), verdict in verdicts.items():
        tests = max(sum(verdict.there.values()), sum(verdict.here.values()))
        counts = (
            " / ".join(str(side[outcome]) for outcome in (PASSED, FAILED, SKIPPED))
            for side in (verdict.there, verdict.here)
        )
        lines.append(f"| {name} {version} | {tests} | {' | '.join(counts)} | {len(verdict.differences)} |")
        by_reason = Counter(difference.reason for difference in verdict.differences if difference.reason)
        reasons += [f"* {name}, {count} of them: {reason}" for reason, count in by_reason.items()]
    return [*lines, "", *(reasons or ["Nothing differs."])]
