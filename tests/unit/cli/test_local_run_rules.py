"""Local runs of every mode, of elastic jobs, and with the failure rules and deadlines that the plan knows."""

from __future__ import annotations

import json
import signal

import pytest
from local_jobs import local_job, running, state

ALONE = {"worker": None, "ps": None, "evaluator": None}


def message(status):
    return status.condition("Ready").message


def of_mode(mode, **sections):
    return local_job(estimator={"mode": mode, "modelFn": "moths:model_fn"} | sections, **ALONE)


@pytest.mark.parametrize(
    ("job", "busy", "done"),
    [
        (
            of_mode("Evaluate", evaluate={"inputFn": "moths:data"}),
            "Evaluating",
            "the evaluation has ended at step 100",
        ),
        (
            of_mode("Predict", predict={"inputFn": "moths:data"}),
            "Predicting",
            "360 predictions have been written to {model_dir}/predictions/moths",
        ),
        (
            of_mode("Export", exports=[{"name": "best", "servingInputReceiverFn": "moths:receiver"}]),
            "Exporting",
            "the exports have been made: best",
        ),
    ],
    ids=["Evaluate", "Predict", "Export"],
)
async def test_modes_that_do_not_train(tmp_path, job, busy, done):
    async with running(job, tmp_path) as run:
        await run.until(lambda status: state(status) == busy)
        assert [str(one.launch.replica) for one in run.local.children.values()] == ["chief-0"]
        run.finish("chief-0")
        ended = await run.task

    assert state(ended.status) == "Completed"
    assert message(ended.status) == done.format(model_dir=run.model_dir)
    assert ended.status.progress is None or ended.status.progress.global_step is None
    made = (ended.status.evaluation, ended.status.predictions, ended.status.exports or None)
    assert [one is not None for one in made] == [
        busy == one for one in ("Evaluating", "Predicting", "Exporting")
    ]


async def test_predictions_are_told_with_the_path_of_this_machine(tmp_path):
    async with running(of_mode("Predict", predict={"inputFn": "moths:data"}), tmp_path) as run:
        await run.until(lambda status: status.predictions is not None)

    assert run.status.predictions.path == f"{run.model_dir}/predictions/moths"
    assert run.status.predictions.uri is None
    assert run.status.predictions.examples == 360


async def test_an_elastic_job_has_the_workers_that_it_asks_for_and_addresses_for_the_most(tmp_path):
    job = local_job(worker={"replicas": 1}, elastic={"minReplicas": 1, "maxReplicas": 3})
    async with running(job, tmp_path) as run:
        await run.until_training()
        replicas = sorted(str(one.launch.replica) for one in run.local.children.values())
        configs = [json.loads(one.launch.environment["TF_CONFIG"]) for one in run.local.children.values()]

    assert replicas == ["chief-0", "evaluator-0", "ps-0", "worker-0"]
    assert {json.dumps(one["cluster"]) for one in configs} == {json.dumps(configs[0]["cluster"])}
    workers = configs[0]["cluster"]["worker"]
    assert len(set(workers)) == 3
    assert all(one.startswith("127.0.0.1:") for one in workers)
    assert run.status.worker_replicas == 1


def rules(*entries, **policy):
    return {"failurePolicy": {"rules": list(entries)}} | policy


async def test_a_rule_that_fails_the_job(tmp_path):
    policy = rules({"roles": ["worker"], "onExitCodes": {"values": [3]}, "action": "FailJob"})
    async with running(local_job(policy=policy), tmp_path) as run:
        await run.until_training()
        run.tell("worker-0", signal.SIGUSR2)
        job = await run.task

    assert state(job.status) == "FailJobRule"
    assert "the data has moths" in message(job.status)


async def test_a_rule_that_ignores(tmp_path):
    policy = rules({"onExitCodes": {"values": [3]}, "action": "Ignore"}, backoffLimit=0)
    async with running(local_job(policy=policy), tmp_path) as run:
        await run.until_training()
        run.tell("worker-0", signal.SIGUSR2)
        await run.until(lambda status: status.restarts.total == 1 and state(status) == "Training")

    assert run.status.restarts.counted == 0


async def test_a_rule_that_restarts_the_job(tmp_path):
    policy = rules({"roles": ["worker"], "onReasons": ["Error"], "action": "RestartJob"})
    async with running(local_job(policy=policy), tmp_path) as run:
        await run.until_training()
        before = {str(one.launch.replica): one.pid for one in run.local.children.values()}
        run.tell("worker-0", signal.SIGUSR2)
        await run.until(lambda status: status.restarts.total >= 4 and state(status) == "Training")
        after = {str(one.launch.replica): one.pid for one in run.local.children.values() if one.alive}

    assert set(after) == set(before)
    assert not set(after.values()) & set(before.values())
    assert run.status.restarts.counted == 1
    assert run.status.checkpoints.restored_from.global_step == 10


async def test_training_that_makes_no_step_fails(tmp_path):
    async with running(local_job(policy={"stallTimeoutSeconds": 200}), tmp_path) as run:
        job = await run.task

    assert state(job.status) == "TrainingStalled"


async def test_a_job_of_another_controller_runs_here_and_has_no_tensorboard(tmp_path):
    job = local_job(managedBy="kueue.x-k8s.io/multikueue", tensorBoard={}, **ALONE)
    async with running(job, tmp_path) as run:
        await run.until_training()
        run.finish("chief-0")
        ended = await run.task

    assert state(ended.status) == "Completed"
    assert ended.status.tensor_board is None
