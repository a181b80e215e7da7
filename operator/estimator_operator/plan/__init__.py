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
from estimator_operator.plan.plan import crashed, plan, rejected, unreadable
from estimator_operator.plan.pods import pod_name

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
