"""Unknown fields of a manifest, found without a server: what kubectl's strict validation refuses.

The models ignore what they do not know, because a newer server may know more. A person who writes a file is better
served by an error than by a typo that has no effect.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from estimator_api.crd import schema
from estimator_api.structural import PRESERVE

_ANY_OBJECT = ("metadata",)


def unknown_fields(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Paths of the fields that an EstimatorJob does not have, e.g. `spec.workr`, in the order of the manifest."""
    return tuple(
        path
        for name, value in manifest.items()
        if name not in _ANY_OBJECT
        for path in _unknown(value, _schema()["properties"].get(name), name)
    )


@cache
def _schema() -> dict[str, Any]:
    return schema()


def _unknown(value: Any, known: Mapping[str, Any] | None, path: str) -> Iterator[str]:
    if known is None:
        yield path
    elif isinstance(value, Mapping) and "properties" in known:
        for name, part in value.items():
            below = known["properties"].get(name)
            if below is not None or not known.get(PRESERVE):
                yield from _unknown(part, below, f"{path}.{name}")
    elif isinstance(value, Mapping) and "additionalProperties" in known:
        for name, part in value.items():
            yield from _unknown(part, known["additionalProperties"], f"{path}.{name}")
    elif isinstance(value, list) and "items" in known:
        for index, part in enumerate(value):
            yield from _unknown(part, known["items"], f"{path}[{index}]")
