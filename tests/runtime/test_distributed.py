"""Distributed training with real processes on loopback, killed and restarted."""

import contextlib
import json
import pathlib
import random
import re
import runpy
import signal
import socket
import time

import processes
import pytest
import tensorflow as tf

PROGRAM = pathlib.Path(__file__).with_name("tiny_job.py")
PATIENCE_SECS = 150
LOOK_EVERY_SECS = 0.05


def free_ports(count):
    """Ports that nobody uses and that the kernel gives to nobody's connection while their server is down."""
    lowest_ephemeral = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    ports = []
    for port in random.sample(range(lowest_ephemeral // 2, lowest_ephemeral), 100 * count):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            ports.append(port)
        if len(ports) == count:
            return ports
    raise AssertionError("no free ports")


class Task:
    """One process of the job, which can be killed and started again."""

    def __init__(self, job, role, index):
        self.job = job
        self.role = role
        self.index = index
        self.attempt = -1
        self.process = None

    @property
    def name(self):
        return f"{self.role}-{self.index}"

    @property
    def log(self):
        return self.job.root / f"{self.name}.{self.attempt}.log"

    def start(self):
        self.attempt += 1
        document = {
            "cluster": self.job.cluster,
            "task": {"type": self.role, "index": self.index},
            "model_dir": str(self.job.model_dir),
        }
        task = {
            "tf_config": json.dumps(document),
            "log": str(self.log),
            "max_steps": self.job.max_steps,
            "hold_at": self.job.hold_at,
            "release_file": str(self.job.release_file),
        }
        self.log.touch()
        self.process = processes.CONTEXT.Process(
            target=runpy.run_path,
            args=(str(PROGRAM),),
            kwargs={"init_globals": {"TASK": task}, "run_name": "__main__"},
            daemon=True,
        )
        self.process.start()
        return self

    def kill(self):
        self.process.kill()
        self.process.join(PATIENCE_SECS)
        assert self.process.exitcode == -signal.SIGKILL

    def text(self):
        return self.log.read_text(errors="replace")

    def lines(self, pattern):
        return re.findall(pattern, self.text(), re.MULTILINE)

    def await_line(self, pattern, count=1):
        self.job.await_that(
            lambda: len(self.lines(pattern)) >= count, f"{count} x {pattern!r} of {self.name}", alive=self
        )
        return self

    def await_end(self):
        self.process.join(PATIENCE_SECS)
        if self.process.exitcode is None:
            raise AssertionError(f"{self.name} did not end:\n{self.job.logs()}")
        return self.process.exitcode


class Job:
    """chief, two workers, two parameter servers and an evaluator on loopback ports."""

    def __init__(self, root, max_steps, hold_at):
        self.root = root
        self.model_dir = root / "model"
        self.release_file = root / "released"
        self.max_steps = max_steps
        self.hold_at = hold_at
        ports = [f"127.0.0.1:{port}" for port in free_ports(5)]
        self.cluster = {"chief": ports[:1], "worker": ports[1:3], "ps": ports[3:]}
        self.chief = Task(self, "chief", 0)
        self.workers = [Task(self, "worker", index) for index in range(2)]
        self.servers = [Task(self, "ps", index) for index in range(2)]
        self.evaluator = Task(self, "evaluator", 0)
        self.tasks = [*self.servers, self.chief, *self.workers, self.evaluator]

    def start(self):
        for task in self.tasks:
            task.start()
        return self

    def release(self):
        self.release_file.touch()

    def end(self):
        for task in self.tasks:
            if task.process is not None:
                task.process.kill()
                task.process.join()

    def await_that(self, condition, what, alive=None):
        deadline = time.monotonic() + PATIENCE_SECS
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"waited in vain for {what}:\n{self.logs()}")
            if alive is not None and not alive.process.is_alive() and not condition():
                raise AssertionError(f"{alive.name} ended before {what}:\n{self.logs()}")
            time.sleep(LOOK_EVERY_SECS)

    def logs(self):
        return "\n".join(f"--- {task.name}\n{task.text()[-3000:]}" for task in self.tasks if task.process)

    def marker(self):
        return json.loads((self.model_dir / "finished").read_text())

    def last_step(self):
        return int(tf.train.load_variable(tf.train.latest_checkpoint(str(self.model_dir)), "global_step"))

    def exports(self, name):
        return sorted(path.name for path in (self.model_dir / "export" / name).glob("[0-9]*"))

    def await_completion(self):
        for task in [self.chief, *self.workers, self.evaluator]:
            assert task.await_end() == 0, f"{task.name}:\n{self.logs()}"
        # Nobody stops the parameter servers: they see that they are not needed any more.
        for server in self.servers:
            assert server.await_end() == 0, self.logs()


@pytest.fixture
def job(tmp_path):
    jobs = []

    def make(max_steps, hold_at):
        jobs.append(Job(tmp_path, max_steps, hold_at))
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
def test_each_task_may_be_killed_once(job):
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

    running.release()
    running.await_completion()
    assert running.last_step() >= 80
    assert running.marker()["reason"] == "max_steps"
    assert len(running.exports("final")) == 1
    assert running.exports("best")
