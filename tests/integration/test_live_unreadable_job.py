"""A job that this operator cannot read is no failed job: its pods run on, and it goes on when it can be read again."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
import yaml
from api_server import CRD, ApiServer
from fake_kubelet import FakeKubelet
from live_jobs import (
    complete,
    condition,
    five_pod_job,
    five_pods,
    has_reason,
    is_running,
    job,
    not_failed,
    restart_sums,
    train,
)
from live_namespace import LiveNamespace, RefusedError

FIELD = "activeDeadlineSeconds"
UNREADABLE = {"spec": {"runPolicy": {FIELD: 0}}}
"""A value to which a later version of the operator may have given a meaning."""
READABLE = {"spec": {"runPolicy": {FIELD: None}}}

pytestmark = pytest.mark.timeout(150)


@pytest.fixture
def later_crd(api_server: ApiServer) -> Iterator[None]:
    """The CRD of a later version is installed: it takes what the operator of this one cannot read."""
    present = yaml.safe_load(CRD.read_text())
    later = copy.deepcopy(present)
    for version in later["spec"]["versions"]:
        spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
        spec["runPolicy"]["properties"][FIELD]["minimum"] = 0
    api_server.apply(later)
    yield
    api_server.apply(present)


async def edit(live: LiveNamespace, patch: dict) -> None:
    """Changes the job, once the API server serves the CRD that allows it."""

    async def accepted() -> bool:
        try:
            await live.patch("estimatorjobs", "digits", patch)
        except RefusedError as error:
            if FIELD in str(error):
                return False
            raise
        return True

    # No condition of a CRD says when its new schema is served; each try is a call.
    for _ in range(200):
        if await accepted():
            return
    raise AssertionError("the API server does not take the later value")


def is_stalled(state: dict) -> bool:
    """Whether the job is told to be unreadable."""
    stalled = condition(not_failed(state), "Stalled")
    return (stalled.get("status"), stalled.get("reason")) == ("True", "InvalidSpec")


async def test_running_job_that_becomes_unreadable(
    live: LiveNamespace, kubelet: FakeKubelet, start_operator, later_crd: None
) -> None:
    operator = await start_operator()
    await train(live, five_pod_job("digits"))
    before = {name: one["metadata"]["uid"] for name, one in (await live.list("pods")).items()}
    await edit(live, UNREADABLE)
    state = await live.until("estimatorjobs", "digits", is_stalled, "Stalled")
    ready = condition(state, "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "InvalidSpec")
    assert FIELD in ready["message"]
    # An operator that starts now, as after an upgrade, takes it no worse.
    await operator.stop()
    second = await start_operator()
    await train(live, job("later"))
    after = await live.list("pods")
    assert {name: after[name]["metadata"]["uid"] for name in before if name in after} == before
    assert all(is_running(after[name]) for name in before)
    assert is_stalled(await live.get("estimatorjobs", "digits"))

    await edit(live, READABLE)
    state = await live.until(
        "estimatorjobs", "digits", lambda one: has_reason("Training")(not_failed(one)), "training"
    )
    assert condition(state, "Stalled").get("status") != "True"
    assert restart_sums(state) == (0, 0)
    await live.delete("pods", "digits-worker-0")
    await live.until("pods", "digits-worker-0-r1", is_running, "restart: the job is looked after again")
    await live.until("estimatorjobs", "digits", has_reason("Training"), "training")
    assert second.running
    assert restart_sums(await complete(live, kubelet, "digits")) == (1, 0)


async def test_unreadable_job_whose_chief_ends_meanwhile(
    live: LiveNamespace, kubelet: FakeKubelet, start_operator, later_crd: None
) -> None:
    """What happened to the pods while nobody could read the job counts when it can be read again."""
    await start_operator()
    await train(live, five_pod_job("digits"))
    await edit(live, UNREADABLE)
    await live.until("estimatorjobs", "digits", is_stalled, "Stalled")
    await kubelet.finish("digits-chief-0")
    await kubelet.finish("digits-evaluator-0")
    await train(live, job("later"))
    assert is_stalled(await live.get("estimatorjobs", "digits"))
    assert five_pods("digits") <= set(await live.list("pods")), (
        "no pod is cleaned up under a job nobody can read"
    )
    await edit(live, READABLE)
    state = await live.until(
        "estimatorjobs",
        "digits",
        lambda one: condition(not_failed(one), "Complete")["status"] == "True",
        "end",
    )
    assert restart_sums(state) == (0, 0)
