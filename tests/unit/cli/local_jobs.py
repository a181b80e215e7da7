"""Jobs whose replicas are fake programs, and a run of one that tests can follow."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import asynccontextmanager
from pathlib import Path

import yaml

from estimator_api import parse_job
from estimatorctl.local.clock import Clock
from estimatorctl.local.run import LocalRun, Reporter
from estimatorctl.local.workplace import workplace_of

FAKE_REPLICA = Path(__file__).with_name("fake_replica.py")


def local_job(*, policy=None, env=(), command=None, template=None, **spec):
    """A job document: chief, one worker, one ps, evaluator; every replica is `fake_replica.py`."""
    main = {
        "name": "estimator",
        "command": command or ["python", "-S", str(FAKE_REPLICA)],
        "readinessProbe": {"httpGet": {"path": "/progress", "port": 8787}},
        "env": [{"name": name, "value": value} for name, value in env],
    }
    # Beside `estimator` the shared template may have no command: there each role brings its own.
    shared = {"name": "estimator"} if "estimator" in spec else main
    role = {"template": {"spec": {"containers": [main]}}} if "estimator" in spec else {}
    body = {
        "modelDir": {"uri": "/models/moths"},
        "chief": role,
        "worker": role,
        "ps": role,
        "evaluator": role,
        "runPolicy": policy or {},
        "template": {"spec": {"containers": [shared], **(template or {})}},
    }
    return {
        "apiVersion": "estimator.dev/v1alpha1",
        "kind": "EstimatorJob",
        "metadata": {"name": "moths"},
        "spec": {name: value for name, value in (body | spec).items() if value is not None},
    }


def write_job(folder, **fields):
    """The job's manifest in a file."""
    path = folder / "job.yaml"
    path.write_text(yaml.safe_dump(local_job(**fields)))
    return path


class FollowedRun:
    """A local run whose every new status wakes those who wait for one."""

    def __init__(self, document, folder, *, speed=100.0):
        self.statuses = []
        self.failures = []
        workplace = workplace_of(parse_job(document), model_dir=str(folder / "model"), code=None, here=folder)
        self.model_dir = Path(workplace.model_dir)
        self.local = LocalRun(
            parse_job(document),
            workplace,
            reporter=Reporter(status=self._told, failure=self.failures.append),
            clock=Clock(speed=speed),
        )
        self._event = asyncio.Event()
        self.task = asyncio.create_task(self.local.run())

    @property
    def status(self):
        return self.local.job.status

    def _told(self, job):
        self.statuses.append(job.status)
        self._event.set()

    async def until(self, holds):
        """Waits for a status of which `holds` is true."""
        while not (self.statuses and holds(self.statuses[-1])):
            self._event.clear()
            news = asyncio.create_task(self._event.wait())
            await asyncio.wait({news, self.task}, return_when=asyncio.FIRST_COMPLETED)
            if self.task.done() and not (self.statuses and holds(self.statuses[-1])):
                raise AssertionError(f"the run ended in {self.task.result().status}")

    async def until_training(self):
        await self.until(lambda status: state(status) == "Training")

    def child(self, name):
        """The live process of a replica."""
        return next(
            one for one in self.local.children.values() if str(one.launch.replica) == name and one.alive
        )

    def tell(self, name, what):
        os.kill(self.child(name).pid, what)

    def finish(self, *names):
        for name in names:
            self.tell(name, signal.SIGUSR1)


def state(status):
    """Reason of Ready."""
    ready = status.condition("Ready")
    return None if ready is None else ready.reason


@asynccontextmanager
async def running(document, folder, **options):
    """A run in the background; it is over when the block is."""
    followed = FollowedRun(document, folder, **options)
    try:
        yield followed
    finally:
        followed.task.cancel()
        await asyncio.gather(followed.task, return_exceptions=True)
        assert not any(one.alive for one in followed.local.children.values())
