"""Defaults of the operator that a job keeps from its beginning: runtime images and the cluster's domain.

An upgrade of the operator changes its defaults. A replica that is restarted then must not run another TensorFlow than
those it works with, nor look for them under other names. So a job keeps what it began with: what its status says, else
what a pod of it says, else the operator's flags. A suspension ends that, for no pod is left.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pydantic import ValidationError

from estimator_api import EstimatorJobStatus
from estimator_api.status import Pinned
from estimator_operator.plan.observed import Pod, Settings


def effective(status: EstimatorJobStatus, pods: Iterable[Pod], settings: Settings) -> Settings:
    """`settings` with what the job began with."""
    pinned = status.pinned or _of_pods(pods)
    if pinned is None:
        return settings
    return replace(
        settings,
        runtime_image=pinned.runtime_image,
        runtime_image_gpu=pinned.runtime_image_gpu,
        cluster_domain=pinned.cluster_domain,
    )


def pinned_of(settings: Settings) -> Pinned:
    """The entry of the status."""
    return Pinned(
        runtime_image=settings.runtime_image,
        runtime_image_gpu=settings.runtime_image_gpu,
        cluster_domain=settings.cluster_domain,
    )


def _of_pods(pods: Iterable[Pod]) -> Pinned | None:
    for pod in pods:
        if pod.pinned is not None:
            try:
                return Pinned.model_validate_json(pod.pinned)
            except ValidationError:
                continue
    return None
