"""Suspending, resuming, deadlines, time to live, deletion."""

from __future__ import annotations

from fake_kubelet import FakeKubelet
from live_jobs import (
    complete,
    condition,
    five_pod_job,
    five_pods,
    has_reason,
    is_true,
    job,
    restart_sums,
    running,
    train,
)
from live_namespace import LiveNamespace
from operator_process import OperatorProcess

CLAIM = {"volumeClaimTemplate": {"resources": {"requests": {"storage": "1Gi"}}}}


async def test_suspend_and_resume(
    live: LiveNamespace, kubelet: FakeKubelet, operator: OperatorProcess
) -> None:
    await train(live, five_pod_job("digits"))
    await live.patch("estimatorjobs", "digits", {"spec": {"suspend": True}})
    state = await live.until("estimatorjobs", "digits", is_true("Suspended"), "suspension")
    assert await live.list("pods") == {}, "suspended means that no pod is left"
    assert condition(state, "Ready")["status"] == "True"
    assert "startTime" not in state["status"]

    await live.patch("estimatorjobs", "digits", {"spec": {"suspend": False}})
    await live.until_all("pods", running(*five_pods("digits")), "pods after the resume")
    state = await live.until("estimatorjobs", "digits", has_reason("Training"), "training")
    assert condition(state, "Suspended")["status"] == "False"
    state = await complete(live, kubelet, "digits")
    assert restart_sums(state) == (0, 0), "a suspension is no restart"


async def test_created_suspended(
    live: LiveNamespace, kubelet: FakeKubelet, operator: OperatorProcess
) -> None:
    await live.create("estimatorjobs", five_pod_job("queued", suspend=True))
    await live.until("estimatorjobs", "queued", is_true("Suspended"), "suspension")
    assert await live.list("pods") == {}
    await live.patch("estimatorjobs", "queued", {"spec": {"suspend": False}})
    await live.until("estimatorjobs", "queued", has_reason("Training"), "training")


async def test_active_deadline(live: LiveNamespace, kubelet: FakeKubelet, operator: OperatorProcess) -> None:
    await live.create("estimatorjobs", five_pod_job("slow", run_policy={"activeDeadlineSeconds": 1}))
    state = await live.until("estimatorjobs", "slow", is_true("Failed"), "the end of its deadline")
    assert condition(state, "Failed")["reason"] == "DeadlineExceeded"
    assert "completionTime" in state["status"]
    await live.until_all("pods", lambda pods: not pods, "end of all pods")


async def test_evaluator_grace(live: LiveNamespace, kubelet: FakeKubelet, operator: OperatorProcess) -> None:
    await train(live, five_pod_job("digits", run_policy={"evaluatorGraceSeconds": 1}))
    state = await complete(live, kubelet, "digits", "digits-chief-0")
    assert "evaluatorGraceSeconds" in condition(state, "Complete")["message"]
    assert state["status"]["completedReplicas"] == ["chief-0"]


async def test_time_to_live(live: LiveNamespace, kubelet: FakeKubelet, operator: OperatorProcess) -> None:
    policy = {"ttlSecondsAfterFinished": 1}
    await train(live, job("brief", run_policy=policy, modelDir=CLAIM))
    await kubelet.finish("brief-chief-0")
    await live.until_gone("estimatorjobs", "brief")
    await only_the_claim_is_left(live, "brief-model")


async def test_deletion_leaves_the_retained_claim(
    live: LiveNamespace, kubelet: FakeKubelet, operator: OperatorProcess
) -> None:
    await train(live, five_pod_job("digits", modelDir=CLAIM))
    await live.delete("estimatorjobs", "digits")
    await only_the_claim_is_left(live, "digits-model")


async def test_deletion_takes_a_claim_that_is_not_retained(
    live: LiveNamespace, kubelet: FakeKubelet, operator: OperatorProcess
) -> None:
    claim = {"volumeClaimTemplate": CLAIM["volumeClaimTemplate"] | {"retention": "Delete"}}
    await train(live, job("brief", modelDir=claim))
    await live.delete("estimatorjobs", "brief")
    await only_the_claim_is_left(live)


async def test_chief_ends_before_the_evaluator(
    live: LiveNamespace, kubelet: FakeKubelet, start_operator
) -> None:
    await start_operator("--no-leader-elect", "--progress-interval=0.2")
    await train(live, five_pod_job("digits"))
    await kubelet.finish("digits-chief-0")
    await live.until("estimatorjobs", "digits", has_reason("Evaluating"), "evaluation")
    pods = five_pods("digits") - {"digits-chief-0"}
    assert running(*pods)(await live.list("pods")), "nobody is told to end before the evaluator has ended"
    await complete(live, kubelet, "digits", "digits-evaluator-0")


async def test_finished_replica_is_not_run_again(
    live: LiveNamespace, kubelet: FakeKubelet, start_operator
) -> None:
    await start_operator("--no-leader-elect", "--progress-interval=0.2")
    await train(live, five_pod_job("digits"))
    await kubelet.finish("digits-worker-0")
    await live.until(
        "estimatorjobs",
        "digits",
        lambda one: one["status"].get("completedReplicas") == ["worker-0"],
        "record",
    )
    await live.delete("pods", "digits-worker-0")
    await live.until_gone("pods", "digits-worker-0")
    state = await complete(live, kubelet, "digits")
    assert restart_sums(state) == (0, 0)


async def test_same_name_again(live: LiveNamespace, kubelet: FakeKubelet, operator: OperatorProcess) -> None:
    first = await train(live, job("again"))
    await live.delete("estimatorjobs", "again")
    await live.until_gone("estimatorjobs", "again")
    await live.create("estimatorjobs", job("again"))
    second = await live.until("estimatorjobs", "again", has_reason("Training"), "training")
    assert second["metadata"]["uid"] != first["metadata"]["uid"]
    pod = (await live.list("pods"))["again-chief-0"]
    assert pod["metadata"]["ownerReferences"][0]["uid"] == second["metadata"]["uid"]


async def only_the_claim_is_left(live: LiveNamespace, *claims: str) -> None:
    """Waits until the garbage collector has taken pods and services; the claims named stay."""
    await live.until_all("pods", lambda pods: not pods, "end of all pods")
    await live.until_all("services", lambda services: not services, "end of the service")
    await live.until_all(
        "persistentvolumeclaims", lambda found: set(found) == set(claims), f"claims {claims}"
    )
