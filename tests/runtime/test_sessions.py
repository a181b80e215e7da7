"""The session of a worker: how often and how long it looks for the chief's model."""

import contextlib
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


class Creator:
    def __init__(self):
        self.made = 0

    def create_session(self):
        self.made += 1
        if self.made % 2 == 0:
            raise tf.errors.UnavailableError(None, None, "not there")
        return self.made


def test_sessions_that_are_lost_one_after_another_are_paced(clock):
    """Lost in use or not made at all: both ask for the next one."""
    creator = Creator()
    paced = sessions.PacedSessionCreator(creator)
    for _ in range(8):
        with contextlib.suppress(tf.errors.UnavailableError):
            paced.create_session()
    assert creator.made == 8
    assert clock.pauses == [0.5, 1, 2, 4, 8, 8, 8]


def test_after_a_steady_minute_a_session_is_made_at_once(clock):
    creator = Creator()
    paced = sessions.PacedSessionCreator(creator)
    assert paced.create_session() == 1
    clock.now += 60
    with pytest.raises(tf.errors.UnavailableError):
        paced.create_session()
    assert paced.create_session() == 3
    assert clock.pauses == [0.5]


def training_session(config):
    return sessions.training_session(
        config,
        scaffold=v1.train.Scaffold(),
        hooks=[v1.train.StopAtStepHook(num_steps=4)],
        chief_only_hooks=[v1.train.CheckpointSaverHook(config.model_dir, save_steps=2)],
        save_summaries_steps=1,
        log_step_count_steps=2,
    )


def test_a_replaced_monitored_training_session_is_called(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(v1.train, "MonitoredTrainingSession", lambda **kwargs: asked.append(kwargs))
    with tf.Graph().as_default():
        v1.train.create_global_step()
        for config in (RunConfig(model_dir=str(tmp_path)), InCluster(str(tmp_path), "grpc://host:1")):
            training_session(config)
    assert [kwargs["master"] for kwargs in asked] == ["", "grpc://host:1"]
    for kwargs in asked:
        assert kwargs["is_chief"]
        assert (kwargs["save_summaries_steps"], kwargs["log_step_count_steps"]) == (1, 2)


class InCluster(RunConfig):
    """A chief whose server is given."""

    def __init__(self, model_dir, master):
        super().__init__(model_dir=model_dir)
        self._given_master = master

    master = property(lambda self: self._given_master)


def test_a_chief_in_a_cluster_does_what_it_does_alone(tmp_path):
    """The session is put together here, not by MonitoredTrainingSession: its files and events are the same."""
    server = tf.distribute.Server.create_local_server()
    found = []
    for name, master in (("alone", ""), ("cluster", server.target)):
        directory = tmp_path / name
        with tf.Graph().as_default():
            step = v1.train.create_global_step()
            v1.summary.scalar("twice", 2 * step)
            train_op = v1.assign_add(step, 1)
            with training_session(InCluster(str(directory), master)) as session:
                while not session.should_stop():
                    session.run(train_op)
        (events,) = directory.glob("events*")
        found.append(
            (
                sorted(path.name for path in directory.iterdir() if path != events),
                [
                    (event.step, [value.tag for value in event.summary.value])
                    for event in v1.train.summary_iterator(str(events))
                ],
            )
        )
    assert found[0] == found[1]
