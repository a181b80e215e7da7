"""Defaults that make a pod pass the Restricted Pod Security Standard, where the template is silent.

Only the pod's own context and the main container are completed: sidecars and init containers stay as their author
wrote them, because dropping capabilities of, say, an init container that changes owners would break it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

USER_ID = 1000
"""User and group of the runtime images."""


def restrict_pod(spec: dict[str, Any]) -> None:
    """Completes `spec.securityContext` in place."""
    context = dict(spec.get("securityContext") or {})
    context.setdefault("runAsUser", USER_ID)
    # Root was asked for in words: insisting on non-root would only make a pod that cannot start.
    if context["runAsUser"] != 0:
        context.setdefault("runAsNonRoot", True)
    context.setdefault("fsGroup", USER_ID)
    context.setdefault("seccompProfile", {"type": "RuntimeDefault"})
    spec["securityContext"] = context


def restrict_container(container: dict[str, Any], pod_spec: Mapping[str, Any]) -> None:
    """Completes the securityContext of `container`, of the pod `pod_spec`, in place."""
    context = dict(container.get("securityContext") or {})
    users = (context.get("runAsUser"), (pod_spec.get("securityContext") or {}).get("runAsUser"))
    user = next((one for one in users if one is not None), USER_ID)
    if context.get("privileged"):
        return
    if user == 0 and "runAsUser" in context:
        # The container alone asks for root; the pod's runAsNonRoot would forbid it.
        context.setdefault("runAsNonRoot", False)
    context.setdefault("allowPrivilegeEscalation", False)
    context.setdefault("capabilities", {"drop": ["ALL"]})
    container["securityContext"] = context
