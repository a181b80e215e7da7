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
from estimator_operator.plan.ownership import job_labels, owner_reference

LARGEST_CONFIG_MAP: Final = 1_048_576
"""Bytes of all values of a ConfigMap."""
_DIGITS: Final = 16


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
