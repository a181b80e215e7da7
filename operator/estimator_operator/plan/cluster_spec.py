"""Who is in the training cluster, at which address, and what each replica's TF_CONFIG says.

The rules are Estimator's own: a cluster has exactly one chief; the evaluator is a task of its own TF_CONFIG and in
nobody's cluster, save in its own where all tasks make every step together (`environment.py`); a chief that is alone
gets no cluster at all, so that train_and_evaluate runs locally with its evaluations and exports. Addresses belong to
replicas, not to pods, and so survive restarts.

An elastic job's cluster has the addresses of all the workers that there may ever be, whether they exist or not:
TensorFlow connects to a worker when it is there and holds nobody up for one that is not, so no running replica needs
another TF_CONFIG when workers come and go.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from estimator_api import EstimatorJob, EstimatorJobSpec
from estimator_api import constants as c
from estimator_operator.plan.observed import Replica, Settings

CHIEF_REPLICA = Replica(c.CHIEF, 0)
EVALUATOR_REPLICA = Replica(c.EVALUATOR, 0)


def replicas_of(spec: EstimatorJobSpec) -> tuple[Replica, ...]:
    """Every replica the spec asks for: chief, workers, ps, evaluator, each by index."""
    return tuple(Replica(role, index) for role in c.ROLES for index in range(spec.replicas(role)))


def cluster_of(spec: EstimatorJobSpec, address: Callable[[Replica], str]) -> dict[str, list[str]]:
    """The `cluster` of TF_CONFIG: role to addresses by index; empty when the chief is alone, as in modes that do not train."""
    if spec.estimator is not None and not spec.estimator.trains:
        return {}
    workers = spec.replicas(c.WORKER) if spec.elastic is None else spec.elastic.max_replicas
    sizes = {c.CHIEF: 1, c.WORKER: workers, c.PS: spec.replicas(c.PS)}
    if sum(sizes.values()) + spec.replicas(c.EVALUATOR) == 1:
        return {}
    return {
        role: [address(Replica(role, index)) for index in range(size)] for role, size in sizes.items() if size
    }


def address_in_cluster(job: EstimatorJob, replica: Replica, settings: Settings) -> str:
    """`host:port` of the replica's TensorFlow server by its name in the job's headless Service."""
    name, namespace = job.metadata.name, job.metadata.namespace
    host = f"{name}-{replica}.{name}.{namespace}.svc"
    if settings.cluster_domain:
        host = f"{host}.{settings.cluster_domain}"
    return f"{host}:{c.GRPC_PORT}"


def compact_json(document: Any) -> str:
    """JSON without spaces, as environment variables carry it."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)
