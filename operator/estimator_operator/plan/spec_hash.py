"""A hash of what a job's pods are made from, carried by every pod.

Everything that cannot change while the job runs is in it. A pod with another hash was made from an earlier spec: the
job was suspended, changed and resumed while nobody looked. Defaults are left out, so that a version of the operator
that knows more fields finds the same hash.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

from estimator_api import EstimatorJob, EstimatorJobSpec
from estimator_api import constants as c
from estimator_api.immutability import IMMUTABLE_FIELDS
from estimator_operator.plan.cluster_spec import compact_json
from estimator_operator.plan.observed import Settings
from estimator_operator.plan.pinned import pinned_of
from estimator_operator.plan.roster import Roster, live

_DIGITS: Final = 16


_last: list[tuple[EstimatorJobSpec, str]] = []
"""The spec that was hashed last: a plan asks for the same one several times, from all its parts."""


def spec_hash(job: EstimatorJob) -> str:
    """The hash of the present spec."""
    for spec, known in _last:
        if spec is job.spec:
            return known
    made = _hash(job.spec)
    _last[:] = [(job.spec, made)]
    return made


def _hash(spec: EstimatorJobSpec) -> str:
    text = json.dumps(_immutable(spec), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def hashes_of(roster: Roster) -> set[str | None]:
    """The hashes that pods which may still run carry; None for those of an earlier version."""
    members = (pod for one in roster.members for pod in (one.pod, *one.previous) if pod is not None)
    return {pod.spec_hash for pod in (*members, *roster.surplus) if live(pod)}


def provenance(job: EstimatorJob, settings: Settings) -> dict[str, str]:
    """Annotations that say what a pod was made from: the hash of the spec, and what the operator's flags gave."""
    pinned = compact_json(pinned_of(settings).to_json())
    return {c.ANNOTATION_SPEC_HASH: spec_hash(job), c.ANNOTATION_PINNED: pinned}


def _immutable(spec: EstimatorJobSpec) -> dict[str, Any]:
    document: dict[str, Any] = spec.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    # A section that says nothing but its default, `ps: {}`, is left out below; that it is there is its number.
    sizes = {role: spec.replicas(role) for role in (c.WORKER, c.PS, c.EVALUATOR)}
    for role in sizes:
        document.get(role, {}).pop("replicas", None)
    if spec.elastic is not None:
        del sizes[c.WORKER]
    kept: dict[str, Any] = {"replicas": {role: size for role, size in sizes.items() if size}}
    for field in (*IMMUTABLE_FIELDS, c.WORKER):
        found = _at(document, field)
        if found not in (None, {}):
            kept[field] = found
    return kept


def _at(document: dict[str, Any], path: str) -> Any:
    found: Any = document
    for part in path.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found
