"""A worker that watches the chief, what a watcher leaves behind, and a look at each step of a training."""

import json
import threading

import tensorflow as tf

from estimator_runtime.cluster import chief_watch
from estimator_runtime.loop import sessions

v1 = tf.compat.v1
AS_WORKER = {
    "cluster": {"chief": ["host0:0"], "worker": ["host1:1"], "ps": ["host2:2"]},
    "task": {"type": "worker", "index": 0},
}


def become_worker(monkeypatch):
    """A worker whose variables are its own: everything but the cluster is as in one."""
    monkeypatch.setenv("TF_CONFIG", json.dumps(AS_WORKER))

    def session(config, *, hooks, watch, **_):
        assert isinstance(watch, chief_watch.ChiefWatch)
        return v1.train.MonitoredSession(hooks=list(hooks))

    monkeypatch.setattr(sessions, "training_session", session)
    monkeypatch.setattr(sessions, "replica_device_fn", lambda config: None)


def watching_threads():
    return [thread for thread in threading.enumerate() if thread.name == "watcher"]


class Each(v1.train.SessionRunHook):
    """Calls a function after each step, with the number of steps so far."""

    def __init__(self, call):
        self.call = call
        self.steps = 0

    def after_run(self, run_context, run_values):
        self.steps += 1
        self.call(self.steps)
