"""`estimatorctl logs`: what the replicas of a job write, each line with the name of its replica."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

from estimator_api import constants as c
from estimatorctl.cluster.options import add_cluster_options, whole_number
from estimatorctl.cluster.replica_pods import ReplicaPod, pods_of, selector
from estimatorctl.errors import ClusterError
from estimatorctl.render.status import status_of
from estimatorctl.render.words import is_final, state

if TYPE_CHECKING:  # the client library is slow to import, and no other command needs it
    from estimatorctl.cluster.connection import Connection

_DESCRIPTION: Final = """\
Shows the logs of a job's pods that are still there, each line behind the name of its replica: [worker-1], and
[worker-1-r2] after its second restart. Exit code 1: a log could not be had.

With -f, goes on with every replica, those that are started later too, until the job has ended."""


def add(commands: Any) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "logs",
        help="show the logs of a job's replicas",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_cluster_options(parser)
    parser.add_argument(
        "--role", choices=(*c.ROLES, c.TENSORBOARD), help="only this role (default: all but tensorboard)"
    )
    parser.add_argument("--index", type=whole_number, metavar="N", help="only replicas of this index")
    parser.add_argument("-f", "--follow", action="store_true", help="go on until the job has ended")
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """Shows the logs; returns the exit code."""
    return asyncio.run(_show(arguments))


async def _show(arguments: argparse.Namespace) -> int:
    from estimatorctl.cluster.connection import Connection

    async with Connection(kubeconfig=arguments.kubeconfig, context=arguments.context) as cluster:
        namespace = arguments.namespace or cluster.namespace
        logs = ReplicaLogs(
            cluster,
            namespace,
            arguments.name,
            selector(arguments.name, role=arguments.role, index=arguments.index),
        )
        await (logs.follow() if arguments.follow else logs.show())
    return 1 if logs.incomplete else 0


class ReplicaLogs:
    """The logs of one job on their way to standard output.

    Attributes:
        incomplete: A log could not be had.

    Args:
        cluster: The cluster.
        namespace: Namespace of the job.
        name: Name of the job.
        selector: Label selector of the pods.
    """

    def __init__(self, cluster: Connection, namespace: str, name: str, selector: str) -> None:
        self.incomplete = False
        self._cluster = cluster
        self._namespace = namespace
        self._name = name
        self._selector = selector
        self._reading: set[str] = set()

    async def show(self) -> None:
        """What has been written so far, one pod after the other.

        Raises:
            ClusterError: The job or its pods cannot be read, or it has none of those asked for.
        """
        from estimatorctl.cluster.log_lines import lines_of

        job = await self._cluster.read(self._namespace, self._name)
        pods = await self._pods(job)
        if not pods:
            word, message = state(status_of(job))
            said = f"{word}: {message}" if message else word
            raise ClusterError(f"{self._namespace}/{self._name} has no such pods now ({said})")
        for pod in pods:
            if pod.started:
                await self._print(pod, lines_of(self._cluster, self._namespace, pod))
            else:
                _note(f"{pod.label} has not begun" + (f": {pod.waits_for}" if pod.waits_for else ""))

    async def follow(self) -> None:
        """What has been and is written, of all pods at the same time, until the job and its pods have ended.

        Raises:
            ClusterError: The job or its pods cannot be read to begin with.
        """
        job = await self._cluster.read(self._namespace, self._name)
        try:
            async with asyncio.TaskGroup() as tasks:
                watching = tasks.create_task(self._read_as_they_come(tasks, job["metadata"].get("uid")))
                await self._until_over()
                watching.cancel()
                # Those that began after the last look at the pods and before the job's end.
                self._read(tasks, await self._pods(job))
        except BaseExceptionGroup as group:
            # Whoever calls knows single errors, for example that nobody reads the output any more.
            raise group.exceptions[0] from None

    async def _pods(self, job: dict[str, Any]) -> list[ReplicaPod]:
        documents = await self._cluster.pods(self._namespace, self._selector)
        return pods_of(job["metadata"].get("uid"), documents)

    async def _read_as_they_come(self, tasks: asyncio.TaskGroup, owner: str | None) -> None:
        async with aclosing(self._cluster.follow_pods(self._namespace, self._selector)) as documents:
            async for document in documents:
                self._read(tasks, pods_of(owner, [document]))

    async def _until_over(self) -> None:
        async with aclosing(self._cluster.follow(self._namespace, self._name)) as documents:
            async for document in documents:
                if is_final(status_of(document)):
                    return

    def _read(self, tasks: asyncio.TaskGroup, pods: list[ReplicaPod]) -> None:
        from estimatorctl.cluster.log_lines import followed_lines

        for pod in pods:
            if pod.started and pod.uid not in self._reading:
                lines = followed_lines(self._cluster, self._namespace, pod)
                self._reading.add(pod.uid)
                tasks.create_task(self._print(pod, lines))

    async def _print(self, pod: ReplicaPod, lines: AsyncGenerator[str, None]) -> None:
        try:
            async with aclosing(lines):
                async for line in lines:
                    print(f"[{pod.label}] {line}", flush=True)
        except ClusterError as error:
            # One node that is away keeps nobody from the logs of the others.
            self.incomplete = True
            _note(f"{pod.label}: {error}")


def _note(text: str) -> None:
    print(f"note: {text}", file=sys.stderr, flush=True)
