"""Chief, workers and an evaluator of a training whose tasks make every step together."""

import json
import pathlib
from contextlib import contextmanager

from cluster_tasks import Job, free_ports

PROGRAM = pathlib.Path(__file__).with_name("collective_job.py")
FIRST_VALUES_PROGRAM = pathlib.Path(__file__).with_name("collective_first_values_job.py")
AVERAGES_PROGRAM = pathlib.Path(__file__).with_name("collective_averages_job.py")
TABLES_PROGRAM = pathlib.Path(__file__).with_name("collective_tables_job.py")


class CollectiveJob(Job):
    """A chief, workers and an evaluator."""

    def __init__(self, root, workers, settings, program=PROGRAM):
        ports = free_ports(1 + workers)
        addresses = [f"127.0.0.1:{port}" for port in ports]
        cluster = {"chief": addresses[:1]} | ({"worker": addresses[1:]} if workers else {})
        super().__init__(root, program, settings, cluster)
        self.address_of_evaluator = f"127.0.0.1:{free_ports(1)[0]}"

    @property
    def trainers(self):
        return [self.chief, *self.workers]

    def start(self, *, evaluator=False):
        for task in [*self.trainers, *([self.evaluator] if evaluator else [])]:
            task.start()
        return self

    def cluster_seen_by(self, role):
        """As the operator says it: the evaluator is in its own cluster, so that it can make the strategy too."""
        return self.cluster | ({"evaluator": [self.address_of_evaluator]} if role == "evaluator" else {})

    def await_ends(self):
        return [task.await_end() for task in self.trainers]

    def steps(self, task):
        return [int(step) for step in task.lines(r"^STEP (\d+)")]

    def variables(self, task, step):
        (values,) = task.lines(rf"^STEP {step} (.*)$")
        return json.loads(values)


@contextmanager
def jobs_in(directory):
    """A function that makes a job of so many workers, in a directory of its own; their processes end with the block."""
    made = []

    def make(workers=2, **settings):
        root = directory / f"job-{len(made)}"
        root.mkdir()
        made.append(CollectiveJob(root, workers, settings))
        return made[-1]

    try:
        yield make
    finally:
        for job in made:
            job.end()
