"""The vendored schema of PodTemplateSpec, and how it is taken from an API server's OpenAPI document."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from estimator_api import pod_schema
from estimator_api.pod_schema import OpenApiError, below, extract, load

_REF = "#/components/schemas/"
_SPEC = "io.k8s.api.core.v1.PodSpec"


def document(spec: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An OpenAPI document whose PodSpec is `spec`."""
    template = {
        "type": "object",
        "description": "A template.",
        "properties": {
            "metadata": {"allOf": [{"$ref": f"{_REF}io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}]},
            "spec": {"allOf": [{"$ref": _REF + _SPEC}], "default": {}},
        },
    }
    return {"components": {"schemas": {pod_schema.ROOT: template, _SPEC: spec, **more}}}


def test_what_is_kept_and_what_is_left_out() -> None:
    spec = {
        "type": "object",
        "description": "A pod.",
        "required": ["containers"],
        "properties": {
            "containers": {
                "type": "array",
                "items": {"$ref": f"{_REF}Container"},
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
                "x-kubernetes-patch-strategy": "merge",
            },
            "restartPolicy": {"type": "string", "enum": ["Always"], "default": "Always"},
            "overhead": {
                "type": "object",
                "additionalProperties": {"$ref": f"{_REF}io.k8s.apimachinery.pkg.api.resource.Quantity"},
            },
        },
    }
    ports = {
        "type": "array",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["containerPort", "protocol"],
        "items": {
            "type": "object",
            "required": ["containerPort"],
            "properties": {
                "containerPort": {"type": "integer", "format": "int32"},
                "protocol": {"type": "string"},
            },
        },
    }
    container = {
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": "string"},
            "port": {"$ref": f"{_REF}io.k8s.apimachinery.pkg.util.intstr.IntOrString"},
            "ports": ports,
        },
    }
    template = extract(document(spec, Container=container))
    assert list(template) == ["type", "properties"]
    metadata = template["properties"]["metadata"]
    assert list(metadata["properties"]) == ["annotations", "creationTimestamp", "labels"]
    pod = template["properties"]["spec"]
    assert pod["x-kubernetes-preserve-unknown-fields"] is True
    assert "required" not in pod, "a job need not have a container of its own"
    assert pod["properties"]["restartPolicy"] == {"type": "string"}
    quantity = pod["properties"]["overhead"]["additionalProperties"]
    assert quantity["x-kubernetes-preserve-unknown-fields"] is True, "a number may be a fraction"
    assert "type" not in quantity
    assert "pattern" in quantity
    containers = pod["properties"]["containers"]
    assert containers["x-kubernetes-list-map-keys"] == ["name"]
    assert "x-kubernetes-patch-strategy" not in containers
    assert below(template, "spec.containers[].port")["anyOf"] == [{"type": "integer"}, {"type": "string"}]
    protocol = below(template, "spec.containers[].ports[]")["properties"]["protocol"]
    assert protocol == {"type": "string", "default": "TCP"}, "a key is required or has a default"


def test_another_document() -> None:
    with pytest.raises(OpenApiError, match="is it the answer to /openapi/v3/api/v1"):
        extract({"openapi": "3.0.0"})


def test_recursion() -> None:
    spec = {"type": "object", "properties": {"inner": {"$ref": _REF + _SPEC}}}
    with pytest.raises(OpenApiError, match="PodSpec contains itself"):
        extract(document(spec))


def test_untyped_part() -> None:
    with pytest.raises(OpenApiError, match=r"a part of .*PodSpec has no type"):
        extract(document({"type": "object", "properties": {"anything": {"description": "x"}}}))


def test_command_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    given = document({"type": "object"})
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(given)))
    pod_schema.main()
    assert json.loads(capsys.readouterr().out) == extract(given)


def nodes(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every node of a schema."""
    yield schema
    for part in (
        *schema.get("properties", {}).values(),
        schema.get("items"),
        schema.get("additionalProperties"),
    ):
        if isinstance(part, dict):
            yield from nodes(part)


def test_committed_schema() -> None:
    template = load()
    every = list(nodes(template))
    assert len(every) > 1000
    assert [one for one in every if "description" in one or "enum" in one] == []
    assert below(template, "") is template
    resources = below(template, "spec.containers[].resources")
    assert {"limits", "requests"} <= resources["properties"].keys()
    with pytest.raises(KeyError):
        below(template, "spec.gone")
