"""Every task of a synchronous training killed and made to stand still, at each point: what becomes of it, and how soon.

A chief and two workers. Each cell is played twice: by bare processes over TF_CONFIG, which are all started again at once
when the others are gone, and by `estimatorctl run`, with the operator's restarts and their pause of ten seconds.

    python tests/bench/bench_lost_tasks.py [WORDS ...] [--strategy graph] [--no-jobs] [--write PAGE]

Words pick the cells that have all of them: `chief-0 SIGKILL`. Exits 1 when a cell does not go as it is promised.
"""

import argparse
import pathlib
import sys
import tempfile
import time

import termination
from benchmark_page import machine, write_section

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "runtime"))

import lost_tasks  # noqa: E402  (the path above has to come first)

HEADER = ("lost task", "signal", "when", "others gone, s", "goes on, s", "goes on in a job, s")
WHEN = {
    "start": "before the first step",
    "middle": "between two checkpoints",
    "save": "while the chief saves",
    "end": "after the last step",
}


def played(cell, *, strategy, jobs):
    """The cell's row, and what did not go as it is promised."""
    faults, figures = [], ["-", "-", "-"]
    with tempfile.TemporaryDirectory() as root:
        tasks = lost_tasks.Tasks(pathlib.Path(root), cell, strategy=strategy)
        try:
            outcome = tasks.play()
        except AssertionError as error:
            faults.append(f"{cell}: {error}")
        else:
            figures[:2] = f"{outcome.gone:.1f}", f"{outcome.again:.1f}"
            if outcome.gone > lost_tasks.GONE_WITHIN_SECS[cell.signal]:
                faults.append(f"{cell}: the others were gone after {outcome.gone:.1f} s only")
        finally:
            tasks.end()
    if jobs and lost_tasks.runs_as_job(cell):
        with tempfile.TemporaryDirectory() as root:
            try:
                figures[2] = f"{lost_tasks.run_job(pathlib.Path(root), cell):.1f}"
            except AssertionError as error:
                faults.append(f"{cell}, as a job: {error}")
    return (cell.victim, cell.signal, WHEN[cell.point], *figures), faults


def section(rows, minutes):
    """The section of docs/benchmarks.md, as lines."""
    table = [HEADER, ("---",) * len(HEADER), *rows]
    return [
        "## A lost task of a synchronous training",
        "",
        f"`make matrix`: a chief and two workers, {len(rows)} cells in {minutes:.0f} minutes on {machine()}.",
        "Seconds from the signal: until the last of the others has ended, until all that were started again at once have made",
        "a step (or have seen that nothing is left), and the same of a job of `estimatorctl run`, which restarts after the",
        "operator's pause of ten seconds. What is lost is the steps since the last checkpoint, and nothing in any cell else.",
        "",
        *("| " + " | ".join(row) + " |" for row in table),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*", help="only cells that have all of these")
    parser.add_argument("--strategy", default="eager", choices=["eager", "graph"], help="how it is made")
    parser.add_argument("--no-jobs", action="store_true", help="bare processes alone")
    parser.add_argument("--write", metavar="PAGE", help="write the section of this page")
    arguments = parser.parse_args()
    start = time.perf_counter()
    rows, faults = [], []
    for cell in lost_tasks.CELLS:
        if not set(arguments.words) <= set(str(cell).split()):
            continue
        row, found = played(cell, strategy=arguments.strategy, jobs=not arguments.no_jobs)
        rows.append(row)
        faults += found
        print("  ".join(row), *found, sep="\n", flush=True)
    if arguments.write and not faults:
        write_section(
            pathlib.Path(arguments.write), "matrix", section(rows, (time.perf_counter() - start) / 60)
        )
    print(f"{len(rows)} cells, {len(faults)} of them not as promised")
    return 1 if faults or not rows else 0


if __name__ == "__main__":
    termination.closes_what_runs()
    sys.exit(main())
