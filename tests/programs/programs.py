"""Public libraries on tf.estimator: their own tests on 2.15 and here, and the table of what differs.

    python programs.py [--write] [LIBRARY ...]

Exits with 1 when a test ends otherwise here without a declared reason (or ends the same although a reason is declared),
with 0 also when the reference or a library cannot be installed, which is said in a line.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
ROOT: Final = FOLDER.parents[1]
sys.path += [str(FOLDER), str(FOLDER.parent), str(FOLDER.parent / "bench")]

import environments  # noqa: E402
import library_names  # noqa: E402
import outcomes  # noqa: E402
import reference_environment  # noqa: E402
import stand_ins  # noqa: E402
from benchmark_page import write_section  # noqa: E402
from libraries import LIBRARIES, READ_ONLY, Library  # noqa: E402

OUT: Final = ROOT / "build" / "programs"
PAGE: Final = ROOT / "docs" / "libraries.md"
MOST_SECS: Final = 600
REFERENCE, HERE = "reference", "here"
PYTEST: Final = ("pytest", "iniconfig", "pluggy", "packaging", "pygments")


def pinned(names: Iterable[str], constraints: str) -> tuple[str, ...]:
    """Requirements at the versions of constraints.txt."""
    versions = dict(line.split("==") for line in constraints.splitlines() if line.count("==") == 1)
    return tuple(f"{name}=={versions[name].split(';')[0].strip()}" for name in names)


def report_of(library: Library, side: str, file: Path, site: Path) -> Path:
    """Where the report of a test file goes: by its path in the distribution, for two may have one name."""
    place = file.relative_to(site if file.is_relative_to(site) else FOLDER)
    return OUT / side / library.name.replace(" ", "-") / f"{'.'.join(place.with_suffix('').parts)}.xml"


def run_file(
    file: Path, python: str, report: Path, paths: Iterable[Path], variables: dict[str, str]
) -> dict[str, str]:
    """Runs one test file in a process of its own; gives the outcomes by name.

    Args:
        file: The tests.
        python: The interpreter of the side.
        report: Where its JUnit report goes, and beside it its log.
        paths: What comes before the side's own packages.
        variables: Added to the process environment.
    """
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    command = [python, "-P", "-m", "pytest", "-q", "-p", "side_plugin", "-p", "no:cacheprovider"]
    command += ["-c", os.devnull, "--rootdir", file.parent, f"--junitxml={report}", file]
    with tempfile.TemporaryDirectory() as empty, report.with_suffix(".log").open("w") as log:
        environment = {
            "TMPDIR": empty,
            "PYTHONPATH": os.pathsep.join(map(str, [*paths, FOLDER])),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "PROGRAMS_STAND_INS": "",
        }
        try:
            subprocess.run(
                command,
                check=False,
                cwd=empty,
                env={**os.environ, **environment, **variables},
                stdout=log,
                stderr=log,
                timeout=MOST_SECS,
            )
        except subprocess.TimeoutExpired:
            print(f"{file.name} was ended after {MOST_SECS} s")
    ends = outcomes.of_report(report.read_text(), report.stem) if report.exists() else {}
    return ends or {f"{file.name} has no report": outcomes.FAILED}


def run(library: Library, side: str, python: str, runner: Path | None) -> dict[str, str]:
    """Runs a library's tests on a side and says how long each file took; gives the outcomes by name."""
    own = library.reference if side == REFERENCE else library.here
    site = environments.packages(python, library.requirements(own)) if library.version else FOLDER
    variables = {"PROGRAMS_STAND_INS": " ".join(library.stand_ins)}
    if side == HERE:
        variables |= library.variables
    found: dict[str, str] = {}
    for file in (*(site / test for test in library.tests), *(FOLDER / name for name in library.programs)):
        started = time.monotonic()
        ends = run_file(
            file,
            python,
            report_of(library, side, file, site),
            [site, *([runner] if runner else [])],
            variables,
        )
        found.update(ends)
        taken = time.monotonic() - started
        line = f"    {library.name}: {file.name}, {side}: {len(ends)} tests in {taken:.0f} s"
        print(line, file=sys.stderr, flush=True)
    return found


def reason_of(error: subprocess.CalledProcessError | subprocess.TimeoutExpired) -> str:
    """The first line of what an installer said."""
    said = error.stderr or str(error)
    lines = (said.decode() if isinstance(said, bytes) else said).split("\n")
    return next((line for line in lines if line.strip()), "")[:300]


def page(verdicts: dict[tuple[str, str], outcomes.Verdict]) -> list[str]:
    """The table, and below it what some libraries are given on both sides, and what is read only."""
    notes = [
        f"* {library.name} is given, on both sides: {(stand_ins.ALL[name].__doc__ or '').rstrip('.')}."
        for library in LIBRARIES
        if (library.name, library.version) in verdicts
        for name in library.stand_ins
    ]
    notes += [
        f"* {name} {version} is not run, only read for the names that it imports: {reason}"
        for (name, version), reason in READ_ONLY.items()
    ]
    return [*outcomes.table(verdicts), "", *notes]


def main(arguments: list[str]) -> int:
    """Runs, prints and judges."""
    parser = argparse.ArgumentParser(description="Run libraries on tf.estimator 2.15 and on this runtime.")
    parser.add_argument("names", nargs="*", help="libraries; all when left out")
    parser.add_argument("--write", action="store_true", help=f"write the table to {PAGE.relative_to(ROOT)}")
    options = parser.parse_args(arguments)
    unknown = set(options.names) - {library.name for library in LIBRARIES}
    if unknown:
        parser.error(f"no such library: {', '.join(sorted(unknown))}")
    if options.write and options.names:
        parser.error("--write needs all libraries: name none")
    try:
        pythons = {REFERENCE: reference_environment.python(), HERE: sys.executable}
    except reference_environment.ReferenceUnavailableError as error:
        print(error)
        return 0
    started = time.monotonic()
    verdicts: dict[tuple[str, str], outcomes.Verdict] = {}
    missing = []
    for library in (it for it in LIBRARIES if not options.names or it.name in options.names):
        try:
            pytest = environments.packages(
                pythons[REFERENCE], pinned(PYTEST, (ROOT / "constraints.txt").read_text())
            )
            ends = {
                side: run(library, side, python, pytest if side == REFERENCE else None)
                for side, python in pythons.items()
            }
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            missing.append(library.name)
            print(f"{library.name} {library.version} cannot be installed here: {reason_of(error)}")
            continue
        verdict = outcomes.judge(ends[REFERENCE], ends[HERE], library.differs)
        verdicts[library.name, library.version] = verdict
        print(f"{library.name} {library.version}: {'as declared' if verdict.passed else 'DIFFERS'}")
        for difference in verdict.differences:
            print(f"    {difference}: {difference.reason or 'NO REASON IS DECLARED'}")
        for pattern in verdict.vanished:
            print(f"    declared, but there is no such difference: {pattern}")
        if not verdict.there[outcomes.PASSED]:
            print("    nothing passes on 2.15: the catalogue asks for something that cannot be compared")
        sys.stdout.flush()
    print("", *page(verdicts), f"{time.monotonic() - started:.0f} s; logs in {OUT}", sep="\n")
    if options.write and not missing:
        write_section(PAGE, "programs", ["", *page(verdicts), ""])
        library_names.write(pythons[REFERENCE])
    return 0 if all(verdict.passed for verdict in verdicts.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
