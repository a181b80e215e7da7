"""What a job costs the API server, by its audit log: the happy path, and the times when nothing changes."""

from __future__ import annotations

from audit_log import READS, AuditLog, tally
from fake_kubelet import FakeKubelet
from history import History
from live_jobs import complete, five_pod_job, five_pods, job, restart_sums, train
from live_namespace import LiveNamespace
from operator_process import OperatorProcess, account_user


async def test_happy_path(
    live: LiveNamespace, kubelet: FakeKubelet, operator: OperatorProcess, audit: AuditLog
) -> None:
    await train(live, five_pod_job("digits"))
    pods = await live.list("pods")
    assert set(pods) == five_pods("digits")
    finished = await complete(live, kubelet, "digits")
    left = await live.until_all("pods", lambda all_: len(all_) == 2, "clean-up")
    assert set(left) == {"digits-chief-0", "digits-evaluator-0"}, "finished pods stay for their logs"
    assert await operator.stop() == 0

    status = finished["status"]
    assert status["replicas"]["desired"] == 5
    assert restart_sums(finished) == (0, 0)
    assert sorted(status["completedReplicas"]) == ["chief-0", "evaluator-0"]
    assert status["observedGeneration"] == finished["metadata"]["generation"]
    assert "finalizers" not in finished["metadata"]
    assert "annotations" not in finished["metadata"]

    calls = audit.calls(user=account_user(live.name))
    asked = tally(one for one in calls if not one.about_all)
    allowed = {
        "create pods": 5,
        "create services": 1,
        "delete pods": 3,
        "patch estimatorjobs/status": 3,
        "create events": 2,
    }
    assert set(asked) <= set(allowed), asked
    assert all(count <= allowed[name] for name, count in asked.items()), asked
    assert (asked["create pods"], asked["create services"], asked["delete pods"]) == (5, 1, 3)
    assert asked.total() - asked["create events"] <= 12
    assert all(one.code in (200, 201) for one in calls), [str(one) for one in calls]
    assert [str(one) for one in calls if one.agent.startswith("kopf") and one.verb not in READS] == []


async def test_nothing_is_written_when_nothing_changes(
    live: LiveNamespace, kubelet: FakeKubelet, operator: OperatorProcess, audit: AuditLog, start_operator
) -> None:
    await train(live, five_pod_job("steady"))
    await operator.stop()
    audit.mark()

    # A new operator sees every object anew; then the user touches what the job does not depend on.
    second = await start_operator()
    for number in range(3):
        label = {"metadata": {"labels": {"touched": str(number)}}}
        await live.patch("estimatorjobs", "steady", label)
        await live.patch("pods", "steady-worker-1", label)
    # Work is done in the order in which it came: once a later job trains, the touched one has been looked at.
    await train(live, job("later"))
    await second.stop()
    calls = audit.calls(user=account_user(live.name))
    about_steady = [one for one in calls if one.writes and not one.name.startswith("later")]
    created_events = [one for one in about_steady if one.resource == "events"]
    assert len(created_events) <= 1, "events of the later job"
    assert [str(one) for one in about_steady if one not in created_events] == []


async def test_progress_is_written_at_intervals(
    live: LiveNamespace, kubelet: FakeKubelet, audit: AuditLog, start_operator
) -> None:
    await start_operator("--no-leader-elect", "--progress-interval=0.2")
    kubelet.documents["digits-chief-0"] = progress(step=100)
    await train(live, five_pod_job("digits", kubelet))
    state = await live.until("estimatorjobs", "digits", reached_step(100), "progress")
    assert state["status"]["progress"] == state["status"]["progress"] | {
        "globalStep": 100,
        "maxSteps": 400,
        "percent": 25,
        "loss": "0.5",
        "stepsPerSecond": "50",
        "remainingSeconds": 6,
    }
    latest = state["status"]["checkpoints"]["latest"]
    assert (latest["globalStep"], latest["path"]) == (100, "gs://models/digits/model.ckpt-100")
    await audit.logged("create events", user=account_user(live.name))
    audit.mark()
    async with History.record(live, "estimatorjobs") as history:
        kubelet.documents["digits-chief-0"] = progress(step=200)
        kubelet.documents["digits-evaluator-0"] = {
            "version": 1,
            "role": "evaluator",
            "evaluation": {"globalStep": 100, "metrics": {"accuracy": 0.75}},
            "exports": [{"name": "best", "path": "gs://models/digits/export/best/1", "globalStep": 100}],
        }
        await live.until("estimatorjobs", "digits", reached_step(200), "more progress")
        exported = lambda one: one["status"].get("exports")
        state = await live.until("estimatorjobs", "digits", exported, "export")
    assert state["status"]["evaluation"]["metrics"] == [{"name": "accuracy", "value": "0.75"}]
    assert state["status"]["exports"][0]["uri"] == "gs://models/digits/export/best/1"
    writes = tally(one for one in audit.calls(user=account_user(live.name)) if one.writes)
    assert set(writes) == {"patch estimatorjobs/status"}
    # The audit log may tell of the write of step 100 after the watch: what the watch told of since then counts.
    statuses = [one["status"] for one in history.of("digits")]
    assert len(statuses) - 1 <= 2, ("one write for each document", statuses)


def progress(*, step: int) -> dict:
    """A chief's progress document."""
    return {
        "version": 1,
        "role": "chief",
        "state": "Training",
        "globalStep": step,
        "maxSteps": 400,
        "stepsPerSecond": 50.0,
        "loss": 0.5,
        "checkpoint": {"path": f"gs://models/digits/model.ckpt-{step}", "globalStep": step},
    }


def reached_step(step: int):
    """Whether a job's status says this global step."""
    return lambda state: state["status"].get("progress", {}).get("globalStep") == step
