"""The ConfigMap of a job whose variables are too large for an environment: a key for each of them.

It is owned by the job and is never changed: other content has another name, so no pod that runs ever sees it change,
and one of an earlier job of the same name is never taken for it. Like the claim it carries no
`app.kubernetes.io/instance`, by which GitOps tools would take it for theirs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from estimator_api import EstimatorJob
from estimator_api import constants as c
from estimator_operator.plan.cluster_spec import compact_json
from estimator_operator.plan.kernel_limits import LARGEST
from estimator_operator.plan.ownership import job_labels, owner_reference

LARGEST_CONFIG_MAP: Final = 1_048_576
"""Bytes of all values of a ConfigMap."""
_DIGITS: Final = 16
_JSON_MOST: Final = 8
"""Bytes that a variable has at most for a character of the spec: JSON escapes one with six, and defaults are added."""
_ADDRESS_MOST: Final = 300
"""Bytes of an address beside the names of job and namespace: role, number, port, and the longest cluster domain."""


def environment_file(job: EstimatorJob, data: Mapping[str, str]) -> dict[str, Any]:
    """The ConfigMap `<job>-environment-<hash>`.

    Args:
        job: The job.
        data: Names of variables and what their files hold.
    """
    digest = hashlib.sha256(compact_json([job.metadata.uid, dict(data)]).encode()).hexdigest()
    labels = {name: value for name, value in job_labels(job).items() if name != c.LABEL_APP_INSTANCE}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": f"{job.metadata.name}-environment-{digest[:_DIGITS]}",
            "namespace": job.metadata.namespace,
            "labels": labels,
            "ownerReferences": [owner_reference(job)],
        },
        "immutable": True,
        "data": dict(data),
    }


def may_have_environment_file(manifest: Mapping[str, Any]) -> bool:
    """Whether a job is large enough for the ConfigMap, told from its manifest without making a model of it.

    Every job that has one is, and of ordinary jobs none: to be wrong costs a call.

    Args:
        manifest: The job, whatever is in its spec.
    """
    metadata, spec = manifest["metadata"], manifest.get("spec")
    if not isinstance(spec, Mapping):
        return False
    address = 2 * len(str(metadata["name"])) + len(str(metadata["namespace"])) + _ADDRESS_MOST
    return _replicas(spec) * address >= LARGEST or _characters(spec, LARGEST // _JSON_MOST) <= 0


def _replicas(spec: Mapping[str, Any]) -> int:
    """How many replicas TF_CONFIG names at most."""
    sections = (spec.get(name) for name in (*c.ROLES, "elastic"))
    counts = (
        one.get(key) for one in sections if isinstance(one, Mapping) for key in ("replicas", "maxReplicas")
    )
    return sum(one for one in counts if isinstance(one, int))


def _characters(value: Any, left: int) -> int:
    """What is left of so many characters after those of `value`; it is not read further when nothing is."""
    waiting = [value]
    while waiting and left > 0:
        one = waiting.pop()
        if isinstance(one, Mapping):
            left -= sum(len(str(name)) for name in one)
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
        else:
            left -= len(one) if isinstance(one, str) else len(str(one))
        left -= 1
    return left
