"""Distributed training with real processes on loopback, killed and restarted."""

import pathlib

import pytest
from cluster_tasks import Job, free_ports

PROGRAM = pathlib.Path(__file__).with_name("tiny_job.py")


@pytest.fixture
def job(tmp_path):
    jobs = []

    def make(max_steps, hold_at):
        """Chief, two workers, two parameter servers and an evaluator on loopback ports."""
        ports = [f"127.0.0.1:{port}" for port in free_ports(5)]
        cluster = {"chief": ports[:1], "worker": ports[1:3], "ps": ports[3:]}
        settings = {"max_steps": max_steps, "hold_at": hold_at, "release_file": str(tmp_path / "released")}
        jobs.append(Job(tmp_path, PROGRAM, settings, cluster))
        return jobs[-1].start()

    yield make
    for each in jobs:
        each.end()


@pytest.mark.timeout(300)
def test_a_cluster_reaches_max_steps_evaluates_and_exports(job):
    running = job(max_steps=60, hold_at=None)
    running.await_completion()
    assert running.last_step() >= 60
    assert running.marker() == {"globalStep": running.last_step(), "maxSteps": 60, "reason": "max_steps"}
    assert len(running.exports("final")) == 1
    assert running.exports("best")
    assert running.evaluator.lines(r"Exiting evaluation, global_step=\d+ >= train max_steps=60")


@pytest.mark.timeout(450)
def test_each_task_may_be_killed_once(job, tmp_path):
    running = job(max_steps=80, hold_at=40)
    training = (running.chief, *running.workers)
    for task in training:
        task.await_line(r"^stepping 1 ")
    running.evaluator.await_line(r"Saving dict for global step 40")

    running.evaluator.kill()
    running.evaluator.start()

    for worker in running.workers:
        worker.kill()
        worker.start().await_line(r"^stepping 1 40$")

    for server in running.servers:
        sessions = {task: len(task.lines(r"^stepping ")) for task in training}
        server.kill()
        server.start()
        # The chief restores what the server has lost, and everybody steps in a new session.
        for task, before in sessions.items():
            task.await_line(r"^stepping ", count=before + 1)
            assert task.lines(r"^stepping \d+ (\d+)$")[-1] == "40"

    running.chief.kill()
    running.chief.start().await_line(r"^stepping 1 40$")
    assert running.chief.lines(r"Going on with the variables on the parameter servers, at global step 40;")
    assert not running.chief.lines(r"Restoring parameters from ")

    (tmp_path / "released").touch()
    running.await_completion()
    assert running.last_step() >= 80
    assert running.marker()["reason"] == "max_steps"
    assert len(running.exports("final")) == 1
    assert running.exports("best")
