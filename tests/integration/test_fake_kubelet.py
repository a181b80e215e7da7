"""The fake kubelet says what the API server accepts, and ends what is deleted."""

from __future__ import annotations

import aiohttp
from fake_kubelet import FakeKubelet, cannot_mount, ends, hold, unschedulable, waits
from live_namespace import LiveNamespace


def pod(name: str) -> dict:
    """A pod of one container."""
    return {"metadata": {"name": name}, "spec": {"containers": [{"name": "estimator", "image": "none"}]}}


def phase(wanted: str):
    """Whether a pod is in a phase."""
    return lambda one: one["status"].get("phase") == wanted


async def test_pods_live_and_end(live: LiveNamespace, kubelet: FakeKubelet) -> None:
    kubelet.scripts = {"failing": ends(1, "no luck"), "held": hold}
    for name in ("first", "second", "failing", "held"):
        await live.create("pods", pod(name))
    first = await live.until("pods", "first", phase("Running"), "running")
    second = await live.until("pods", "second", phase("Running"), "running")
    failing = await live.until("pods", "failing", phase("Failed"), "failing")
    ended = failing["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"], ended["message"]) == (1, "Error", "no luck")

    kubelet.documents["first"] = {"version": 1, "role": "chief"}
    async with aiohttp.ClientSession() as session:
        for one, status in ((first, 200), (second, 404)):
            url = f"http://{one['status']['podIP']}:{kubelet.port}/progress"
            async with session.get(url) as answer:
                assert answer.status == status

    await kubelet.finish("second")
    await live.until("pods", "second", phase("Succeeded"), "success")
    kubelet.stubborn.add("first")
    for name in ("first", "second", "failing", "held"):
        await live.delete("pods", name)
    left = await live.until_all("pods", lambda pods: len(pods) == 1, "end of all pods but the stubborn one")
    assert "deletionTimestamp" in left["first"]["metadata"]


async def test_pods_wait(live: LiveNamespace, kubelet: FakeKubelet) -> None:
    kubelet.scripts = {
        "image": waits("ImagePullBackOff", "no such image"),
        "claim": unschedulable("no such claim"),
        "mount": cannot_mount("no such ConfigMap"),
    }
    for name in kubelet.scripts:
        await live.create("pods", pod(name))
    await live.until("pods", "image", lambda one: "containerStatuses" in one["status"], "waiting")
    await live.until("pods", "claim", lambda one: "conditions" in one["status"], "scheduling")
    events = await live.until_all("events", len, "event")
    (event,) = events.values()
    assert (event["reason"], event["note"]) == ("FailedMount", "no such ConfigMap")
    assert event["regarding"]["name"] == "mount"
