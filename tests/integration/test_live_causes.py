"""What holds a job up is in its status, in one line, while the job waits."""

from __future__ import annotations

import pytest
from fake_kubelet import FakeKubelet, cannot_mount, run, unschedulable, waits
from live_jobs import condition, five_pod_job, has_reason, is_true, job
from live_namespace import LiveNamespace
from operator_process import OperatorProcess

pytestmark = pytest.mark.timeout(90)


async def waiting_with(live: LiveNamespace, name: str, *words: str, reason: str = "PodsPending") -> dict:
    """The job's Ready condition once its message holds all of `words`."""

    def told(state: dict) -> bool:
        message = condition(state, "Ready").get("message", "")
        return has_reason(reason)(state) and all(word in message for word in words)

    state = await live.until("estimatorjobs", name, told, f"message with {words}", timeout=60)
    ready = condition(state, "Ready")
    assert ready["status"] == "False"
    assert condition(state, "Reconciling")["status"] == "True"
    assert "\n" not in ready["message"]
    assert not is_true("Failed")(state)
    return ready


async def test_image_that_cannot_be_pulled(
    live: LiveNamespace, kubelet: FakeKubelet, operator: OperatorProcess
) -> None:
    kubelet.scripts["chief"] = waits(
        "ImagePullBackOff", 'Back-off pulling image\n"registry.example.com/trainer:1"'
    )
    await live.create("estimatorjobs", job("no-image"))
    await waiting_with(live, "no-image", "chief-0", "ImagePullBackOff", "registry.example.com/trainer:1")
    await kubelet.report_running({"metadata": {"name": "no-image-chief-0"}})
    await live.until("estimatorjobs", "no-image", has_reason("Training"), "training once the image is there")


async def test_missing_claim(live: LiveNamespace, kubelet: FakeKubelet, operator: OperatorProcess) -> None:
    kubelet.scripts["chief"] = unschedulable('persistentvolumeclaim "gone" not found')
    await live.create(
        "estimatorjobs", job("no-claim", modelDir={"persistentVolumeClaim": {"claimName": "gone"}})
    )
    await waiting_with(live, "no-claim", "chief-0", 'persistentvolumeclaim "gone" not found')


async def test_missing_config_map(
    live: LiveNamespace, kubelet: FakeKubelet, operator: OperatorProcess
) -> None:
    words = 'MountVolume.SetUp failed for volume "estimator-code" : configmap "gone" not found'
    kubelet.scripts["chief"] = cannot_mount(words)
    await live.create("estimatorjobs", job("no-code", code={"configMap": {"name": "gone"}}))
    await waiting_with(live, "no-code", "chief-0", 'configmap "gone" not found')
    await kubelet.report_running({"metadata": {"name": "no-code-chief-0"}})
    await live.until(
        "estimatorjobs", "no-code", has_reason("Training"), "training once the ConfigMap is there"
    )


async def test_one_of_many_waits(
    live: LiveNamespace, kubelet: FakeKubelet, operator: OperatorProcess
) -> None:
    kubelet.scripts["ps"] = unschedulable("0/3 nodes are available: 3 Insufficient memory.")
    await live.create("estimatorjobs", five_pod_job("tight"))
    await waiting_with(live, "tight", "ps-0", "Insufficient memory")
    kubelet.scripts.clear()
    await run(kubelet, {"metadata": {"name": "tight-ps-0"}})
    await live.until("estimatorjobs", "tight", has_reason("Training"), "training once there is room")


async def test_quota(live: LiveNamespace, kubelet: FakeKubelet, operator: OperatorProcess) -> None:
    await live.create("resourcequotas", {"metadata": {"name": "few"}, "spec": {"hard": {"pods": "3"}}})
    await live.until("resourcequotas", "few", lambda one: one["status"].get("hard"), "the quota in force")
    await live.create("estimatorjobs", five_pod_job("large"))
    await waiting_with(live, "large", "exceeded quota: few", reason="PodCreationForbidden")
    assert len(await live.list("pods")) == 3
    await live.patch("resourcequotas", "few", {"spec": {"hard": {"pods": "5"}}})
    state = await live.until("estimatorjobs", "large", has_reason("Training"), "training", timeout=60)
    assert condition(state, "Reconciling").get("status") != "True"


async def test_pod_of_another_owner(
    live: LiveNamespace, kubelet: FakeKubelet, operator: OperatorProcess
) -> None:
    """A pod that is not the job's stands where one of its pods belongs: the job says so and leaves it alone."""
    stranger = {
        "metadata": {"name": "taken-chief-0"},
        "spec": {"containers": [{"name": "estimator", "image": "none"}]},
    }
    created = await live.create("pods", stranger)
    await live.create("estimatorjobs", job("taken"))
    await waiting_with(live, "taken", "taken-chief-0", reason="PodCreationForbidden")
    assert (await live.get("pods", "taken-chief-0"))["metadata"]["uid"] == created["metadata"]["uid"]
    await live.delete("pods", "taken-chief-0")
    await live.until("estimatorjobs", "taken", has_reason("Training"), "training", timeout=60)
