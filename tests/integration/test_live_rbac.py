"""The operator needs every right that the chart grants it, and no other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from api_server import ApiServer
from audit_log import AuditLog
from chart_account import Chart, Right
from fake_kubelet import FakeKubelet, cannot_mount
from live_jobs import complete, condition, five_pod_job, has_reason, is_running, is_true, job, train
from live_namespace import LiveNamespace, RefusedError
from operator_process import OperatorProcess, account_user, service_account_token, write_kubeconfig
from write_gate import WriteGate

CLAIM = {"volumeClaimTemplate": {"resources": {"requests": {"storage": "1Gi"}}}}
LARGE = {
    "mode": "Train",
    "modelFn": "m:f",
    "train": {"inputFn": "m:i", "maxSteps": 1},
    "params": {"words": "x" * 140_000},
}
"""More hyperparameters than an environment takes."""
FINALIZERS = Right("estimator.dev", "estimatorjobs/finalizers", "update")
"""Never asked for in a request of its own: the API server checks it when an owner reference blocks the owner's deletion."""
NODES = Right("", "nodes", "get")
"""Asked for only when a pod is still there half a minute after its grace; the tests of lost nodes do."""


@pytest.fixture
def chart(api_server: ApiServer, namespace: str) -> Chart:
    """The chart's rights, in force."""
    chart = Chart.render(namespace)
    chart.apply_rights(api_server)
    yield chart
    chart.delete_cluster_rights(api_server)


@pytest_asyncio.fixture
async def chart_operator(
    chart: Chart, live: LiveNamespace, api_server: ApiServer, tmp_path: Path
) -> AsyncIterator[OperatorProcess]:
    """The operator under the chart's ServiceAccount, for all namespaces and with election, as the chart runs it."""
    token = await service_account_token(live, chart.account)
    # Addresses are the test's own; in a pod the lease's namespace would be the pod's.
    flags = [one for one in chart.operator_container["args"] if "-address=" not in one]

    async def be_quicker(write: str) -> None:
        """Somebody changes the job between the operator's look at it and its status write."""
        if write.endswith("/status"):
            await live.patch("estimatorjobs", "raced", {"metadata": {"labels": {"touched": "yes"}}})

    async with WriteGate.stand(api_server, job="raced", before=be_quicker) as gate:
        operator = await OperatorProcess.start(
            *flags,
            f"--lease-namespace={live.name}",
            kubeconfig=write_kubeconfig(tmp_path / "kubeconfig", api_server, token, url=gate.url),
            log=tmp_path / "operator.log",
        )
        try:
            await operator.ready()
            yield operator
        finally:
            await operator.kill()
            print(operator.text())


@pytest.mark.timeout(150)
async def test_every_right_is_used_and_none_is_missing(
    audit: AuditLog, chart: Chart, chart_operator: OperatorProcess, live: LiveNamespace, kubelet: FakeKubelet
) -> None:
    # A claim of an earlier job is there already, and so is a pod of somebody else.
    await train(live, job("digits", modelDir=CLAIM))
    await live.delete("estimatorjobs", "digits")
    await live.until_all("pods", lambda pods: not pods, "end of the first job's pods")
    await live.until_all("services", lambda services: not services, "end of its service")
    await train(live, five_pod_job("digits", modelDir=CLAIM, run_policy={"ttlSecondsAfterFinished": 1}))
    await live.delete("pods", "digits-worker-0")
    await live.until("pods", "digits-worker-0-r1", is_running, "restart")
    await live.patch("estimatorjobs", "digits", {"spec": {"suspend": True}})
    await live.until("estimatorjobs", "digits", is_true("Suspended"), "suspension")
    await live.patch("estimatorjobs", "digits", {"spec": {"suspend": False}})
    await live.until("estimatorjobs", "digits", has_reason("Training"), "training")
    await complete(live, kubelet, "digits")
    await live.until_gone("estimatorjobs", "digits")

    await train(live, job("shown", tensorBoard={"ttlSecondsAfterFinished": 0}))
    await live.until("services", "shown-tensorboard", lambda _: True, "TensorBoard's Service")
    await complete(live, kubelet, "shown", "shown-chief-0")
    await live.until_gone("services", "shown-tensorboard")

    large = job("large", estimator=LARGE, run_policy={"cleanPodPolicy": "All"})
    del large["spec"]["program"]
    await train(live, large)
    (file,) = (one for one in await live.list("configmaps") if one.startswith("large-environment-"))
    await complete(live, kubelet, "large", "large-chief-0")
    await live.until_gone("configmaps", file)

    await train(live, job("raced"))

    # Objects of other people stand where those of jobs belong.
    stranger = {
        "metadata": {"name": "taken-chief-0"},
        "spec": {"containers": [{"name": "estimator", "image": "none"}]},
    }
    await live.create("pods", stranger)
    await live.create("services", {"metadata": {"name": "served"}, "spec": {"ports": [{"port": 80}]}})
    for name in ("taken", "served"):
        await live.create("estimatorjobs", job(name))
        await live.until("estimatorjobs", name, has_reason("PodCreationForbidden"), "word of it")
        await live.delete("estimatorjobs", name)

    kubelet.scripts["chief"] = cannot_mount('configmap "gone" not found')
    await live.create("estimatorjobs", job("no-code", code={"configMap": {"name": "gone"}}))
    told = lambda one: "gone" in condition(one, "Ready").get("message", "")
    await live.until("estimatorjobs", "no-code", told, "the cause", timeout=60)
    assert await chart_operator.stop() == 0

    calls = audit.calls(user=account_user(live.name, chart.account))
    # Namespaces of earlier tests that are going away refuse whatever is created in them.
    own = [one for one in calls if one.namespace in ("", live.name)]
    assert [str(one) for one in own if one.code in (401, 403)] == []
    used = {Right(one.group, one.resource, one.verb) for one in calls}
    granted = chart.granted()
    assert sorted(map(str, used - granted)) == [], "asked for without a right"
    assert sorted(map(str, granted - used - {FINALIZERS, NODES})) == [], "granted and never used"


async def test_right_to_finalizers_is_granted_and_needed(
    chart: Chart, live: LiveNamespace, api_server: ApiServer
) -> None:
    """Where OwnerReferencesPermissionEnforcement is on, as on OpenShift, pods cannot be owned without it."""
    assert FINALIZERS in chart.granted()
    created = await live.create("estimatorjobs", job("owner", suspend=True))
    owner = {
        "apiVersion": "estimator.dev/v1alpha1",
        "kind": "EstimatorJob",
        "name": "owner",
        "uid": created["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    pod = {
        "metadata": {"name": "owned", "ownerReferences": [owner]},
        "spec": {"containers": [{"name": "estimator", "image": "none"}]},
    }
    token = await service_account_token(live, chart.account)
    headers = {"Authorization": f"Bearer {token}"}
    query = {"dryRun": "All"}
    await live.call("POST", live.path("pods"), pod, headers=headers, params=query)
    for role in chart.objects:
        if role["kind"] in ("ClusterRole", "Role"):
            rules = [one for one in role.get("rules") or () if FINALIZERS.resource not in one["resources"]]
            api_server.apply(role | {"rules": rules}, namespace=live.name)
    with pytest.raises(RefusedError, match="cannot set blockOwnerDeletion"):
        await live.call("POST", live.path("pods"), pod, headers=headers, params=query)
