"""The PersistentVolumeClaim made from `modelDir.volumeClaimTemplate`.

With retention Delete the job owns the claim and takes it along; with Retain nothing owns it, so the model outlives
the job, and a later job of the same name finds it and continues from its checkpoints.
"""

from __future__ import annotations

from typing import Any

from estimator_api import EstimatorJob
from estimator_operator.plan.ownership import job_labels, owner_reference


def claim_manifest(job: EstimatorJob) -> dict[str, Any] | None:
    """The claim `<job>-model`, or None when the job does not ask for one."""
    template = job.spec.model_dir.volume_claim_template
    if template is None:
        return None
    metadata: dict[str, Any] = {
        "name": job.spec.model_dir.claim_name(job.metadata.name),
        "namespace": job.metadata.namespace,
        "labels": job_labels(job),
    }
    if template.retention == "Delete":
        metadata["ownerReferences"] = [owner_reference(job)]
    spec: dict[str, Any] = {
        "accessModes": list(template.access_modes),
        "resources": {"requests": {"storage": template.resources.requests.storage}},
    }
    if template.storage_class_name is not None:
        spec["storageClassName"] = template.storage_class_name
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}
