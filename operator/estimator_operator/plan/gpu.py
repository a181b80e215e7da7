"""What a pod that asks for NVIDIA GPUs gets beside them: image, toleration of GPU nodes' usual taint, shared memory.

NCCL passes what GPUs of one node tell each other through /dev/shm, where they cannot reach each other directly. A
container has 64 MiB of it, whatever its memory, and NCCL fails when that is full. So there is 1 GiB for each GPU:
NVIDIA asks for 1 GiB a container, and what is passed grows with the GPUs. It is a limit, not a reservation: pages count
as the container's memory once they are used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from estimator_api import constants as c
from estimator_operator.plan.mounts import mounts_holding

GPU_RESOURCE: Final = "nvidia.com/gpu"
_NONE: Final = (None, 0, "0", "")
_SHARED_MEMORY: Final = "/dev/shm"  # noqa: S108 - a path in the pod
_TOLERATION: Final = {"key": GPU_RESOURCE, "operator": "Exists", "effect": "NoSchedule"}


def asks_for_gpu(container: Mapping[str, Any]) -> bool:
    """The container requests at least one GPU."""
    return _asked(container) not in _NONE


def share_memory(spec: dict[str, Any], main: dict[str, Any]) -> None:
    """Gives a main container with several GPUs a larger /dev/shm, unless its author has mounted one, or has the node's.

    Args:
        spec: The pod's spec; gets the volume.
        main: Its main container; gets the mount.
    """
    asked = str(_asked(main) or 0)
    gpus = int(asked) if asked.isascii() and asked.isdigit() else 0
    if gpus < 2 or spec.get("hostIPC") or mounts_holding(main, _SHARED_MEMORY):
        return
    memory = {"medium": "Memory", "sizeLimit": f"{gpus}Gi"}
    spec["volumes"] = [*(spec.get("volumes") or []), {"name": c.SHARED_MEMORY_VOLUME, "emptyDir": memory}]
    mount = {"name": c.SHARED_MEMORY_VOLUME, "mountPath": _SHARED_MEMORY}
    main["volumeMounts"] = [*(main.get("volumeMounts") or []), mount]


def tolerate_gpu_nodes(spec: dict[str, Any]) -> None:
    """Adds the toleration to a pod spec any of whose containers asks for a GPU, unless one covers it already."""
    containers = [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]
    tolerations = list(spec.get("tolerations") or [])
    if any(map(asks_for_gpu, containers)) and not any(map(_covers, tolerations)):
        spec["tolerations"] = [*tolerations, dict(_TOLERATION)]


def _asked(container: Mapping[str, Any]) -> Any:
    resources = container.get("resources") or {}
    asked = {**(resources.get("requests") or {}), **(resources.get("limits") or {})}
    return asked.get(GPU_RESOURCE)


def _covers(toleration: Mapping[str, Any]) -> bool:
    """The toleration is about the taint; one that names a value is its author's own choice of nodes."""
    if toleration.get("effect") not in (None, "", "NoSchedule"):
        return False
    key = toleration.get("key")
    return key == GPU_RESOURCE or (not key and toleration.get("operator") == "Exists")
