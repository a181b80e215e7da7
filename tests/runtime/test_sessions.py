"""How sessions are made: how often and how long a worker looks for the chief's model, and what follows a loss."""

import itertools
import threading
import time

import pytest
import tensorflow as tf

from estimator_runtime import RunConfig, interruption
from estimator_runtime.cluster import finished
from estimator_runtime.cluster.chief_watch import ChiefWatch, TrainingEnded
from estimator_runtime.loop import session_creators, sessions

v1 = tf.compat.v1


class Clock:
    def __init__(self):
        self.now = 0.0
        self.tick = 0.0
        self.moments = []
        self.planned = []

    def monotonic(self):
        self.now += self.tick
        return self.now

    def sleep(self, secs):
        self.now += secs
        while self.planned and self.planned[0][0] <= self.now:
            self.planned.pop(0)[1]()

    def at(self, moment, action):
        self.planned.append((moment, action))

    def mark(self):
        self.moments.append(self.now)

    @property
    def pauses(self):
        """Seconds between the marked moments."""
        return [later - earlier for earlier, later in itertools.pairwise(self.moments)]


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock.monotonic)
    monkeypatch.setattr(time, "sleep", clock.sleep)
    return clock


@pytest.fixture
def looks(monkeypatch, clock):
    """How the session manager is asked; it finds the model after `looks.until` times."""

    class Manager:
        until = 0
        asked = []

        def __init__(self, **kwargs):
            self.graph = kwargs["graph"]

        def wait_for_session(self, master, config, max_wait_secs):
            assert self.graph is v1.get_default_graph()
            Manager.asked.append((master, max_wait_secs))
            clock.mark()
            if len(Manager.asked) <= Manager.until:
                raise tf.errors.DeadlineExceededError(None, None, "not yet")
            return "session"

    monkeypatch.setattr(v1.train, "SessionManager", Manager)
    return Manager


def created(max_wait_secs, watch=None):
    with tf.Graph().as_default():
        scaffold = v1.train.Scaffold()
        creator = session_creators.WorkerSessionCreator(scaffold, "grpc://host:1", None, max_wait_secs, watch)
        return creator.create_session()


def test_a_model_that_is_ready_is_taken_at_once(clock, looks):
    assert created(max_wait_secs=7200) == "session"
    assert (looks.asked, clock.pauses) == ([("grpc://host:1", 0)], [])


def test_looks_become_rarer(clock, looks):
    looks.until = 9
    assert created(max_wait_secs=None) == "session"
    assert clock.pauses == [0.5, 1, 2, 4, 8, 8, 8, 8, 8]


def test_the_wait_ends(clock, looks):
    looks.until = 100
    with pytest.raises(
        tf.errors.DeadlineExceededError, match=r"within 10 secs .*session_creation_timeout_secs"
    ):
        created(max_wait_secs=10)
    assert clock.pauses == [0.5, 1, 2, 4, 2.5]


def test_a_server_that_does_not_answer_does_not_hold_a_worker(clock, monkeypatch):
    """TensorFlow waits for it without end, and no signal and no timeout would reach the main thread."""
    stuck = threading.Event()
    monkeypatch.setattr(v1.train.SessionManager, "wait_for_session", lambda *_, **__: stuck.wait())
    monkeypatch.setattr(session_creators, "_LOOK_UP_SECS", 0.01)
    clock.tick = 1
    with pytest.raises(tf.errors.DeadlineExceededError, match="does not answer"):
        created(max_wait_secs=10)
    stuck.set()


def test_a_worker_does_not_wait_for_a_chief_that_has_ended(clock, looks, tmp_path):
    looks.until = 100
    watch = ChiefWatch(str(tmp_path))

    def ended():
        finished.write(str(tmp_path), finished.Finished(7, finished.STOPPED_EARLY, None))
        assert watch.look()

    clock.at(9, ended)
    with pytest.raises(TrainingEnded):
        created(max_wait_secs=None, watch=watch)
    assert 9 <= clock.now <= 10


def test_a_marker_of_an_earlier_run_ends_no_wait(clock, looks, tmp_path):
    finished.write(str(tmp_path), finished.Finished(7, finished.STOPPED_EARLY, None))
    looks.until = 10
    watch = ChiefWatch(str(tmp_path))
    clock.at(9, watch.look)
    assert created(max_wait_secs=None, watch=watch) == "session"


def test_an_interruption_ends_the_wait(clock, looks):
    looks.until = 100
    clock.at(5, interruption.request)
    try:
        with pytest.raises(interruption.Interrupted):
            created(max_wait_secs=None)
    finally:
        interruption.clear()


def test_a_worker_sees_variables_that_another_session_initialised(clock):
    """The real session manager, on a server in this process."""
    server = tf.distribute.Server.create_local_server()
    with tf.Graph().as_default():
        weight = v1.get_variable("w", [], initializer=v1.constant_initializer(3.0))
        initializer = v1.global_variables_initializer()
        scaffold = v1.train.Scaffold()
        creator = session_creators.WorkerSessionCreator(scaffold, server.target, None, max_wait_secs=1)
        scaffold.finalize()
        with pytest.raises(tf.errors.DeadlineExceededError):
            creator.create_session()
        with v1.Session(server.target) as chief:
            chief.run(initializer)
        with creator.create_session() as session:
            assert session.run(weight) == 3


class Creator:
    """Makes a session when it is asked for the `works_after`th time."""

    def __init__(self, clock, works_after=1):
        self.clock = clock
        self.works_after = works_after
        self.asked = 0

    def create_session(self):
        self.asked += 1
        self.clock.mark()
        if self.asked < self.works_after:
            raise tf.errors.UnavailableError(None, None, "Graph execution error:\n\nnot there\nand so on")
        return self.asked


def test_a_server_that_is_away_is_asked_for_in_pauses_and_told_of_once(clock, tf_log):
    paced = session_creators.PacedSessionCreator(Creator(clock, works_after=8))
    assert paced.create_session() == 8
    assert clock.pauses == [0.5, 1, 2, 2, 2, 2, 2]
    said, found = tf_log
    assert "a server of the cluster is away (not there)" in said
    assert found == "There is a session again, after 7 more attempts and 11.5 secs."


def test_sessions_that_are_lost_one_after_another_are_paced(clock):
    paced = session_creators.PacedSessionCreator(Creator(clock))
    for _ in range(6):
        paced.create_session()
    assert clock.pauses == [0.5, 1, 2, 2, 2]


def test_after_a_steady_minute_a_session_is_made_at_once(clock):
    paced = session_creators.PacedSessionCreator(Creator(clock))
    paced.create_session()
    paced.create_session()
    clock.now += 60
    paced.create_session()
    paced.create_session()
    assert clock.pauses == [0.5, 60, 0.5]


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


@pytest.mark.parametrize("in_cluster", [False, True])
def test_a_scaffold_is_finalized_once_for_a_session(tmp_path, in_cluster):
    """It may be of a program's own class, and TensorFlow's writes a line to the log."""
    finalized = []

    class Scaffold(v1.train.Scaffold):
        def finalize(self):
            finalized.append(tf.compat.v1.get_default_graph())
            return super().finalize()

    master = tf.distribute.Server.create_local_server().target if in_cluster else ""
    with tf.Graph().as_default() as graph:
        v1.train.create_global_step()
        session_creators.RestoringSessionCreator(
            Scaffold(), master, None, str(tmp_path)
        ).create_session().close()
    assert finalized == [graph]
