"""The differential test: the catalogue on tf.estimator 2.15 and on this runtime, and the table of what differs.

    python conformance.py [--long] [NAME ...]

Both environments run side by side, each in a process; then the programs that meet the other environment's files, and
those that are repeated with Keras 2 and without TensorFlow 2's behavior. Exits with 1 when something differs without a
declared reason (or does no longer differ as declared), with 0 also when the reference cannot be installed, which is said
in one line. With ONLY_FAILED=1 in the environment only what differed in the run before is run.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tests"))

import comparison  # noqa: E402
import reference_environment  # noqa: E402
from catalogue import KERAS_2, LONG, ONCE, V1, Misuse, Program, load  # noqa: E402

OUT = ROOT / "build" / "conformance"
FAILED = OUT / "failed"
MOST_SECS, MOST_SECS_IF_LONG = 1500, 4500
MOST_NOTES = 8
REFERENCE, HERE = "reference", "here"


@dataclass(frozen=True, slots=True)
class Process:
    """One run of the catalogue.

    Attributes:
        name: of its directory and log, in OUT.
        python: the environment's.
        options: arguments of run.py; the first names the log.
        variables: added to the process environment.
    """

    name: str
    python: str
    options: tuple[Any, ...]
    variables: tuple[tuple[str, str], ...] = ()


def repeated_in(environment: str, repetition: str) -> str:
    """The directory of a repetition's results; with Keras 2 the reference is what it was."""
    return environment if (environment, repetition) == (REFERENCE, KERAS_2) else f"{environment}-{repetition}"


def run(pythons: dict[str, str], names: list[str]) -> bool:
    """Runs everything in both environments; tells whether all processes came to their end."""
    chosen = [p for p in load().programs.values() if not names or p.name in names]
    # Misuses take as long here as the programs of the reference are ahead, so three processes keep two cores busy.
    first = [
        Process(environment, pythons[environment], (part,))
        for environment, part in ((REFERENCE, "--all"), (HERE, "--programs"), (HERE, "--misuses"))
    ]
    meeting = [
        Process(
            environment,
            python,
            ("--meets", OUT / environment, OUT / (HERE if environment == REFERENCE else REFERENCE)),
        )
        for environment, python in pythons.items()
        if any(program.meets for program in chosen)
    ]
    repetitions = [
        Process(
            repeated_in(environment, repetition),
            pythons[environment],
            ("--repetition", repetition),
            (("TF_USE_LEGACY_KERAS", "1"),) if repetition == KERAS_2 else (),
        )
        for environment, repetition in ((HERE, KERAS_2), (REFERENCE, V1), (HERE, V1))
        if any(repetition in program.repeated for program in chosen)
    ]
    for process in first + repetitions:
        (OUT / process.name).mkdir(parents=True, exist_ok=True)
        for old in (OUT / process.name).glob("*.json"):
            old.unlink()
    # Two or three at a time: each is as good as single-threaded.
    ends = [together(processes, names) for processes in (first, meeting, repetitions)]
    return all(ends)


def together(processes: list[Process], names: list[str]) -> bool:
    """Runs some side by side; tells whether all came to their end."""
    complete, running = True, []
    for process in processes:
        kind = process.options[0].lstrip("-")
        log = (OUT / f"{process.name}-{kind}.log").open("w")
        command = [process.python, Path(__file__).with_name("run.py"), "--out", OUT / process.name]
        running.append(
            subprocess.Popen(
                [*command, *process.options, "--", *names],
                stdout=log,
                stderr=log,
                env={**os.environ, **dict(process.variables)},
            )
        )
    most_secs = MOST_SECS_IF_LONG if os.environ.get(LONG) else MOST_SECS
    for process, started in zip(processes, running, strict=True):
        try:
            code = started.wait(most_secs)
        except subprocess.TimeoutExpired:
            started.kill()
            code = started.wait()
        if code:
            complete = False
            print(f"the process of {process.name} ended with {code}; its log is in {OUT}")
    return complete


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table, and the lines below it."""

    name: str
    compared: str
    passed: bool
    notes: tuple[str, ...]

    def __str__(self) -> str:
        result = "same" if self.passed and not self.notes else "as declared" if self.passed else "DIFFERS"
        return "\n".join(
            [f"{self.name:45} {self.compared:52} {result}", *(f"    {note}" for note in self.notes)]
        )


def rows_of_programs(names: list[str]) -> list[Row]:
    """A row for every program that was to run, and for every repetition of it."""
    chosen = [p for p in load().programs.values() if not names or p.name in names]
    rows = [_program_row(program, (REFERENCE, HERE), program.differs, program.name) for program in chosen]
    for repetition in (KERAS_2, V1):
        directories = repeated_in(REFERENCE, repetition), repeated_in(HERE, repetition)
        rows += [
            _program_row(program, directories, program.repeated[repetition], f"{program.name} ({repetition})")
            for program in chosen
            if repetition in program.repeated
        ]
    return rows


def _program_row(
    program: Program, directories: tuple[str, str], differs: Mapping[str, str], name: str
) -> Row:
    outcomes = []
    for directory, where in zip(directories, ("there", "here"), strict=True):
        path = OUT / directory / f"{program.name}.json"
        if not path.exists():
            note = f"no result {where}, see {OUT / directory}*.log"
            return Row(name, "", passed=False, notes=(note,))
        outcomes.append(json.loads(path.read_text())["outcome"])
    verdict = comparison.judge(*outcomes, differs)
    notes = [f"{difference}" for difference in verdict.unexplained[:MOST_NOTES]]
    if len(verdict.unexplained) > MOST_NOTES:
        notes.append(f"... and {len(verdict.unexplained) - MOST_NOTES} more")
    notes += [f"declared, but there is no such difference: {pattern}" for pattern in verdict.vanished]
    notes += [f"differs in {len(found)}: {reason}" for reason, found in verdict.explained.items()]
    return Row(name, _extent(outcomes[0]), passed=verdict.passed, notes=tuple(notes))


def _extent(outcome: dict[str, Any]) -> str:
    """What there was to compare."""
    counts = {
        "values": sum(1 for _ in comparison.leaves(outcome.get("result"))) if outcome.get("result") else 0,
        "error": int("raised" in outcome),
        "checkpoints": len(outcome["checkpoints"]),
        "event values": sum(len(folder["values"]) for folder in outcome["events"].values()),
        "exports": len(outcome["exports"]),
    }
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count)


def rows_of_misuses(names: list[str]) -> list[Row]:
    """A row for every misuse."""
    chosen = [m for m in load().misuses.values() if not names or m.name in names]
    if not chosen:
        return []
    found = {}
    for environment in (REFERENCE, HERE):
        path = OUT / environment / "misuses.json"
        found[environment] = json.loads(path.read_text()) if path.exists() else {}
    return [_misuse_row(m, found[REFERENCE].get(m.name), found[HERE].get(m.name)) for m in chosen]


def _misuse_row(misuse: Misuse, reference: Any, here: Any) -> Row:
    if reference is None or here is None:
        return Row(misuse.name, "", passed=False, notes=("no result",))
    kind = (reference["kinds"] or ["nothing raised"])[0]
    # An error here may be of a more special type: handlers catch it all the same.
    same_outcome = kind in here["kinds"] or reference["kinds"] == here["kinds"]
    same_wording = reference["message"] == here["message"]
    notes, passed = [], True
    for same, reason, what in (
        (same_outcome, misuse.outcome, "outcome"),
        (same_wording, misuse.wording, "wording"),
    ):
        if what == "wording" and misuse.outcome:
            continue
        if same and reason:
            passed = False
            notes.append(f"declared, but the {what} is the same: {reason}")
        elif not same and reason:
            notes.append(f"other {what}: {reason}")
        elif not same:
            passed = False
            ours = (here["kinds"] or ["nothing raised"])[0]
            notes += [f"there: {kind}: {reference['message']}", f"here:  {ours}: {here['message']}"]
            break
    return Row(misuse.name, kind, passed=passed, notes=tuple(notes))


def failed_before() -> list[str]:
    """What differed in the run before, to be run again; nothing, which is everything, when that came to no end.

    A program that meets the other environment's files needs the programs that made them.
    """
    if not os.environ.get("ONLY_FAILED") or not FAILED.exists():
        return []
    names = FAILED.read_text().splitlines()
    meets = any(program.meets for program in load().programs.values() if program.name in names)
    return [] if meets else names


def main(arguments: list[str]) -> int:
    """Runs, prints and judges."""
    parser = argparse.ArgumentParser(description="Compare this runtime with tf.estimator 2.15.")
    parser.add_argument("names", nargs="*", help="programs or misuses; all when left out")
    parser.add_argument("--long", action="store_true", help="what takes long as well, as any that is named")
    parser.add_argument(
        "--once", action="store_true", help="no repetitions with Keras 2 and in the way of v1"
    )
    options = parser.parse_args(arguments)
    names = options.names or failed_before()
    FAILED.unlink(missing_ok=True)
    if names or options.long:
        os.environ[LONG] = "1"
    if options.once:
        os.environ[ONCE] = "1"
    try:
        reference = reference_environment.python()
    except reference_environment.ReferenceUnavailableError as error:
        print(error)
        return 0
    started = time.monotonic()
    complete = run({REFERENCE: reference, HERE: sys.executable}, names)
    failed: list[Row] = []
    for title, rows in (("program", rows_of_programs(names)), ("misuse", rows_of_misuses(names))):
        if not rows:
            continue
        bad = [row for row in rows if not row.passed]
        declared = sum(row.passed and bool(row.notes) for row in rows)
        failed += bad
        print(f"\n{title:45} {'compared':52} result")
        print(*rows, sep="\n")
        print(
            f"{len(rows)} {title}s: {len(rows) - len(bad) - declared} the same, {declared} differ as declared, "
            f"{len(bad)} differ"
        )
    if failed and complete:
        FAILED.write_text("".join(f"{row.name.split(' (')[0]}\n" for row in failed))
    if failed:
        print("\nwhat differs, once more:", *failed, sep="\n")
    print(f"{time.monotonic() - started:.0f} s; results in {OUT}")
    return 0 if complete and not failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
