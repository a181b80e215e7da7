"""A bench that is told to end ends what it has started."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[1] / "bench"
HOLDING_A_SERVER = """
import contextlib, signal, termination

@contextlib.contextmanager
def server():
    try:
        print("up", flush=True)
        yield
    finally:
        print("down", flush=True)

termination.closes_what_runs()
with server():
    signal.pause()
"""


def test_on_sigterm_what_it_has_started_is_closed():
    command = [sys.executable, "-c", HOLDING_A_SERVER]
    with subprocess.Popen(command, cwd=BENCH, stdout=subprocess.PIPE, text=True) as bench:
        assert bench.stdout is not None
        assert bench.stdout.readline() == "up\n"
        bench.terminate()
        assert bench.stdout.read() == "down\n"
    assert bench.returncode == 143


@pytest.mark.parametrize("bench", sorted(BENCH.glob("bench_*.py")), ids=lambda path: path.stem)
def test_every_bench_does(bench):
    assert "    termination.closes_what_runs()\n" in bench.read_text()
