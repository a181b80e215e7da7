"""`estimatorctl suspend`: ends a job's pods with a checkpoint, to be continued later."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from estimatorctl.cluster.job_change import Change, apply_change
from estimatorctl.cluster.options import add_cluster_options


def add(commands: Any) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "suspend",
        help="end a job's pods with a checkpoint",
        description="Ends the pods of an EstimatorJob after they have saved a checkpoint. While it is suspended,"
        " everything in its spec may change; `resume` continues it.",
    )
    add_cluster_options(parser)
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Suspends the job; returns the exit code."""
    return apply_change(arguments, _decide)


def _decide(job: Mapping[str, Any]) -> Change:
    if job["spec"].get("suspend"):
        return Change(patch=None, said="is suspended already")
    return Change(
        patch={"spec": {"suspend": True}}, said="is to be suspended: its pods save a checkpoint and end"
    )
