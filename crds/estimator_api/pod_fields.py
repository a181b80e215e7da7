"""Fields whose shape Kubernetes owns: the pod template and parts of it.

They stay raw JSON in the models, because typed models of a client drop fields they do not know. For the CRD they
carry `x-estimator-pod-schema`, the path of their schema below the vendored schema of PodTemplateSpec; the
projection puts the schema in place of the marker.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field

POD_SCHEMA_KEY: Final = "x-estimator-pod-schema"
"""Marker in the JSON schema of a field: the path of its schema below PodTemplateSpec's."""

NullTimestamp = Annotated[str | None, Field(json_schema_extra={"format": "date-time", "nullable": True})]
"""`metadata.creationTimestamp` of a template: programs write null there, and every API server takes it."""

_CONTAINER: Final = "spec.containers[]"
_PATHS: Final = {
    "template": "",
    "resources": f"{_CONTAINER}.resources",
    "env": f"{_CONTAINER}.env",
    "imagePullPolicy": f"{_CONTAINER}.imagePullPolicy",
    "nodeSelector": "spec.nodeSelector",
    "tolerations": "spec.tolerations",
    "affinity": "spec.affinity",
    "imagePullSecrets": "spec.imagePullSecrets",
    "labels": "metadata.labels",
    "annotations": "metadata.annotations",
}


def pod_field(name: str, *, max_length: int | None = None) -> Any:
    """An optional field (default absent) with the shape of the pod template's field `name`.

    Args:
        name: One of the fields above.
        max_length: Most items, for a list.
    """
    return Field(default=None, max_length=max_length, json_schema_extra={POD_SCHEMA_KEY: _PATHS[name]})
