"""The operator's clock is 90 s ahead of the API server's, or behind it: nothing happens early, late or by force."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from api_server import ApiServer
from fake_kubelet import FakeKubelet, hold
from live_jobs import (
    condition,
    five_pod_job,
    five_pods,
    has_reason,
    is_running,
    is_true,
    job,
    not_failed,
    restart_sums,
    train,
)
from live_namespace import LiveNamespace
from operator_process import OperatorProcess, service_account_token, write_kubeconfig
from skewed_server import SkewedServer

AHEAD = pytest.param(90.0, id="ahead")
BEHIND = pytest.param(-90.0, id="behind")
GRACE = {"spec": {"terminationGracePeriodSeconds": 30}}
SOON, LATE = 2, 60
"""Seconds: over soon after they began, and before the skew is."""


@dataclass(frozen=True, slots=True)
class Skewed:
    """An operator and what it sees the API server through."""

    server: SkewedServer
    operator: OperatorProcess


@pytest_asyncio.fixture
async def skewed(
    request: pytest.FixtureRequest,
    api_server: ApiServer,
    live: LiveNamespace,
    tmp_path: Path,
    operator_kubeconfig: Path,
    start_operator,
) -> AsyncIterator[Skewed]:
    """A running operator whose clock is off."""
    token = await service_account_token(live, "operator")
    async with SkewedServer.stand(api_server, ahead=request.param) as server:
        path = write_kubeconfig(tmp_path / "skewed.kubeconfig", api_server, token, url=server.url)
        operator = await start_operator("--no-leader-elect", kubeconfig=path)
        yield Skewed(server, operator)
        await operator.stop()


@pytest.mark.parametrize("skewed", [AHEAD, BEHIND], indirect=True)
async def test_suspension_gives_pods_their_grace(
    live: LiveNamespace, kubelet: FakeKubelet, skewed: Skewed
) -> None:
    """A chief that saves its checkpoint has the time that it was given: nobody ends it by force."""
    await train(live, five_pod_job("digits", template=GRACE))
    kubelet.stubborn.update(five_pods("digits"))
    await live.patch("estimatorjobs", "digits", {"spec": {"suspend": True}})
    saving = {"digits-chief-0", "digits-worker-0", "digits-worker-1", "digits-evaluator-0"}
    await live.until_all(
        "pods",
        lambda pods: all("deletionTimestamp" in pods[name]["metadata"] for name in saving),
        "deletion of all that do not wait for the chief",
    )
    # Work is done in the order in which it came: once these train, the pods that end have been looked at.
    for number in range(3):
        await train(live, job(f"later-{number}"))
    pods = await live.list("pods")
    assert five_pods("digits") <= set(pods)
    assert skewed.server.forced == []
    kubelet.stubborn.clear()
    await asyncio.gather(*(end(live, kubelet, name) for name in sorted(saving)))
    state = await live.until("estimatorjobs", "digits", is_true("Suspended"), "suspension")
    assert restart_sums(state) == (0, 0)
    assert skewed.server.forced == []


@pytest.mark.parametrize("skewed", [AHEAD], indirect=True)
async def test_pod_that_ends_slowly_is_not_replaced(
    live: LiveNamespace, kubelet: FakeKubelet, skewed: Skewed
) -> None:
    """A chief that somebody deleted and that still saves is waited for."""
    await train(live, job("digits", template=GRACE))
    kubelet.stubborn.add("digits-chief-0")
    await live.delete("pods", "digits-chief-0")
    for number in range(3):
        await train(live, job(f"later-{number}"))
    assert {name for name in await live.list("pods") if name.startswith("digits")} == {"digits-chief-0"}
    assert skewed.server.forced == []
    await end(live, kubelet, "digits-chief-0")
    await live.until("pods", "digits-chief-0-r1", is_running, "another chief")


@pytest.mark.parametrize("skewed", [AHEAD], indirect=True)
async def test_deadlines_do_not_fire_early(live: LiveNamespace, kubelet: FakeKubelet, skewed: Skewed) -> None:
    kubelet.scripts["worker"] = hold
    await live.create("estimatorjobs", job("pending", worker={}, run_policy={"pendingDeadlineSeconds": LATE}))
    await train(live, job("active", run_policy={"activeDeadlineSeconds": LATE}))
    await train(live, job("ended", run_policy={"ttlSecondsAfterFinished": LATE}))
    await kubelet.finish("ended-chief-0")
    await live.until("estimatorjobs", "ended", is_true("Complete"), "completion")
    await live.until("pods", "pending-worker-0", lambda _: True, "pod of the worker")
    for number in range(3):
        for name in ("pending", "active", "ended"):
            label = {"metadata": {"labels": {"touched": str(number)}}}
            await live.patch("estimatorjobs", name, label)
        await train(live, job(f"later-{number}"))
    jobs = await live.list("estimatorjobs")
    assert condition(not_failed(jobs["pending"]), "Ready")["reason"] == "PodsPending"
    assert has_reason("Training")(not_failed(jobs["active"]))
    assert is_true("Complete")(jobs["ended"]), "its time to live is not over"
    for state in jobs.values():
        check_times(state)


@pytest.mark.parametrize("skewed", [BEHIND], indirect=True)
async def test_deadlines_do_not_fire_late(live: LiveNamespace, kubelet: FakeKubelet, skewed: Skewed) -> None:
    kubelet.scripts["worker"] = hold
    await live.create("estimatorjobs", job("pending", worker={}, run_policy={"pendingDeadlineSeconds": SOON}))
    await live.create("estimatorjobs", job("active", run_policy={"activeDeadlineSeconds": SOON}))
    await train(live, job("ended", run_policy={"ttlSecondsAfterFinished": SOON}))
    await kubelet.finish("ended-chief-0")
    pending, active, _ = await asyncio.gather(
        live.until("estimatorjobs", "pending", has_reason("PendingDeadlineExceeded"), "failure"),
        live.until("estimatorjobs", "active", has_reason("DeadlineExceeded"), "failure"),
        live.until_gone("estimatorjobs", "ended"),
    )
    check_times(pending)
    check_times(active)


def check_times(state: dict) -> None:
    """No time in the status lies before the job or in the future: the cluster's clock is the one that counts."""
    made = moment(state["metadata"]["creationTimestamp"])
    texts = [one["lastTransitionTime"] for one in state["status"]["conditions"]]
    texts += [state["status"][key] for key in ("startTime", "completionTime") if key in state["status"]]
    for text in texts:
        # Times in the status are whole seconds, and the offset of a clock is known to two.
        assert (moment(text) - made).total_seconds() >= -5
        assert (moment(text) - datetime.now(UTC)).total_seconds() <= 5


async def end(live: LiveNamespace, kubelet: FakeKubelet, name: str) -> None:
    """The containers of a pod that is being deleted end, and then the pod."""
    await kubelet.finish(name, 143)
    await live.delete("pods", name, grace=0)


def moment(text: str) -> datetime:
    """A time of the API server's."""
    return datetime.fromisoformat(text)
