"""Settings of the operator that a job keeps from its beginning: runtime images, the cluster's domain, and the user.

An upgrade of the operator changes its defaults. A replica that is restarted then must not run another TensorFlow than
those it works with, nor look for them under other names, nor write to their model directory as another user. So a job
keeps what it began with: what its status says, else what a pod of it says, else what the manifests of its pods show
(earlier versions wrote nothing down), else the operator's flags. A suspension ends that, for no pod is left.

Every setting that shapes pods belongs here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from pydantic import ValidationError

from estimator_api import EstimatorJob
from estimator_api import constants as c
from estimator_api.status import Pinned
from estimator_api.template_rules import main_containers
from estimator_operator.plan.gpu import asks_for_gpu
from estimator_operator.plan.observed import Pod, Replica, Settings, Shown
from estimator_operator.plan.pod_security import USER_ID

_ADDRESS: Final = re.compile(rf"\.svc(?:\.([-.a-z0-9]+))?:{c.GRPC_PORT}\b")


def effective(job: EstimatorJob, pods: Iterable[Pod], settings: Settings) -> Settings:
    """`settings` with what the job began with."""
    known = tuple(pods)
    pinned = job.status.pinned or _of_pods(known)
    told = {} if pinned is None else _settings(pinned)
    if len(told) < len(Pinned.model_fields):
        told = {**_shown(job, known), **told}
    return replace(settings, **told)


def pinned_of(settings: Settings) -> Pinned:
    """The entry of the status."""
    return Pinned(
        runtime_image=settings.runtime_image,
        runtime_image_gpu=settings.runtime_image_gpu,
        cluster_domain=settings.cluster_domain,
        pod_security="Restricted" if settings.assign_user else "Platform",
    )


def shown_by(spec: Mapping[str, Any]) -> Shown:
    """What the spec of a pod shows of the settings that it was made with."""
    main = next(main_containers({"spec": spec}), {})
    contexts = (one.get("securityContext") or {} for one in (main, spec))
    users = (one["runAsUser"] for one in contexts if one.get("runAsUser") is not None)
    config = next(
        (one.get("value") for one in main.get("env") or () if one.get("name") == c.ENV_TF_CONFIG), None
    )
    address = _ADDRESS.search(config or "")
    return Shown(
        image=main.get("image"),
        gpu=asks_for_gpu(main),
        user=next(users, None),
        cluster_domain=None if address is None else address[1] or "",
    )


def _of_pods(pods: Iterable[Pod]) -> Pinned | None:
    for pod in pods:
        if pod.pinned is not None:
            try:
                return Pinned.model_validate_json(pod.pinned)
            except ValidationError:
                continue
    return None


def _settings(pinned: Pinned) -> dict[str, Any]:
    """What an entry says, as settings; one of an earlier version may not say all."""
    told: dict[str, Any] = {
        "runtime_image": pinned.runtime_image,
        "runtime_image_gpu": pinned.runtime_image_gpu,
        "cluster_domain": pinned.cluster_domain,
    }
    if pinned.pod_security is not None:
        told["assign_user"] = pinned.pod_security == "Restricted"
    return told


def _shown(job: EstimatorJob, pods: Iterable[Pod]) -> dict[str, Any]:
    """What the manifests of pods show; where they differ, the chief's does, and the oldest's after it."""
    found: dict[str, Any] = {}
    for pod in sorted(pods, key=lambda one: (one.replica.role != c.CHIEF, one.attempt, one.name)):
        shown = pod.shown
        if shown is None:
            continue
        if shown.image and not _says(job, pod.replica, "image"):
            found.setdefault("runtime_image_gpu" if shown.gpu else "runtime_image", shown.image)
        if shown.cluster_domain is not None:
            found.setdefault("cluster_domain", shown.cluster_domain)
        if job.spec.pod_security is None and not _says(job, pod.replica, "user"):
            # What a platform assigns is from a range of its own.
            found.setdefault("assign_user", shown.user == USER_ID)
    return found


def _says(job: EstimatorJob, replica: Replica, what: str) -> bool:
    """The job itself names the image, or the user, of the replica's main container."""
    if what == "image" and job.spec.image is not None:
        return True
    for spec in _templates(job, replica):
        main = next(main_containers({"spec": spec}), {})
        if what == "image" and main.get("image"):
            return True
        contexts = (one.get("securityContext") or {} for one in (main, spec))
        if what == "user" and any(one.get("runAsUser") is not None for one in contexts):
            return True
    return False


def _templates(job: EstimatorJob, replica: Replica) -> Iterator[Mapping[str, Any]]:
    role = job.spec.role(replica.role)
    yield (job.spec.template or {}).get("spec") or {}
    if role is not None and role.template is not None:
        yield role.template.spec or {}
