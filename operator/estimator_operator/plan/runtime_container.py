"""A container of the runtime image beside the main container, for work of the runtime's own.

The job's image need not have the runtime, or not this version. Stores are reached as the main container reaches them: by
its variables and mounts, of which the caller says which.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from estimator_operator.plan.observed import Settings

_SHARED: Final = ("cpu", "memory", "ephemeral-storage")
"""What it asks for as the container beside it does; devices it needs none."""


def runtime_container(
    main: Mapping[str, Any],
    settings: Settings,
    *,
    name: str,
    command: Sequence[str],
    env: Iterable[dict[str, Any]],
    mounts: Iterable[dict[str, Any]],
    resources: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The container, without a security context.

    Args:
        main: The pod's main container, complete.
        settings: What the operator's flags decide.
        name: Of the container.
        command: Of the container.
        env: Its variables, beside those that the main container has from ConfigMaps and Secrets.
        mounts: Its mounts.
        resources: What the container that it works for asks for: a quota for compute resources refuses a pod one
            container of which says nothing.
    """
    container: dict[str, Any] = {
        "name": name,
        "image": settings.runtime_image,
        "command": list(command),
        "env": list(env),
        "volumeMounts": list(mounts),
    }
    if main.get("envFrom"):
        container["envFrom"] = main["envFrom"]
    if main.get("image") == settings.runtime_image and main.get("imagePullPolicy"):
        container["imagePullPolicy"] = main["imagePullPolicy"]
    shared = {
        kind: kept
        for kind, amounts in (resources or {}).items()
        if isinstance(amounts, Mapping)
        and (kept := {key: value for key, value in amounts.items() if key in _SHARED})
    }
    if shared:
        container["resources"] = shared
    return container
