"""`estimatorctl scale`: another number of workers for an elastic job, by its scale subresource as autoscalers do it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from estimatorctl.cluster.job_change import SCALE, Change, apply_change
from estimatorctl.cluster.options import add_cluster_options, whole_number
from estimatorctl.errors import ClusterError


def add(commands: Any) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "scale",
        help="change the number of an elastic job's workers",
        description="Gives an elastic EstimatorJob another number of workers, between its spec.elastic's"
        " minReplicas and maxReplicas. The others go on training meanwhile.",
    )
    add_cluster_options(parser)
    parser.add_argument("--replicas", type=whole_number, metavar="N", required=True, help="number of workers")
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Scales the job; returns the exit code."""
    return apply_change(arguments, lambda job: _decide(job, arguments.replicas))


def _decide(job: Mapping[str, Any], wanted: int) -> Change:
    spec, name = job["spec"], job["metadata"]["name"]
    elastic = spec.get("elastic")
    if elastic is None and not spec.get("suspend"):
        raise ClusterError(
            f"{name} is not elastic, so its number of workers cannot change while it runs: suspend it first"
            f" (`suspend {name}`), or create it anew with spec.elastic"
        )
    if elastic is not None:
        least, most = elastic.get("minReplicas", 0), elastic["maxReplicas"]
        if not least <= wanted <= most:
            raise ClusterError(f"{name} takes {least} to {most} workers (spec.elastic), not {wanted}")
    before = (spec.get("worker") or {}).get("replicas", 0)
    if before == wanted:
        return Change(patch=None, said=f"has {wanted} workers already")
    when = " once it is resumed" if spec.get("suspend") else ""
    return Change(
        patch={"spec": {"replicas": wanted}},
        said=f"is to have {wanted} workers{when}; it had {before}",
        subresource=SCALE,
    )
