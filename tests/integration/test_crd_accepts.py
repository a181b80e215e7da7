"""What a real API server makes of the CRD and of good manifests: defaults, printing, explaining, selecting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from api_server import CRD, REPOSITORY, ApiServer, CallError
from code_blocks import code_blocks
from crd_manifests import CHANGES, answers, changed, manifest, read_cases

NEAR_MISSES = read_cases("near_misses")
EXAMPLES = sorted(
    path for path in (REPOSITORY / "examples").glob("*/*.yaml") if path.name != "kustomization.yaml"
)
GUIDE = REPOSITORY / "docs/user-guide.md"
PATH = "/apis/estimator.dev/v1alpha1/namespaces/{}/estimatorjobs"


def create(server: ApiServer, namespace: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    """Creates a job; returns it as stored."""
    return server.call("POST", PATH.format(namespace), manifest(name, spec))


def patch(
    server: ApiServer, namespace: str, name: str, change: dict[str, Any], subresource: str = ""
) -> dict[str, Any]:
    """Merge-patches a job; returns it as stored."""
    path = f"{PATH.format(namespace)}/{name}{subresource}"
    return server.call("PATCH", path, change, content_type="application/merge-patch+json")


def test_near_misses(api_server: ApiServer, tmp_path: Path) -> None:
    manifests = {name: manifest(case.get("name", name), case["spec"]) for name, case in NEAR_MISSES.items()}
    assert answers(api_server, tmp_path / "good", manifests, "--dry-run=server") == {}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_examples(api_server: ApiServer, namespace: str, example: Path) -> None:
    api_server.kubectl("apply", "--dry-run=server", "-n", namespace, "-f", str(example))
    api_server.kubectl("apply", "--server-side", "--dry-run=server", "-n", namespace, "-f", str(example))


def test_manifests_of_the_user_guide(api_server: ApiServer, namespace: str, tmp_path: Path) -> None:
    documents = [
        document
        for language, block in code_blocks(GUIDE)
        if language == "yaml"
        for document in yaml.safe_load_all(block)
    ]
    # What kustomize reads is tested with it; its files have no place on a cluster.
    kinds = ("EstimatorJob", "PodDisruptionBudget")
    applied = [one for one in documents if one.get("kind") in kinds]
    (tmp_path / "guide.yaml").write_text(yaml.safe_dump_all(applied))
    shown = api_server.kubectl(
        "apply", "--dry-run=server", "-n", namespace, "-f", str(tmp_path / "guide.yaml")
    ).stdout
    assert len(shown.splitlines()) == len(applied) >= 8


def test_crd_is_applied_again_without_a_change(api_server: ApiServer) -> None:
    assert "unchanged" in api_server.kubectl("apply", "-f", str(CRD)).stdout
    api_server.kubectl("apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", str(CRD))


def test_defaults_are_visible(api_server: ApiServer, namespace: str) -> None:
    stored = create(
        api_server, namespace, "least", {"image": "trainer", "modelDir": {"uri": "gs://m/d"}, "worker": {}}
    )
    assert stored["spec"] == {
        "image": "trainer",
        "modelDir": {"uri": "gs://m/d"},
        "chief": {},
        "worker": {"replicas": 1},
        "suspend": False,
        "progressPort": 8787,
        "runPolicy": {"backoffLimit": 6, "cleanPodPolicy": "Running", "evaluatorGraceSeconds": 600},
    }
    assert stored["status"] == {"observedGeneration": -1}


def test_what_the_user_wrote_survives(api_server: ApiServer, namespace: str) -> None:
    template = NEAR_MISSES["command-of-a-template"]["spec"]
    stored = create(api_server, namespace, "template", template)["spec"]["template"]
    limits = stored["spec"]["containers"][0]["resources"]["limits"]
    assert limits == {"nvidia.com/gpu": 1, "memory": "1.5Gi", "cpu": "500m"}
    assert stored["spec"]["fieldOfANewerKubernetes"] == {"depth": 3}
    assert stored["spec"]["containers"][0]["ports"] == [{"containerPort": 6006, "protocol": "TCP"}]
    declarative = NEAR_MISSES["declarative-alone"]["spec"]
    params = create(api_server, namespace, "params", declarative)["spec"]["estimator"]["params"]
    assert params == declarative["estimator"]["params"]


def test_fractions_and_nulls_of_programs_are_taken(api_server: ApiServer, namespace: str) -> None:
    written = NEAR_MISSES["written-by-a-program"]["spec"]
    stored = create(api_server, namespace, "written", written)["spec"]
    resources = stored["template"]["spec"]["containers"][0]["resources"]
    assert resources == {"requests": {"cpu": 1.5, "memory": "1Gi"}, "limits": {"cpu": 2}}
    assert stored["chief"]["resources"] == {"requests": {"cpu": 0.5}}
    change = {"spec": {"chief": {"resources": {"requests": {"cpu": 0.75}}}}}
    with pytest.raises(CallError, match=r"spec\.chief: Forbidden"):
        patch(api_server, namespace, "written", change)


def test_running_job_takes_deadlines_labels_and_suspension(api_server: ApiServer, namespace: str) -> None:
    create(api_server, namespace, "running", CHANGES["before"])
    for field, value in CHANGES["accepted"].items():
        patch(api_server, namespace, "running", {"spec": {field: value}})
        patch(api_server, namespace, "running", {"spec": {"suspend": False}})
    patch(api_server, namespace, "running", {"metadata": {"labels": {"team": "vision"}}})


def test_suspended_job_takes_every_change(api_server: ApiServer, namespace: str) -> None:
    create(api_server, namespace, "held", CHANGES["before"] | {"suspend": True})
    for field, value in CHANGES["refused"].items():
        if field == "program":
            continue  # excludes estimator, suspended or not
        spec = changed(field, value) | {"suspend": True}
        held = api_server.call("GET", f"{PATH.format(namespace)}/held")
        api_server.call("PUT", f"{PATH.format(namespace)}/held", held | {"spec": spec})
    # Queueing systems change and resume, or change and suspend, in one update.
    patch(api_server, namespace, "held", {"spec": {"suspend": False, "worker": {"replicas": 5}}})
    patch(api_server, namespace, "held", {"spec": {"suspend": True, "worker": {"replicas": 6}}})
    patch(api_server, namespace, "held", {"spec": {"suspend": False}})
    with pytest.raises(CallError, match=r"spec\.worker\.replicas: Forbidden"):
        patch(api_server, namespace, "held", {"spec": {"worker": {"replicas": 7}}})


def test_elastic_job_takes_numbers_of_workers(api_server: ApiServer, namespace: str) -> None:
    create(api_server, namespace, "elastic", CHANGES["before"] | {"elastic": CHANGES["elastic"]})
    for workers in CHANGES["workers"]:
        stored = patch(api_server, namespace, "elastic", {"spec": {"worker": {"replicas": workers}}})
        assert stored["spec"]["worker"] == {"replicas": workers}
    with pytest.raises(CallError, match=r"must be between elastic\.minReplicas and elastic\.maxReplicas"):
        patch(api_server, namespace, "elastic", {"spec": {"worker": {"replicas": 0}}})
    # Bounds and number may change together where there are no pods.
    bounds = {"elastic": {"minReplicas": 0, "maxReplicas": 8}, "worker": {"replicas": 8}}
    patch(api_server, namespace, "elastic", {"spec": {"suspend": True} | bounds})
    patch(api_server, namespace, "elastic", {"spec": {"suspend": False}})


def scale(server: ApiServer, namespace: str, name: str, workers: int) -> str:
    """Scales a job as people do; returns what kubectl complains of."""
    return server.kubectl("scale", "ej", name, "-n", namespace, f"--replicas={workers}", check=False).stderr


def test_scale(api_server: ApiServer, namespace: str) -> None:
    create(api_server, namespace, "elastic", CHANGES["before"] | {"elastic": CHANGES["elastic"]})
    create(api_server, namespace, "fixed", CHANGES["before"])
    create(api_server, namespace, "alone", {"image": "trainer", "modelDir": {"uri": "gs://m/d"}})
    assert scale(api_server, namespace, "elastic", 3) == ""
    assert "must be between elastic.minReplicas" in scale(api_server, namespace, "elastic", 0)
    assert "must be between elastic.minReplicas" in scale(api_server, namespace, "elastic", 5)
    assert "cannot change while the job runs unless it is elastic" in scale(api_server, namespace, "fixed", 3)
    assert "cannot change while the job runs unless it is elastic" in scale(api_server, namespace, "alone", 1)
    alone = api_server.call("GET", f"{PATH.format(namespace)}/alone/scale")
    assert alone["spec"].get("replicas", 0) == 0, "disruption budgets and autoscalers ask every job"
    selector = "estimator.dev/job-name=elastic,estimator.dev/role=worker"
    seen = {"workerReplicas": 2, "workerSelector": selector}
    patch(api_server, namespace, "elastic", {"status": seen}, "/status")
    shown = api_server.call("GET", f"{PATH.format(namespace)}/elastic/scale")
    assert shown["spec"] == {"replicas": 3}
    assert shown["status"] == {"replicas": 2, "selector": selector}


def test_status_holds_what_the_operator_tells(api_server: ApiServer, namespace: str) -> None:
    create(api_server, namespace, "told", CHANGES["before"])
    failure = {
        "replica": "worker-1",
        "attempt": 0,
        "reason": "OOMKilled",
        "exitCode": 137,
        "node": "n1",
        "message": "killed",
        "time": "2026-01-01T00:00:00Z",
    }
    status = {
        "completedReplicas": ["chief-0", "worker-1"],
        "failures": [failure],
        "lastFailure": failure,
        "predictions": {
            "path": "/model/predictions/told",
            "uri": "pvc://m/predictions/told",
            "examples": 1797,
        },
        "tensorBoard": {"service": "told-tensorboard", "url": "http://told-tensorboard:6006", "ready": True},
    }
    stored = patch(api_server, namespace, "told", {"status": status}, "/status")["status"]
    assert stored == {"observedGeneration": -1} | status
    with pytest.raises(CallError, match="Duplicate value"):
        patch(api_server, namespace, "told", {"status": {"completedReplicas": ["ps-0", "ps-0"]}}, "/status")
    with pytest.raises(CallError, match="must have at most 10 items"):
        patch(api_server, namespace, "told", {"status": {"failures": [failure] * 11}}, "/status")


def test_status_is_a_subresource(api_server: ApiServer, namespace: str) -> None:
    create(api_server, namespace, "least", {"image": "trainer", "modelDir": {"uri": "gs://m/d"}})
    patch(api_server, namespace, "least", {"status": {"observedGeneration": 7}})
    stored = patch(
        api_server,
        namespace,
        "least",
        {"spec": {"image": "other"}, "status": {"observedGeneration": 1}},
        "/status",
    )
    assert stored["status"]["observedGeneration"] == 1
    assert stored["spec"]["image"] == "trainer"
    assert stored["metadata"]["generation"] == 1
    condition = {
        "type": "Ready",
        "status": "True",
        "reason": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    with pytest.raises(CallError, match=r"status\.conditions\[0\]\.reason"):
        patch(api_server, namespace, "least", {"status": {"conditions": [condition]}}, "/status")


def test_columns(api_server: ApiServer, namespace: str) -> None:
    create(api_server, namespace, "digits", CHANGES["before"])
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "Training",
        "message": "all 5 pods run",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    status = {
        "conditions": [ready],
        "progress": {"globalStep": 1200, "percent": 60, "loss": "0.0731"},
        "restarts": {"total": 2},
        "evaluation": {
            "globalStep": 1000,
            "metrics": [{"name": "loss", "value": "0.08"}, {"name": "accuracy", "value": "0.973"}],
        },
        "exports": [
            {"name": "best", "path": "/model/export/best/1", "uri": "pvc://digits-model/export/best/1"}
        ],
    }
    patch(api_server, namespace, "digits", {"status": status}, "/status")

    def table(*flags: str) -> list[list[str]]:
        printed = api_server.kubectl("get", "ej", "-n", namespace, *flags).stdout
        return [line.split() for line in printed.splitlines()]

    header, row = table()
    assert header == ["NAME", "STATE", "STEP", "PROGRESS", "LOSS", "RESTARTS", "AGE", "MESSAGE"]
    assert row[:6] == ["digits", "Training", "1200", "60", "0.0731", "2"]
    assert " ".join(row[7:]) == "all 5 pods run"
    header, row = table("-o", "wide")
    assert header[7:] == ["MESSAGE", "METRIC", "VALUE", "EXPORT"]
    assert row[-3:] == ["accuracy", "0.973", "pvc://digits-model/export/best/1"]
    assert table("-o", "name") == [["estimatorjob.estimator.dev/digits"]]
    assert "digits" in api_server.kubectl("get", "estimator", "-n", namespace).stdout, "the category"


def test_field_selector(api_server: ApiServer, namespace: str) -> None:
    least = {"image": "trainer", "modelDir": {"uri": "gs://m/d"}}
    create(api_server, namespace, "runs", least)
    create(api_server, namespace, "held", least | {"suspend": True})
    query = ("get", "ej", "-n", namespace, "-o", "name", "--field-selector")
    assert api_server.kubectl(*query, "spec.suspend=true").stdout.split() == [
        "estimatorjob.estimator.dev/held"
    ]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("ej", "The operator makes their pods, wires them with TF_CONFIG"),
        ("ej.spec", "Pod template shared by all roles."),
        ("ej.spec.estimator.exports", "Best: when the metric improves."),
        ("ej.spec.modelDir.uri", "which the job runner mirrors"),
        ("ej.spec.elastic", "Workers join and leave while the others train"),
        ("ej.spec.estimator.mode", "Evaluate, Predict and Export do once what the Estimator's methods"),
        ("ej.spec.runPolicy.failurePolicy.rules", "RestartJob: all replicas start again from the latest"),
        ("ej.spec.tensorBoard.enabled", "False: none. Default: true."),
        ("ej.spec.worker.template", "Part of a pod template, laid over the shared one"),
        ("ej.spec.runPolicy.backoffLimit", "evictions, preemptions and deleted pods never count"),
        ("ej.status.checkpoints", "The one the present chief started from."),
    ],
)
def test_explain(api_server: ApiServer, path: str, words: str) -> None:
    explained = " ".join(api_server.kubectl("explain", path).stdout.split())
    assert words in explained
