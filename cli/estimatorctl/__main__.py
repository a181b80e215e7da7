"""`estimatorctl`, and the same as `kubectl estimator` when it is on the PATH as kubectl-estimator."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from estimatorctl.commands import logs, resume, run, scale, status, suspend, watch
from estimatorctl.errors import CommandError


def parser(program: str) -> argparse.ArgumentParser:
    """The command line.

    Args:
        program: What the user typed to get here.
    """
    parser = argparse.ArgumentParser(
        prog=program,
        description="Runs EstimatorJobs on this machine, shows those of a cluster and changes them.",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in (run, status, watch, logs, suspend, resume, scale):
        command.add(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    program = "kubectl estimator" if Path(sys.argv[0]).name == "kubectl-estimator" else "estimatorctl"
    parsed = parser(program).parse_args(arguments)
    try:
        return int(parsed.execute(parsed))
    except CommandError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Who reads has seen enough (`| head`); Python would complain once more when it flushes at exit.
        sys.stderr.close()
        return 141


if __name__ == "__main__":
    sys.exit(main())
