"""Which fields of the status the API server does not know, by the schema that it serves: those of an older CRD.

The schema is public to everybody who may log in, so no right is needed to read it. The API server drops unknown fields
without a word, and with them what the operator counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from estimator_api import EstimatorJobStatus
from estimator_api import constants as c

Json = dict[str, Any]


def unserved_fields(document: Json) -> list[str]:
    """Fields of the status that are missing in an OpenAPI v3 document; none where it has no schema of EstimatorJobs."""
    schemas = (document.get("components") or {}).get("schemas") or {}
    served = next((one for one in schemas.values() if _is_job(one)), None)
    if served is None:
        return []
    known = EstimatorJobStatus.model_json_schema()
    return sorted(_missing(known, _property(served, "status"), known.get("$defs") or {}, "status"))


def _is_job(schema: Json) -> bool:
    kinds = schema.get("x-kubernetes-group-version-kind") or ()
    return any(
        (one.get("group"), one.get("version"), one.get("kind")) == (c.GROUP, c.VERSION, c.KIND)
        for one in kinds
    )


def _property(schema: Json, name: str) -> Json | None:
    found = (schema.get("properties") or {}).get(name)
    return found if isinstance(found, dict) else None


def _missing(known: Json, served: Json | None, definitions: Json, path: str) -> Iterator[str]:
    if served is None:
        yield path
        return
    if served.get("x-kubernetes-preserve-unknown-fields"):
        return
    for one in _alternatives(known, definitions):
        if "items" in one:
            yield from _missing(one["items"], served.get("items") or {}, definitions, f"{path}[]")
        for name, field in (one.get("properties") or {}).items():
            yield from _missing(field, _property(served, name), definitions, f"{path}.{name}")


def _alternatives(schema: Json, definitions: Json) -> Iterator[Json]:
    """What a schema may be: itself, what it refers to, or one of several, null apart."""
    if "$ref" in schema:
        yield from _alternatives(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    elif "anyOf" in schema:
        for one in schema["anyOf"]:
            yield from _alternatives(one, definitions)
    else:
        yield schema
