"""The projection of the models' JSON schema to a structural schema."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from estimator_api.base import ApiModel, Keyed, Matching, Rule
from estimator_api.pod_fields import POD_SCHEMA_KEY, pod_field
from estimator_api.structural import ProjectionError, project


def of(model: type[ApiModel]) -> dict[str, Any]:
    """The projection of a model."""
    return project(model.model_json_schema(by_alias=True))


class Wheel(ApiModel):
    """A wheel."""

    name: Annotated[str, Field(max_length=10)]
    inches: Annotated[int, Field(ge=10, le=30, json_schema_extra={"format": "int32"})] = 20


def test_fields_become_camel_case_and_optional_ones_are_not_required() -> None:
    class Car(ApiModel):
        """A car.

        It has
        wheels.
        """

        top_speed: int
        """How fast it goes
        downhill."""
        colour: Literal["Red", "Blue"] | None = None
        spare: Wheel | None = None
        """Where it is."""

    schema = of(Car)
    assert schema["description"] == "A car.\n\nIt has wheels."
    assert schema["required"] == ["topSpeed"]
    assert schema["properties"]["topSpeed"] == {
        "type": "integer",
        "description": "How fast it goes downhill.",
    }
    assert schema["properties"]["colour"] == {"type": "string", "enum": ["Red", "Blue"]}
    spare = schema["properties"]["spare"]
    assert spare["description"] == "Where it is.", (
        "what is said of the field wins over what is said of its type"
    )
    assert spare["properties"]["inches"] == {
        "type": "integer",
        "format": "int32",
        "minimum": 10,
        "maximum": 30,
        "default": 20,
    }


def test_defaults_say_only_what_the_schema_does_not() -> None:
    class Car(ApiModel):
        front: Wheel = Wheel(name="front")
        rear: Wheel = Wheel(name="rear", inches=25)

    properties = of(Car)["properties"]
    assert properties["front"]["default"] == {"name": "front"}
    assert properties["rear"]["default"] == {"name": "rear", "inches": 25}


def test_rules_patterns_and_keys() -> None:
    class Car(ApiModel):
        rules = (
            Rule(
                cel="has(self.wheels)",
                message="needs wheels",
                field_path=".wheels",
                reason="FieldValueRequired",
            ),
        )
        wheels: Annotated[list[Wheel], Field(max_length=4), Keyed("name")] | None = None
        plate: Annotated[str, Field(max_length=8), Matching("[A-Z]+", "must be upper case")] = "X"

    schema = of(Car)
    assert schema["x-kubernetes-validations"] == [
        {
            "rule": "has(self.wheels)",
            "message": "needs wheels",
            "fieldPath": ".wheels",
            "reason": "FieldValueRequired",
        }
    ]
    wheels = schema["properties"]["wheels"]
    assert (wheels["x-kubernetes-list-type"], wheels["x-kubernetes-list-map-keys"]) == ("map", ["name"])
    assert wheels["maxItems"] == 4
    assert schema["properties"]["plate"]["x-kubernetes-validations"] == [
        {"rule": "self.matches(r'^(?:[A-Z]+)$')", "message": "must be upper case"}
    ]


def test_free_objects_maps_and_constants() -> None:
    class Car(ApiModel):
        extras: dict[str, Any] | None = None
        labels: dict[str, Annotated[str, Field(max_length=5)]] | None = None
        version: Literal[1] = 1

    properties = of(Car)["properties"]
    assert properties["extras"] == {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    assert properties["labels"] == {
        "type": "object",
        "additionalProperties": {"type": "string", "maxLength": 5},
    }
    assert properties["version"] == {"type": "integer", "enum": [1], "default": 1}


def test_pod_fields_get_the_schema_of_their_part_of_the_pod() -> None:
    class Car(ApiModel):
        env: list[dict[str, Any]] | None = pod_field("env", max_length=3)
        """Variables."""

    env = of(Car)["properties"]["env"]
    assert (env["type"], env["maxItems"], env["description"]) == ("array", 3, "Variables.")
    assert env["x-kubernetes-list-map-keys"] == ["name"]
    assert env["items"]["required"] == ["name"]


class Chain(ApiModel):
    """Contains itself."""

    link: Chain | None = None


def test_recursion_is_refused() -> None:
    with pytest.raises(ProjectionError, match=r"^\$\.link: Chain contains itself"):
        of(Chain)


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ({"oneOf": [{"type": "string"}]}, "oneOf is no structural type"),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, "anyOf is no structural type"),
        (
            {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]},
            "anyOf is no structural type",
        ),
        ({"type": "array", "prefixItems": [{"type": "string"}]}, "no 'prefixItems' here"),
        ({"type": "array"}, "an array needs one schema for its items"),
        ({"type": "null"}, "type is 'null'"),
        ({}, "type is None"),
        ({"type": "number", "exclusiveMinimum": 0}, "no 'exclusiveMinimum' here"),
        ({"type": "string", "examples": ["a"]}, "no 'examples' here"),
        ({"type": "object", "additionalProperties": False}, "must be true or a schema"),
        ({"type": "object", "properties": {}, "additionalProperties": True}, "exclude each other"),
        (
            {"type": "object", "properties": {}, "default": {"b": 1}},
            "has a field 'b' that the schema does not know",
        ),
        ({"$ref": "#/$defs/Gone"}, "nothing is defined as Gone"),
        ({"x-kubernetes-int-or-string": True, "type": "integer"}, "int-or-string needs anyOf"),
        ({"description": "x", POD_SCHEMA_KEY: "spec.gone"}, "the pod template has no spec.gone"),
    ],
)
def test_what_cannot_be_said_fails_with_its_path(field: dict[str, Any], words: str) -> None:
    schema = {"type": "object", "properties": {"list": {"type": "array", "items": field}}}
    with pytest.raises(ProjectionError, match=r"^\$\.list\[\]: .*" + words):
        project(schema)
