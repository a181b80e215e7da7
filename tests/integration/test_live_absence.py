"""What happens while no operator looks: seen only as a whole, it comes to the same as if each step had been seen."""

from __future__ import annotations

import json

from fake_kubelet import FakeKubelet
from history import History, check_images, check_pods
from live_jobs import (
    complete,
    five_pod_job,
    five_pods,
    has_reason,
    is_running,
    is_true,
    job,
    restart_sums,
    restarts,
    running,
    train,
)
from live_namespace import LiveNamespace

NEW = "registry.example.com/trainer:2"


async def edit_while_suspended(live: LiveNamespace, name: str, **spec: object) -> None:
    """Suspends, edits and resumes, in three updates."""
    for change in ({"suspend": True}, spec, {"suspend": False}):
        await live.patch("estimatorjobs", name, {"spec": change})


async def test_suspend_edit_resume_replaces_every_pod(
    live: LiveNamespace, kubelet: FakeKubelet, start_operator
) -> None:
    """Image and numbers of replicas change while no operator looks: no old pod is left, and none runs beside a new."""
    first = await start_operator()
    await train(live, job("digits", worker={"replicas": 2}, ps={"replicas": 2}, evaluator={}))
    old = {one["metadata"]["uid"] for one in (await live.list("pods")).values()}
    await first.stop()
    await edit_while_suspended(
        live, "digits", image=NEW, worker={"replicas": 3}, ps={"replicas": 1}, evaluator=None
    )
    async with History.record(live, "pods") as pods, History.record(live, "estimatorjobs") as jobs:
        await start_operator()
        wanted = {f"digits-{one}" for one in ("chief-0", "worker-0", "worker-1", "worker-2", "ps-0")}
        found = await live.until_all("pods", running(*wanted), "pods of the new spec and no others")
        state = await live.until(
            "estimatorjobs",
            "digits",
            lambda one: (
                has_reason("Training")(one)
                and one["status"]["observedGeneration"] == one["metadata"]["generation"]
            ),
            "training",
        )
    check_images(pods.states)
    check_pods(pods.states)
    for name, pod in found.items():
        assert pod["metadata"]["uid"] not in old, f"{name} is of the old spec"
        (main,) = pod["spec"]["containers"]
        assert main["image"] == NEW
        config = json.loads(next(one["value"] for one in main["env"] if one["name"] == "TF_CONFIG"))
        assert {role: len(tasks) for role, tasks in config["cluster"].items()} == {
            "chief": 1, "worker": 3, "ps": 1,
        }  # fmt: skip
    assert restart_sums(state) == (0, 0)
    assert state["status"].get("failures", []) == []
    assert not any(is_true("Failed")(one) for one in jobs.of("digits"))
    assert state["status"]["replicas"]["desired"] == 5


async def test_edit_of_a_suspended_job_that_is_resumed_unseen(
    live: LiveNamespace, kubelet: FakeKubelet, start_operator
) -> None:
    """The operator leaves when the suspension has begun and comes back after edit and resume."""
    first = await start_operator()
    await train(live, five_pod_job("digits"))
    kubelet.stubborn.update(five_pods("digits"))
    await live.patch("estimatorjobs", "digits", {"spec": {"suspend": True}})
    await live.until_all(
        "pods",
        lambda found: any("deletionTimestamp" in one["metadata"] for one in found.values()),
        "the first deletion",
    )
    await first.stop()
    await live.patch("estimatorjobs", "digits", {"spec": {"image": NEW}})
    await live.patch("estimatorjobs", "digits", {"spec": {"suspend": False}})
    async with History.record(live, "pods") as pods:
        kubelet.stubborn.clear()
        await start_operator()
        for name, pod in (await live.list("pods")).items():
            if "deletionTimestamp" in pod["metadata"]:
                await live.delete("pods", name, grace=0, uid=pod["metadata"]["uid"])
        await live.until_all(
            "pods",
            lambda found: (
                running(*five_pods("digits"))(found)
                and all(one["spec"]["containers"][0]["image"] == NEW for one in found.values())
            ),
            "pods of the new spec",
        )
    check_images(pods.states)
    state = await live.until("estimatorjobs", "digits", has_reason("Training"), "training")
    assert restart_sums(state) == (0, 0)


async def test_suspend_and_resume_without_an_edit_disturbs_nobody(
    live: LiveNamespace, kubelet: FakeKubelet, start_operator
) -> None:
    """The pods are those of the spec as it is: they train on."""
    first = await start_operator()
    await train(live, five_pod_job("digits"))
    before = {name: one["metadata"]["uid"] for name, one in (await live.list("pods")).items()}
    await first.stop()
    await edit_while_suspended(live, "digits", runPolicy={"activeDeadlineSeconds": 3600})
    await start_operator()
    await train(live, job("later"))
    after = await live.list("pods")
    assert {name: after[name]["metadata"]["uid"] for name in before if name in after} == before
    assert all(is_running(after[name]) for name in before)
    state = await complete(live, kubelet, "digits")
    assert restart_sums(state) == (0, 0)


async def test_a_job_made_by_an_earlier_operator_is_taken_as_it_is(
    live: LiveNamespace, kubelet: FakeKubelet, start_operator
) -> None:
    """Pods that carry no word of the spec they were made from are those of the present one."""
    first = await start_operator()
    await train(live, five_pod_job("digits"))
    await first.stop()
    marks = {"estimator.dev/spec-hash": None, "estimator.dev/pinned": None}
    for name in five_pods("digits"):
        await live.patch("pods", name, {"metadata": {"annotations": marks}})
    await live.patch("estimatorjobs", "digits", {"status": {"pinned": None}}, "status")
    before = {name: one["metadata"]["uid"] for name, one in (await live.list("pods")).items()}
    await start_operator("--no-leader-elect", "--runtime-image=registry.example.com/runtime:9")
    await train(live, job("later"))
    after = await live.list("pods")
    assert {name: after[name]["metadata"]["uid"] for name in before if name in after} == before
    assert restart_sums(await complete(live, kubelet, "digits")) == (0, 0)


async def test_runtime_of_a_job_stays_when_the_operator_is_upgraded(
    live: LiveNamespace, kubelet: FakeKubelet, start_operator
) -> None:
    """A worker restarted by an operator with another default image gets the image that its job began with."""
    first = await start_operator("--no-leader-elect", "--runtime-image=registry.example.com/runtime:1")
    manifest = job("digits", worker={"replicas": 1})
    del manifest["spec"]["image"]
    await train(live, manifest)
    await first.stop()
    await start_operator("--no-leader-elect", "--runtime-image=registry.example.com/runtime:2")
    await live.delete("pods", "digits-worker-0")
    pod = await live.until("pods", "digits-worker-0-r1", is_running, "restart")
    assert pod["spec"]["containers"][0]["image"] == "registry.example.com/runtime:1"
    later = job("later")
    del later["spec"]["image"]
    await train(live, later)
    pod = await live.get("pods", "later-chief-0")
    assert pod["spec"]["containers"][0]["image"] == "registry.example.com/runtime:2"


async def test_chief_that_finished_unseen_does_not_train_anew(
    live: LiveNamespace, kubelet: FakeKubelet, start_operator
) -> None:
    """Its last report said that it had finished; its pod is collected before an operator comes back."""
    first = await start_operator("--no-leader-elect", "--progress-interval=0.2")
    words = {
        "version": 1,
        "role": "chief",
        "index": 0,
        "state": "Finished",
        "globalStep": 2000,
        "maxSteps": 2000,
    }
    kubelet.documents["digits-chief-0"] = words
    await train(live, job("digits", kubelet, worker={"replicas": 1}))
    await live.until(
        "estimatorjobs",
        "digits",
        lambda one: one["status"].get("progress", {}).get("globalStep") == 2000,
        "the last report",
    )
    await first.stop()
    await kubelet.finish("digits-chief-0", 0, json.dumps(words))
    await live.delete("pods", "digits-chief-0", grace=0)
    await start_operator()
    state = await live.until("estimatorjobs", "digits", is_true("Complete"), "completion")
    assert restarts(state) == {}
    assert "digits-chief-0-r1" not in kubelet.born
    assert "chief-0" in state["status"]["completedReplicas"]


async def test_chief_that_vanished_before_its_end_trains_on(
    live: LiveNamespace, kubelet: FakeKubelet, start_operator
) -> None:
    """Without such a report nothing says that it had finished: it starts again."""
    first = await start_operator("--no-leader-elect", "--progress-interval=0.2")
    kubelet.documents["digits-chief-0"] = {
        "version": 1, "role": "chief", "index": 0, "state": "Training", "globalStep": 500, "maxSteps": 2000,
    }  # fmt: skip
    await train(live, job("digits", kubelet))
    await live.until("estimatorjobs", "digits", lambda one: one["status"].get("progress"), "a report")
    await first.stop()
    await kubelet.finish("digits-chief-0", 0)
    await live.delete("pods", "digits-chief-0", grace=0)
    await start_operator()
    await live.until("pods", "digits-chief-0-r1", is_running, "another chief")
    state = await live.until("estimatorjobs", "digits", has_reason("Training"), "training")
    assert restart_sums(state) == (1, 0)
