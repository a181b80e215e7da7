"""A chief and two workers that make every step together, one of which is lost: what becomes of the others, and of the training.

Each cell of the matrix is a task, a signal and a point of the training. It is played by bare processes over TF_CONFIG, all
of which are started again once the others are gone, and by `estimatorctl run`, which does that by itself.
"""

import contextlib
import dataclasses
import itertools
import json
import pathlib
import re
import subprocess
import sys
import time

import tensorflow as tf
from cluster_tasks import Job, free_ports

PROGRAM = pathlib.Path(__file__).with_name("lost_task_job.py")
VICTIMS = ("chief-0", "worker-0", "worker-1")
SIGNALS = ("SIGKILL", "SIGSTOP")
POINTS = ("start", "middle", "save", "end")
STEPS = {"middle": 15, "save": 20}
LAST = 30
PATIENCE_SECS = 240
LOST_WORDS = r"is lost: |Another task of the cluster is gone"
GONE_WITHIN_SECS = {"SIGKILL": 20.0, "SIGSTOP": 80.0}
"""What is promised of the others, measured from the signal, with time to report on a slow machine."""


@dataclasses.dataclass(frozen=True)
class Cell:
    """Who is struck by what, and when."""

    victim: str
    signal: str
    point: str

    def __str__(self):
        return f"{self.victim} {self.signal} {self.point}"

    def strike(self, marker):
        """The cell for the program."""
        step = {"step": STEPS[self.point]} if self.point in STEPS else {}
        return dataclasses.asdict(self) | step | {"marker": str(marker)}

    @property
    def saved(self):
        """The step that all go on from."""
        if self.point == "save" and self.victim != "chief-0":
            return 20
        return {"start": 0, "middle": 10, "save": 10, "end": LAST}[self.point]


CELLS = [Cell(*one) for one in itertools.product(VICTIMS, SIGNALS, POINTS)]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Seconds from the signal: until the last of the others was gone, and until the training went on."""

    gone: float
    again: float


class Tasks(Job):
    """The processes of a cell over TF_CONFIG."""

    def __init__(self, root, cell, *, strategy="eager", **settings):
        addresses = [f"127.0.0.1:{port}" for port in free_ports(3)]
        self.cell = cell
        self.marker_file = root / "struck"
        settings |= {"strikes": [cell.strike(self.marker_file)], "last": LAST, "strategy": strategy}
        super().__init__(root, PROGRAM, settings, {"chief": addresses[:1], "worker": addresses[1:]})
        self.trainers = [self.chief, *self.workers]
        (self.victim,) = [one for one in self.trainers if one.name == cell.victim]
        self.others = [one for one in self.trainers if one is not self.victim]

    def start(self):
        for task in self.trainers:
            task.start()
        return self

    def is_struck(self):
        """The signal has done what it does."""
        if self.cell.signal == "SIGKILL":
            return not self.victim.process.is_alive()
        return self.marker_file.exists() and _state(self.victim.process.pid) == "T"

    def play(self):
        """Plays the cell, and holds what is seen against what is promised."""
        self.start()
        self.await_that(self.is_struck, f"the end of {self.cell}")
        struck = float(self.marker_file.read_text())
        codes = [task.await_end() for task in self.others]
        gone = time.time() - struck
        self.check_ends(codes)
        # As a kubelet does with a container whose process does not heed SIGTERM; its address is in TIME_WAIT from here on.
        self.victim.process.kill()
        self.victim.process.join()
        assert self.last_step() == self.cell.saved, self.logs()
        for task in self.trainers:
            task.start()
        again = self.await_again()
        assert [task.await_end() for task in self.trainers] == [0, 0, 0], self.logs()
        expected = list(range(self.cell.saved + 1, LAST + 1))
        for task in self.trainers:
            assert [int(step) for step in task.lines(r"^STEP (\d+)")] == expected, self.logs()
        assert self.last_step() == LAST
        return Outcome(gone, again - struck)

    def check_ends(self, codes):
        """Who was left says so, and fails; at the end nobody is needed any more."""
        if self.cell.point == "end":
            assert codes == [0, 0], self.logs()
            return
        assert codes == [1, 1], self.logs()
        for task in self.others:
            assert task.lines(LOST_WORDS), self.logs()
        named = re.compile(rf"The task {self.cell.victim} \(\S+\) is lost: ")
        if self.cell.signal == "SIGSTOP":
            assert any(named.search(task.text()) for task in self.others), self.logs()

    def await_again(self):
        """When the training goes on, or is seen to be complete."""
        line = r"^STEP |^DONE"
        for task in self.trainers:
            self.await_that(lambda task=task: task.lines(line), f"steps of {task.name}")
        return time.time()


def _state(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def manifest_of(strikes, *, workers=2, last=LAST, grace_secs=3, **settings):
    """A job of a chief and workers, and what strikes it."""
    settings |= {"strikes": strikes, "last": last, "strategy": "eager"}
    main = {"name": "estimator", "env": [{"name": "LOST_TASK_JOB", "value": json.dumps(settings)}]}
    return {
        "apiVersion": "estimator.dev/v1alpha1",
        "kind": "EstimatorJob",
        "metadata": {"name": "lost"},
        "spec": {
            "strategy": {"kind": "MultiWorkerMirrored"},
            "program": {"script": "/code/lost_task_job.py"},
            "runPolicy": {"backoffLimit": len(strikes)},
            "template": {"spec": {"terminationGracePeriodSeconds": grace_secs, "containers": [main]}},
            "modelDir": {"volumeClaimTemplate": {"resources": {"requests": {"storage": "1Gi"}}}},
            "chief": {},
            "worker": {"replicas": workers},
        },
    }


def runs_as_job(cell):
    """Whether a job can go on by itself: nobody can tell a chief that stands still behind its last step from one at work."""
    return not (cell.victim == "chief-0" and cell.signal == "SIGSTOP" and cell.point == "end")


def run_job(root, cell):
    """Plays the cell by `estimatorctl run`; seconds from the signal until the training went on, or the job was complete."""
    marker = root / "struck"
    again = []

    def see(line):
        if "training goes on from step" in line:
            again.append(time.time())

    output = run_manifest(root, manifest_of([cell.strike(marker)]), see=see)
    struck = float(marker.read_text())
    last = tf.train.load_variable(tf.train.latest_checkpoint(str(root / "model")), "global_step")
    assert last == LAST, output
    if cell.point == "end":
        # The chief has completed, and with it the job, or finds nothing left to do.
        return time.time() - struck
    assert re.search(rf"training goes on from step {cell.saved}\b", output) or cell.saved == 0, output
    assert re.search(r"Restarts +3 \(1 of 1 counted", output), output
    return (again[0] if again else time.time()) - struck


def run_manifest(root, manifest, *, command=("-m", "estimatorctl"), see=lambda line: None):
    """Runs a job by `estimatorctl run` to its completion, after which no process is left; returns what it said.

    Args:
        root: a folder, into which the model and the logs go.
        manifest: the job's.
        command: what Python is told to run for `estimatorctl`.
        see: called with each line of the output as it comes.
    """
    path = root / "job.json"
    path.write_text(json.dumps(manifest))
    arguments = [
        sys.executable,
        *command,
        "run",
        str(path),
        "--model-dir",
        "model",
        "--code",
        str(PROGRAM.parent),
    ]
    process = subprocess.Popen(
        arguments, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
    )
    lines = []
    with process:
        try:
            for line in process.stdout:
                lines.append(line)
                see(line)
            code = process.wait(PATIENCE_SECS)
        finally:
            process.kill()
    output = "".join(lines)
    assert code == 0, output
    assert not processes_told(str(root)), output
    return output


def processes_told(text):
    """Pids of the processes in whose environment the text is, those that stand still among them."""
    found = []
    for environment in pathlib.Path("/proc").glob("[0-9]*/environ"):
        # Of processes of others nothing can be read, and some end meanwhile.
        with contextlib.suppress(OSError):
            if text.encode() in environment.read_bytes():
                found.append(int(environment.parent.name))
    return found
