"""The Estimator's methods as jobs."""

from __future__ import annotations

import json

from fake_kubelet import ends

from scenarios.world import CLAIM, Json, World

INPUT = "digits.data:input_fn"
RECEIVER = "digits.model:receiver_fn"


def _job(world: World, mode: str, **section: object) -> Json:
    manifest = world.manifest(
        estimator={"mode": mode, "modelFn": "digits.model:model_fn", **section}, modelDir=CLAIM
    )
    del manifest["spec"]["program"]
    return manifest


def _last_words(**document: object) -> str:
    return json.dumps({"version": 1, "role": "chief", "index": 0, "state": "Finished", **document})


async def evaluate(world: World) -> None:
    """Mode Evaluate: one pod, the metrics in the status."""
    await world.create(
        _job(world, "Evaluate", evaluate={"inputFn": INPUT, "checkpointPath": "/model/model.ckpt-7"})
    )
    pod = await world.runs("chief-0")
    env = {one["name"]: one.get("value") for one in pod["spec"]["containers"][0]["env"]}
    assert json.loads(env["TF_CONFIG"]) == {"model_dir": "/model"}
    assert json.loads(env["ESTIMATOR_SPEC"])["evaluate"]["checkpointPath"] == "/model/model.ckpt-7"
    await world.reason("Evaluating")
    evaluation = {"globalStep": 7, "metrics": {"accuracy": 0.5}}
    await world.end("chief-0", 0, _last_words(evaluation=evaluation))
    await world.completes()
    found = await world.status("evaluation", bool)
    assert found["globalStep"] == 7
    assert found["metrics"] == [{"name": "accuracy", "value": "0.5"}]


async def predict(world: World) -> None:
    """Mode Predict: where the predictions are and how many, while it runs and at the end."""
    where = "/model/predictions/digits"
    world.reports("chief-0", state="Predicting", predictions={"path": where, "examples": 100})
    await world.create(_job(world, "Predict", predict={"inputFn": INPUT, "predictKeys": ["class"]}))
    await world.reason("Predicting")
    found = await world.status("predictions", bool)
    assert found == {"path": where, "uri": "pvc://digits-model/predictions/digits", "examples": 100}
    await world.end("chief-0", 0, _last_words(predictions={"path": where, "examples": 1797}))
    await world.completes("1797")
    assert (await world.status("predictions", bool))["examples"] == 1797


async def export(world: World) -> None:
    """Mode Export: the exports in the status, with the URI under which they are served."""
    await world.create(_job(world, "Export", exports=[{"name": "final", "servingInputReceiverFn": RECEIVER}]))
    await world.reason("Exporting")
    made = {
        "name": "final",
        "path": "/model/export/final/17",
        "globalStep": 9,
        "signatures": ["serving_default"],
    }
    await world.end("chief-0", 0, _last_words(exports=[made]))
    await world.completes()
    (found,) = await world.status("exports", bool)
    assert found["uri"] == "pvc://digits-model/export/final/17"
    assert found["signatures"] == ["serving_default"]


async def export_that_fails(world: World) -> None:
    """An export that cannot be made fails the job as ExportFailed."""
    world.plays("chief", ends(1, "exports[final]: no such tensor"))
    manifest = _job(world, "Export", exports=[{"name": "final", "servingInputReceiverFn": RECEIVER}])
    manifest["spec"]["runPolicy"] = {"backoffLimit": 0}
    await world.create(manifest)
    await world.fails("ExportFailed", "exports[final]: no such tensor")


async def train_alone(world: World) -> None:
    """Mode Train has workers and ps and no evaluator."""
    manifest = _job(world, "Train", train={"inputFn": INPUT, "steps": 10})
    manifest["spec"] |= {"worker": {}, "ps": {}}
    await world.train(manifest)
    await world.only("chief-0", "worker-0", "ps-0")
    await world.end("chief-0")
    await world.completes()


async def modes_run_in_one_pod(world: World) -> None:
    """Evaluate, Predict and Export have no workers, ps or evaluator."""
    manifest = _job(world, "Predict", predict={"inputFn": INPUT})
    for role in ("worker", "ps", "evaluator"):
        await world.refused({**manifest, "spec": {**manifest["spec"], role: {}}}, role)


async def sections_belong_to_modes(world: World) -> None:
    """A section that the mode does not use is refused, and so is a mode without its section."""
    await world.refused(_job(world, "Predict"), "predict")
    await world.refused(_job(world, "Export"), "exports")
    await world.refused(_job(world, "Evaluate"), "evaluate")
    await world.refused(
        _job(world, "Evaluate", evaluate={"inputFn": INPUT}, train={"inputFn": INPUT}), "train"
    )
