"""Quotas, policies, other people's objects, other controllers."""

from __future__ import annotations

from live_jobs import condition

from scenarios.world import CLAIM, World


async def job_of_another_controller(world: World) -> None:
    """A job that names another controller is left alone; who runs it cannot change."""
    await world.create(world.manifest(managedBy="kueue.x-k8s.io/multikueue"))
    other = world.name
    world.name = "mine"
    await world.train(world.manifest(managedBy="estimator.dev/estimator-operator"))
    world.name = other
    state = await world.state()
    assert state["status"] == {"observedGeneration": -1}
    assert set(await world.pods()) == {"mine-chief-0"}
    await world.refused({"spec": {"managedBy": None}}, "managedBy")


async def quota(world: World) -> None:
    """What a quota refuses is in the status with the server's words, and made when there is room."""
    await world.live.create("resourcequotas", {"metadata": {"name": "few"}, "spec": {"hard": {"pods": "3"}}})
    await world.live.until(
        "resourcequotas", "few", lambda one: one.get("status", {}).get("hard"), "the quota"
    )
    await world.create(world.five())
    await world.reason("PodCreationForbidden", "exceeded quota: few")
    await world.live.patch("resourcequotas", "few", {"spec": {"hard": {"pods": "5"}}})
    state = await world.reason("Training")
    assert condition(state, "Reconciling").get("status") != "True"


async def limit_of_the_namespace(world: World) -> None:
    """A request above the limit that a LimitRange sets by default waits for people, and is made once it is lifted."""
    limit = {"type": "Container", "default": {"cpu": "1"}}
    await world.live.create("limitranges", {"metadata": {"name": "small"}, "spec": {"limits": [limit]}})
    wants = {"containers": [{"name": "estimator", "resources": {"requests": {"cpu": "2"}}}]}
    await world.create(world.manifest(template={"spec": wants}))
    await world.reason("PodCreationForbidden", "must be less than or equal to cpu limit of 1")
    await world.live.delete("limitranges", "small")
    await world.reason("Training")


async def pod_security(world: World) -> None:
    """What Pod Security refuses is in the status, too."""
    await world.live.call(
        "PATCH",
        f"/api/v1/namespaces/{world.live.name}",
        {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}},
        headers={"Content-Type": "application/merge-patch+json"},
    )
    await world.create(world.manifest(template={"spec": {"hostNetwork": True}}))
    await world.reason("PodCreationForbidden", "PodSecurity", "hostNetwork")


async def pod_of_somebody_else(world: World) -> None:
    """A pod that stands where one of the job's belongs is left alone, and the job says so."""
    stranger = {
        "metadata": {"name": "digits-chief-0"},
        "spec": {"containers": [{"name": "x", "image": "none"}]},
    }
    created = await world.live.create("pods", stranger)
    await world.create(world.manifest())
    await world.reason("PodCreationForbidden", "digits-chief-0")
    assert (await world.pod("chief-0"))["metadata"]["uid"] == created["metadata"]["uid"]
    await world.delete_pod("chief-0")
    await world.reason("Training")


async def service_of_somebody_else(world: World) -> None:
    """So is a Service."""
    await world.live.create("services", {"metadata": {"name": "digits"}, "spec": {"ports": [{"port": 80}]}})
    await world.create(world.manifest())
    await world.reason("PodCreationForbidden", "digits")
    assert (await world.live.get("services", "digits"))["spec"]["ports"][0]["port"] == 80
    await world.live.delete("services", "digits")
    await world.reason("Training")


async def forged_pod(world: World) -> None:
    """A pod with the job's labels that the job does not own is not taken for one of its pods."""
    await world.train(world.manifest(worker={}))
    labels = (await world.pod("worker-0"))["metadata"]["labels"]
    forged = {
        "metadata": {"name": "forged", "labels": {**labels, "estimator.dev/attempt": "9"}},
        "spec": {"containers": [{"name": "estimator", "image": "none"}]},
    }
    await world.live.create("pods", forged)
    await world.live.until(
        "pods", "forged", lambda one: one["status"].get("phase") == "Running", "the forged pod"
    )
    await world.kubelet.finish("forged", 78, "fail this job")
    await world.delete_pod("worker-0")
    await world.runs("worker-0", 1)
    await world.restarted(1, 0)
    assert "forged" in await world.pods()


async def pod_that_no_server_takes(world: World) -> None:
    """What only the making of pods shows to be invalid fails the job with the server's words."""
    overlay = {"spec": {"containers": [{"name": "estimator", "livenessProbe": {"periodSeconds": -5}}]}}
    await world.create(world.manifest(worker={"template": overlay}))
    await world.fails("InvalidSpec", "livenessProbe")


async def claim_that_cannot_be(world: World) -> None:
    """A claim that a policy refuses holds the job up with the server's words."""
    hard = {"persistentvolumeclaims": "0"}
    await world.live.create("resourcequotas", {"metadata": {"name": "none"}, "spec": {"hard": hard}})
    await world.live.until(
        "resourcequotas", "none", lambda one: one.get("status", {}).get("hard"), "the quota"
    )
    await world.create(world.manifest(modelDir=CLAIM))
    await world.reason("PodCreationForbidden", "digits-model")


async def objects_stay_in_the_namespace(world: World) -> None:
    """Everything of a job is in its own namespace, whatever its spec names."""
    await world.train(world.five(modelDir=CLAIM, code={"configMap": {"name": "code"}}, tensorBoard={}))
    for kind in ("pods", "services", "persistentvolumeclaims"):
        found = await world.live.list(kind)
        assert found, kind
        assert {one["metadata"]["namespace"] for one in found.values()} == {world.live.name}
