"""A job whose TF_CONFIG and hyperparameters no process could be started with: it trains, by files."""

from __future__ import annotations

import json

import pytest
from audit_log import AuditLog, tally
from fake_kubelet import FakeKubelet
from live_jobs import complete, has_reason, job, running
from live_namespace import LiveNamespace
from operator_process import OperatorProcess, account_user

NAME = "a-name-that-has-just-as-many-as-it-may-x"
PODS = {f"{NAME}-{one}" for one in ("chief-0", "worker-0", "ps-0", "evaluator-0")}
ESTIMATOR = {
    "modelFn": "digits:model_fn",
    "train": {"inputFn": "digits:train_input_fn", "maxSteps": 2000},
    "evaluate": {"inputFn": "digits:eval_input_fn"},
    "params": {"words": ["é$(HOME)"] * 12_000},
}


def large_job():
    """Few pods, with the addresses of all the workers that there may ever be, and large hyperparameters."""
    document = job(
        NAME,
        estimator=ESTIMATOR,
        worker={"replicas": 1},
        elastic={"minReplicas": 1, "maxReplicas": 1000},
        ps={"replicas": 1},
        evaluator={},
        run_policy={"cleanPodPolicy": "All"},
    )
    del document["spec"]["program"]
    return document


@pytest.mark.timeout(120)
async def test_a_job_with_more_than_an_environment_takes_trains_by_files(
    live: LiveNamespace, kubelet: FakeKubelet, operator: OperatorProcess, audit: AuditLog
) -> None:
    await live.create("estimatorjobs", large_job())
    await live.until("estimatorjobs", NAME, has_reason("Training"), "training")
    pods = await live.until_all("pods", running(*PODS), "its pods")
    ours = {name for name in await live.list("configmaps") if name.startswith(NAME)}
    assert len(ours) == 1
    (name,) = ours
    file = await live.get("configmaps", name)
    assert file["immutable"] is True
    cluster = json.loads(file["data"]["TF_CONFIG"])["cluster"]
    assert len(cluster["worker"]) == 1000
    assert len(json.dumps(cluster)) > 131_072
    assert json.loads(file["data"]["ESTIMATOR_SPEC"])["params"] == ESTIMATOR["params"]
    for pod in pods.values():
        assert len(json.dumps(pod)) < 16_000
        volumes = {one["name"]: one for one in pod["spec"]["volumes"]}
        assert volumes["estimator-environment"]["configMap"]["name"] == name

    # Workers that come find the same file.
    await live.patch("estimatorjobs", NAME, {"spec": {"worker": {"replicas": 2}}})
    await live.until_all("pods", running(*PODS, f"{NAME}-worker-1"), "one more")
    assert {one for one in await live.list("configmaps") if one.startswith(NAME)} == {name}

    await complete(live, kubelet, NAME)
    await live.until_gone("configmaps", name)
    calls = audit.calls(user=account_user(live.name))
    asked = tally(one for one in calls if one.name.startswith(NAME) and one.code < 300)
    assert asked["create configmaps"] == 1
    assert asked["delete configmaps"] == 1


@pytest.mark.timeout(120)
async def test_it_goes_with_a_job_that_is_deleted(
    live: LiveNamespace, kubelet: FakeKubelet, operator: OperatorProcess
) -> None:
    await live.create("estimatorjobs", large_job())
    await live.until("estimatorjobs", NAME, has_reason("Training"), "training")
    (name,) = (one for one in await live.list("configmaps") if one.startswith(NAME))
    await live.delete("estimatorjobs", NAME)
    await live.until_gone("configmaps", name)
