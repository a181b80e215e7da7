"""How objects are tied to their job: the owner reference and the labels."""

from __future__ import annotations

from typing import Any

from estimator_api import EstimatorJob
from estimator_api import constants as c


def owner_reference(job: EstimatorJob) -> dict[str, Any]:
    """The controlling owner reference to `job`; deleting the job collects the object."""
    return {
        "apiVersion": c.API_VERSION,
        "kind": c.KIND,
        "name": job.metadata.name,
        "uid": job.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def job_labels(job: EstimatorJob) -> dict[str, str]:
    """The labels on every object of `job`."""
    return {
        c.LABEL_APP_NAME: c.APP_NAME,
        c.LABEL_APP_INSTANCE: job.metadata.name,
        c.LABEL_APP_MANAGED_BY: c.MANAGED_BY,
        c.LABEL_JOB_NAME: job.metadata.name,
    }
