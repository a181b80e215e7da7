"""`estimatorctl resume`: continues a suspended job from its latest checkpoint."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from estimatorctl.cluster.job_change import Change, apply_change
from estimatorctl.cluster.options import add_cluster_options
from estimatorctl.render.status import status_of


def add(commands: Any) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "resume",
        help="continue a suspended job",
        description="Continues a suspended EstimatorJob from its latest checkpoint.",
    )
    add_cluster_options(parser)
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Resumes the job; returns the exit code."""
    return apply_change(arguments, _decide)


def _decide(job: Mapping[str, Any]) -> Change:
    if not job["spec"].get("suspend"):
        return Change(patch=None, said="is not suspended")
    known = status_of(job).checkpoints
    latest = known.latest if known is not None else None
    whence = "" if latest is None else f" from the checkpoint of step {latest.global_step}"
    return Change(patch={"spec": {"suspend": False}}, said=f"is to go on{whence}")
