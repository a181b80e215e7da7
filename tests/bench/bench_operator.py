"""What the operator costs beside Kubeflow's training-operator and a bare script, on one real API server.

`make bench-operator` runs this (`make bench` as well): the same job (chief, two workers, ps, evaluator), the same fake
kubelet, contestants in turn, each with a new process and namespace in every round. Prints ratios and targets, writes
its section of docs/benchmarks.md, and ends with 1 when a target is missed. Seconds are only ever compared within a run.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(_TESTS), str(_TESTS / "integration")]

import peer_process  # noqa: E402  (the path above has to come first)
import termination  # noqa: E402
from api_server import ApiServer  # noqa: E402
from benchmark_page import PAGE  # noqa: E402
from burst import life, post  # noqa: E402
from comparison import Figures, rows, write  # noqa: E402
from contestants import WORKERS, BareScript, Contestant, Ours, Peer, PeerAtDefaults  # noqa: E402
from measurements import conclude  # noqa: E402

ROUNDS: Final = 3
SINGLES: Final = 7
SLOW_SINGLES: Final = 2
"""At its defaults the peer needs seconds for each."""
BURSTS: Final = (50, 200)


async def measure(
    server: ApiServer,
    kind: type[Contestant],
    number: int,
    figures: Figures,
    *,
    singles: int = SINGLES,
    bursts: Sequence[int] = BURSTS,
    most: int = BURSTS[-1],
) -> None:
    """One turn of a contestant.

    Args:
        server: The API server.
        kind: Who.
        number: Of the round.
        figures: Where what was measured is noted.
        singles: Jobs one after the other.
        bursts: Jobs at once.
        most: Jobs at once of the burst whose pods nobody brings to life.
    """
    begun = time.monotonic()
    async with kind.at_work(server, f"{kind.__name__.lower()}-{number}") as one:
        async with life(one):
            await post(one, ["warm-up"], at_once=1, lives=True)
            for single in range(singles):
                figures.note(kind, "one job", await post(one, [f"single-{single}"], at_once=1, lives=True))
            for size in bursts:
                names = [f"burst-{size}-{job}" for job in range(size)]
                figures.note(kind, f"burst of {size}", await post(one, names, at_once=WORKERS, lives=True))
        names = [f"still-{job}" for job in range(most)]
        figures.note(kind, f"burst of {most}, still", await post(one, names, at_once=WORKERS, lives=False))
    print(f"round {number}, {kind.title}: {time.monotonic() - begun:.0f} s", flush=True)


async def compare(server: ApiServer, rounds: int, bursts: Sequence[int]) -> Figures:
    """All contestants in turn; the peer at its defaults once, for it takes minutes."""
    figures = Figures(bursts=tuple(bursts))
    for number in range(1, rounds + 1):
        # Who comes first in a round comes last in the next.
        turn = (Ours, Peer, BareScript)
        for kind in turn if number % 2 else reversed(turn):
            await measure(server, kind, number, figures, bursts=bursts, most=bursts[-1])
    # Minutes lie between the last pod of its largest burst and the end of the jobs: that one is measured without ends.
    await measure(
        server, PeerAtDefaults, 1, figures, singles=SLOW_SINGLES, bursts=bursts[:-1], most=bursts[-1]
    )
    return figures


def main() -> int:
    """Runs everything; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"rounds in turn (default {ROUNDS})")
    parser.add_argument("--bursts", type=int, nargs=2, default=BURSTS, help="jobs at once (default 50 200)")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(_TESTS.parent)}")
    options = parser.parse_args()
    begun = time.monotonic()
    peer_process.built()
    server = ApiServer.up()
    try:
        server.install_crd()
        peer_process.install(server)
        figures = asyncio.run(compare(server, options.rounds, options.bursts))
    finally:
        server.down()
    table = rows(figures)
    for row in table:
        print(row)
    if options.write:
        write(PAGE, figures, table, rounds=options.rounds, minutes=(time.monotonic() - begun) / 60)
    return conclude(table)


if __name__ == "__main__":
    termination.closes_what_runs()
    sys.exit(main())
