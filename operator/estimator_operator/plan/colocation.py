"""Keeping a job's pods on one node, where its volume can be used at one node at a time.

Every pod asks to be where pods of the job are already. The first one finds none; the scheduler places it then, because
it matches its own wish. TensorBoard goes where the chief is (see `tensorboard.py`) and draws nobody.
"""

from __future__ import annotations

from typing import Any, Final

from estimator_api import EstimatorJob
from estimator_api import constants as c

_PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"
_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"


def keep_together(spec: dict[str, Any], job: EstimatorJob) -> None:
    """Adds the wish to `spec`, in place, beside the affinity that it has."""
    affinity = dict(spec.get("affinity") or {})
    to_pods = dict(affinity.get("podAffinity") or {})
    if to_pods.get(_REQUIRED):
        # A pod counts for required terms only if it matches all of them, and no pod of the job matches the user's.
        wish = {"weight": 100, "podAffinityTerm": _term(job)}
        to_pods[_PREFERRED] = [*(to_pods.get(_PREFERRED) or []), wish]
    else:
        to_pods[_REQUIRED] = [_term(job)]
    spec["affinity"] = {**affinity, "podAffinity": to_pods}


def _term(job: EstimatorJob) -> dict[str, Any]:
    return {
        "topologyKey": "kubernetes.io/hostname",
        "labelSelector": {
            "matchLabels": {c.LABEL_JOB_NAME: job.metadata.name},
            "matchExpressions": [{"key": c.LABEL_ROLE, "operator": "In", "values": list(c.ROLES)}],
        },
    }
