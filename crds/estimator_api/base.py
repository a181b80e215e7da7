"""What every model of the API is made of: camelCase names, frozen values, and rules written once for two readers.

A cross-field rule has two readers: the API server, which evaluates CEL at `kubectl apply`, and Python code that
reads a manifest without a server (local runs). `Rule` holds both forms side by side, so that neither can be
changed without the other in view; a test feeds the same manifests to both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationInfo, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import core_schema

BEGUN: Final = "begun"
"""In the context of validation: the job has begun, so what is asked at admission is asked no more."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One cross-field rule.

    Attributes:
        cel: The CEL expression over `self` (and `oldSelf` for a transition rule).
        message: What the user reads when the rule is broken: which field, what to do.
        holds: The same rule on the parsed model; None for transition rules, which need the old object, and for what
            only a cluster asks: a local run has no mounts.
        field_path: The JSON path below this model that the API server names in its error, e.g. `.maxSteps`.
        reason: What kind of error the API server calls it.
        admission: Only asked of jobs that have not begun: when one is created, and when it is resumed. What an earlier
            version took and runs must stay readable, and can still be suspended and scaled.
    """

    cel: str
    message: str
    holds: Callable[[Any], bool] | None = None
    field_path: str | None = None
    reason: Literal["FieldValueInvalid", "FieldValueForbidden", "FieldValueRequired"] = "FieldValueInvalid"
    admission: bool = False

    def schema(self, *, resumable: bool = False) -> dict[str, Any]:
        """The rule as an item of `x-kubernetes-validations`, of something that can be suspended if it is `resumable`."""
        item: dict[str, Any] = {"rule": self.cel, "message": self.message}
        if self.admission and resumable:
            item["rule"] = (
                f"(oldSelf.hasValue() && !(oldSelf.value().suspend && !self.suspend)) || ({self.cel})"
            )
            item["optionalOldSelf"] = True
        if self.field_path:
            item["fieldPath"] = self.field_path
        if self.reason != "FieldValueInvalid":
            item["reason"] = self.reason
        return item


class BrokenRulesError(ValueError):
    """A model breaks some of its rules.

    Attributes:
        rules: Those.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        super().__init__("; ".join(rule.message for rule in rules))
        self.rules = tuple(rules)


@dataclass(frozen=True, slots=True)
class Matching:
    """Annotation of a string that must match a regular expression as a whole.

    The schema gets a rule, not a `pattern`: the API server then answers with the message instead of the expression.

    Attributes:
        expression: In the common part of Python's and Go's dialects, without anchors and single quotes.
        message: What the string must be, with an example.
    """

    expression: str
    message: str

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        """Adds the check to the string's own."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        """Adds the rule to the string's JSON schema."""
        schema: dict[str, Any] = handler(core)
        rule = Rule(cel=f"self.matches(r'^(?:{self.expression})$')", message=self.message)
        schema.setdefault("x-kubernetes-validations", []).append(rule.schema())
        return schema

    def _check(self, value: str) -> str:
        if re.fullmatch(self.expression, value) is None:
            raise ValueError(self.message)
        return value


@dataclass(frozen=True, slots=True)
class Keyed:
    """Annotation of a list of objects that one of their fields identifies: no two alike, merged by it.

    Attributes:
        key: The field, as it is called in JSON and in the model alike.
    """

    key: str

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        """Adds the check to the list's own."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        """Makes the list a map by the key."""
        schema: dict[str, Any] = handler(core)
        return {**schema, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [self.key]}

    def _check(self, items: Sequence[Any]) -> Sequence[Any]:
        keys = [getattr(item, self.key) for item in items]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise ValueError(f"two items have the {self.key} {', '.join(map(repr, twice))}")
        return items


@dataclass(frozen=True, slots=True)
class Distinct:
    """Annotation of a list of plain values of which no two are alike, and whose order says nothing."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        """Adds the check to the list's own."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        """Makes the list a set."""
        schema: dict[str, Any] = handler(core)
        return {**schema, "x-kubernetes-list-type": "set"}

    def _check(self, items: Sequence[Any]) -> Sequence[Any]:
        twice = sorted({item for item in items if items.count(item) > 1})
        if twice:
            raise ValueError(f"has {', '.join(map(repr, twice))} more than once")
        return items


class ApiModel(BaseModel):
    """Base of all API models: frozen, camelCase in JSON, unknown fields ignored.

    Unknown fields are ignored because the API server has pruned or refused them already, and because a newer
    server may know fields that this version does not. Tools that read files refuse them with
    `strict.unknown_fields`.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="ignore",
        use_attribute_docstrings=True,
    )

    rules: ClassVar[tuple[Rule, ...]] = ()

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: Any) -> dict[str, Any]:
        """Adds the class's rules to its JSON schema."""
        schema: dict[str, Any] = handler(core_schema)
        target = handler.resolve_ref_schema(schema)
        if cls.rules:
            target["x-kubernetes-validations"] = [
                rule.schema(resumable="suspend" in cls.model_fields) for rule in cls.rules
            ]
        return schema

    @model_validator(mode="after")
    def _check_rules(self, info: ValidationInfo) -> Self:
        begun = bool((info.context or {}).get(BEGUN))
        asked = (rule for rule in self.rules if not (begun and rule.admission))
        broken = [rule for rule in asked if rule.holds is not None and not rule.holds(self)]
        if not begun:
            broken.extend(self.faults())
        if broken:
            raise BrokenRulesError(broken)
        return self

    def faults(self) -> Iterable[Rule]:
        """Further rules that are broken, which the API server cannot ask; only of jobs that have not begun."""
        return ()

    def to_json(self) -> dict[str, Any]:
        """The model as a JSON object with camelCase keys; absent (None) fields are left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)
