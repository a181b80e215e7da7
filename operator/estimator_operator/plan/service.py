"""The headless Service that gives every replica its DNS name.

`publishNotReadyAddresses` is essential: the replicas must find one another before any of them is ready.
"""

from __future__ import annotations

from typing import Any

from estimator_api import EstimatorJob
from estimator_api import constants as c
from estimator_operator.plan.ownership import job_labels, owner_reference


def service_manifest(job: EstimatorJob) -> dict[str, Any]:
    """The Service `<job>`, owned by the job."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": job.metadata.name,
            "namespace": job.metadata.namespace,
            "labels": job_labels(job),
            "ownerReferences": [owner_reference(job)],
        },
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": {c.LABEL_JOB_NAME: job.metadata.name},
            "ports": [
                {"name": c.GRPC_PORT_NAME, "port": c.GRPC_PORT, "protocol": "TCP"},
                {"name": c.PROGRESS_PORT_NAME, "port": job.spec.progress_port, "protocol": "TCP"},
            ],
        },
    }
