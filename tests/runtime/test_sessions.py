"""The session of a worker: how often and how long it looks for the chief's model."""

import time

import pytest
import tensorflow as tf

from estimator_runtime import RunConfig, sessions

v1 = tf.compat.v1


class Clock:
    def __init__(self):
        self.now = 0.0
        self.pauses = []

    def monotonic(self):
        return self.now

    def sleep(self, secs):
        self.pauses.append(secs)
        self.now += secs


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock.monotonic)
    monkeypatch.setattr(time, "sleep", clock.sleep)
    return clock


@pytest.fixture
def looks(monkeypatch):
    """How the session manager is asked; it finds the model after `looks.until` times."""

    class Manager:
        until = 0
        asked = []

        def __init__(self, **kwargs):
            self.graph = kwargs["graph"]

        def wait_for_session(self, master, config, max_wait_secs):
            assert self.graph is v1.get_default_graph()
            Manager.asked.append((master, max_wait_secs))
            if len(Manager.asked) <= Manager.until:
                raise tf.errors.DeadlineExceededError(None, None, "not yet")
            return "session"

    monkeypatch.setattr(v1.train, "SessionManager", Manager)
    return Manager


def created(max_wait_secs):
    with tf.Graph().as_default():
        creator = sessions.WorkerSessionCreator(v1.train.Scaffold(), "grpc://host:1", None, max_wait_secs)
        return creator.create_session()


def test_a_model_that_is_ready_is_taken_at_once(clock, looks):
    assert created(max_wait_secs=7200) == "session"
    assert (looks.asked, clock.pauses) == ([("grpc://host:1", 0)], [])


def test_looks_become_rarer(clock, looks):
    looks.until = 9
    assert created(max_wait_secs=None) == "session"
    assert clock.pauses == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_the_wait_ends(clock, looks):
    looks.until = 100
    with pytest.raises(tf.errors.DeadlineExceededError):
        created(max_wait_secs=10)
    assert clock.pauses == [0.5, 1, 2, 4, 2.5]


def test_a_worker_sees_variables_that_another_session_initialised(clock):
    """The real session manager, on a server in this process."""
    server = tf.distribute.Server.create_local_server()
    with tf.Graph().as_default():
        weight = v1.get_variable("w", [], initializer=v1.constant_initializer(3.0))
        initializer = v1.global_variables_initializer()
        scaffold = v1.train.Scaffold()
        creator = sessions.WorkerSessionCreator(scaffold, server.target, None, max_wait_secs=1)
        scaffold.finalize()
        with pytest.raises(tf.errors.DeadlineExceededError):
            creator.create_session()
        with v1.Session(server.target) as chief:
            chief.run(initializer)
        with creator.create_session() as session:
            assert session.run(weight) == 3


def test_a_chief_gets_the_monitored_training_session(monkeypatch):
    asked = []
    monkeypatch.setattr(v1.train, "MonitoredTrainingSession", lambda **kwargs: asked.append(kwargs))
    with tf.Graph().as_default():
        sessions.training_session(
            RunConfig(model_dir="m"),
            scaffold=None,
            hooks=(),
            chief_only_hooks=(),
            save_summaries_steps=1,
            log_step_count_steps=2,
        )
    assert asked[0]["is_chief"]
    assert (asked[0]["save_summaries_steps"], asked[0]["log_step_count_steps"]) == (1, 2)
