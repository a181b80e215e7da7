"""The EstimatorJob itself, and reading one from JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final

from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails

from estimator_api import constants as c
from estimator_api.base import BEGUN, ApiModel, BrokenRulesError, Rule
from estimator_api.spec import EstimatorJobSpec
from estimator_api.status import EstimatorJobStatus


class InvalidJobError(ValueError):
    """The object is not a valid EstimatorJob; the message has one line per fault, each naming its field."""


class Metadata(ApiModel):
    """The parts of ObjectMeta that anything here reads."""

    name: str
    namespace: str = "default"
    uid: str = ""
    generation: int = 1
    resource_version: str | None = None
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)


def _is_valid_name(name: str) -> bool:
    return (
        len(name) <= c.MAX_NAME_LENGTH
        and name.isascii()
        and name[:1].isalpha()
        and name[-1:].isalnum()
        and name == name.lower()
        and all(ch.isalnum() or ch == "-" for ch in name)
    )


class EstimatorJob(ApiModel):
    """EstimatorJob trains a tf.estimator model on a chief, workers, parameter servers and an evaluator.

    The operator makes their pods, wires them with TF_CONFIG, restarts what fails, and reports the step, the loss, the
    evaluation metrics, the checkpoints and the exported models in the status.
    """

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=f"size(self.metadata.name) <= {c.MAX_NAME_LENGTH}",
            message=f"metadata.name must have at most {c.MAX_NAME_LENGTH} characters, for pod names are made from it",
            holds=lambda j: len(j.metadata.name) <= c.MAX_NAME_LENGTH,
        ),
        Rule(
            cel="self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
            message="metadata.name must be a DNS-1035 label (lower case letters, digits and '-', starting with a letter),"
            " for a Service is named after it",
            holds=lambda j: len(j.metadata.name) > c.MAX_NAME_LENGTH or _is_valid_name(j.metadata.name),
        ),
    )

    metadata: Metadata
    spec: EstimatorJobSpec
    """What to train, with what, and where the model goes. Needs modelDir and one of estimator, program, image and
    template; the rest has defaults."""
    status: EstimatorJobStatus = Field(default_factory=EstimatorJobStatus)
    """What the operator has seen and done: conditions, pods and restarts, progress, evaluation, checkpoints and
    exports. Written by the operator alone."""


def parse_job(document: Mapping[str, Any]) -> EstimatorJob:
    """Reads an EstimatorJob from its JSON form, with the API server's strictness about types.

    A job that has begun was taken by this or an earlier version, and is read though a newer rule would refuse it.

    Raises:
        InvalidJobError: With one line per fault, each naming its field.
    """
    for name, wanted in (("apiVersion", c.API_VERSION), ("kind", c.KIND)):
        found = document.get(name, wanted)
        if found != wanted:
            raise InvalidJobError(f"{name}: must be {wanted}, this is {found}")
    try:
        text = json.dumps(document, default=str, allow_nan=False)
    except ValueError as error:
        raise InvalidJobError(
            f"{c.KIND}: a number is not finite, which no API server takes: {error}"
        ) from error
    try:
        # Strict validation knows from JSON, not from a dict, that an object is how a model is written.
        return EstimatorJob.model_validate_json(text, strict=True, context={BEGUN: _has_begun(document)})
    except ValidationError as error:
        lines = (line for fault in error.errors(include_url=False) for line in _lines(fault))
        raise InvalidJobError("\n".join(lines)) from error


def _has_begun(document: Mapping[str, Any]) -> bool:
    status = document.get("status")
    if not isinstance(status, Mapping):
        return False
    if status.get("startTime") or status.get("completionTime"):
        return True
    # Without a start time some of its pods may run all the same: others are awaited, or were refused.
    conditions = status.get("conditions") or ()
    return any(one.get("type") == c.READY and one.get("reason") in _WITH_PODS for one in conditions)


_WITH_PODS: Final = frozenset(
    {
        c.REASON_PODS_PENDING,
        c.REASON_PODS_NOT_READY,
        c.REASON_POD_CREATION_FORBIDDEN,
        c.REASON_RESTARTING,
        c.REASON_SUSPENDING,
    }
)
"""Reasons of Ready of a job that has begun, or is about to."""


_MESSAGES: Final = {
    "missing": "is required",
    "model_type": "must be an object",
    "dict_type": "must be an object",
    "list_type": "must be a list",
    "string_type": "must be a string",
    "int_type": "must be an integer",
    "int_from_float": "must be an integer",
    "bool_type": "must be true or false",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must have at least {min_length} characters",
    "too_short": "must have at least {min_length} items",
    "too_long": "must have at most {max_length} items",
    "literal_error": "must be one of {expected}",
    "value_error": "{error}",
}


def _lines(fault: ErrorDetails) -> Iterator[str]:
    field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault["loc"])[1:]
    context = fault.get("ctx", {})
    error = context.get("error")
    if isinstance(error, BrokenRulesError):
        for rule in error.rules:
            where = f"{field}{rule.field_path or ''}"
            yield f"{where}: {rule.message}" if where else rule.message
        return
    message = _MESSAGES.get(fault["type"])
    text = fault["msg"] if message is None else message.format(**context)
    if fault["type"].endswith("_type"):
        text += f", this is {json.dumps(fault['input'], default=str)[:80]}"
    yield f"{field}: {text}"
