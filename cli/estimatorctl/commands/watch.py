"""`estimatorctl watch`: a job of a cluster, followed to its end."""

from __future__ import annotations

import argparse
import asyncio
from contextlib import aclosing
from typing import Any

from rich.console import Console

from estimator_api import constants as c
from estimatorctl.cluster.options import add_cluster_options
from estimatorctl.errors import ClusterError
from estimatorctl.render.screen import Screen
from estimatorctl.render.status import status_of
from estimatorctl.render.words import is_final


def add(commands: Any) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "watch",
        help="follow a job of a cluster to its end",
        description="Follows an EstimatorJob until it has completed (exit code 0) or failed (1).",
    )
    add_cluster_options(parser)
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Follows the job; returns the exit code."""
    return asyncio.run(_follow(arguments))


async def _follow(arguments: argparse.Namespace) -> int:
    from estimatorctl.cluster.connection import Connection

    screen = Screen(Console(highlight=False))
    async with Connection(kubeconfig=arguments.kubeconfig, context=arguments.context) as cluster:
        namespace = arguments.namespace or cluster.namespace
        async with aclosing(cluster.follow(namespace, arguments.name)) as documents:
            with screen:
                async for document in documents:
                    screen.show(document)
                    if is_final(status_of(document)):
                        break
                else:
                    raise ClusterError(f"EstimatorJob {namespace}/{arguments.name} was deleted")
    screen.page(document)
    return 0 if status_of(document).is_true(c.COMPLETE) else 1
