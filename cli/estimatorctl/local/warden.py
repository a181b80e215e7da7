"""Ends what a run has started when the run itself ends without having done so. Run as a script, in its own session.

It reads process groups from its standard input, one change per line (`+123` started, `-123` ended), and at the end
of the input, which is the end of the run by whatever cause, kills the groups that are left. SIGKILL gives the run
no moment to do this itself.
"""

import contextlib
import os
import signal
import sys


def watch() -> None:
    """Follows the input to its end and kills what is left."""
    groups: set[int] = set()
    for line in sys.stdin:
        change, group = line[:1], int(line[1:])
        if change == "+":
            groups.add(group)
        else:
            groups.discard(group)
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    watch()
