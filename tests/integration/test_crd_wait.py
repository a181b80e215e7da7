"""The script of `helm test` waits for its job with the rights that the chart gives it, and no others."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from api_server import REPOSITORY, ApiServer
from crd_manifests import CHANGES, manifest

SCRIPT = REPOSITORY / "charts/estimator-operator/files/wait_for_job.py"
TEMPLATE = REPOSITORY / "charts/estimator-operator/templates/tests/training.yaml"
NAME = "chart-test"


@pytest.fixture
def account(api_server: ApiServer, namespace: str, tmp_path: Path) -> Path:
    """What the pod of the test finds of its ServiceAccount."""
    assert "verbs: [watch]" in TEMPLATE.read_text(), "the role below is the chart's"
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": NAME},
        "rules": [
            {
                "apiGroups": ["estimator.dev"],
                "resources": ["estimatorjobs"],
                "resourceNames": [NAME],
                "verbs": ["watch"],
            }
        ],
    }
    binding = {
        "apiVersion": role["apiVersion"],
        "kind": "RoleBinding",
        "metadata": {"name": NAME},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": NAME},
        "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": namespace}],
    }
    api_server.apply(role, binding, namespace=namespace)
    token = api_server.kubectl("create", "token", "default", "--namespace", namespace).stdout
    (tmp_path / "token").write_text(token)
    shutil.copy(api_server.authority, tmp_path / "ca.crt")
    return tmp_path


def wait(server: ApiServer, account: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """Runs the script as the pod would."""
    address = urlsplit(server.url)
    env = {
        "SERVICE_ACCOUNT_DIR": str(account),
        "KUBERNETES_SERVICE_HOST": str(address.hostname),
        "KUBERNETES_SERVICE_PORT": str(address.port),
    }
    return subprocess.run(
        [sys.executable, str(SCRIPT), *args],
        env=os.environ | env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def set_status(server: ApiServer, namespace: str, reason: str, verdict: str | None = None) -> None:
    """Writes the status of the job as the operator would."""
    ready = {"type": "Ready", "status": "True", "reason": reason, "message": "as it should be"}
    conditions = (
        [ready] if verdict is None else [ready, {"type": verdict, "status": "True", "reason": reason}]
    )
    for one in conditions:
        one["lastTransitionTime"] = "2026-01-01T00:00:00Z"
    server.call(
        "PATCH",
        f"/apis/estimator.dev/v1alpha1/namespaces/{namespace}/estimatorjobs/{NAME}/status",
        {"status": {"conditions": conditions, "progress": {"globalStep": 200}}},
        content_type="application/merge-patch+json",
    )


@pytest.mark.parametrize(("verdict", "code"), [("Complete", 0), ("Failed", 1)])
def test_verdict(api_server: ApiServer, namespace: str, account: Path, verdict: str, code: int) -> None:
    api_server.apply(manifest(NAME, CHANGES["before"]), namespace=namespace)
    set_status(api_server, namespace, "Training", verdict)
    answer = wait(api_server, account, namespace, NAME, "30")
    assert (answer.stdout, answer.returncode) == ("Training (step 200): as it should be\n", code), (
        answer.stderr
    )


def test_job_that_does_not_end(api_server: ApiServer, namespace: str, account: Path) -> None:
    api_server.apply(manifest(NAME, CHANGES["before"]), namespace=namespace)
    answer = wait(api_server, account, namespace, NAME, "1")
    assert answer.returncode == 1
    assert answer.stdout.splitlines() == [
        "not seen by the operator yet (step -): ",
        f"{namespace}/{NAME} did not end within 1 seconds",
    ]


def test_another_job(api_server: ApiServer, namespace: str, account: Path) -> None:
    answer = wait(api_server, account, namespace, "another", "1")
    assert answer.returncode == 1
    assert answer.stderr.startswith("the API server answers 403: ")
    assert "cannot watch resource" in answer.stderr
