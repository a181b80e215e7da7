"""What others say reaches people harmless: programs in their last words, webhooks in their refusals."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import pytest
from api_server import ApiServer
from fake_kubelet import FakeKubelet, ends
from live_jobs import complete, has_reason, is_running, job, train
from live_namespace import LiveNamespace, RefusedError
from operator_process import OperatorProcess

BOARD = {"matchLabels": {"estimator.dev/role": "tensorboard"}}


async def test_escape_sequences_do_not_reach_the_log(
    live: LiveNamespace, kubelet: FakeKubelet, operator: OperatorProcess
) -> None:
    """A terminal that shows the log is not told what to do by a program's termination message."""
    message = "\x1b[2J\x1b]0;owned\x07\x1b[31mred\x9b1m alert\x1b[0m and backspaces\x08\x08\x7f"
    kubelet.scripts["chief"] = ends(1, message)
    await live.create("estimatorjobs", job("loud", run_policy={"backoffLimit": 0}))
    await live.until("estimatorjobs", "loud", has_reason("BackoffLimitExceeded"), "failure")
    await train_quietly(live, kubelet)
    text = operator.text()
    assert "red" in text, "the words are told"
    controls = sorted({one for one in text if one != "\n" and unicodedata.category(one) == "Cc"})
    assert controls == []


async def train_quietly(live: LiveNamespace, kubelet: FakeKubelet) -> None:
    """A later job trains: whatever was to be logged of the ones before has been."""
    kubelet.scripts.clear()
    await train(live, job("later"))


@pytest.fixture
def broken_webhook(api_server: ApiServer, namespace: str) -> Iterator[str]:
    """A webhook that answers nobody and that TensorBoard's pods in the namespace need; returns its name."""
    name = f"broken-{namespace}"
    webhook = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [
            {
                "name": "broken.example.com",
                "clientConfig": {"url": "https://127.0.0.1:1/"},
                "failurePolicy": "Fail",
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
                "timeoutSeconds": 1,
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "objectSelector": BOARD,
                "rules": [
                    {
                        "apiGroups": [""],
                        "apiVersions": ["v1"],
                        "operations": ["CREATE"],
                        "resources": ["pods", "services"],
                    }
                ],
            }
        ],
    }
    api_server.apply(webhook)
    yield name
    api_server.kubectl("delete", "validatingwebhookconfiguration", name, "--ignore-not-found")


async def test_tensorboard_behind_a_broken_webhook_does_not_stop_the_job(
    api_server: ApiServer,
    live: LiveNamespace,
    kubelet: FakeKubelet,
    broken_webhook: str,
    operator: OperatorProcess,
) -> None:
    """Nothing waits for TensorBoard: the job trains, says so, restarts and completes without it."""
    await refused(live)
    await train(live, job("digits", worker={"replicas": 1}, tensorBoard={}))
    await live.delete("pods", "digits-worker-0")
    await live.until("pods", "digits-worker-0-r1", is_running, "restart")
    await live.until("estimatorjobs", "digits", has_reason("Training"), "training")
    assert "digits-tensorboard" not in await live.list("pods")
    await complete(live, kubelet, "digits", "digits-chief-0")
    assert operator.running


async def refused(live: LiveNamespace) -> None:
    """Waits until the webhook is in force: the API server learns of it a moment after it is stored."""
    pod = {
        "metadata": {"generateName": "probe-", "labels": BOARD["matchLabels"]},
        "spec": {"containers": [{"name": "probe", "image": "none"}]},
    }
    for _ in range(500):
        try:
            await live.call("POST", live.path("pods"), pod, params={"dryRun": "All"})
        except RefusedError as error:
            if "failed calling webhook" in str(error):
                return
            raise
    raise AssertionError("the webhook is never asked")
