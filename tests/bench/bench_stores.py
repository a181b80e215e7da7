"""A model directory in an object store beside one on a disk, and the mirror beside its client library alone.

Both sides of a pair run one after the other, in alternating order; medians of the ratios are compared with the targets.
The store is an S3 server on this machine (`hack/stores`), so its work is part of every figure. Its data are in memory where
the machine has a file system for that: a bucket is not on the disk of the training.

    python tests/bench/bench_stores.py [--pairs N] [--megabytes N] [--write PAGE]

Exits 1 when a target is missed.
"""

import argparse
import contextlib
import json
import pathlib
import socket
import statistics
import sys
import tempfile
import time
import uuid

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "runtime"))

import runtime_report as report
import side_by_side as sides
import termination
from benchmark_page import machine, write_section
from runtime_report import Cell, Measured
from store_servers import running

PROCESSES = "store_processes.py"
MEGABYTES = 200
STEPS = 350
SAVES = 3
IN_MEMORY = pathlib.Path("/dev/shm")
CARRIED, SHARDED = 5, 10
"""How many times the model of the training the checkpoint that is carried has, and that of the parameter servers."""


def cells(megabytes):
    """What is measured, by name; `ours` and `peer` are what the section says."""
    carried, sharded = (f"{factor * megabytes:,} MB" for factor in (CARRIED, SHARDED))
    return {
        "train": Cell(f"train, {megabytes} MB saved every 100 steps", "steps/s", 0.95),
        "upload": Cell(f"a checkpoint of {carried} to the store", "MB/s", 0.8),
        "fetch": Cell(f"a checkpoint of {carried} from the store", "MB/s", 0.8),
        "save": Cell(f"a save of {sharded} on 2 ps", "seconds", None, fewer=True),
        "memory": Cell("the same: most memory of the chief", "MiB", None, fewer=True),
    }


def train(measured, pair, environment, megabytes, steps):
    """Steps per second with the mirror, without, and with the client library alone in a thread."""
    uri = f"s3://models/{uuid.uuid4().hex}"

    def speed(program, place):
        arguments = (sys.executable, PROCESSES, program, place, str(megabytes), str(steps))
        with sides.child(*arguments, environment=environment) as process:
            return process.answer()["speed"]

    with tempfile.TemporaryDirectory() as folder:
        places = {"ours": uri, "peer": str(pathlib.Path(folder) / "model")}
        figures = {side: speed("train", places[side]) for side in sides.in_turn(pair)}
    measured.add(**figures)
    measured.add_limit("library in a thread", speed("train-bare", f"{uri}-bare"))


def carry(measured, pairs, environment, megabytes, said):
    """Megabytes per second of uploads and fetches by one process; each upload goes to a place of its own."""
    uri = f"s3://models/{uuid.uuid4().hex}"
    arguments = (sys.executable, PROCESSES, "carry", uri, str(megabytes))
    with sides.child(*arguments, environment=environment) as process:
        process.answer()
        for pair in range(pairs):
            for what in ("upload", "fetch"):
                figures = {
                    side: process.ask(f"{what}_{side}", f"{pair}-{side}")["speed"]
                    for side in sides.in_turn(pair)
                }
                measured[what].add(**figures)
                said(f"pair {pair + 1}: {measured[what].cell.name}: {measured[what].ratios()[-1]:.2f}")
            for side in sides.SIDES:
                process.ask("empty", f"{pair}-{side}")


def save(files, megabytes):
    """Median seconds of a save of a chief and two ps, and the chief's most memory."""
    with contextlib.ExitStack() as ports:
        opened = [ports.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        chief, *servers = (f"127.0.0.1:{one.getsockname()[1]}" for one in opened)
    cluster = {"chief": [chief], "ps": servers}
    tasks = [("ps", 1), ("ps", 0), ("chief", 0)]
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as stack:
        children = []
        for kind, index in tasks:
            told = json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})
            arguments = (sys.executable, PROCESSES, "save", directory, str(megabytes), str(SAVES), files)
            children.append(stack.enter_context(sides.child(*arguments, environment={"TF_CONFIG": told})))
        while not children[-1].has_answer(timeout=1):
            for one in children:
                one.check()
        answer = children[-1].answer()
    assert answer["shards"] == (1 if files == "alone" else 2), answer
    return statistics.median(answer["seconds"]), answer["peak"]


def save_both(measured, pair, megabytes):
    files = {"ours": "alone", "peer": "shared"}
    figures = {side: save(files[side], megabytes) for side in sides.in_turn(pair)}
    for name, column in (("save", 0), ("memory", 1)):
        measured[name].add(**{side: figures[side][column] for side in figures})


def measure(pairs, megabytes, steps=STEPS, said=lambda text: None):
    """All figures, in the order of `cells`."""
    measured = {name: Measured(cell) for name, cell in cells(megabytes).items()}
    with (
        tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as folder,
        running("s3", pathlib.Path(folder)) as environment,
    ):
        carry(measured, pairs, environment, CARRIED * megabytes, said)
        for pair in range(pairs):
            train(measured["train"], pair, environment, megabytes, steps)
            said(f"pair {pair + 1}: {measured['train'].cell.name}: {measured['train'].ratios()[-1]:.2f}")
            save_both(measured, pair, SHARDED * megabytes)
            said(f"pair {pair + 1}: {measured['save'].cell.name}: {measured['save'].ratios()[-1]:.2f}")
    return list(measured.values())


def section(results, pairs, minutes):
    """The section of docs/benchmarks.md, as lines."""
    rows = [report.HEADER, ("---",) * len(report.HEADER), *(one.columns() for one in results)]
    return [
        "## A model directory in an object store",
        "",
        f"`make bench-stores`: {pairs} {'pair' if pairs == 1 else 'pairs'} in alternating order in {minutes:.0f} minutes on"
        f" {machine()}.",
        "The store is versitygw on the same machine, so its work is part of the figures;"
        f" its data are {'in memory' if IN_MEMORY.is_dir() else 'on the same disk'}.",
        "Training: ours with the model directory in the bucket, peer on the disk; the limit is a thread that carries the",
        "data of each checkpoint by the client library and does nothing else. Checkpoints: ours is the mirror, peer",
        "obstore's own `put` of the same files and its `get` into files. Saves: ours all by the chief, peer sharded by the",
        "ps in one file system.",
        "[decisions/object-stores.md](decisions/object-stores.md) says what they mean.",
        "",
        *("| " + " | ".join(row) + " |" for row in rows),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=3, help="medians of their ratios are taken")
    parser.add_argument(
        "--megabytes",
        type=int,
        default=MEGABYTES,
        help="of the trained model; the others are multiples of it",
    )
    parser.add_argument("--write", metavar="PAGE", help="write the section of this page")
    arguments = parser.parse_args()
    start = time.perf_counter()

    def said(text):
        print(f"{time.perf_counter() - start:6.0f} s  {text}", file=sys.stderr, flush=True)

    results = measure(arguments.pairs, arguments.megabytes, said=said)
    print(report.table(results))
    if arguments.write:
        minutes = (time.perf_counter() - start) / 60
        write_section(
            pathlib.Path(arguments.write), "bench-stores", section(results, arguments.pairs, minutes)
        )
    return 0 if all(one.met() for one in results) else 1


if __name__ == "__main__":
    termination.closes_what_runs()
    sys.exit(main())
