"""From the JSON schema that pydantic makes of a model to the structural schema that a CRD takes.

The projection is pure. It knows the few keywords that the models of this package use, and fails on every other with
the JSON path of the place: a constraint that silently vanished on the way to the API server would be a constraint
that only Python checks. Fields marked by `pod_fields.pod_field` get the vendored schema of their part of the pod.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from estimator_api import pod_schema
from estimator_api.pod_fields import POD_SCHEMA_KEY

Json = dict[str, Any]

PRESERVE: Final = "x-kubernetes-preserve-unknown-fields"
INT_OR_STRING: Final = "x-kubernetes-int-or-string"
_DEFS: Final = "#/$defs/"
_NULL: Final = {"type": "null"}
_EITHER: Final = [{"type": "integer"}, {"type": "string"}]
_COPIED: Final = frozenset(
    {
        "type", "format", "enum", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "maxProperties",
        "pattern", "required", "x-kubernetes-validations", "x-kubernetes-list-type", "x-kubernetes-list-map-keys",
        "x-kubernetes-map-type", "nullable", PRESERVE, INT_OR_STRING,
    }
)  # fmt: skip
_TYPES: Final = frozenset({"object", "array", "string", "integer", "number", "boolean"})


class ProjectionError(ValueError):
    """A model says something that a structural schema cannot; the message begins with the JSON path."""


def project(schema: Mapping[str, Any], *, with_pods: bool = True) -> Json:
    """The structural schema of a model.

    Args:
        schema: What `model_json_schema(by_alias=True)` returned.
        with_pods: Fill in the fields that have the shape of a part of a pod. Without, they have their type and keep
            the marker of `pod_fields`: a reader wants to know where they come from, not all of Kubernetes.

    Raises:
        ProjectionError: Part of it cannot be expressed.
    """
    return _Projection(schema.get("$defs", {}), with_pods=with_pods).node(schema, "$", ())


class _Projection:
    def __init__(self, definitions: Mapping[str, Any], *, with_pods: bool) -> None:
        self._definitions = definitions
        self._with_pods = with_pods
        self._pod_template = pod_schema.load()

    def node(self, schema: Mapping[str, Any], path: str, above: tuple[str, ...]) -> Json:
        flat, above = self._flatten(schema, path, above)
        flat.pop("title", None)
        flat.pop("$defs", None)
        if POD_SCHEMA_KEY in flat:
            return self._pod_field(flat, path)
        out: Json = {}
        if "description" in flat:
            out["description"] = _one_line_paragraphs(flat.pop("description"))
        if "const" in flat:
            flat["enum"] = [flat.pop("const")]
        if flat.get(INT_OR_STRING):
            if flat.pop("anyOf", None) != _EITHER:
                raise ProjectionError(f"{path}: int-or-string needs anyOf [integer, string] and nothing else")
            out["anyOf"] = [dict(one) for one in _EITHER]
        elif flat.get("type") not in _TYPES:
            raise ProjectionError(f"{path}: {_strange(flat)}")
        default = flat.pop("default", None)
        properties = flat.pop("properties", None)
        values = flat.pop("additionalProperties", None)
        items = flat.pop("items", None)
        for key in sorted(flat):
            if key not in _COPIED:
                raise ProjectionError(f"{path}: a structural schema has no {key!r} here")
            out[key] = flat[key]
        if properties is not None:
            if values is not None:
                raise ProjectionError(f"{path}: properties and additionalProperties exclude each other")
            out["properties"] = {
                name: self.node(part, f"{path}.{name}", above) for name, part in properties.items()
            }
        elif values is True:
            out[PRESERVE] = True
        elif isinstance(values, Mapping):
            out["additionalProperties"] = self.node(values, f"{path}.*", above)
        elif values is not None:
            raise ProjectionError(f"{path}: additionalProperties must be true or a schema")
        if out.get("type") == "array":
            if not isinstance(items, Mapping):
                raise ProjectionError(f"{path}: an array needs one schema for its items")
            out["items"] = self.node(items, f"{path}[]", above)
        if default is not None:
            out["default"] = _explicit(default, out, path)
        return out

    def _flatten(
        self, schema: Mapping[str, Any], path: str, above: tuple[str, ...]
    ) -> tuple[Json, tuple[str, ...]]:
        """Resolves references and "X or null"; what stands beside them wins over what they lead to."""
        flat = dict(schema)
        while True:
            if "$ref" in flat:
                name = flat.pop("$ref").removeprefix(_DEFS)
                if name in above:
                    raise ProjectionError(
                        f"{path}: {name} contains itself, a structural schema cannot recurse"
                    )
                if name not in self._definitions:
                    raise ProjectionError(f"{path}: nothing is defined as {name}")
                above = (*above, name)
                flat = {**self._definitions[name], **flat}
            elif _NULL in flat.get("anyOf", ()):
                # Null is how Python says "absent"; the API has no null, the field is just not required.
                others = [one for one in flat.pop("anyOf") if one != _NULL]
                if len(others) == 1:
                    flat = {**others[0], **flat}
                else:
                    flat["anyOf"] = others
                if flat.get("default", ...) is None:
                    del flat["default"]
            else:
                return flat, above

    def _pod_field(self, flat: Mapping[str, Any], path: str) -> Json:
        where = flat[POD_SCHEMA_KEY]
        try:
            out = pod_schema.below(self._pod_template, where)
        except KeyError as error:
            raise ProjectionError(f"{path}: the pod template has no {where}") from error
        if not self._with_pods:
            out = {"type": out["type"], POD_SCHEMA_KEY: where}
        bounds = {key: flat[key] for key in ("maxItems", "maxLength", "maxProperties") if key in flat}
        return {"description": _one_line_paragraphs(flat["description"]), **out, **bounds}


def _explicit(default: Any, schema: Mapping[str, Any], path: str) -> Any:
    """`default` without what the schema says by itself: nulls, and nested values equal to their own default."""
    if not isinstance(default, Mapping):
        return default
    out: Json = {}
    for name, value in default.items():
        part = schema.get("properties", {}).get(name)
        if part is None:
            raise ProjectionError(f"{path}: its default has a field {name!r} that the schema does not know")
        if value is not None and value != part.get("default"):
            out[name] = _explicit(value, part, f"{path}.{name}")
    return out


def _one_line_paragraphs(text: str) -> str:
    """Docstrings are wrapped for editors; `kubectl explain` wraps for the terminal."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def _strange(flat: Mapping[str, Any]) -> str:
    for key in ("oneOf", "allOf", "anyOf", "not", "prefixItems"):
        if key in flat:
            return f"{key} is no structural type; use optional fields and a rule"
    return f"type is {flat.get('type')!r}, a structural schema needs one of {', '.join(sorted(_TYPES))}"
