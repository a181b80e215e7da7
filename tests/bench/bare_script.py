"""Posts jobs, so many at a time; and, where it is told to, the very same objects for them that the operator makes.

With these it is what the operator's speed is measured against. Run as a process of its own, as the operator is one,
so that neither waits for the kubelet that the bench plays. Reads its orders as JSON from standard input.
"""

from __future__ import annotations

import asyncio
import copy
import json
import ssl
import sys
from collections.abc import Mapping
from typing import Any

import aiohttp

from estimator_api import parse_job
from estimator_operator.plan.cluster_spec import replicas_of
from estimator_operator.plan.observed import Settings
from estimator_operator.plan.pods import pod_manifest
from estimator_operator.plan.service import service_manifest

Json = dict[str, Any]
PODS = "/api/v1/namespaces/{}/pods"
SERVICES = "/api/v1/namespaces/{}/services"


async def main() -> None:
    """Follows the orders."""
    orders = json.load(sys.stdin)
    trust = ssl.create_default_context(cafile=orders["authority"])
    async with aiohttp.ClientSession(
        orders["url"],
        connector=aiohttp.TCPConnector(ssl=trust, limit=0),
        headers={"Authorization": f"Bearer {orders['token']}", "User-Agent": "bare-script"},
    ) as session:
        await _warm_up(
            session, orders["namespace"], connections=orders["workers"] * (5 if orders["objects"] else 1)
        )
        await _post_all(session, orders)


async def _warm_up(session: aiohttp.ClientSession, namespace: str, *, connections: int) -> None:
    """Opens the connections that the rounds will use."""

    async def read() -> None:
        async with session.get(PODS.format(namespace), params={"limit": "1"}) as answer:
            await answer.read()

    await asyncio.gather(*(read() for _ in range(connections)))


async def _post_all(session: aiohttp.ClientSession, orders: Mapping[str, Any]) -> None:
    """Posts the jobs and their objects with so many workers."""
    made = [_objects(one, orders["namespace"]) if orders["objects"] else None for one in orders["jobs"]]
    waiting = list(zip(orders["jobs"], made, strict=True))[::-1]

    async def work() -> None:
        while waiting:
            job, objects = waiting.pop()
            created = await _post(session, orders["path"], orders["namespace"], job)
            if objects is None:
                continue
            service, pods = objects
            uid = created["metadata"]["uid"]
            await _post(session, SERVICES, orders["namespace"], _owned(service, uid))
            await asyncio.gather(
                *(_post(session, PODS, orders["namespace"], _owned(pod, uid)) for pod in pods)
            )

    await asyncio.gather(*(work() for _ in range(min(orders["workers"], len(orders["jobs"])))))


def _objects(job: Json, namespace: str) -> tuple[Json, list[Json]]:
    """Service and pods of a job, as the operator would make them."""
    document = copy.deepcopy(job)
    document["metadata"] |= {"namespace": namespace, "uid": "unknown"}
    parsed = parse_job(document)
    pods = [pod_manifest(parsed, replica, 0, Settings()) for replica in replicas_of(parsed.spec)]
    return service_manifest(parsed), pods


def _owned(manifest: Json, uid: str) -> Json:
    manifest["metadata"]["ownerReferences"][0]["uid"] = uid
    return manifest


async def _post(session: aiohttp.ClientSession, path: str, namespace: str, manifest: Json) -> Json:
    async with session.post(path.format(namespace), json=manifest) as answer:
        answer.raise_for_status()
        created: Json = await answer.json()
        return created


if __name__ == "__main__":
    asyncio.run(main())
