"""Synchronous training beside tf.estimator 2.15: a chief and two workers that make every step together.

Speed in pairs of alternating order, and what a task sends for a step, beside what the ring of an all-reduce has to. The
limits are bare programs of either TensorFlow: a loop over the same graph without an Estimator and without the loss of all.

    python tests/bench/bench_synchronous.py [--pairs N] [--steps N] [--write PAGE]

Exits 1 when the target is missed; a run of fewer steps than usual shows that it works, and is not judged.
"""

import argparse
import pathlib
import statistics
import sys
import time

import runtime_report as report
import side_by_side as sides
import termination
from benchmark_page import machine, write_section
from runtime_report import Cell, Measured

WORKERS = 2
TASKS = 1 + WORKERS
STEPS = 500
SPEED = Cell("chief and 2 workers, 784-256-128-10, batches of 128 each", "steps/s", 1)
NAMES = {"ours": "ours", "peer": "tf.estimator"}
LIMITS = {"ours": "bare loop", "peer": "bare loop on the peer's TensorFlow"}
HEADER = ("sent by each task", "bytes a step (spread)", "over the ring")


def of_the_ring(size, tasks):
    """Bytes that a task of `tasks` sends so that all have the sum of `size` bytes of each.

    Each of `tasks` parts goes once around to be summed and once to be told, one task less each time.
    """
    return 2 * (tasks - 1) / tasks * size


class Figures:
    """What came of the pairs: `speed`, and by side the bytes that a task sent for a step, the mean over the tasks."""

    def __init__(self):
        self.speed = Measured(SPEED)
        self.sent = {side: [] for side in sides.SIDES}
        self.model = None

    def add(self, answers):
        """A pair: side -> what its tasks said, the chief's first.

        Raises:
            ValueError: The sides do not train the same number of variables.
        """
        sizes = {task["model"] for tasks in answers.values() for task in tasks}
        if len(sizes) > 1:
            raise ValueError(f"the tasks train models of several sizes: {sorted(sizes)} bytes")
        self.speed.add(**{side: tasks[0]["speed"] for side, tasks in answers.items()})
        for side, tasks in answers.items():
            self.sent[side].append(statistics.mean(task["sent"] for task in tasks))
        (self.model,) = sizes

    def add_limits(self, speeds):
        """Side -> steps per second of the bare loop of the same pair."""
        for side, speed in speeds.items():
            self.speed.add_limit(LIMITS[side], speed)

    def ring(self):
        """Bytes a step and task that the ring has to send."""
        return of_the_ring(self.model, TASKS)

    def over_the_ring(self, side):
        """What a task sent, the median of the pairs, over what the ring has to send."""
        return statistics.median(self.sent[side]) / self.ring()

    def rows(self):
        """The bytes as texts: name, bytes with spread, ratio."""
        for side, sent in self.sent.items():
            bytes_sent = f"{statistics.median(sent):,.0f} ({min(sent):,.0f}-{max(sent):,.0f})"
            yield NAMES[side], bytes_sent, f"{self.over_the_ring(side):.3f}"
        yield f"the ring, {self.model:,} bytes of variables", f"{self.ring():,.0f}", "1"


def measure(pairs, steps, *, pythons, said=lambda text: None):
    """The figures of so many pairs."""
    figures = Figures()
    for pair in range(pairs):

        def answers(program, pair=pair):
            return {
                side: sides.together(pythons[side], side, program, steps, WORKERS)
                for side in sides.in_turn(pair)
            }

        figures.add(answers("synchronous"))
        figures.add_limits({side: tasks[0]["speed"] for side, tasks in answers("bare-synchronous").items()})
        said(
            f"pair {pair + 1}: {figures.speed.ratios()[-1]:.2f} of the speed,"
            f" {figures.over_the_ring('ours'):.3f} of the ring's bytes"
        )
    return figures


def section(figures, pairs, steps, minutes):
    """The section of docs/benchmarks.md, as lines."""
    speed = [report.HEADER, ("---",) * len(report.HEADER), figures.speed.columns()]
    sent = [HEADER, ("---",) * len(HEADER), *figures.rows()]
    return [
        "## Synchronous training beside tf.estimator",
        "",
        f"`make bench-sync`: {pairs} {'pair' if pairs == 1 else 'pairs'} in alternating order of {steps:,} steps in"
        f" {minutes:.0f} minutes on {machine()}.",
        "Each side is three processes on the loopback interface with an eagerly made MultiWorkerMirroredStrategy over",
        "TF_CONFIG. Steps per second are the chief's, from a fifth of the steps on. Limits are callables of the same graph in",
        "a loop on either TensorFlow, with the all-reduce of the gradients alone.",
        "",
        *("| " + " | ".join(row) + " |" for row in speed),
        "",
        f"Bytes are what the kernel counted for the TCP connections of each process, without headers; the mean over {TASKS}",
        "tasks. To sum the gradients of n tasks a ring sends 2(n-1)/n of the variables' bytes from each; the rest is what",
        "tasks tell each other beside it.",
        "",
        *("| " + " | ".join(row) + " |" for row in sent),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=5, help="medians of their ratios are taken")
    parser.add_argument("--steps", type=int, default=STEPS, help="of each side, of which a fifth warms up")
    parser.add_argument("--write", metavar="PAGE", help="write the section of this page")
    arguments = parser.parse_args()
    start = time.perf_counter()

    def said(text):
        print(f"{time.perf_counter() - start:6.0f} s  {text}", file=sys.stderr, flush=True)

    figures = measure(arguments.pairs, arguments.steps, pythons=sides.interpreters(), said=said)
    print(report.table([figures.speed]))
    print(*("  ".join(row) for row in (HEADER, *figures.rows())), sep="\n")
    if arguments.write:
        minutes = (time.perf_counter() - start) / 60
        lines = section(figures, arguments.pairs, arguments.steps, minutes)
        write_section(pathlib.Path(arguments.write), "bench-sync", lines)
    return 0 if arguments.steps < STEPS or figures.speed.met() else 1


if __name__ == "__main__":
    termination.closes_what_runs()
    sys.exit(main())
