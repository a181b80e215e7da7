"""The runtime beside tf.estimator 2.15 on TensorFlow 2.15.1: speeds, seconds, memory, each with its limit.

Both sides run the same programs, one process each, in alternating order and cell by cell, so what else happens on the
machine meets both; medians of the ratios are compared with the targets.

    python tests/bench/bench_runtime.py [--pairs N] [--quick] [--no-cluster] [--write PAGE]

Exits 1 when a target is missed.
"""

import argparse
import sys
import tempfile
import time

import runtime_report as report
import side_by_side as sides
import termination
from runtime_report import Cell, Measured

CLUSTER_STEPS = 1000
QUICK_STEPS = 60

# A cell -> what both sides are asked, and by the name of a limit what the bare program of this side is asked.
CELLS = {
    Cell("train, one weight", "steps/s", 3): (
        ("train", "one weight"),
        {
            "bare callable": ("train_bare", "one weight", "callable"),
            "bare loop": ("train_bare", "one weight", "loop"),
        },
    ),
    Cell("train, 784-256-128-10, batches of 128", "steps/s", 1.1): (
        ("train", "network"),
        {
            "bare callable": ("train_bare", "network", "callable"),
            "bare loop": ("train_bare", "network", "loop"),
        },
    ),
    Cell("train, the digits example", "steps/s", 1): (
        ("train", "digits"),
        {
            "bare callable": ("train_bare", "digits", "callable"),
            "bare loop": ("train_bare", "digits", "loop"),
        },
    ),
    Cell("train, embedding of 1M x 32, TFRecords", "steps/s", 1): (
        ("train", "embedding"),
        {
            "bare callable": ("train_bare", "embedding", "callable"),
            "bare loop": ("train_bare", "embedding", "loop"),
        },
    ),
    Cell("train_and_evaluate, 500 steps, 5 evaluations, 5 exports", "seconds", 0.5, fewer=True): (
        ("train_and_evaluate",),
        {},
    ),
    Cell("evaluate, one weight, 1,000 batches", "batches/s", 1.5): (
        ("evaluate", "one weight"),
        {
            "bare callable": ("without_gradients_bare", "evaluate", "callable"),
            "bare loop": ("without_gradients_bare", "evaluate", "loop"),
        },
    ),
    Cell("evaluate, 784-256-128-10, 50 batches", "batches/s", 1): (("evaluate", "network"), {}),
    Cell("predict by batches of 32", "examples/s", 2): (
        ("predict", "batch"),
        {
            "bare callable": ("without_gradients_bare", "predict", "callable"),
            "bare loop": ("without_gradients_bare", "predict", "loop"),
        },
    ),
    Cell("predict by example", "examples/s", 1.2): (("predict", "example"), {}),
}
LOOPS = Cell("train, one weight, 100 steps a loop", "steps/s", 10)
LOOPS_OVER = "train, one weight"
FIRST_STEP = Cell("start to first step", "seconds", 1, fewer=True)
MEMORY = Cell("most memory", "MiB", 1.1, fewer=True)
CLUSTER = Cell("chief, 2 workers, 2 ps", "global steps/s", 1)
OVER_BARE = Cell("chief, 2 workers, 2 ps, the peer is the bare loop here", "global steps/s", 0.95)


class Results:
    """Figures by cell, in the order of the first figures."""

    def __init__(self):
        self._by_cell = {}

    def of(self, cell):
        return self._by_cell.setdefault(cell, Measured(cell))

    def all(self):
        return list(self._by_cell.values())


def measure_cells(results, processes, pair, said):
    """One figure of each cell from both processes."""
    for cell, (request, limits) in CELLS.items():
        figures = {side: processes[side].ask(*request) for side in sides.in_turn(pair)}
        measured = results.of(cell)
        measured.add(**figures)
        if cell.name == LOOPS_OVER:
            looped = processes["ours"].ask("train_in_loops", "one weight")
            if looped is not None:
                results.of(LOOPS).add(looped, figures["peer"])
                bare = processes["ours"].ask("train_bare_in_loops", "one weight")
                results.of(LOOPS).add_limit("bare tf.while_loop", bare)
        for name, bare in limits.items():
            measured.add_limit(name, processes["ours"].ask(*bare))
        said(f"{cell.name}: {measured.ratios()[-1]:.2f}")


def measure_processes(results, pythons, pair, data, said):
    """Start and memory: processes of their own."""
    figures = {side: sides.first_step(pythons[side], side, data) for side in sides.in_turn(pair)}
    bare = sides.first_step(pythons["ours"], "ours", data, "bare-first-step")
    for cell, column in ((FIRST_STEP, 0), (MEMORY, 1)):
        results.of(cell).add(figures["ours"][column], figures["peer"][column])
        results.of(cell).add_limit("bare loop", bare[column])
    said(f"{FIRST_STEP.name}: {results.of(FIRST_STEP).ratios()[-1]:.2f}")


def measure_cluster(results, pythons, pair, steps, said):
    """A cluster of each side, and both bare loops."""
    figures, bare = {}, {}
    for side in sides.in_turn(pair):
        figures[side] = sides.cluster(pythons[side], side, "cluster", steps)
        bare[side] = sides.cluster(pythons[side], side, "bare-cluster", steps)
    measured = results.of(CLUSTER)
    measured.add(**figures)
    measured.add_limit("bare loop here", bare["ours"])
    measured.add_limit("bare loop of the peer", bare["peer"])
    said(
        f"{CLUSTER.name}: {measured.ratios()[-1]:.2f}, of the bare loop here {figures['ours'] / bare['ours']:.2f}"
    )


def measure(pairs, *, quick, cluster, pythons, said=lambda text: None):
    """All figures, and the versions of TensorFlow by side."""
    results, versions = Results(), {}
    with tempfile.TemporaryDirectory() as data:
        for pair in range(pairs):
            order = sides.in_turn(pair)
            processes = {}
            try:
                for side in order:
                    processes[side] = sides.Child(
                        pythons[side],
                        "runtime_programs.py",
                        side,
                        data,
                        *(["--small"] if quick else []),
                    )
                    versions[side] = processes[side].answer()["tensorflow"]
                measure_cells(
                    results, processes, pair, lambda text, pair=pair: said(f"pair {pair + 1}: {text}")
                )
            finally:
                for process in processes.values():
                    process.close()
            if not quick:
                measure_processes(results, pythons, pair, data, said)
            if cluster:
                measure_cluster(results, pythons, pair, QUICK_STEPS if quick else CLUSTER_STEPS, said)
    return results.all(), versions


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--pairs", type=int, default=5, help="of processes; medians of their ratios are taken"
    )
    parser.add_argument(
        "--quick", action="store_true", help="a few steps each: shows that it works, says no speed"
    )
    parser.add_argument("--no-cluster", action="store_true", help="leave the chief, workers and ps out")
    parser.add_argument("--write", metavar="PAGE", help="write the section of this page and its plot")
    arguments = parser.parse_args()
    start = time.perf_counter()

    def said(text):
        print(f"{time.perf_counter() - start:6.0f} s  {text}", file=sys.stderr, flush=True)

    results, versions = measure(
        arguments.pairs,
        quick=arguments.quick,
        cluster=not arguments.no_cluster,
        pythons=sides.interpreters(),
        said=said,
    )
    print(f"TensorFlow {versions['ours']} : tf.estimator on {versions['peer']}; {report.machine()}")
    print(report.table(results))
    if arguments.write:
        minutes = (time.perf_counter() - start) / 60
        report.write(arguments.write, results, versions, arguments.pairs, minutes)
    return 0 if arguments.quick or all(one.met() for one in results) else 1


if __name__ == "__main__":
    termination.closes_what_runs()
    sys.exit(main())
