"""Verdicts that cannot be taken back need evidence: what was not seen has not happened."""

from __future__ import annotations

import asyncio
import json

from audit_log import AuditLog
from fake_kubelet import FakeKubelet
from live_jobs import condition, is_true, not_failed, restart_sums

from scenarios.world import Json, World


def _has(kind: str):
    """Whether the job has the condition; AssertionError at once when it has failed meanwhile."""
    return lambda state: is_true(kind)(not_failed(state))


async def unheard_chief_is_no_stalled_chief(world: World) -> None:
    """A chief that nobody can poll may well train: that is ProgressUnknown, and no failure."""
    await world.train(world.manifest(run_policy={"stallTimeoutSeconds": 2}))
    uid = (await world.runs("chief-0"))["metadata"]["uid"]
    state = await world.until(_has("ProgressUnknown"), "ProgressUnknown")
    assert condition(state, "ProgressUnknown")["reason"] == "NotHeard"
    assert is_true("Ready")(state)
    pod = await world.runs("chief-0")
    assert (pod["metadata"]["uid"], restart_sums(state)) == (uid, (0, 0))
    # Once it is heard, and its step grows, all is known again.
    world.reports("chief-0", globalStep=5, maxSteps=10)
    await world.status("progress", lambda one: one and one.get("globalStep") == 5)
    await world.until(lambda one: not is_true("ProgressUnknown")(one), "progress that is known")
    await world.end("chief-0")
    await world.completes()


async def chief_heard_at_one_step_is_stalled(world: World) -> None:
    """A chief that was not heard for a while and then is, always at the same step, is stalled."""
    await world.train(world.manifest(run_policy={"stallTimeoutSeconds": 2}))
    await world.until(_has("ProgressUnknown"), "ProgressUnknown")
    world.reports("chief-0", globalStep=5, maxSteps=10)
    await world.fails("TrainingStalled", "chief-0", "5", "stallTimeoutSeconds")


async def evicted_chief_that_ends_with_0_is_not_through(world: World) -> None:
    """Exit 0 after an eviction, short of the last step and without a Finished report, is no completion."""
    words = {
        "version": 1, "role": "chief", "index": 0, "state": "Training", "globalStep": 500, "maxSteps": 100_000,
    }  # fmt: skip
    world.reports("chief-0", globalStep=500, maxSteps=100_000)
    await world.train(world.manifest(worker={}))
    pod = await world.runs("chief-0")
    target = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}
    conditions = [*pod["status"]["conditions"], target]
    await world.live.patch("pods", "digits-chief-0", {"status": {"conditions": conditions}}, "status")
    ended = {"exitCode": 0, "reason": "Completed", "message": json.dumps(words)}
    (main,) = pod["status"]["containerStatuses"]
    status = {
        "phase": "Succeeded",
        "conditions": conditions,
        "containerStatuses": [{**main, "ready": False, "state": {"terminated": ended}}],
    }
    await world.live.patch("pods", "digits-chief-0", {"status": status}, "status")
    await world.until(
        lambda one: not is_true("Complete")(one) and restart_sums(one) == (1, 0), "an uncounted restart"
    )
    await world.runs("chief-0", 1)
    await world.end("chief-0", attempt=1, message=json.dumps(words | {"state": "Finished"}))
    await world.completes()


async def evicted_chief_that_finished_is_through(world: World) -> None:
    """A chief that reports that it has finished has, whoever wanted its node."""
    words = {"version": 1, "role": "chief", "state": "Finished", "globalStep": 500, "maxSteps": 100_000}
    await world.train(world.manifest())
    pod = await world.runs("chief-0")
    target = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}
    conditions = [*pod["status"]["conditions"], target]
    await world.live.patch("pods", "digits-chief-0", {"status": {"conditions": conditions}}, "status")
    await world.end("chief-0", message=json.dumps(words))
    await world.completes()


async def suspended_chief_that_ends_with_0_runs_again(world: World) -> None:
    """A chief that ends with 0 because it was told to end for a suspension goes on after the resume."""
    words = {"version": 1, "role": "chief", "state": "Training", "globalStep": 500, "maxSteps": 100_000}
    world.reports("chief-0", globalStep=500, maxSteps=100_000)
    await world.train(world.manifest())
    pod = await world.runs("chief-0")
    world.kubelet.stubborn.add("digits-chief-0")
    await world.change(suspend=True)
    await world.pod("chief-0", reached=lambda one: "deletionTimestamp" in one["metadata"])
    await world.kubelet.finish("digits-chief-0", 0, json.dumps(words))
    await world.live.delete("pods", "digits-chief-0", grace=0, uid=pod["metadata"]["uid"])
    world.kubelet.stubborn.clear()
    state = await world.reason("Suspended")
    assert not is_true("Complete")(state)
    assert "chief-0" not in state["status"].get("completedReplicas", [])
    await world.change(suspend=False)
    state = await world.reason("Training")
    await world.runs("chief-0")
    assert restart_sums(state) == (0, 0)


async def finished_sidecar_leaves_the_job_training(world: World) -> None:
    """A sidecar that has done its one thing makes its pod not Ready, and the job no less in training."""

    async def with_finished_sidecar(kubelet: FakeKubelet, pod: Json) -> None:
        await kubelet.bind(pod)
        truth = {"status": "False", "reason": "ContainersNotReady", "message": "unready: [once]"}
        common = {"image": "fake", "imageID": "", "restartCount": 0}
        started = pod["metadata"]["creationTimestamp"]
        status = {
            "phase": "Running",
            "conditions": [
                {"type": "PodScheduled", "status": "True"},
                {"type": "Ready", **truth},
                {"type": "ContainersReady", **truth},
            ],
            "containerStatuses": [
                {"name": "estimator", "ready": True, "state": {"running": {"startedAt": started}}, **common},
                {
                    "name": "once",
                    "ready": False,
                    "state": {"terminated": {"exitCode": 0, "reason": "Completed"}},
                    **common,
                },
            ],
        }
        await kubelet.namespace.patch("pods", pod["metadata"]["name"], {"status": status}, "status")

    world.plays("chief-0", with_finished_sidecar)
    template = {"spec": {"containers": [{"name": "once", "image": "once:1"}]}}
    await world.create(world.manifest(template=template))
    state = await world.reason("Training")
    assert is_true("Ready")(state)


async def one_node_that_is_not_ready_is_named(world: World) -> None:
    """One worker's node is NotReady: the message names worker and node, and not the number of all replicas."""
    await world.train(world.five())
    pod = await world.runs("worker-1")
    # As the node lifecycle controller marks it: the container stays as its kubelet last reported it.
    conditions = [
        {**one, "status": "False"} if one["type"] == "Ready" else one for one in pod["status"]["conditions"]
    ]
    await world.live.patch("pods", "digits-worker-1", {"status": {"conditions": conditions}}, "status")

    def told(state: Json) -> bool:
        message = condition(state, "Ready").get("message", "")
        assert "5 replicas" not in message, message
        return "worker-1" in message and "node" in message

    await world.until(told, "the worker and its node")
    assert restart_sums(await world.state()) == (0, 0)


def _turned_away(reason: str, message: str):
    """The kubelet gives the pod back: Failed, with no container's end and no disruption."""

    async def play(kubelet: FakeKubelet, pod: Json) -> None:
        await kubelet.bind(pod)
        status = {"phase": "Failed", "reason": reason, "message": message}
        await kubelet.namespace.patch("pods", pod["metadata"]["name"], {"status": status}, "status")

    return play


async def eviction_for_its_own_limit_counts(world: World) -> None:
    """A pod that fills more ephemeral storage than its limit does so again: that is the program's failure."""
    words = "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. "
    world.plays("chief-0", _turned_away("Evicted", words))
    await world.create(world.manifest(run_policy={"backoffLimit": 1}))
    state = await world.fails(
        "BackoffLimitExceeded", "chief-0", "ephemeral local storage", "backoffLimit is 1"
    )
    assert restart_sums(state) == (1, 1)


async def refusals_by_a_kubelet_do_not_count(world: World) -> None:
    """A kubelet that does not take a pod says nothing about the program: another pod is made, not counted."""
    reasons = ("NodeAffinity", "OutOfcpu", "UnexpectedAdmissionError")
    for attempt, reason in enumerate(reasons):
        name = world.pod_name("worker-0", attempt)
        world.kubelet.scripts[name] = _turned_away(reason, "Pod was rejected")
    await world.create(world.manifest(worker={}, run_policy={"backoffLimit": 0}))
    # Refused again and again, it waits in between.
    await world.until(lambda one: restart_sums(not_failed(one))[0] >= 2 if "status" in one else 0, "restarts")
    await world.until(
        lambda one: (
            restart_sums(not_failed(one)) == (3, 0) and condition(one, "Ready")["reason"] == "Training"
        ),
        "training after three refusals",
    )


async def foreign_finalizer_causes_no_hammering(world: World) -> None:
    """A pod that somebody else's finalizer holds is deleted once, and by force a few times; then it is waited for."""
    log = AuditLog(world.server.audit_log)
    log.mark()
    await world.train(world.manifest(worker={}, template={"spec": {"terminationGracePeriodSeconds": 1}}))
    held = "digits-worker-0"
    await world.live.patch("pods", held, {"metadata": {"finalizers": ["example.com/held"]}})
    world.kubelet.stubborn.add(held)
    await world.change(suspend=True)
    await world.pod("worker-0", reached=lambda one: "deletionTimestamp" in one["metadata"])
    # The operator looks at the job again with each of these, also after it has given the pod up.
    for number in range(40):
        await world.live.patch("pods", held, {"metadata": {"labels": {"touched": str(number)}}})
        await asyncio.sleep(1)  # what is tested is the passing of time
    calls = [one for one in log.calls(namespace=world.live.name) if (one.verb, one.name) == ("delete", held)]
    assert 1 <= len(calls) <= 4, f"{len(calls)} calls to delete one pod"
    assert not is_true("Suspended")(await world.state()), "a pod is left"
    await world.live.patch("pods", held, {"metadata": {"finalizers": None}})
    if held in await world.pods():
        await world.live.delete("pods", held, grace=0)
    await world.reason("Suspended")


async def foreign_finalizer_on_a_job_causes_no_hammering(world: World) -> None:
    """A job whose time to live is over and that somebody else holds is deleted once."""
    log = AuditLog(world.server.audit_log)
    log.mark()
    manifest = world.manifest(run_policy={"ttlSecondsAfterFinished": 0})
    manifest["metadata"]["finalizers"] = ["example.com/held"]
    await world.train(manifest)
    await world.end("chief-0")
    await world.until(lambda one: "deletionTimestamp" in one["metadata"], "its deletion")
    for number in range(5):
        await world.live.patch("estimatorjobs", world.name, {"metadata": {"labels": {"n": str(number)}}})
        await asyncio.sleep(1)  # what is tested is the passing of time
    calls = [one for one in log.calls(namespace=world.live.name) if one.resource == "estimatorjobs"]
    assert sum(one.verb == "delete" for one in calls) == 1
    await world.live.patch("estimatorjobs", world.name, {"metadata": {"finalizers": None}})
    await world.live.until_gone("estimatorjobs", world.name)


async def silent_node_is_no_lost_node(world: World) -> None:
    """A chief whose node exists and says nothing may still write: it is replaced once the node is unreachable."""
    node = f"node-{world.live.name}"

    async def on_node(kubelet: FakeKubelet, pod: Json) -> None:
        name = pod["metadata"]["name"]
        binding = {"metadata": {"name": name}, "target": {"kind": "Node", "name": node}}
        await kubelet.namespace.create("pods", binding, of=name, subresource="binding")
        await kubelet.report_running(pod)

    nodes = f"/api/v1/nodes/{node}"
    await world.live.call("POST", "/api/v1/nodes", {"metadata": {"name": node}})
    try:
        world.plays("digits-chief-0", on_node)
        await world.train(world.manifest(template={"spec": {"terminationGracePeriodSeconds": 1}}))
        uid = (await world.runs("chief-0"))["metadata"]["uid"]
        world.kubelet.stubborn.add("digits-chief-0")
        await world.delete_pod("chief-0")
        await asyncio.sleep(
            36
        )  # what is tested is the passing of time: grace, and what was once taken for a loss
        await world.live.patch("estimatorjobs", world.name, {"metadata": {"labels": {"touched": "1"}}})
        await world.reason("Restarting", "chief-0")
        pods = await world.pods()
        assert {name: one["metadata"]["uid"] for name, one in pods.items()} == {"digits-chief-0": uid}
        taint = {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute"}
        await world.live.call(
            "PATCH",
            nodes,
            {"spec": {"taints": [taint]}},
            headers={"Content-Type": "application/merge-patch+json"},
        )
        await world.live.patch("estimatorjobs", world.name, {"metadata": {"labels": {"touched": "2"}}})
        await world.runs("chief-0", 1)
        await world.gone("chief-0")
    finally:
        await world.live.call("DELETE", nodes)
