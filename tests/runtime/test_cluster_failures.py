"""Tasks of a cluster that are killed at any moment and come back, here or at another address."""

import itertools
import pathlib
import random
import time

import private_network
import pytest
import tensorflow as tf
from cluster_tasks import Job, free_ports

PROGRAM = pathlib.Path(__file__).with_name("paced_job.py")
SEED = 20
NEVER_SECS = 3600
RECOVERY_STEPS = 20


class PacedJob(Job):
    """A job of `paced_job`: a chief, a worker, a parameter server and an evaluator."""

    def __init__(self, root, cluster, network=None, examples=0):
        settings = {"directory": str(root), "examples": examples, "save_secs": NEVER_SECS}
        super().__init__(root, PROGRAM, settings, cluster, network)
        (self.worker,) = self.workers
        (self.ps,) = self.servers
        self.go = root / "go"
        self.go.touch()

    def step(self, task):
        """The last step that a task has seen."""
        try:
            return int((self.root / f"{task.name}.step").read_text())
        except FileNotFoundError:
            return -1

    def forget(self, task):
        (self.root / f"{task.name}.step").unlink(missing_ok=True)

    def await_step(self, task, step):
        self.await_that(lambda: self.step(task) >= step, f"step {step} of {task.name}", alive=task)
        return self.step(task)

    def stop(self):
        (self.root / "stop").touch()

    def saved(self, name):
        return tf.train.load_variable(str(self.model_dir), name).item()


@pytest.fixture
def job(tmp_path):
    jobs = []

    def make(cluster=None, network=None, **settings):
        if cluster is None:
            names = [f"127.0.0.1:{port}" for port in free_ports(3)]
            cluster = dict(zip(("chief", "worker", "ps"), ([name] for name in names), strict=True))
        jobs.append(PacedJob(tmp_path, cluster, network, **settings))
        return jobs[-1].start()

    yield make
    for each in jobs:
        each.end()


def restarted_chief_adopts(job):
    """Starts the chief, which was killed, and holds what it goes on from against what the worker has reached."""
    job.forget(job.chief)
    reached = job.await_step(job.worker, job.step(job.worker) + RECOVERY_STEPS)
    job.chief.start()
    job.await_step(job.chief, reached)
    (adopted,) = job.chief.lines(
        r"Going on with the variables on the parameter servers, at global step (\d+);"
    )
    assert int(adopted) >= reached
    assert job.saved("global_step") >= reached, "a checkpoint is saved right after the adoption"


@pytest.mark.timeout(300)
def test_every_task_is_killed_at_random_and_the_job_ends_by_itself(job):
    """The only checkpoints are those at the beginning of a session of the chief's: whatever it restored would cost."""
    running = job()
    moments = random.Random(SEED)
    roles = [running.chief, running.worker, running.ps, running.evaluator, running.chief]
    moments.shuffle(roles)
    for task in (running.chief, running.worker):
        running.await_step(task, 1)
    for task in roles:
        time.sleep(moments.uniform(0, 0.3))
        task.kill()
        if task is running.chief:
            restarted_chief_adopts(running)
            continue
        if task is running.ps:
            # What it held is lost back to the last checkpoint, and both go on from there.
            running.forget(running.chief)
            running.forget(running.worker)
        task.start()
        trains = max(running.step(running.chief), running.step(running.worker), 0)
        for each in (running.chief, running.worker):
            running.await_step(each, trains + RECOVERY_STEPS)
    running.evaluator.await_line(r"Saving dict for global step ")

    # There are no max_steps: it ends as after early stopping, and nobody stops any task from outside.
    running.stop()
    running.await_completion()
    assert abs(running.saved("made") - running.saved("global_step")) <= len(roles), (
        "no step is lost or made twice"
    )
    assert running.marker()["reason"] == "stopped"
    assert running.marker()["maxSteps"] is None
    assert len(running.exports("final")) == 1


@pytest.mark.timeout(300)
def test_the_end_of_the_chiefs_input_ends_everybody(job):
    running = job(examples=40)
    running.await_completion()
    assert running.marker()["reason"] == "stopped"
    assert len(running.exports("final")) == 1


@pytest.mark.timeout(400)
def test_a_task_comes_back_at_another_address_behind_its_name(job, tmp_path):
    why = private_network.missing()
    if why is not None:
        pytest.skip(why)
    network = private_network.PrivateNetwork(tmp_path / "hosts")
    try:
        addresses = (f"10.9.0.{number}" for number in itertools.count(1))
        for name in ("chief", "worker", "ps"):
            network.move(name, next(addresses))
        cluster = {
            name: [f"{name}:{port}"]
            for name, port in zip(("chief", "worker", "ps"), (2221, 2222, 2223), strict=True)
        }
        running = job(cluster, network.holder)
        for task in (running.chief, running.worker):
            running.await_step(task, RECOVERY_STEPS)

        running.chief.kill()
        network.move("chief", next(addresses))
        restarted_chief_adopts(running)

        before = running.saved("global_step")
        running.ps.kill()
        for task in (running.chief, running.worker):
            running.forget(task)
        network.move("ps", next(addresses))
        running.ps.start()
        for task in (running.chief, running.worker):
            running.await_step(task, before + RECOVERY_STEPS)

        for task in (running.chief, running.worker):
            assert len(task.lines(r"No session yet, for a server of the cluster is away")) <= 3
            assert len(task.lines(r"An error was raised while a session was being created")) <= 3
        running.stop()
        running.await_completion()
    finally:
        network.end()
