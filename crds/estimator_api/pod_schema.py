"""The schema of PodTemplateSpec as a structural schema, taken from an API server's own OpenAPI document.

    kubectl get --raw /openapi/v3/api/v1 | python -m estimator_api.pod_schema > crds/estimator_api/pod_template.json

The result is committed. It keeps the server's types, formats, required fields and list types, which make typos and
wrong types fail at `kubectl apply` and let server-side apply merge lists by key. It leaves out what would tie jobs to
the one Kubernetes version it was taken from, or make the resource too large for client-side apply:

* descriptions (they are four fifths of the size);
* enumerations and defaults: the cluster's own version knows them and applies them when pods are made;
* `containers` as a required field: a job without a container of its own gets the main container from the operator.

Fields below `template.spec` that the schema does not know are kept, so that a newer PodSpec works.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from importlib import resources
from typing import Any, Final

ROOT: Final = "io.k8s.api.core.v1.PodTemplateSpec"
_QUANTITY: Final = "io.k8s.apimachinery.pkg.api.resource.Quantity"
_INT_OR_STRING: Final = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
_METADATA: Final = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_REFERENCE: Final = "#/components/schemas/"
_KEPT: Final = (
    "type",
    "format",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type",
)
_EITHER: Final = {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True}
_QUANTITY_PATTERN: Final = (
    r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))"
    r"(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$"
)
_TEXT_MAP: Final = {"type": "object", "additionalProperties": {"type": "string"}}
_KEY_DEFAULTS: Final = {"protocol": "TCP"}


class OpenApiError(ValueError):
    """The document is not the OpenAPI v3 document of core/v1, or holds something that no structural schema can say."""


def extract(document: Mapping[str, Any]) -> dict[str, Any]:
    """The structural schema of PodTemplateSpec from the OpenAPI v3 document of core/v1.

    Raises:
        OpenApiError: The document has no PodTemplateSpec, or it has a recursive or unsupported part.
    """
    schemas: Mapping[str, Any] = document.get("components", {}).get("schemas", {})
    if ROOT not in schemas:
        raise OpenApiError(f"no {ROOT} in the document: is it the answer to /openapi/v3/api/v1?")
    template = _named(ROOT, schemas, ())
    spec = template["properties"]["spec"]
    spec["required"] = [name for name in spec.get("required", ()) if name != "containers"]
    if not spec["required"]:
        del spec["required"]
    spec["x-kubernetes-preserve-unknown-fields"] = True
    return template


def _named(name: str, schemas: Mapping[str, Any], above: tuple[str, ...]) -> dict[str, Any]:
    if name in above:
        raise OpenApiError(f"{name} contains itself: {' -> '.join(above)}")
    if name == _QUANTITY:
        # A number may be a fraction in a pod, which no integer or string is: no type says both.
        return {"x-kubernetes-preserve-unknown-fields": True, "pattern": _QUANTITY_PATTERN}
    if name == _INT_OR_STRING:
        return dict(_EITHER)
    if name == _METADATA:
        return {
            "type": "object",
            "properties": {
                "annotations": dict(_TEXT_MAP),
                # Programs that write templates write null here, and every API server takes it.
                "creationTimestamp": {"type": "string", "format": "date-time", "nullable": True},
                "labels": dict(_TEXT_MAP),
            },
        }
    return _node(schemas[name], schemas, (*above, name))


def _node(schema: Mapping[str, Any], schemas: Mapping[str, Any], above: tuple[str, ...]) -> dict[str, Any]:
    for one in ({"$ref": schema.get("$ref")}, *schema.get("allOf", ())):
        if one["$ref"]:
            # A list type beside the reference belongs to the field, not to the type that it refers to.
            beside = {key: schema[key] for key in _KEPT if key in schema and key != "type"}
            return {**_named(one["$ref"].removeprefix(_REFERENCE), schemas, above), **beside}
    node: dict[str, Any] = {key: schema[key] for key in _KEPT if key in schema}
    if "type" not in node:
        raise OpenApiError(f"a part of {above[-1]} has no type: {sorted(schema)}")
    if "properties" in schema:
        node["properties"] = {
            name: _node(part, schemas, above) for name, part in sorted(schema["properties"].items())
        }
        if schema.get("required"):
            node["required"] = sorted(schema["required"])
    elif isinstance(schema.get("additionalProperties"), Mapping):
        node["additionalProperties"] = _node(schema["additionalProperties"], schemas, above)
    if "items" in schema:
        node["items"] = _node(schema["items"], schemas, above)
        _give_keys_defaults(node)
    return node


def _give_keys_defaults(array: dict[str, Any]) -> None:
    """Every key of a keyed list must be required or have a default, or the API server refuses the resource."""
    for key in array.get("x-kubernetes-list-map-keys", ()):
        if key not in array["items"].get("required", ()):
            array["items"]["properties"][key]["default"] = _KEY_DEFAULTS.get(key, "")


_BOUNDS: Final = {
    "metadata.labels": {"maxProperties": 1024},
    "metadata.annotations": {"maxProperties": 1024},
    "spec.initContainers": {"maxItems": 64},
    "spec.initContainers[].ports": {"maxItems": 256},
    "spec.containers": {"maxItems": 64},
    "spec.containers[].name": {"maxLength": 63},
    "spec.containers[].env": {"maxItems": 1024},
    "spec.containers[].env[].name": {"maxLength": 1024},
    "spec.containers[].ports": {"maxItems": 256},
    "spec.containers[].ports[].name": {"maxLength": 63},
    "spec.containers[].volumeMounts": {"maxItems": 128},
    "spec.containers[].volumeMounts[].mountPath": {"maxLength": 1024},
    "spec.volumes": {"maxItems": 512},
    "spec.volumes[].name": {"maxLength": 63},
}
"""How much of a pod the rules may have to read: the API server takes no rule whose cost it cannot bound."""


def load() -> dict[str, Any]:
    """The committed schema, bounded."""
    text = resources.files("estimator_api").joinpath("pod_template.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    for path, bounds in _BOUNDS.items():
        below(schema, path).update(bounds)
    return schema


def below(template: Mapping[str, Any], path: str) -> dict[str, Any]:
    """The schema at `path` below the template's, e.g. `spec.containers[].resources`; "" is the template itself.

    Raises:
        KeyError: There is no such path.
    """
    node: Any = template
    for part in filter(None, path.split(".")):
        node = node["properties"][part.removesuffix("[]")]
        if part.endswith("[]"):
            node = node["items"]
    found: dict[str, Any] = node
    return found


def main() -> None:
    """Reads an OpenAPI document from standard input and writes the schema to standard output."""
    json.dump(extract(json.load(sys.stdin)), sys.stdout, indent=1, sort_keys=True)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
