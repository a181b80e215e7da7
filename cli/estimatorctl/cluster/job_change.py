"""Changing a job of a cluster: read first, so that a person is told why not in words, then one patch."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from estimator_api import constants as c
from estimatorctl.errors import ClusterError
from estimatorctl.render.status import status_of
from estimatorctl.render.words import is_final, state

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is to be done to a job.

    Attributes:
        patch: JSON merge patch; None when nothing is to be done.
        said: What the person is told when it is done.
        subresource: Of which subresource; "" is the job itself.
    """

    patch: Document | None
    said: str
    subresource: str = ""


SCALE: Final = "scale"


def apply_change(arguments: argparse.Namespace, decide: Callable[[Document], Change]) -> int:
    """Reads the job that `arguments` name, decides, changes it, and says so; returns the exit code.

    Args:
        arguments: Those of `add_cluster_options`.
        decide: From the job to what is to be done; raises ClusterError when it cannot be.

    Raises:
        ClusterError: There is no such job, it has ended, or the API server cannot be reached or refuses.
    """
    for line in asyncio.run(_apply(arguments, decide)):
        print(line)
    return 0


async def _apply(arguments: argparse.Namespace, decide: Callable[[Document], Change]) -> list[str]:
    from estimatorctl.cluster.connection import Connection

    async with Connection(kubeconfig=arguments.kubeconfig, context=arguments.context) as cluster:
        namespace = arguments.namespace or cluster.namespace
        job = await cluster.read(namespace, arguments.name)
        known = f"{namespace}/{arguments.name}"
        if is_final(status_of(job)):
            raise ClusterError(f"{known} has ended ({state(status_of(job))[0]}): nothing of it can change")
        change = decide(job)
        lines = [f"{known} {change.said}"]
        if change.patch is not None:
            # The uid is a precondition: a job that was made anew meanwhile is another one.
            metadata = {"uid": job["metadata"]["uid"]}
            patch = {"metadata": metadata, **change.patch}
            await cluster.change(namespace, arguments.name, patch, subresource=change.subresource)
            lines += _left_to_others(job)
        return lines


def _left_to_others(job: Document) -> list[str]:
    controller = job["spec"].get("managedBy")
    if controller in (None, c.CONTROLLER_NAME):
        return []
    return [f"note: it is managed by {controller}, which has to act on it"]
