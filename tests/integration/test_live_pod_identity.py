"""Whose pod a pod is survives what people do to its labels, and a claim alone makes no pod ours."""

from __future__ import annotations

import asyncio

import pytest
from fake_kubelet import FakeKubelet, hold
from live_jobs import condition, five_pod_job, five_pods, has_reason, is_true, job, restart_sums, train
from live_namespace import LiveNamespace
from operator_process import OperatorProcess

JOB_NAME = "estimator.dev/job-name"
ROLE = "estimator.dev/role"
INDEX = "estimator.dev/index"
ATTEMPT = "estimator.dev/attempt"


async def set_labels(live: LiveNamespace, pod: str, **labels: str | None) -> None:
    """Edits labels of a pod by hand; None removes one. Keys are the part after the slash."""
    full = {f"estimator.dev/{key.replace('_', '-')}": value for key, value in labels.items()}
    await live.patch("pods", pod, {"metadata": {"labels": full}})


async def test_a_pod_put_in_quarantine_gets_no_second_chief_beside_it(
    live: LiveNamespace, kubelet: FakeKubelet, operator: OperatorProcess, start_operator
) -> None:
    """Without its job-name label a pod leaves every watch that selects by it, and runs on all the same."""
    await train(live, job("digits", worker={"replicas": 1}))
    uid = (await live.get("pods", "digits-chief-0"))["metadata"]["uid"]
    await set_labels(live, "digits-chief-0", job_name=None)
    # Something else happens to the job, so that the operator looks at it again.
    await live.delete("pods", "digits-worker-0")
    await live.until("pods", "digits-worker-0-r1", is_true("Ready"), "restart of the worker")
    await train(live, job("later"))
    # An operator that starts now sees all pods but this one.
    await operator.stop()
    second = await start_operator()
    await live.delete("pods", "digits-worker-0-r1")
    await live.until("pods", "digits-worker-0-r2", is_true("Ready"), "another restart of the worker")
    await train(live, job("latest"))
    assert second.running
    assert chiefs(kubelet, "digits") == {"digits-chief-0": 1}
    # Back from quarantine, it is the chief that it was.
    await set_labels(live, "digits-chief-0", job_name="digits")
    await kubelet.finish("digits-chief-0")
    state = await live.until("estimatorjobs", "digits", is_true("Complete"), "completion")
    assert restart_sums(state) == (2, 0)
    assert chiefs(kubelet, "digits") == {"digits-chief-0": 1}
    assert (await live.get("pods", "digits-chief-0"))["metadata"]["uid"] == uid


async def test_a_pod_in_quarantine_that_is_gone_is_replaced(
    live: LiveNamespace, kubelet: FakeKubelet, operator: OperatorProcess
) -> None:
    """What is asked for by name and not found has gone: nobody waits for it for ever."""
    await train(live, job("digits"))
    await set_labels(live, "digits-chief-0", job_name=None)
    await live.delete("pods", "digits-chief-0", grace=0)
    await train(live, job("later"))
    # The watch does not tell of the end of what it no longer selects; a change of the job has it looked at again.
    await live.patch("estimatorjobs", "digits", {"metadata": {"labels": {"touched": "1"}}})
    await live.until("pods", "digits-chief-0-r1", is_true("Ready"), "another chief", timeout=60)


async def test_a_worker_hidden_just_as_the_chief_ends_does_not_run_on_under_a_finished_job(
    live: LiveNamespace, kubelet: FakeKubelet, operator: OperatorProcess, start_operator
) -> None:
    """No list by label shows it, whichever operator looks: it is asked for by name before the job comes to rest."""
    for number, name in enumerate(("digits", "letters")):
        await train(live, job(name, worker={"replicas": 1}))
        if number:
            await operator.stop()
        await set_labels(live, f"{name}-worker-0", job_name=None)
        await kubelet.finish(f"{name}-chief-0")
        if number:
            await start_operator()
        await live.until("estimatorjobs", name, is_true("Complete"), "completion")
        await live.until_gone("pods", f"{name}-worker-0")


@pytest.mark.parametrize("label", ["role", "index", "attempt"])
async def test_a_label_removed_by_hand_does_not_hide_the_chiefs_end(
    live: LiveNamespace, kubelet: FakeKubelet, operator: OperatorProcess, label: str
) -> None:
    await train(live, job("digits"))
    await set_labels(live, "digits-chief-0", **{label: None})
    await train(live, job("later"))
    await kubelet.finish("digits-chief-0")
    state = await live.until("estimatorjobs", "digits", is_true("Complete"), "completion")
    assert restart_sums(state) == (0, 0)
    assert chiefs(kubelet, "digits") == {"digits-chief-0": 1}


async def test_labels_that_name_another_replica_change_nobody(
    live: LiveNamespace, kubelet: FakeKubelet, operator: OperatorProcess
) -> None:
    """The name wins: worker-0 labelled as worker-1, as a ps, as its own tenth attempt, is worker-0."""
    await train(live, five_pod_job("digits"))
    uids = {name: one["metadata"]["uid"] for name, one in (await live.list("pods")).items()}
    for number, labels in enumerate(({"index": "1"}, {"role": "ps"}, {"attempt": "10"}, {"index": "none"})):
        await set_labels(live, "digits-worker-0", **labels)
        await train(live, job(f"later-{number}"))
        await set_labels(live, "digits-worker-0", role="worker", index="0", attempt="0")
    state = await live.get("estimatorjobs", "digits")
    pods = await live.list("pods")
    assert {name: pods[name]["metadata"]["uid"] for name in uids if name in pods} == uids
    assert {name for name in pods if name.startswith("digits-")} == five_pods("digits")
    assert restart_sums(state) == (0, 0)
    assert has_reason("Training")(state)


async def test_a_stranger_that_claims_the_job_cannot_stop_its_status(
    live: LiveNamespace, kubelet: FakeKubelet, operator: OperatorProcess
) -> None:
    """A pod with the job's uid as its owner and an attempt that no counter holds is none of the job's."""
    kubelet.scripts["digits-chief-0"] = hold
    created = await live.create("estimatorjobs", job("digits", worker={"replicas": 1}))
    await live.until("pods", "digits-chief-0", lambda _: True, "the chief's pod")
    attempts = ("999999999999", "9" * 30, "2147483648", "100001")
    await asyncio.gather(
        *(live.create("pods", stranger(created, f"stranger-{one}", one)) for one in attempts)
    )
    await live.create("pods", stranger(created, f"digits-worker-0-r{'9' * 12}", "9" * 12))
    await live.create("pods", stranger(created, "digits-worker-1001-r1", "1", index="1001"))
    await train(live, job("later"))
    kubelet.scripts.clear()
    await kubelet.bind({"metadata": {"name": "digits-chief-0"}})
    await kubelet.report_running({"metadata": {"name": "digits-chief-0"}})
    state = await live.until("estimatorjobs", "digits", has_reason("Training"), "training")
    assert restart_sums(state) == (0, 0)
    await kubelet.finish("digits-chief-0")
    state = await live.until("estimatorjobs", "digits", is_true("Complete"), "completion")
    assert restart_sums(state) == (0, 0)
    assert condition(state, "Complete")["status"] == "True"
    assert operator.running


def stranger(owner: dict, name: str, attempt: str, *, index: str = "0") -> dict:
    """Somebody's pod with the labels and the owner reference of a worker of the job."""
    reference = {
        "apiVersion": "estimator.dev/v1alpha1",
        "kind": "EstimatorJob",
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
    }
    labels = {JOB_NAME: owner["metadata"]["name"], ROLE: "worker", INDEX: index, ATTEMPT: attempt}
    labels["app.kubernetes.io/managed-by"] = "estimator-operator"
    return {
        "metadata": {"name": name, "labels": labels, "ownerReferences": [reference]},
        "spec": {"containers": [{"name": "estimator", "image": "none"}]},
    }


def chiefs(kubelet: FakeKubelet, name: str) -> dict[str, int]:
    """How many pods of each name the job's chief has had."""
    return {pod: count for pod, count in kubelet.born.items() if pod.startswith(f"{name}-chief-")}
