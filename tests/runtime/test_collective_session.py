"""The session of a task that makes every step together with others: when it waits for them, and that there is one."""

import pytest
import tensorflow as tf

from estimator_runtime import RunConfig
from estimator_runtime.cluster import peers
from estimator_runtime.cluster.peers import PeerWatch
from estimator_runtime.distribution.collective_session import OneSession
from estimator_runtime.errors import PeerLostError
from estimator_runtime.loop import sessions

v1 = tf.compat.v1


@pytest.fixture
def watch(monkeypatch):
    monkeypatch.setattr(peers, "_WAITS_AFTER_SECS", 0.0)
    return PeerWatch({"worker-0": "a:1"})


class Local(v1.train.SessionCreator):
    """Makes a session of this process, or what it is told to raise first."""

    def __init__(self, *given):
        self.raises = list(given[:1])
        self.calls = 0

    def create_session(self):
        self.calls += 1
        if self.raises:
            raise self.raises.pop()
        return v1.Session()


class EndHook(v1.train.SessionRunHook):
    """Notes whether the watch thinks at its end that this task waits."""

    def __init__(self, watch):
        self.watch = watch
        self.waits_at_end = []

    def end(self, session):
        self.waits_at_end.append(self.watch.waiting_since is not None)


def test_a_task_whose_input_has_ended_does_not_wait_while_its_hooks_end(watch, monkeypatch):
    monkeypatch.setattr(sessions, "CollectiveSessionCreator", lambda *args: Local())
    hook = EndHook(watch)
    with tf.Graph().as_default():
        step = v1.data.make_one_shot_iterator(tf.data.Dataset.range(1)).get_next()
        with sessions.training_session(
            RunConfig(),
            scaffold=None,
            hooks=[hook],
            chief_only_hooks=[],
            save_summaries_steps=None,
            log_step_count_steps=None,
            peers=watch,
        ) as session:
            session.run(step)
            assert watch.waiting_since is None
            with pytest.raises(tf.errors.OutOfRangeError):
                session.run(step)
            assert watch.waiting_since is not None, "nobody has said yet that the call has returned"
            raise tf.errors.OutOfRangeError(None, None, "as a loop lets it through")
    assert hook.waits_at_end == [False]


def test_a_session_whose_making_was_cut_short_is_not_made_again(watch):
    creator = Local(tf.errors.UnavailableError(None, None, "a task is gone"))
    one = OneSession(creator, watch)
    with pytest.raises(tf.errors.UnavailableError):
        one.create_session()
    # As a monitored session does then.
    with pytest.raises(PeerLostError):
        one.create_session()
    assert creator.calls == 1
