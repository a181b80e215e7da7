"""The PersistentVolumeClaim made from `modelDir.volumeClaimTemplate`.

With retention Delete the job owns the claim and takes it along; with Retain nothing owns it, so the model outlives
the job, and a later job of the same name finds it and continues from its checkpoints.

It carries no `app.kubernetes.io/instance`: GitOps tools that track what they deployed by that label would take a claim
that nothing owns for theirs, and prune it with the model.
"""

from __future__ import annotations

from typing import Any

from estimator_api import EstimatorJob
from estimator_api import constants as c
from estimator_operator.plan.ownership import job_labels, owner_reference


def claim_manifest(job: EstimatorJob) -> dict[str, Any] | None:
    """The claim `<job>-model`, or None when the job does not ask for one."""
    template = job.spec.model_dir.volume_claim_template
    if template is None:
        return None
    own = {name: value for name, value in job_labels(job).items() if name != c.LABEL_APP_INSTANCE}
    users = template.metadata
    metadata: dict[str, Any] = {
        "name": job.spec.model_dir.claim_name(job.metadata.name),
        "namespace": job.metadata.namespace,
        "labels": {**own, **((users.labels if users is not None else None) or {}), **_identity(job)},
    }
    if users is not None and users.annotations:
        metadata["annotations"] = dict(users.annotations)
    if template.retention == "Delete":
        metadata["ownerReferences"] = [owner_reference(job)]
    spec: dict[str, Any] = {
        "accessModes": list(template.access_modes),
        "resources": {"requests": {"storage": template.resources.requests.storage}},
    }
    if template.storage_class_name is not None:
        spec["storageClassName"] = template.storage_class_name
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}


def _identity(job: EstimatorJob) -> dict[str, str]:
    """The label by which a later job of the same name knows the claim for its own."""
    return {c.LABEL_JOB_NAME: job.metadata.name}
