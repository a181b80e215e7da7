"""Defaults that make the main container pass the Restricted Pod Security Standard, where the template is silent.

What the operator decides about user and capabilities is written on the main container, not on the pod: init
containers and sidecars run as their own author, or the pod's context in the template, says. On the pod itself go only
the seccomp profile and the group of volumes, which make no container of somebody else fail.

User and group can be left to the platform: OpenShift gives every namespace a range of its own and refuses others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from estimator_api import EstimatorJob
from estimator_operator.plan.observed import Settings

USER_ID: Final = 1000
"""User and group of the runtime images."""


def assigns_user(job: EstimatorJob, settings: Settings) -> bool:
    """Whether pods get the user and the group of the runtime images: what the job says, else the operator."""
    said: Literal["Restricted", "Platform"] | None = job.spec.pod_security
    return settings.assign_user if said is None else said == "Restricted"


def restrict_pod(spec: dict[str, Any], *, assign_user: bool) -> None:
    """Completes `spec.securityContext` in place."""
    context = dict(spec.get("securityContext") or {})
    if assign_user:
        context.setdefault("fsGroup", USER_ID)
    context.setdefault("seccompProfile", {"type": "RuntimeDefault"})
    spec["securityContext"] = context


def restrict_container(container: dict[str, Any], pod_spec: Mapping[str, Any], *, assign_user: bool) -> None:
    """Completes the securityContext of the main container, of the pod `pod_spec`, in place."""
    context = dict(container.get("securityContext") or {})
    if context.get("privileged"):
        return
    of_pod: Mapping[str, Any] = pod_spec.get("securityContext") or {}
    user = context.get("runAsUser", of_pod.get("runAsUser"))
    if user is None and assign_user:
        context["runAsUser"] = USER_ID
    if user != 0:
        if "runAsNonRoot" not in of_pod:
            context.setdefault("runAsNonRoot", True)
    elif "runAsUser" in context and of_pod.get("runAsNonRoot"):
        # The container alone asks for root; the pod's runAsNonRoot would forbid it.
        context.setdefault("runAsNonRoot", False)
    context.setdefault("allowPrivilegeEscalation", False)
    context.setdefault("capabilities", {"drop": ["ALL"]})
    container["securityContext"] = context
