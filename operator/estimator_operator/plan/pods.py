"""The pods of a job: names, labels, and the user's template completed to what the pod contract promises.

The shared template comes first, the role's partial one is laid over it (`overlay.py`), and the role's own fields over
both. The result is kept as it is wherever it says something; what it leaves open gets this project's defaults (see
`pod_security.py` for the security ones). Three things are never the template's: the restart policy (a restart
is a new pod with a new attempt number), host name and subdomain (they are the replica's address).
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from estimator_api import EstimatorJob
from estimator_api import constants as c
from estimator_operator.plan.container import main_container
from estimator_operator.plan.gpu import tolerate_gpu_nodes
from estimator_operator.plan.observed import Replica, Settings
from estimator_operator.plan.overlay import lay_over
from estimator_operator.plan.ownership import job_labels, owner_reference
from estimator_operator.plan.pod_security import restrict_pod

TERMINATION_GRACE_SECONDS = 60
"""Time to save a checkpoint after SIGTERM."""
MODEL_VOLUME = "estimator-model"
CODE_VOLUME = "estimator-code"


def pod_name(job_name: str, replica: Replica, attempt: int) -> str:
    """`<job>-<role>-<index>`, and `-r<n>` after restart n: no two pods ever share a name."""
    base = f"{job_name}-{replica}"
    return base if attempt == 0 else f"{base}-r{attempt}"


def pod_manifest(job: EstimatorJob, replica: Replica, attempt: int, settings: Settings) -> dict[str, Any]:
    """The pod of one attempt of `replica`.

    The result is a function of its arguments alone, so that creating it twice is creating it once.
    """
    template = _template(job, replica)
    metadata: Mapping[str, Any] = template.get("metadata") or {}
    spec: dict[str, Any] = template.get("spec") or {}
    _lay_role_over(spec, job, replica)
    _lay_volumes_over(spec, job)
    main = main_container(spec, job, replica, attempt, settings)
    others = [one for one in spec.get("containers") or [] if one.get("name") != c.CONTAINER]
    spec["containers"] = [main, *others]
    tolerate_gpu_nodes(spec)
    restrict_pod(spec)
    spec["restartPolicy"] = "Never"
    spec["hostname"] = f"{job.metadata.name}-{replica}"
    spec["subdomain"] = job.metadata.name
    spec.setdefault("automountServiceAccountToken", False)
    spec.setdefault("enableServiceLinks", False)
    spec.setdefault("terminationGracePeriodSeconds", TERMINATION_GRACE_SECONDS)
    pod_metadata: dict[str, Any] = {
        "name": pod_name(job.metadata.name, replica, attempt),
        "namespace": job.metadata.namespace,
        "labels": {
            **(metadata.get("labels") or {}),
            **job_labels(job),
            c.LABEL_APP_COMPONENT: replica.role,
            c.LABEL_ROLE: replica.role,
            c.LABEL_INDEX: str(replica.index),
            c.LABEL_ATTEMPT: str(attempt),
        },
        "ownerReferences": [owner_reference(job)],
    }
    if metadata.get("annotations"):
        pod_metadata["annotations"] = dict(metadata["annotations"])
    return {"apiVersion": "v1", "kind": "Pod", "metadata": pod_metadata, "spec": spec}


def _template(job: EstimatorJob, replica: Replica) -> dict[str, Any]:
    role = job.spec.role(replica.role)
    overlay = role.template.to_json() if role is not None and role.template is not None else {}
    return copy.deepcopy(lay_over(job.spec.template or {}, overlay))


def _lay_role_over(spec: dict[str, Any], job: EstimatorJob, replica: Replica) -> None:
    role = job.spec.role(replica.role)
    if role is None:
        return
    if role.node_selector:
        spec["nodeSelector"] = {**(spec.get("nodeSelector") or {}), **role.node_selector}
    if role.tolerations:
        spec["tolerations"] = [*(spec.get("tolerations") or []), *role.tolerations]
    if role.affinity is not None:
        spec["affinity"] = role.affinity
    if role.priority_class_name is not None:
        spec["priorityClassName"] = role.priority_class_name
    if job.spec.image_pull_secrets:
        spec["imagePullSecrets"] = named_union(spec.get("imagePullSecrets"), job.spec.image_pull_secrets)


def _lay_volumes_over(spec: dict[str, Any], job: EstimatorJob) -> None:
    volumes: list[dict[str, Any]] = []
    claim = job.spec.model_dir.claim_name(job.metadata.name)
    if claim is not None:
        volumes.append({"name": MODEL_VOLUME, "persistentVolumeClaim": {"claimName": claim}})
    if job.spec.code is not None:
        config_map: dict[str, Any] = {"name": job.spec.code.config_map.name}
        if job.spec.code.config_map.items:
            config_map["items"] = [item.to_json() for item in job.spec.code.config_map.items]
        volumes.append({"name": CODE_VOLUME, "configMap": config_map})
    if volumes:
        spec["volumes"] = named_union(spec.get("volumes"), volumes)


def named_union(
    lower: Iterable[dict[str, Any]] | None, upper: Iterable[dict[str, Any]]
) -> list[dict[str, Any]]:
    """List-map merge by `name`: items of `upper` replace those of `lower` in place, new ones are appended."""
    merged = {one.get("name"): one for one in lower or ()}
    merged.update({one.get("name"): one for one in upper})
    return list(merged.values())
