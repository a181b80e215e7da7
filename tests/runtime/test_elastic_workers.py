"""Workers that join and leave while the others train: every TF_CONFIG names the most there can be, from the start."""

import json
import time
from pathlib import Path

import pytest
from cluster_tasks import LOOK_EVERY_SECS, PATIENCE_SECS, free_ports
from elastic_model import MAX_STEPS, WORKERS, steps_of
from job_process import Replica

SOME_STEPS = 20
SPEC = {
    "mode": "Train",
    "modelFn": "elastic_model:model_fn",
    "runConfig": {"saveCheckpointsSteps": SOME_STEPS, "keepCheckpointMax": 2},
    "train": {
        "inputFn": "elastic_model:train_input",
        "maxSteps": MAX_STEPS,
        "hooks": ["elastic_model:Watch"],
    },
}


class ElasticJob:
    """Chief, parameter server and some of the workers; the cluster is the same to all, whoever is there."""

    def __init__(self, root):
        self.root = root
        self.ports = iter(free_ports(2 + WORKERS + 10))
        self.cluster = {
            role: [f"127.0.0.1:{next(self.ports)}" for _ in range(count)]
            for role, count in (("chief", 1), ("worker", WORKERS), ("ps", 1))
        }
        self.started = []
        self.running = {}

    def start(self, role, index=0, attempt=0):
        replica = Replica(
            self.root,
            next(self.ports),
            spec=SPEC,
            role=role,
            index=index,
            cluster=self.cluster,
            ESTIMATOR_ATTEMPT=str(attempt),
        )
        self.started.append(replica)
        self.running[role, index] = replica
        return replica

    def scale_in(self, index):
        """Ends a worker as the deletion of its pod does; returns the replica, which is gone."""
        replica = self.running.pop(("worker", index))
        assert replica.terminate().await_end() == 143, replica.text()
        return replica

    def end(self):
        for replica in self.started:
            replica.end()

    def text(self):
        return "\n".join(f"--- {replica.log.name}\n{replica.text()}" for replica in self.started)

    def await_that(self, condition, what):
        """Waits, with everybody who is there staying alive."""
        deadline = time.monotonic() + PATIENCE_SECS
        while not condition():
            for (role, index), replica in self.running.items():
                assert replica.process.is_alive(), f"{role} {index} ended before {what}:\n{self.text()}"
            assert time.monotonic() < deadline, f"waited in vain for {what}:\n{self.text()}"
            time.sleep(LOOK_EVERY_SECS)

    def seen(self, role, index=0):
        """What the latest step of a task saw; None before its first."""
        file = self.root / f"{role}-{index}.seen"
        return json.loads(file.read_text()) if file.exists() else None

    def made(self):
        """How many steps each task has made, as the chief sees it in the shared model."""
        seen = self.seen("chief")
        return seen["made"] if seen else [0] * (1 + WORKERS)

    def trainers(self):
        return [task for task in self.running if task[0] != "ps"]

    def await_more_steps_of_each(self):
        """Waits until each task that is there has made more steps of its own, and the chief has seen them."""
        goals = {task: self.made()[steps_of(*task)] + SOME_STEPS for task in self.trainers()}
        for task, goal in goals.items():
            self.await_that(
                lambda task=task, goal=goal: self.made()[steps_of(*task)] >= goal, f"step {goal} of {task}"
            )

    def has_marker(self):
        return (self.root / "model" / "finished").exists()

    def marker(self):
        return json.loads((self.root / "model" / "finished").read_text())

    def release(self):
        Path(self.root, "released").touch()


@pytest.fixture
def job(tmp_path):
    made = ElasticJob(tmp_path)
    yield made
    made.end()


@pytest.mark.timeout(400)
def test_workers_join_leave_and_come_back_while_the_others_train(job):
    """Of four names one is there at first; two join, one of them leaves and comes back, and one name is never used."""
    job.start("ps")
    job.start("chief")
    job.start("worker", 0, attempt=1)  # which waits for nothing, unlike the first workers of a new training
    job.await_more_steps_of_each()
    first = dict(job.running)

    for index in (1, 2):
        joined = job.start("worker", index)
        job.await_that(lambda index=index: job.seen("worker", index), f"a step that worker {index} reports")
        assert "before starting training" not in joined.log.read_text(), (
            "training is under way: no start is staggered"
        )
    job.await_more_steps_of_each()

    gone = job.scale_in(2)
    assert gone.message().state == "Training"
    assert gone.message().error == "Stopped by SIGTERM."
    job.await_more_steps_of_each()
    left_at = job.made()[steps_of("worker", 2)]
    step = job.seen("chief")["step"]
    job.await_more_steps_of_each()
    assert job.made()[steps_of("worker", 2)] == left_at, "nobody makes the steps of one who is away"
    assert job.seen("chief")["step"] >= step + SOME_STEPS
    assert not job.has_marker()

    job.start("worker", 2)
    job.await_more_steps_of_each()
    assert job.made()[steps_of("worker", 2)] >= left_at + SOME_STEPS
    assert job.made()[steps_of("worker", 3)] == 0
    assert not job.has_marker()

    # Whoever was there all the time is the same process with the TF_CONFIG of its start, in its first session.
    assert first.items() <= job.running.items()
    assert {task: job.seen(*task)["sessions"] for task in job.trainers()} == dict.fromkeys(job.trainers(), 1)

    job.release()
    for task in job.trainers():
        assert job.running[task].await_end() == 0, job.text()
    # Nobody ends the parameter server, and the address that was never used does not keep it.
    assert job.running["ps", 0].await_end() == 0, job.text()
    chief = job.running["chief", 0].message()
    assert (chief.state, chief.max_steps) == ("Finished", MAX_STEPS)
    assert chief.checkpoint.global_step >= MAX_STEPS
    assert job.marker() == {
        "globalStep": chief.checkpoint.global_step,
        "maxSteps": MAX_STEPS,
        "reason": "max_steps",
    }

    late = job.start("worker", 3)
    assert late.await_end() == 0, job.text()
    assert job.seen("worker", 3) is None, "it came when there was nothing left to do"


@pytest.mark.timeout(300)
def test_all_workers_may_leave(job):
    """The chief trains on alone, whatever the least number of workers is."""
    job.start("ps")
    job.start("chief")
    for index in (0, 1):
        job.start("worker", index, attempt=1)
    job.await_more_steps_of_each()
    for index in (1, 0):
        job.scale_in(index)
        job.await_more_steps_of_each()
    assert not job.has_marker()
    assert job.seen("chief")["sessions"] == 1
    job.release()
    assert job.running["chief", 0].await_end() == 0, job.text()
    assert job.running["ps", 0].await_end() == 0, job.text()
    assert job.marker()["reason"] == "max_steps"
