"""Pods: which there are, how they are wired, and what becomes of the user's template."""

from __future__ import annotations

import json

from fake_kubelet import hold
from live_jobs import condition, is_true

from scenarios.world import CLAIM, WAIT, Json, World

LONG = "a-name-of-forty-characters-is-the-limit1"


def _main(pod: Json) -> Json:
    (main,) = (one for one in pod["spec"]["containers"] if one["name"] == "estimator")
    return main


def _env(pod: Json) -> dict[str, str]:
    return {one["name"]: one.get("value", "") for one in _main(pod)["env"]}


def _config(pod: Json) -> Json:
    return json.loads(_env(pod)["TF_CONFIG"])


async def chief_alone_has_no_cluster(world: World) -> None:
    """A chief alone gets a TF_CONFIG with the model directory only, so that it trains and evaluates locally."""
    await world.train(world.manifest())
    assert _config(await world.pod("chief-0")) == {"model_dir": "gs://models/digits"}


async def five_pods_know_each_other(world: World) -> None:
    """Chief, workers and ps are in everybody's cluster, the evaluator in nobody's; addresses are the Service's names."""
    await world.train(world.five())
    space = world.live.name
    address = "digits-{}.digits." + space + ".svc:2222"
    cluster = {
        "chief": [address.format("chief-0")],
        "worker": [address.format("worker-0"), address.format("worker-1")],
        "ps": [address.format("ps-0")],
    }
    for replica in ("chief-0", "worker-1", "ps-0", "evaluator-0"):
        pod = await world.pod(replica)
        role, _, index = replica.rpartition("-")
        config = _config(pod)
        assert config["cluster"] == cluster
        assert config["task"] == {"type": role, "index": int(index)}
        assert (pod["spec"]["hostname"], pod["spec"]["subdomain"]) == (f"digits-{replica}", "digits")
    service = await world.live.get("services", "digits")
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["publishNotReadyAddresses"] is True


async def no_workers(world: World) -> None:
    """Zero workers are none."""
    await world.train(world.manifest(worker={"replicas": 0}, ps={"replicas": 0}))
    await world.only("chief-0")


async def no_evaluator(world: World) -> None:
    """An evaluator with zero replicas is none, and nothing waits for it."""
    await world.train(world.manifest(worker={}, evaluator={"replicas": 0}))
    await world.end("chief-0")
    await world.completes()


async def command_of_the_template(world: World) -> None:
    """With neither estimator nor program the template's own command runs, with TF_CONFIG."""
    manifest = world.manifest(
        template={
            "spec": {"containers": [{"name": "estimator", "image": "own:1", "command": ["train", "-x"]}]}
        }
    )
    del manifest["spec"]["program"], manifest["spec"]["image"]
    await world.train(manifest)
    pod = await world.pod("chief-0")
    assert (_main(pod)["command"], _main(pod)["image"]) == (["train", "-x"], "own:1")
    assert "readinessProbe" not in _main(pod), "an image of somebody else need not answer"
    assert "TF_CONFIG" in _env(pod)


async def default_image(world: World) -> None:
    """A job without image gets the operator's runtime image, its GPU variant for roles that ask for GPUs.

    Inputs are staged by the former, which asks for no GPU.
    """
    manifest = world.manifest(
        worker={"resources": {"limits": {"nvidia.com/gpu": 1, "memory": "1Gi"}}},
        inputs=[{"uri": "s3://data/digits", "path": "/data", "sizeLimit": "1Gi"}],
    )
    del manifest["spec"]["image"]
    await world.train(manifest)
    assert _main(await world.pod("chief-0"))["image"] == "estimator-operator/runtime:latest"
    worker = await world.pod("worker-0")
    assert _main(worker)["image"] == "estimator-operator/runtime-gpu:latest"
    assert _main(worker)["resources"]["limits"] == {"nvidia.com/gpu": "1", "memory": "1Gi"}
    (staging,) = worker["spec"]["initContainers"]
    assert staging["image"] == "estimator-operator/runtime:latest"
    assert staging["resources"]["limits"] == {"memory": "1Gi"}
    (mount,) = (one for one in _main(worker)["volumeMounts"] if one["mountPath"] == "/data")
    assert (mount["name"], mount["subPath"], mount["readOnly"]) == ("estimator-input-0", "data", True)
    keys = [one.get("key") for one in worker["spec"]["tolerations"]]
    assert keys.count("nvidia.com/gpu") == 1, "GPU nodes are tainted as a rule"
    assert "nvidia.com/gpu" not in [
        one.get("key") for one in (await world.pod("chief-0"))["spec"]["tolerations"]
    ]


async def gpu_toleration_of_ones_own(world: World) -> None:
    """A toleration that covers the taint of GPU nodes already is not doubled."""
    own = {"key": "nvidia.com/gpu", "operator": "Exists"}
    await world.train(
        world.manifest(chief={"resources": {"limits": {"nvidia.com/gpu": 1}}, "tolerations": [own]})
    )
    tolerations = (await world.pod("chief-0"))["spec"]["tolerations"]
    assert [one for one in tolerations if one.get("key") == "nvidia.com/gpu"] == [own]


async def role_settings(world: World) -> None:
    """What a role asks for is laid over the shared template."""
    role = {
        "resources": {"requests": {"cpu": "2"}},
        "env": [{"name": "A", "value": "role"}, {"name": "B", "value": "role"}],
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "spot", "operator": "Exists"}],
        "affinity": {"podAntiAffinity": {}},
    }
    container = {
        "name": "estimator",
        "env": [{"name": "A", "value": "shared"}, {"name": "C", "value": "shared"}],
        "resources": {"requests": {"memory": "1Gi"}},
    }
    template = {"spec": {"nodeSelector": {"zone": "a"}, "containers": [container]}}
    await world.train(world.manifest(chief=role, worker={}, template=template))
    chief, worker = await world.pod("chief-0"), await world.pod("worker-0")
    assert {name: _env(chief).get(name) for name in "ABC"} == {"A": "role", "B": "role", "C": "shared"}
    assert _main(chief)["resources"]["requests"] == {"cpu": "2", "memory": "1Gi"}
    assert chief["spec"]["nodeSelector"] == {"disk": "ssd", "zone": "a"}
    assert "spot" in [one.get("key") for one in chief["spec"]["tolerations"]]
    assert chief["spec"]["affinity"] == {"podAntiAffinity": {}}
    assert _env(worker)["A"] == "shared"
    assert worker["spec"]["nodeSelector"] == {"zone": "a"}


async def role_template(world: World) -> None:
    """A role's partial template is merged into the shared one by name."""
    shared = {
        "metadata": {"labels": {"team": "vision"}},
        "spec": {
            "containers": [{"name": "sidecar", "image": "side:1"}],
            "volumes": [{"name": "cache", "emptyDir": {}}],
        },
    }
    own = {
        "metadata": {"annotations": {"note": "worker"}, "labels": {"team": "speech"}},
        "spec": {
            "containers": [
                {"name": "sidecar", "image": "side:2"},
                {"name": "estimator", "env": [{"name": "NCCL_DEBUG", "value": "INFO"}]},
            ],
            "volumes": [
                {"name": "cache", "emptyDir": {"medium": "Memory"}},
                {"name": "more", "emptyDir": {}},
            ],
        },
    }
    await world.train(world.manifest(worker={"template": own}, template=shared))
    worker, chief = await world.pod("worker-0"), await world.pod("chief-0")
    images = {one["name"]: one["image"] for one in worker["spec"]["containers"]}
    assert images == {"estimator": "registry.example.com/trainer:1", "sidecar": "side:2"}
    assert _env(worker)["NCCL_DEBUG"] == "INFO"
    volumes = {one["name"]: one for one in worker["spec"]["volumes"]}
    assert volumes["cache"]["emptyDir"] == {"medium": "Memory"}
    assert "more" in volumes
    assert (worker["metadata"]["labels"]["team"], chief["metadata"]["labels"]["team"]) == ("speech", "vision")
    assert worker["metadata"]["annotations"]["note"] == "worker"
    assert {one["name"]: one["image"] for one in chief["spec"]["containers"]}["sidecar"] == "side:1"


async def template_is_kept(world: World) -> None:
    """Sidecars, init containers, volumes, labels and annotations of the template are in every pod."""
    template = {
        "metadata": {"labels": {"team": "vision"}, "annotations": {"note": "x"}},
        "spec": {
            "initContainers": [{"name": "fetch", "image": "fetch:1"}],
            "containers": [{"name": "sidecar", "image": "side:1"}],
            "volumes": [{"name": "data", "emptyDir": {}}],
            "terminationGracePeriodSeconds": 7,
        },
    }
    await world.train(world.manifest(template=template))
    pod = await world.pod("chief-0")
    assert [one["name"] for one in pod["spec"]["containers"]] == ["estimator", "sidecar"]
    assert pod["spec"]["initContainers"][0]["image"] == "fetch:1"
    assert "data" in [one["name"] for one in pod["spec"]["volumes"]]
    assert pod["spec"]["terminationGracePeriodSeconds"] == 7
    assert pod["metadata"]["labels"]["team"] == "vision"
    assert pod["metadata"]["labels"]["estimator.dev/job-name"] == "digits"
    assert pod["metadata"]["annotations"]["note"] == "x"


async def restricted_by_default(world: World) -> None:
    """Pods fit the restricted Pod Security standard by themselves, and hold no credentials."""
    await world.live.call(
        "PATCH",
        f"/api/v1/namespaces/{world.live.name}",
        {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}},
        headers={"Content-Type": "application/merge-patch+json"},
    )
    await world.train(world.five(modelDir=CLAIM, tensorBoard={}))
    pod = await world.pod("chief-0")
    assert pod["spec"]["automountServiceAccountToken"] is False
    main = next(one for one in pod["spec"]["containers"] if one["name"] == "estimator")
    assert main["securityContext"]["runAsNonRoot"] is True
    await world.pod("tensorboard")


async def code_of_a_config_map(world: World) -> None:
    """Code from a ConfigMap is mounted at /code and first on PYTHONPATH, its keys at their paths."""
    items = [{"key": "model.py", "path": "trainer/model.py"}]
    await world.create(world.manifest(code={"configMap": {"name": "code", "items": items}}))
    pod = await world.pod("chief-0")
    (volume,) = (one["configMap"] for one in pod["spec"]["volumes"] if "configMap" in one)
    assert (volume["name"], volume["items"]) == ("code", items)
    assert {one["mountPath"] for one in _main(pod)["volumeMounts"]} == {"/code"}
    assert _env(pod)["PYTHONPATH"].split(":")[0] == "/code"


async def model_in_a_claim(world: World) -> None:
    """A claim is mounted at /model, at the path within it that the job names."""
    claim = {"persistentVolumeClaim": {"claimName": "models", "subPath": "digits/7"}}
    await world.create(world.manifest(modelDir=claim))
    pod = await world.pod("chief-0")
    (mount,) = (one for one in _main(pod)["volumeMounts"] if one["mountPath"] == "/model")
    assert mount["subPath"] == "digits/7"
    assert _config(pod)["model_dir"] == "/model"
    assert await world.live.list("persistentvolumeclaims") == {}, "that claim is the user's own business"


async def image_settings(world: World) -> None:
    """Image, pull policy and pull secrets reach the pods."""
    await world.train(
        world.manifest(
            image="own/trainer:2", imagePullPolicy="Always", imagePullSecrets=[{"name": "registry"}]
        )
    )
    pod = await world.pod("chief-0")
    assert (_main(pod)["image"], _main(pod)["imagePullPolicy"]) == ("own/trainer:2", "Always")
    assert pod["spec"]["imagePullSecrets"] == [{"name": "registry"}]


async def name_at_the_limit(world: World) -> None:
    """A name of 40 characters trains, restarts and completes; one of 41 is refused."""
    world.name = LONG
    await world.train(world.five())
    await world.delete_pod("evaluator-0")
    await world.runs("evaluator-0", 1)
    await world.end("chief-0")
    await world.end("evaluator-0", attempt=1)
    await world.completes()
    world.name = f"{LONG}2"
    await world.refused(world.five(), "metadata.name", "40")


async def a_thousand_workers(world: World) -> None:
    """A job of a thousand workers gets all its pods; nine hundred more would be too many."""
    world.plays("worker", hold)
    await world.refused(world.manifest(worker={"replicas": 1001}), "replicas", "1000")
    await world.create(world.manifest(worker={"replicas": 1000}, progressPort=8787))
    pods = await world.live.until_all("pods", lambda found: len(found) >= 1001, "1001 pods", timeout=2 * WAIT)
    assert f"{world.name}-worker-999" in pods
    state = await world.until(
        lambda one: one.get("status", {}).get("replicas", {}).get("desired") == 1001, "their number"
    )
    assert not is_true("Failed")(state)
    assert condition(state, "Ready")["reason"] == "PodsPending"
    await world.live.delete("estimatorjobs", world.name)
