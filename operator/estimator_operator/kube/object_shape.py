"""What an object of the cluster must look like before anybody reads it; one that does not is handed over as a stub.

The API server keeps these rules for what it stores itself. A proxy, a webhook, an aggregated server or a version to come
may not, and all code behind the watches would have to doubt every field of every object. So the metadata and the outline
of the rest are looked at once. An object that is not so becomes a stub as one does that cannot be decoded: what of it is
in order, and under `UNREADABLE` what is not. Only one that cannot be told from others is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from estimator_operator.kube.decoding import UNREADABLE, VERSION_MOST, UndecodableError
from estimator_operator.kube.resources import JOBS, Resource

Json = dict[str, Any]
Check = Callable[[Any], bool]

_SEGMENT: Final = re.compile(r"(?!\.{1,2}$)[!-$&-.0-~]{1,253}")
"""What can stand in a path of the API server: neither a slash nor a percent sign, nor `.` and `..`."""
_REFERENCE: Final = ("apiVersion", "kind", "name", "uid")


def in_shape(found: Any, resource: Resource) -> Json:
    """The object itself, or its stub.

    Args:
        found: What was decoded.
        resource: What it should be.

    Raises:
        UndecodableError: It has no identity.
    """
    metadata = found.get("metadata") if isinstance(found, dict) else None
    if not isinstance(metadata, dict):
        raise UndecodableError("it has no metadata")
    for key in ("namespace", "name", "uid"):
        if not _is_segment(metadata.get(key)):
            raise UndecodableError(f"its metadata.{key} is none")
    fault = _fault(found, metadata, resource)
    return found if fault is None else _stub(found, metadata, fault)


def version_of(manifest: Mapping[str, Any]) -> int:
    """The resourceVersion of an object as a number; 0 when it has none that is one."""
    text = manifest["metadata"].get("resourceVersion")
    is_number = _is_version(text) and text.isdecimal()
    return int(text) if is_number else 0


def _fault(found: Json, metadata: Json, resource: Resource) -> str | None:
    """The field that is not as it should be."""
    for key, is_right in _METADATA.items():
        value = metadata.get(key)
        if value is not None and not is_right(value):
            return f"metadata.{key}"
    for key in ("spec", "status"):
        if not isinstance(found.get(key), dict | None):
            return key
    if resource is JOBS and not _are_names_or_none((found.get("status") or {}).get("completedReplicas")):
        return "status.completedReplicas"
    return None if _are_conditions(found.get("status"), resource) else "status.conditions"


def _stub(found: Json, metadata: Json, fault: str) -> Json:
    kept: Json = {key: metadata[key] for key in ("namespace", "name", "uid")}
    for key, is_right in _METADATA.items():
        if metadata.get(key) is not None and is_right(metadata[key]):
            kept[key] = metadata[key]
    spec, status = found.get("spec"), found.get("status")
    manager = spec.get("managedBy") if isinstance(spec, dict) else None
    readable = isinstance(status, dict) and not fault.startswith("status")
    return {
        "metadata": kept,
        "spec": {"managedBy": manager} if isinstance(manager, str) else {},
        "status": status if readable else {},
        UNREADABLE: str(found.get(UNREADABLE) or f"its {fault} is not what it should be"),
    }


def _is_segment(value: Any) -> bool:
    return isinstance(value, str) and _SEGMENT.fullmatch(value) is not None


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_version(value: Any) -> bool:
    return isinstance(value, str) and value.isascii() and len(value) <= VERSION_MOST


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and abs(value) < 2**63


def _are_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(one, str) for one in value.values())


def _are_references(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(one, dict)
        and all(isinstance(one.get(key), str) for key in _REFERENCE)
        and isinstance(one.get("controller"), bool | None)
        for one in value
    )


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _are_names_or_none(value: Any) -> bool:
    return value is None or _are_names(value)


def _are_conditions(status: Any, resource: Resource) -> bool:
    """The conditions of a status have what is read of them without a model; that of a job's a reason, too."""
    found = status.get("conditions") if isinstance(status, dict) else None
    keys = ("type", "status", "reason") if resource is JOBS else ("type", "status")
    return found is None or (
        isinstance(found, list)
        and all(isinstance(one, dict) and all(isinstance(one.get(key), str) for key in keys) for one in found)
    )


_METADATA: Final[Mapping[str, Check]] = {
    "resourceVersion": _is_version,
    "generation": _is_number,
    "creationTimestamp": _is_text,
    "deletionTimestamp": _is_text,
    "deletionGracePeriodSeconds": _is_number,
    "labels": _are_texts,
    "annotations": _are_texts,
    "ownerReferences": _are_references,
    "finalizers": _are_names,
}
