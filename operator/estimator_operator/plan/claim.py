"""The PersistentVolumeClaim made from `modelDir.volumeClaimTemplate`.

With retention Delete the job owns the claim and takes it along; with Retain nothing owns it, so the model outlives
the job, and a later job of the same name finds it and continues from its checkpoints.

It carries no `app.kubernetes.io/instance`: GitOps tools that track what they deployed by that label would take a claim
that nothing owns for theirs, and prune it with the model.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

from estimator_api import EstimatorJob
from estimator_api import constants as c
from estimator_api.model_dir import ClaimTemplate
from estimator_operator.plan.ownership import job_labels, owner_reference

_QUANTITY: Final = re.compile(
    r"([+-]?(?:[0-9]+(?:[.][0-9]*)?|[.][0-9]+)(?:[eE][+-]?[0-9]{1,3})?)(?:([KMGTPE])i|([numkMGTPE]))?"
)
_BINARY: Final = "KMGTPE"
_DECIMAL: Final = {one: Decimal(1000) ** power for power, one in enumerate("num kMGTPE", -3)}


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


def difference(template: ClaimTemplate, found: dict[str, Any]) -> str | None:
    """What a claim that exists has less of, or else, than the template asks for; None when it will do.

    Args:
        template: What the job asks for.
        found: The claim as the API server has it.
    """
    spec, status = found.get("spec") or {}, found.get("status") or {}
    asked = str(template.resources.requests.storage)
    requests = (spec.get("resources") or {}).get("requests") or {}
    # A bound volume may be larger than what was asked for.
    sizes = [one["storage"] for one in (requests, status.get("capacity") or {}) if "storage" in one]
    size = max(sizes, key=_bytes, default=None)
    modes = spec.get("accessModes") or []
    storage_class = spec.get("storageClassName")
    parts = []
    if size is not None and _bytes(size) < _bytes(asked):
        parts.append((str(size), asked))
    if template.storage_class_name is not None and template.storage_class_name != storage_class:
        parts.append((f"storage class {storage_class or 'none'}", template.storage_class_name))
    if modes and not set(template.access_modes) <= set(modes):
        parts.append(("/".join(modes), "/".join(template.access_modes)))
    if not parts:
        return None
    told = ", and ".join(f"has {has}, the template asks for {wants}" for has, wants in parts)
    return f"claim {found['metadata']['name']} {told}: a claim stays as it was made"


def _bytes(quantity: object) -> Decimal:
    parts = _QUANTITY.fullmatch(str(quantity))
    if parts is None:
        return Decimal(0)
    number, binary, decimal = parts.groups()
    if binary:
        return Decimal(number) * Decimal(1024) ** (_BINARY.index(binary) + 1)
    return Decimal(number) * (_DECIMAL[decimal] if decimal else 1)
