"""The generated CRD keeps the API conventions, and what is committed is what the models say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from manifest_cases import EXAMPLES, REPOSITORY, cases, example, job

from estimator_api import constants as c
from estimator_api import crd

Json = dict[str, Any]
CRD = crd.definition()
(VERSION,) = CRD["spec"]["versions"]
ROOT: Json = VERSION["schema"]["openAPIV3Schema"]
KUBERNETES_OWNS = frozenset(
    {
        "template", "env", "resources", "nodeSelector", "tolerations", "affinity", "imagePullSecrets", "labels",
        "annotations",
    }
)  # fmt: skip
"""Fields with the pod's own schema: its bounds are its own."""


def walk(schema: Json, path: str = "", *, into_pods: bool = False) -> Iterator[tuple[str, Json]]:
    """Every node of the schema with its path; shapes that Kubernetes owns are left out unless asked for."""
    yield path, schema
    for name, part in schema.get("properties", {}).items():
        modelled = path.endswith("volumeClaimTemplate") or (name == "template" and path != ".spec")
        if into_pods or modelled or name not in KUBERNETES_OWNS:
            yield from walk(part, f"{path}.{name}", into_pods=into_pods)
    for key, suffix in (("items", "[]"), ("additionalProperties", ".*")):
        if key in schema:
            yield from walk(schema[key], path + suffix, into_pods=into_pods)


OWN = dict(walk(ROOT))
ALL = dict(walk(ROOT, into_pods=True))


def those(nodes: dict[str, Json], wrong: Any) -> list[str]:
    """Paths of the nodes for which `wrong` is true."""
    return [path for path, node in nodes.items() if path and wrong(node)]


def test_every_node_is_typed() -> None:
    untyped = those(ALL, lambda one: "type" not in one and "x-kubernetes-int-or-string" not in one)
    # No type is both a number, which may be a fraction, and a string.
    assert {ALL[path].get("pattern") is not None for path in untyped} == {True}
    assert all(ALL[path]["x-kubernetes-preserve-unknown-fields"] for path in untyped)


def test_structural_keywords_only() -> None:
    forbidden = {"$ref", "oneOf", "allOf", "not", "title", "const", "definitions"}
    assert those(ALL, lambda one: forbidden & one.keys()) == []
    nullable = those(ALL, lambda one: "nullable" in one)
    assert [path for path in nullable if not path.endswith(".metadata.creationTimestamp")] == []
    assert those(ALL, lambda one: "anyOf" in one and not one.get("x-kubernetes-int-or-string")) == []
    assert those(ALL, lambda one: "properties" in one and "additionalProperties" in one) == []


def test_strings_and_lists_are_bounded() -> None:
    shapeless = (".apiVersion", ".kind", ".metadata.creationTimestamp")
    texts = {path: node for path, node in OWN.items() if not path.endswith(shapeless)}
    assert (
        those(texts, lambda one: one.get("type") == "string" and not one.keys() & {"maxLength", "enum"}) == []
    )
    assert those(OWN, lambda one: one.get("type") == "array" and "maxItems" not in one) == []
    assert those(OWN, lambda one: "additionalProperties" in one) == [], (
        "maps of objects are lists by key here"
    )


def test_spec_has_messages_instead_of_patterns() -> None:
    assert [path for path in those(OWN, lambda one: "pattern" in one) if path.startswith(".spec")] == []


def test_integers_have_a_format_and_spec_s_a_least_value() -> None:
    integers = {path: node for path, node in OWN.items() if node.get("type") == "integer"}
    assert those(integers, lambda one: one.get("format") not in ("int32", "int64")) == []
    spec = {path: node for path, node in integers.items() if path.startswith(".spec")}
    assert those(spec, lambda one: "minimum" not in one) == [".spec.estimator.runConfig.tfRandomSeed"]


def test_no_floats() -> None:
    assert those(OWN, lambda one: one.get("type") == "number") == []


def test_booleans_are_few_and_known() -> None:
    assert those(OWN, lambda one: one.get("type") == "boolean") == [
        ".spec.estimator.exports[].asText",
        ".spec.modelDir.mirror",
        ".spec.tensorBoard.enabled",
        ".spec.suspend",
        ".status.progress.finished",
        ".status.tensorBoard.ready",
    ]


def test_durations_are_seconds() -> None:
    words = ("timeout", "deadline", "ttl", "grace", "delay", "throttle")
    durations = [path for path in OWN if any(word in path.rpartition(".")[2].lower() for word in words)]
    assert len(durations) == 10
    assert [path for path in durations if not path.endswith(("Seconds", "SecondsAfterFinished"))] == []
    assert [path for path in durations if OWN[path]["type"] != "integer"] == []


def test_enumerations_are_camel_case() -> None:
    roles = [OWN[f".spec.{one}.roles[]"] for one in ("runPolicy.failurePolicy.rules[]", "inputs[]")]
    assert {tuple(one["enum"]) for one in roles} == {c.ROLES}, "as their sections and TF_CONFIG call them"
    values = [value for node in OWN.values() if node not in roles for value in node.get("enum", ())]
    assert [value for value in values if not value[0].isupper() or not value.isalnum()] == []


def test_names_are_camel_case() -> None:
    names = [path.rpartition(".")[2] for path in OWN if path and not path.endswith("[]")]
    assert [name for name in names if not name[0].islower() or not name.isalnum()] == []


def test_required_excludes_defaulted() -> None:
    both = [
        f"{path}.{name}"
        for path, node in ALL.items()
        for name in node.get("required", ())
        if "default" in node["properties"][name]
    ]
    assert both == []


def test_nested_defaults_are_reached() -> None:
    """A default below an object that is absent has no effect, unless the object has a default too."""
    spec = ROOT["properties"]["spec"]["properties"]
    assert (spec["chief"]["default"], spec["runPolicy"]["default"]) == ({}, {})


def test_lists_say_how_they_merge() -> None:
    lists = {path: node for path, node in OWN.items() if node.get("type") == "array"}
    assert those(lists, lambda one: "x-kubernetes-list-type" not in one) == []
    keyed = {path: node for path, node in ALL.items() if node.get("x-kubernetes-list-type") == "map"}
    assert len(keyed) > 20
    for path, node in keyed.items():
        for key in node["x-kubernetes-list-map-keys"]:
            item = node["items"]
            assert key in item.get("required", ()) or "default" in item["properties"][key], f"{path} by {key}"


def test_descriptions() -> None:
    undescribed = [
        path for path in those(OWN, lambda one: not one.get("description")) if not path.endswith("[]")
    ]
    assert undescribed == [".metadata"], "kubectl explain takes this one from Kubernetes"
    assert [path for path, node in OWN.items() if node.get("description", "x")[-1:].isspace()] == []
    assert those(ALL, lambda one: "\n" in one.get("description", "").replace("\n\n", "")) == []


def test_rules_speak_to_people() -> None:
    rules = [rule for node in OWN.values() for rule in node.get("x-kubernetes-validations", ())]
    assert len(rules) > 80
    assert [rule for rule in rules if len(rule["message"]) < 20] == []


def test_templates_keep_fields_of_newer_versions() -> None:
    pod = ALL[".spec.template.spec"]
    assert pod["x-kubernetes-preserve-unknown-fields"] is True
    assert "containers" not in pod.get("required", ())
    assert ALL[".spec.template.spec.containers[].ports[].protocol"]["default"] == "TCP"
    assert list(ALL[".spec.template.metadata"]["properties"]) == [
        "annotations",
        "creationTimestamp",
        "labels",
    ]


def test_conditions_are_those_of_kubernetes() -> None:
    conditions = OWN[".status.conditions"]
    assert conditions["x-kubernetes-list-map-keys"] == ["type"]
    assert set(conditions["items"]["required"]) == {"type", "status", "reason", "lastTransitionTime"}
    assert ROOT["properties"]["status"]["default"] == {"observedGeneration": -1}


def test_names_and_subresources() -> None:
    assert CRD["metadata"]["name"] == "estimatorjobs.estimator.dev"
    assert CRD["spec"]["names"] == {
        "kind": "EstimatorJob",
        "listKind": "EstimatorJobList",
        "plural": "estimatorjobs",
        "singular": "estimatorjob",
        "shortNames": ["ej"],
        "categories": ["estimator"],
    }
    assert (VERSION["name"], VERSION["served"], VERSION["storage"]) == (c.VERSION, True, True)
    assert VERSION["subresources"] == {
        "status": {},
        "scale": {
            "specReplicasPath": ".spec.worker.replicas",
            "statusReplicasPath": ".status.workerReplicas",
            "labelSelectorPath": ".status.workerSelector",
        },
    }
    assert all(path in OWN for path in VERSION["subresources"]["scale"].values())
    assert VERSION["selectableFields"] == [{"jsonPath": ".spec.suspend"}]


def test_columns_show_what_the_status_has() -> None:
    columns = VERSION["additionalPrinterColumns"]
    assert [one["name"] for one in columns if "priority" not in one] == [
        "State", "Step", "Progress", "Loss", "Restarts", "Age", "Message",
    ]  # fmt: skip
    assert [one["name"] for one in columns if one.get("priority")] == ["Metric", "Value", "Export"]
    for column in columns:
        plain = column["jsonPath"].partition("[")[0]
        assert plain in OWN or plain == ".metadata.creationTimestamp", column["jsonPath"]


def test_small_enough_for_client_side_apply() -> None:
    assert len(json.dumps(CRD, separators=(",", ":")).encode()) < 262_144


@pytest.mark.parametrize("path", crd.OUTPUTS, ids=str)
def test_committed_files_are_what_the_models_say(path: Path) -> None:
    assert yaml.safe_load((REPOSITORY / path).read_text()) == CRD
    assert crd.main(["--check"]) == 0


def test_generating_and_checking(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert crd.main(["--check"], root=tmp_path) == 1
    assert capsys.readouterr().err.splitlines() == [
        "crds/estimatorjobs.yaml is missing: run `make generate` and commit it",
        "charts/estimator-operator/files/crds/estimatorjobs.yaml is missing: run `make generate` and commit it",
    ]
    assert crd.main([], root=tmp_path) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert crd.main([], root=tmp_path) == 0
    assert crd.main(["--check"], root=tmp_path) == 0
    assert capsys.readouterr() == ("", ""), "nothing is written twice"
    (tmp_path / crd.OUTPUTS[0]).write_text("kind: Other\n")
    assert crd.main(["--check"], root=tmp_path) == 1
    assert capsys.readouterr().err.startswith("crds/estimatorjobs.yaml differs from the models")


def strict(schema: Json) -> Json:
    """The schema for a JSON Schema validator that refuses unknown fields, as kubectl does."""
    out = {key: value for key, value in schema.items() if not key.startswith("x-kubernetes")}
    if schema.get("nullable"):
        out["type"] = [schema["type"], "null"]
    if "properties" in schema:
        out["properties"] = {name: strict(part) for name, part in schema["properties"].items()}
        out["additionalProperties"] = bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    if isinstance(schema.get("additionalProperties"), dict):
        out["additionalProperties"] = strict(schema["additionalProperties"])
    if "items" in schema:
        out["items"] = strict(schema["items"])
    return out


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft7Validator:
    """Validates EstimatorJobs by the CRD's schema alone."""
    schema = strict(ROOT)
    schema["properties"]["metadata"] = {"type": "object"}
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_fit_the_schema(validator: jsonschema.Draft7Validator, name: str) -> None:
    validator.validate(example(name))


@pytest.mark.parametrize(("name", "case"), cases("near_misses").items())
def test_near_misses_fit_the_schema(validator: jsonschema.Draft7Validator, name: str, case: Json) -> None:
    validator.validate(job(case["spec"]))


@pytest.mark.parametrize(("name", "case"), cases("unknown_fields").items())
def test_unknown_fields_do_not(validator: jsonschema.Draft7Validator, name: str, case: Json) -> None:
    with pytest.raises(jsonschema.ValidationError, match="Additional properties are not allowed"):
        validator.validate(job(case["spec"]))
