"""A bench that is told to end, by `timeout` or by the shell of a CI, ends what it has started as on Ctrl-C."""

import signal
import sys


def closes_what_runs():
    """Has SIGTERM leave the `with` blocks of the main thread, which end processes and servers; the exit code is 143."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
