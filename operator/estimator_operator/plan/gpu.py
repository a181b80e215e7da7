"""What a pod that asks for NVIDIA GPUs gets beside them: the GPU image, and a toleration for GPU nodes' usual taint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

GPU_RESOURCE: Final = "nvidia.com/gpu"
_NONE: Final = (None, 0, "0", "")
_TOLERATION: Final = {"key": GPU_RESOURCE, "operator": "Exists", "effect": "NoSchedule"}


def asks_for_gpu(container: Mapping[str, Any]) -> bool:
    """The container requests at least one GPU."""
    resources = container.get("resources") or {}
    asked = {**(resources.get("requests") or {}), **(resources.get("limits") or {})}
    return asked.get(GPU_RESOURCE) not in _NONE


def tolerate_gpu_nodes(spec: dict[str, Any]) -> None:
    """Adds the toleration to a pod spec any of whose containers asks for a GPU, unless one covers it already."""
    containers = [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]
    tolerations = list(spec.get("tolerations") or [])
    if any(map(asks_for_gpu, containers)) and not any(map(_covers, tolerations)):
        spec["tolerations"] = [*tolerations, dict(_TOLERATION)]


def _covers(toleration: Mapping[str, Any]) -> bool:
    """The toleration is about the taint; one that names a value is its author's own choice of nodes."""
    if toleration.get("effect") not in (None, "", "NoSchedule"):
        return False
    key = toleration.get("key")
    return key == GPU_RESOURCE or (not key and toleration.get("operator") == "Exists")
