"""The objects beside the pods: the claim of the model and the Service of the addresses."""

from __future__ import annotations

import pytest
from job_builder import make_job, plan_of

from estimator_operator.plan import Observed
from estimator_operator.plan.claim import claim_manifest
from estimator_operator.plan.service import service_manifest


def claimed(**template):
    """A job with a claim template."""
    body = {"resources": {"requests": {"storage": "1Gi"}}} | template
    return make_job(modelDir={"volumeClaimTemplate": body})


@pytest.mark.parametrize("model_dir", [{"uri": "gs://m"}, {"persistentVolumeClaim": {"claimName": "m"}}])
def test_no_claim_where_none_is_asked_for(model_dir):
    assert claim_manifest(make_job(modelDir=model_dir)) is None


def test_retained_claim_is_nobodys():
    manifest = claim_manifest(claimed())
    assert "ownerReferences" not in manifest["metadata"]
    assert manifest["metadata"]["name"] == "digits-model"
    assert manifest["metadata"]["labels"]["estimator.dev/job-name"] == "digits"
    assert manifest["spec"] == {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
    }


def test_deleted_claim_is_the_jobs():
    manifest = claim_manifest(
        claimed(retention="Delete", storageClassName="fast", accessModes=["ReadWriteMany"])
    )
    assert [one["uid"] for one in manifest["metadata"]["ownerReferences"]] == ["job-uid"]
    assert manifest["spec"]["storageClassName"] == "fast"
    assert manifest["spec"]["accessModes"] == ["ReadWriteMany"]


def test_claim_is_created_once():
    assert plan_of(claimed(), Observed()).create_claim["metadata"]["name"] == "digits-model"
    assert plan_of(claimed(), Observed(claim_exists=True)).create_claim is None


def test_service():
    manifest = service_manifest(make_job(progressPort=9000))
    assert manifest["metadata"]["name"] == "digits"
    assert manifest["metadata"]["ownerReferences"][0]["uid"] == "job-uid"
    assert manifest["spec"] == {
        "clusterIP": "None",
        "publishNotReadyAddresses": True,
        "selector": {"estimator.dev/job-name": "digits"},
        "ports": [
            {"name": "tf-grpc", "port": 2222, "protocol": "TCP"},
            {"name": "progress", "port": 9000, "protocol": "TCP"},
        ],
    }
