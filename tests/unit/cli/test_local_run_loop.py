"""The loop of local runs, with real processes that keep the contract and no TensorFlow."""

from __future__ import annotations

import json
import os
import select
import signal
from datetime import timedelta

import pytest
from local_jobs import local_job, running, state

from estimatorctl.errors import ManifestError

TOO_LARGE = {
    "modelFn": "m:f",
    "train": {"inputFn": "m:i", "maxSteps": 1},
    "evaluate": {"inputFn": "m:i"},
    "params": {"vocabulary": "x" * 1_100_000},
}


async def test_a_job_runs_to_completion(tmp_path):
    async with running(local_job(), tmp_path) as run:
        await run.until_training()
        await run.until(lambda status: status.progress is not None)
        run.finish("chief-0", "worker-0")
        await run.until(lambda status: state(status) == "Evaluating")
        run.finish("evaluator-0")
        job = await run.task

    assert state(job.status) == "Completed"
    assert job.status.progress.percent == 100
    assert job.status.checkpoints.latest.path == f"{run.model_dir}/model.ckpt-100"
    assert job.status.checkpoints.latest.uri is None
    assert [one.value for one in job.status.evaluation.metrics] == ["0.975"]
    assert [one.path for one in job.status.exports] == [f"{run.model_dir}/export/best/1"]
    assert job.status.restarts.total == 0
    assert "moths-ps-0" not in run.local.children, "the ps never ends by itself; it was stopped"


async def test_replicas_get_a_tf_config_of_loopback_addresses(tmp_path):
    async with running(local_job(), tmp_path) as run:
        await run.until_training()
        configs = {
            str(one.launch.replica): json.loads(one.launch.environment["TF_CONFIG"])
            for one in run.local.children.values()
        }

    addresses = [one for role in configs["chief-0"]["cluster"].values() for one in role]
    assert set(configs["chief-0"]["cluster"]) == {"chief", "worker", "ps"}
    assert len(set(addresses)) == 3
    assert all(one.startswith("127.0.0.1:") for one in addresses)
    assert {json.dumps(one["cluster"]) for one in configs.values()} == {
        json.dumps(configs["chief-0"]["cluster"])
    }
    assert {one["model_dir"] for one in configs.values()} == {str(run.model_dir)}


async def test_a_crash_is_restarted_with_the_same_addresses_and_counted(tmp_path):
    async with running(local_job(), tmp_path) as run:
        await run.until_training()
        before = run.child("worker-0").launch
        run.tell("worker-0", signal.SIGUSR2)
        await run.until(lambda status: status.restarts.total == 1 and state(status) == "Training")
        after = run.child("worker-0").launch

    failure = run.status.last_failure
    assert (failure.replica, failure.exit_code, failure.message) == ("worker-0", 3, "the data has moths")
    assert run.status.restarts.counted == 1
    assert (after.pod, after.attempt) == ("moths-worker-0-r1", 1)
    assert after.environment["TF_CONFIG"] == before.environment["TF_CONFIG"]
    assert after.progress_port == before.progress_port
    assert [str(one.launch.replica) for one in run.failures] == ["worker-0"]


async def test_a_killed_replica_is_restarted_after_the_backoff_of_a_pod(tmp_path):
    async with running(local_job(), tmp_path) as run:
        await run.until_training()
        run.tell("chief-0", signal.SIGKILL)
        await run.until(lambda status: state(status) == "Restarting")
        await run.until_training()

    failure = run.status.last_failure
    assert (failure.replica, failure.exit_code, failure.message) == ("chief-0", 137, "killed by SIGKILL")
    waiting = [message(one) for one in run.statuses if state(one) == "Restarting"]
    assert any("starts again at" in one for one in waiting)


async def test_a_restarted_chief_goes_on_from_its_checkpoint(tmp_path):
    async with running(local_job(), tmp_path) as run:
        await run.until_training()
        run.tell("chief-0", signal.SIGTERM)
        await run.until(lambda status: status.checkpoints is not None and status.checkpoints.restored_from)

    assert run.status.checkpoints.restored_from.global_step == 10


async def test_a_replica_that_fails_too_often_fails_the_job(tmp_path):
    async with running(local_job(policy={"backoffLimit": 0}), tmp_path) as run:
        await run.until_training()
        run.tell("worker-0", signal.SIGUSR2)
        job = await run.task

    assert state(job.status) == "BackoffLimitExceeded"
    assert "the data has moths" in message(job.status)
    assert all(one.ending is not None for one in run.local.children.values())


async def test_the_deadline_ends_the_job_though_nothing_happens(tmp_path):
    async with running(local_job(policy={"activeDeadlineSeconds": 200}), tmp_path) as run:
        job = await run.task

    assert state(job.status) == "DeadlineExceeded"


async def test_stopping_saves_a_checkpoint_and_restarts_nothing(tmp_path):
    async with running(local_job(), tmp_path) as run:
        await run.until_training()
        run.local.interrupt()
        job = await run.task

    assert state(job.status) == "Suspended"
    assert job.status.checkpoints.latest.global_step == 10
    assert job.status.restarts.total == 0
    assert job.status.failures == []
    assert run.local.children == {}
    assert run.failures == []


async def test_the_chief_is_stopped_before_the_ps(tmp_path):
    async with running(local_job(), tmp_path) as run:
        await run.until_training()
        chief, ps = run.child("chief-0"), run.child("ps-0")
        run.local.interrupt()
        await run.task

    told = ps.stop_by - timedelta(seconds=ps.launch.grace_seconds)
    assert chief.ending.time <= told


async def test_stopping_twice_does_not_wait_for_checkpoints(tmp_path):
    stubborn = [
        "python",
        "-S",
        "-c",
        "import signal; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); signal.pause()",
    ]
    job = local_job(command=stubborn, worker=None, ps=None, evaluator=None)
    del job["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]
    async with running(job, tmp_path, speed=0.01) as run:
        await run.until_training()
        run.local.interrupt()
        run.local.interrupt()
        job = await run.task

    assert state(job.status) == "Suspended"


async def test_what_does_not_end_in_its_grace_is_killed(tmp_path):
    stubborn = [
        "python",
        "-S",
        "-c",
        "import signal; signal.pthread_sigmask(0, {15}); print('deaf', flush=True); signal.pause()",
    ]
    job = local_job(
        command=stubborn, worker=None, ps=None, evaluator=None, template={"terminationGracePeriodSeconds": 50}
    )
    async with running(job, tmp_path) as run:
        await run.until(lambda status: bool(status.roles))
        run.local.interrupt()
        job = await run.task

    assert state(job.status) == "Suspended"


async def test_what_a_replica_leaves_running_ends_with_it(tmp_path):
    async with running(local_job(env=[("GRANDCHILD", "1")]), tmp_path) as run:
        await run.until_training()
        own, grandchild = json.loads((run.model_dir / "worker-0.pids").read_text())
        descriptor = os.pidfd_open(grandchild)
        run.tell("worker-0", signal.SIGKILL)
        await run.until(lambda status: status.restarts.total == 1)

    assert own != grandchild
    with os.fdopen(descriptor) as ended:
        assert not is_running(ended)


async def test_a_command_that_is_not_here_is_said_before_anything_runs(tmp_path):
    async with running(local_job(command=["no-such-trainer"]), tmp_path) as run:
        with pytest.raises(ManifestError, match="chief-0: command no-such-trainer is not found"):
            await run.task

    assert run.local.children == {}


async def test_clean_pod_policy_none_leaves_no_process(tmp_path):
    async with running(local_job(policy={"cleanPodPolicy": "None"}), tmp_path) as run:
        await run.until_training()
        run.finish("chief-0", "worker-0", "evaluator-0")
        await run.task

    assert not any(one.alive for one in run.local.children.values())


def message(status):
    return status.condition("Ready").message


def is_running(descriptor):
    """Whether the process of a pidfd lives."""
    return not select.select([descriptor], [], [], 0)[0]


async def test_a_job_of_which_no_process_can_be_made_ends_the_run_and_says_why(tmp_path):
    async with running(local_job(estimator=TOO_LARGE), tmp_path) as run:
        with pytest.raises(ManifestError, match="at most"):
            await run.task
