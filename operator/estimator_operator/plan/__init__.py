"""The functional core: from a job and what is known of its objects to what is to be done. No I/O, no clock."""

from __future__ import annotations

from estimator_operator.plan.cluster_spec import address_in_cluster, replicas_of
from estimator_operator.plan.observed import (
    JobEvent,
    Observed,
    Phase,
    Plan,
    Pod,
    PodDeletion,
    Replica,
    Settings,
)
from estimator_operator.plan.plan import plan
from estimator_operator.plan.pods import pod_name
from estimator_operator.plan.unhandled_job import crashed, rejected, unreadable

__all__ = [
    "JobEvent",
    "Observed",
    "Phase",
    "Plan",
    "Pod",
    "PodDeletion",
    "Replica",
    "Settings",
    "address_in_cluster",
    "crashed",
    "plan",
    "pod_name",
    "rejected",
    "replicas_of",
    "unreadable",
]
