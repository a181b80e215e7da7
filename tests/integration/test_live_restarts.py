"""Pods that are deleted, fail or are evicted come back, and the status says so."""

from __future__ import annotations

from fake_kubelet import FakeKubelet, ends
from live_jobs import (
    complete,
    condition,
    five_pod_job,
    five_pods,
    has_reason,
    is_running,
    job,
    restart_sums,
    restarts,
    running,
    train,
)
from live_namespace import LiveNamespace
from operator_process import OperatorProcess


async def test_every_pod_deleted_in_turn(
    live: LiveNamespace, kubelet: FakeKubelet, operator: OperatorProcess
) -> None:
    await train(live, five_pod_job("digits"))
    pods = five_pods("digits")
    for number, replica in enumerate(("worker-1", "ps-0", "chief-0", "evaluator-0"), start=1):
        await live.delete("pods", f"digits-{replica}")
        pods = pods - {f"digits-{replica}"} | {f"digits-{replica}-r1"}
        await live.until_all("pods", running(*pods), f"restart of {replica}")
        state = await live.until(
            "estimatorjobs",
            "digits",
            lambda one, number=number: has_reason("Training")(one) and restart_sums(one) == (number, 0),
            f"training after the loss of {replica}",
        )
        assert restarts(state)[replica] == 1
        assert state["status"]["lastFailure"]["replica"] == replica
    state = await complete(live, kubelet, "digits", "digits-chief-0-r1", "digits-evaluator-0-r1")
    assert restarts(state) == {"worker-1": 1, "ps-0": 1, "chief-0": 1, "evaluator-0": 1}
    assert len(kubelet.born) == kubelet.born.total() == 9, "each pod was created once"


async def test_failed_evaluator_restarts_and_counts_against_its_own_budget(
    live: LiveNamespace, kubelet: FakeKubelet, operator: OperatorProcess
) -> None:
    await train(live, five_pod_job("digits"))
    await kubelet.finish("digits-evaluator-0", 1, "Traceback\n  File x\nValueError: no such metric")
    await live.until("pods", "digits-evaluator-0-r1", is_running, "second attempt")
    state = await live.until("estimatorjobs", "digits", has_reason("Training"), "training")
    assert restart_sums(state) == (1, 0)
    assert state["status"]["restarts"]["evaluator"] == 1
    failure = state["status"]["lastFailure"]
    assert (failure["replica"], failure["exitCode"], failure["attempt"]) == ("evaluator-0", 1, 0)
    assert failure["message"] == "ValueError: no such metric"


async def test_eviction_is_not_counted(
    live: LiveNamespace, kubelet: FakeKubelet, operator: OperatorProcess
) -> None:
    await train(live, five_pod_job("digits", run_policy={"backoffLimit": 0}))
    evicted = {
        "status": {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}
    }
    await live.patch("pods", "digits-ps-0", evicted, "status")
    await live.until("pods", "digits-ps-0-r1", is_running, "second attempt")
    state = await live.until("estimatorjobs", "digits", has_reason("Training"), "training")
    assert restart_sums(state) == (1, 0)
    assert state["status"]["lastFailure"]["reason"] == "Evicted"
    assert "low on resource" in state["status"]["lastFailure"]["message"]


async def test_budget_of_restarts(
    live: LiveNamespace, kubelet: FakeKubelet, operator: OperatorProcess
) -> None:
    kubelet.scripts["chief"] = ends(1, "ValueError: the loss is NaN")
    await live.create("estimatorjobs", job("hopeless", run_policy={"backoffLimit": 2}))
    state = await live.until("estimatorjobs", "hopeless", has_reason("BackoffLimitExceeded"), "failure")
    assert restart_sums(state) == (2, 2)
    verdict = condition(state, "Failed")
    assert verdict["status"] == "True"
    assert condition(state, "Stalled")["status"] == "True"
    assert "chief-0" in verdict["message"]
    assert "exit code 1" in verdict["message"]
    assert "ValueError: the loss is NaN" in verdict["message"]
    assert "\n" not in verdict["message"]
    assert [one["attempt"] for one in state["status"]["failures"]] == [0, 1, 2]


async def test_configuration_error_fails_at_once(
    live: LiveNamespace, kubelet: FakeKubelet, operator: OperatorProcess
) -> None:
    report = '{"version":1,"role":"worker","state":"Failed","error":"no module named trainer.task"}'
    kubelet.scripts["worker-1"] = ends(78, report)
    await live.create("estimatorjobs", five_pod_job("typo"))
    state = await live.until("estimatorjobs", "typo", has_reason("ConfigurationError"), "failure")
    verdict = condition(state, "Failed")
    assert verdict["status"] == "True"
    assert "worker-1" in verdict["message"]
    assert "exit code 78" in verdict["message"]
    assert "no module named trainer.task" in verdict["message"]
    assert restart_sums(state) == (0, 0)
    left = await live.until_all("pods", lambda pods: len(pods) == 1, "clean-up of what still ran")
    assert set(left) == {"typo-worker-1"}
