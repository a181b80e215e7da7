"""Whether all replicas of a job see one model directory, where it is a path in their pods.

The API server asks this of the simplest jobs alone (see `EstimatorJobSpec.rules`): which volume a mount is of, and what
a role's template makes of it, would cost it too much. Here it is known before a pod is made. A path at which nothing is
mounted is no verdict here: somebody else may mount it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from estimator_api import EstimatorJob
from estimator_api import constants as c
from estimator_api.template_rules import main_containers, objects_in
from estimator_operator.plan.environment import template_of
from estimator_operator.plan.mounts import mounts_holding

_OWN: Final = ("emptyDir", "ephemeral")
"""Volumes that each pod has for itself."""
_READ_ONLY: Final = ("configMap", "secret", "downwardAPI", "projected", "image")
"""Volumes that no container can write to."""
_REMEDY: Final = "mount a volume that all share, or name a claim"


def fault_of(job: EstimatorJob) -> str | None:
    """Why a replica's model directory would be another than the others', with the path; None when it is not known to be.

    A job of one pod may keep its model where it likes, as long as it can be written.
    """
    uri = job.spec.model_dir.uri
    if uri is None or not uri.startswith("/"):
        return None
    for role in c.ROLES:
        if job.spec.replicas(role) or (role == c.WORKER and job.spec.elastic is not None):
            fault = _fault(job, role, uri)
            if fault is not None:
                return f"spec.modelDir.uri: {fault}"
    return None


def _fault(job: EstimatorJob, role: str, path: str) -> str | None:
    spec = template_of(job, role).get("spec")
    spec = spec if isinstance(spec, Mapping) else {}
    several = job.spec.has_several_pods
    main = next(main_containers({"spec": spec}), {})
    mounts = mounts_holding(main, path)
    if not mounts:
        # A webhook may mount one, as those of object stores do.
        return None
    mount = mounts[-1]
    for volume in objects_in(spec.get("volumes")):
        if volume.get("name") != mount.get("name"):
            continue
        if several and any(kind in volume for kind in _OWN):
            return (
                f"volume {volume['name']}, which role {role} has there, is each pod's own, so every replica would have a"
                f" model directory of its own: {_REMEDY}"
            )
        if any(kind in volume for kind in _READ_ONLY):
            return (
                f"nothing can be written to volume {volume['name']}, which role {role} has there: {_REMEDY}"
            )
    return None
