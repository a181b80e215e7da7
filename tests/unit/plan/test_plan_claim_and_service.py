"""The objects beside the pods: the claim of the model and the Service of the addresses."""

from __future__ import annotations

import pytest
from job_builder import SETTINGS, make_job, plan_of, replica

from estimator_operator.plan import Observed
from estimator_operator.plan.claim import claim_manifest
from estimator_operator.plan.pods import pod_manifest
from estimator_operator.plan.service import service_manifest


def template_of(**fields):
    """A model directory made from a claim template."""
    return {"volumeClaimTemplate": {"resources": {"requests": {"storage": "1Gi"}}} | fields}


def claimed(**template):
    """A job with a claim template."""
    return make_job(modelDir=template_of(**template))


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


@pytest.mark.parametrize("retention", ["Retain", "Delete"])
def test_no_gitops_tool_takes_the_claim_for_its_own(retention):
    """Argo CD tracks by the label of the instance, and prunes what is not in the repository."""
    labels = claim_manifest(claimed(retention=retention))["metadata"]["labels"]
    assert labels == {
        "app.kubernetes.io/name": "estimator-job",
        "app.kubernetes.io/managed-by": "estimator-operator",
        "estimator.dev/job-name": "digits",
    }


def test_claim_carries_the_labels_and_annotations_asked_for():
    metadata = {"labels": {"team": "vision"}, "annotations": {"backup": "daily"}, "creationTimestamp": None}
    found = claim_manifest(claimed(metadata=metadata))["metadata"]
    assert found["labels"]["team"] == "vision"
    assert found["labels"]["estimator.dev/job-name"] == "digits"
    assert found["annotations"] == {"backup": "daily"}


def wishes(job, name):
    """The required pod affinity of a replica's pod."""
    affinity = pod_manifest(job, replica(name), 0, SETTINGS)["spec"].get("affinity") or {}
    return (affinity.get("podAffinity") or {}).get("requiredDuringSchedulingIgnoredDuringExecution") or []


@pytest.mark.parametrize("name", ["chief-0", "worker-1", "ps-0", "evaluator-0"])
def test_pods_of_a_volume_for_one_node_are_kept_together(name):
    """The first of them finds nobody and is placed all the same, because it matches its own term."""
    job = claimed()
    (term,) = wishes(job, name)
    labels = pod_manifest(job, replica(name), 0, SETTINGS)["metadata"]["labels"]
    assert term["topologyKey"] == "kubernetes.io/hostname"
    assert term["labelSelector"]["matchLabels"].items() <= labels.items()
    (roles,) = term["labelSelector"]["matchExpressions"]
    assert labels[roles["key"]] in roles["values"]
    assert "tensorboard" not in roles["values"], "a TensorBoard that was left behind draws nobody"


@pytest.mark.parametrize(
    "fields",
    [
        {"modelDir": {"uri": "gs://m"}},
        {"modelDir": {"persistentVolumeClaim": {"claimName": "m"}}},
        {"modelDir": template_of(accessModes=["ReadWriteMany"])},
        {"modelDir": template_of(accessModes=["ReadWriteOnce", "ReadWriteMany"])},
        {"modelDir": template_of(), "workers": 0, "ps": 0, "evaluator": 0},
    ],
    ids=["uri", "a claim nothing is known of", "many nodes", "many nodes too", "the chief alone"],
)
def test_other_pods_go_where_they_like(fields):
    assert wishes(make_job(**fields), "chief-0") == []


def test_the_wish_stands_beside_the_affinity_of_the_template():
    own = {"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": "cache"}}}
    affinity = {
        "nodeAffinity": {"preferred": []},
        "podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [own]},
    }
    job = make_job(modelDir=template_of(), worker={"replicas": 2, "affinity": affinity})
    spec = pod_manifest(job, replica("worker-0"), 0, SETTINGS)["spec"]
    to_pods = spec["affinity"]["podAffinity"]
    assert to_pods["requiredDuringSchedulingIgnoredDuringExecution"] == [own], (
        "two required terms would ask for a pod that matches both, and there is none"
    )
    [wish] = to_pods["preferredDuringSchedulingIgnoredDuringExecution"]
    assert (wish["weight"], wish["podAffinityTerm"]["topologyKey"]) == (100, "kubernetes.io/hostname")
    assert spec["affinity"]["nodeAffinity"] == {"preferred": []}
    assert job.spec.worker.affinity == affinity, "the job stays as it is"


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
