"""The digits example from `kubectl apply -k` to the answers of its export."""

from __future__ import annotations

import os
import subprocess

import pytest
from digits_job import digits_code, paced, stop_tasks
from kubectl import REPOSITORY, Kubectl, is_complete, metrics_of, step, trains_beyond, trains_with_workers
from model_claim import printed_beside_the_model

pytestmark = pytest.mark.timeout(900)


def test_digits_example(kubectl: Kubectl) -> None:
    example = str(REPOSITORY / "examples/digits")
    kubectl.run("apply", "-k", example)
    job = kubectl.wait("digits", is_complete, what="completion", timeout=480)
    status = job["status"]

    assert metrics_of(job)["accuracy"] >= 0.95
    assert status["progress"]["globalStep"] >= 5000
    assert status["progress"]["percent"] == 100
    latest = status["checkpoints"]["latest"]
    assert latest["globalStep"] >= 5000
    assert latest["uri"] == f"pvc://digits-model/model.ckpt-{latest['globalStep']}"
    exports = {one["name"]: one for one in status["exports"]}
    assert set(exports) == {"best", "final"}
    for name, export in exports.items():
        assert export["uri"].startswith(f"pvc://digits-model/export/{name}/")
        assert "serving_default" in export["signatures"]
    assert status.get("restarts", {}).get("total", 0) == 0
    ps = "estimator.dev/job-name=digits,estimator.dev/role=ps"
    kubectl.run("wait", "--for=delete", "pod", "-l", ps, "--timeout=60s")

    answer = subprocess.run(
        [f"{example}/ask.sh", exports["best"]["uri"]],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"KUBECONFIG": kubectl_config(kubectl)},
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert answer.stdout.count("the model says") == 10

    kubectl.run("apply", "-f", f"{example}/predict.yaml")
    kubectl.wait("digits-predict", is_complete, what="predictions")
    predictions = kubectl.get("estimatorjob", "digits-predict")["status"]["predictions"]
    assert predictions["uri"] == "pvc://digits-model/predictions/digits-predict"
    assert predictions["examples"] == 360
    written = f"cat {predictions['path']}/predictions-*.jsonl | wc -l"
    assert int(printed_beside_the_model(kubectl, "digits", written)) == 360
    kubectl.run("delete", "estimatorjob", "digits-predict", "--wait")

    kubectl.apply(digits_code(kubectl), paced("elastic.yaml", checkpoints=500))
    kubectl.wait("digits-elastic", lambda job: step(job) > 0, what="training")
    kubectl.estimatorctl("scale", "digits-elastic", "--replicas=3")
    job = kubectl.wait("digits-elastic", trains_with_workers(3), what="training with three workers")
    kubectl.wait("digits-elastic", trains_beyond(job), what="steps with three workers")
    workers = (f"digits-elastic-worker-{index}" for index in range(3))
    stop_tasks(kubectl, *workers, "digits-elastic-chief-0")
    job = kubectl.wait("digits-elastic", is_complete, what="completion with three workers")
    assert job["status"]["restarts"].get("counted", 0) == 0
    kubectl.run("delete", "estimatorjob", "digits-elastic", "--wait")
    kubectl.run("delete", "pvc", "digits-elastic-model", "--wait", "--timeout=60s")

    kubectl.run("delete", "estimatorjob", "digits", "--wait")
    kubectl.run("wait", "--for=delete", "pod", "-l", "estimator.dev/job-name=digits", "--timeout=60s")
    kubectl.run("wait", "--for=delete", "service/digits", "--timeout=60s")
    claims = [one["metadata"]["name"] for one in kubectl.list("pvc")]
    assert claims == ["digits-model"], "the Retain volume stays, and only it"


def kubectl_config(kubectl: Kubectl) -> str:
    """A kubeconfig whose current namespace is the test's, for scripts that take none."""
    path = REPOSITORY / "build" / f"kubeconfig-{kubectl.namespace}"
    path.parent.mkdir(exist_ok=True)
    path.write_text(kubectl.run("config", "view", "--raw", "--minify"))
    subprocess.run(
        [
            "kubectl",
            "--kubeconfig",
            str(path),
            "config",
            "set-context",
            "--current",
            "--namespace",
            kubectl.namespace,
        ],
        check=True,
        capture_output=True,
    )
    return str(path)
