"""Jobs of real processes over TF_CONFIG, whose tasks the tests kill and start again."""

import contextlib
import json
import pathlib
import random
import re
import runpy
import signal
import socket
import time

import private_network
import processes
import tensorflow as tf

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


def _run(program, task, network):
    if network is not None:
        private_network.enter(network)
    runpy.run_path(program, init_globals={"TASK": task}, run_name="__main__")


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
            "cluster": self.job.cluster_seen_by(self.role),
            "task": {"type": self.role, "index": self.index},
            "model_dir": str(self.job.model_dir),
        }
        task = {"tf_config": json.dumps(document), "log": str(self.log), **self.job.settings}
        self.log.touch()
        self.process = processes.CONTEXT.Process(
            target=_run, args=(str(self.job.program), task, self.job.network), daemon=True
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
    """The tasks of a cluster, and an evaluator.

    Args:
        root: directory for the model and the logs.
        program: file that each task runs with a global TASK.
        settings: what TASK holds besides "tf_config" and "log".
        cluster: {role: addresses}.
        network: the private network in which the tasks live; None for the machine's own.
    """

    def __init__(self, root, program, settings, cluster, network=None):
        self.root = root
        self.model_dir = root / "model"
        self.program = program
        self.settings = settings
        self.cluster = cluster
        self.network = network
        made = {role: [Task(self, role, index) for index in range(len(cluster[role]))] for role in cluster}
        (self.chief,) = made["chief"]
        self.workers = made.get("worker", [])
        self.servers = made.get("ps", [])
        self.evaluator = Task(self, "evaluator", 0)
        self.tasks = [*self.servers, self.chief, *self.workers, self.evaluator]

    def start(self):
        for task in self.tasks:
            task.start()
        return self

    def cluster_seen_by(self, role):
        """The cluster of a task's TF_CONFIG."""
        del role
        return self.cluster

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
