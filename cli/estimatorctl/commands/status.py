"""`estimatorctl status`: a job of a cluster, as it is now."""

from __future__ import annotations

import argparse
import asyncio
import json
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from estimatorctl.cluster.options import add_cluster_options
from estimatorctl.render.status import status_page


def add(commands: Any) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "status",
        help="show a job of a cluster",
        description="Shows an EstimatorJob: state, roles, progress, evaluation, checkpoints, exports, failures.",
    )
    add_cluster_options(parser)
    parser.add_argument("-o", "--output", choices=("json", "yaml"), help="the whole object instead")
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Shows the job; returns the exit code."""
    document = asyncio.run(_read(arguments))
    if arguments.output == "json":
        print(json.dumps(document, indent=2))
    elif arguments.output == "yaml":
        import yaml

        print(yaml.safe_dump(document, sort_keys=False), end="")
    else:
        Console(highlight=False).print(status_page(document, now=datetime.now(UTC)))
    return 0


async def _read(arguments: argparse.Namespace) -> dict[str, Any]:
    from estimatorctl.cluster.connection import Connection

    async with Connection(kubeconfig=arguments.kubeconfig, context=arguments.context) as cluster:
        return await cluster.read(arguments.namespace or cluster.namespace, arguments.name)
