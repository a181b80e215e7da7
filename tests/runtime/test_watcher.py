"""Looks at storage beside the work: how often, what they find, what becomes of their errors and their thread."""

import itertools
import json
import queue
import threading

import linear_model
import pytest
import tensorflow as tf
from linear_model import train_input
from watched_training import AS_WORKER, Each, become_worker, watching_threads

from estimator_runtime import RunConfig, interruption
from estimator_runtime.cluster import chief_watch, finished, server, watcher
from estimator_runtime.cluster.watcher import Sight, Watcher, intervals

PATIENCE_SECS = 60


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    assert watching_threads() == []


@pytest.fixture
def pauses(monkeypatch):
    """The intervals that a watcher's thread waits for; the test says when each is over."""

    class Pauses:
        def __init__(self):
            self.asked = queue.Queue()
            self.over = queue.Queue()

        def __call__(self):
            return self.asked.get(timeout=PATIENCE_SECS)

    made = Pauses()

    class Woken(threading.Event):
        def wait(self, timeout=None):
            made.asked.put(timeout)
            made.over.get(timeout=PATIENCE_SECS)
            return self.is_set()

        def set(self):
            super().set()
            made.over.put(None)

    return made, Woken


class Script:
    """A look that finds what the script says; the last of it again and again."""

    def __init__(self, *sights):
        self.sights = list(sights)
        self.looks = 0
        self.threads = set()

    def __call__(self):
        self.threads.add(threading.current_thread())
        sight = self.sights[min(self.looks, len(self.sights) - 1)]
        self.looks += 1
        if isinstance(sight, Exception):
            raise sight
        return sight


def watcher_of(look, pauses):
    made, woken = pauses
    watched = Watcher(look, "it")
    watched._woken = woken()
    return watched, made


@pytest.mark.parametrize(
    ("first", "last", "first_seven"),
    [
        (1, 15, [1, 2, 4, 8, 15, 15, 15]),
        (0.2, 5, [0.2, 0.4, 0.8, 1.6, 3.2, 5, 5]),
        (60, 60, [60] * 7),
        (9, 3, [3] * 7),
    ],
)
def test_intervals_grow(first, last, first_seven):
    assert list(itertools.islice(intervals(first, last), 7)) == first_seven


def test_looks_become_rarer_until_something_changes(pauses):
    look = Script(Sight.NOTHING, Sight.NOTHING, Sight.NOTHING, Sight.NEAR, Sight.NOTHING)
    watched, made = watcher_of(look, pauses)
    with watched:
        for expected in (1, 2, 4, 1, 2):
            assert made() == expected
            made.over.put(None)
        assert made() == 4
        watched.soon()
        assert made() == 1
        assert not watched.seen


def test_what_is_there_is_looked_for_no_more(pauses):
    look = Script(Sight.NOTHING, Sight.THERE, Sight.NOTHING)
    watched, made = watcher_of(look, pauses)
    with watched:
        assert made() == 1
        made.over.put(None)
        assert watched.wait(PATIENCE_SECS)
        assert made() is None
        assert look.looks == 2
        # Somebody who looks for himself finds that it has gone: the thread begins anew.
        assert not watched.look()
        assert not watched.seen
        assert made() == 1


def test_errors_are_told_once_and_end_nothing(pauses, tf_log):
    error = tf.errors.PermissionDeniedError(None, None, "not today")
    look = Script(error, error, Sight.NOTHING, error, FileNotFoundError("gone"), Sight.THERE)
    watched, made = watcher_of(look, pauses)
    with watched:
        for _ in range(5):
            made()
            made.over.put(None)
        assert watched.wait(PATIENCE_SECS)
    assert len(tf_log) == 4
    assert "Could not look for it (PermissionDeniedError: not today)" in tf_log[0]
    assert [line for line in tf_log if "again." in line and line.startswith("Could look")] == tf_log[1::2]


def test_the_thread_ends_with_its_block_and_may_begin_again(pauses):
    watched, made = watcher_of(Script(Sight.THERE), pauses)

    def failing_block():
        with watched:
            made()
            raise ZeroDivisionError

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            failing_block()
        assert watching_threads() == []


def test_a_look_that_hangs_does_not_hold_the_end(monkeypatch, tf_log):
    monkeypatch.setattr(watcher, "_LEAVE_AFTER_SECS", 0.01)
    hangs, begun = threading.Event(), threading.Event()

    def look():
        begun.set()
        hangs.wait(PATIENCE_SECS)
        return Sight.THERE

    with Watcher(look, "it"):
        begun.wait(PATIENCE_SECS)
        (thread,) = watching_threads()
    assert tf_log == ["A look for it hangs; going on without it."]
    hangs.set()
    thread.join(PATIENCE_SECS)


def test_a_look_that_hangs_delays_no_later_block(monkeypatch):
    monkeypatch.setattr(watcher, "_LEAVE_AFTER_SECS", 0.01)
    hangs, begun = threading.Event(), threading.Event()
    sights = iter([Sight.NOTHING])

    def look():
        if next(sights, None) is None:
            return Sight.THERE
        begun.set()
        hangs.wait(PATIENCE_SECS)
        return Sight.NOTHING

    watched = Watcher(look, "it")
    with watched:
        begun.wait(PATIENCE_SECS)
        (left,) = watching_threads()
    with watched:
        assert watched.wait(PATIENCE_SECS)
        assert left.is_alive()
        hangs.set()
        left.join(PATIENCE_SECS)
        assert watched.seen, "what the one that was left has found is nobody's"


def test_a_block_inside_of_a_block_is_the_same_block(pauses):
    watched, made = watcher_of(Script(Sight.NOTHING), pauses)
    with watched:
        with watched:
            made()
            assert len(watching_threads()) == 1
        assert watched.is_looking
        assert len(watching_threads()) == 1
    assert not watched.is_looking


# Who looks


class Looks:
    """How often each thread has read the marker."""

    def __init__(self, monkeypatch):
        self.threads = []
        reads = finished.read

        def read(model_dir):
            self.threads.append(threading.current_thread())
            return reads(model_dir)

        monkeypatch.setattr(finished, "read", read)

    def of_here(self):
        return self.threads.count(threading.current_thread())

    def elsewhere(self):
        return len(self.threads) - self.of_here()


@pytest.fixture
def looks(monkeypatch):
    monkeypatch.setattr(watcher, "_FIRST_SECS", 0.001)
    monkeypatch.setattr(watcher, "_LAST_SECS", 0.001)
    return Looks(monkeypatch)


@pytest.fixture
def as_worker(monkeypatch):
    become_worker(monkeypatch)


def test_no_step_of_a_worker_reads_the_model_directory(tmp_path, looks, as_worker):
    estimator = linear_model.estimator(tmp_path)
    before = []

    def after_step(number):
        if number in (1, 200):
            before.append(looks.of_here())

    estimator.train(train_input, hooks=[Each(after_step)], steps=200)
    assert before[0] == before[1] == 1, "once, before the session"
    assert looks.elsewhere() > 0
    assert watching_threads() == []


def test_a_worker_ends_with_its_chief(tmp_path, looks, as_worker, tf_log):
    estimator = linear_model.estimator(tmp_path)

    def after_step(number):
        if number == 3:
            finished.write(str(tmp_path), finished.Finished(3, "stopped", None))

    estimator.train(train_input, hooks=[Each(after_step)])
    assert "The chief has ended the training." in tf_log


def test_a_hook_that_is_given_twice_leaves_no_thread(tmp_path, looks, as_worker):
    hook = chief_watch.EndWithChiefHook(chief_watch.ChiefWatch(str(tmp_path)))
    linear_model.estimator(tmp_path).train(train_input, steps=2, hooks=[hook, hook])
    assert watching_threads() == []


@pytest.mark.parametrize("moment", ["model_fn", "begin", "step"])
def test_no_thread_is_left_when_training_fails(tmp_path, looks, as_worker, moment):
    def fail(*_):
        raise ZeroDivisionError(moment)

    hook = Each(fail if moment == "step" else lambda _: None)
    if moment == "begin":
        hook.begin = fail
    model = fail if moment == "model_fn" else linear_model.model_fn
    model_fn = (lambda features, labels, mode: fail()) if moment == "model_fn" else model
    with pytest.raises(ZeroDivisionError):
        linear_model.estimator(tmp_path, model_fn).train(train_input, hooks=[hook], steps=3)
    assert watching_threads() == []


def test_estimators_in_threads_have_watchers_of_their_own(tmp_path, looks, as_worker):
    trained = []

    def train(number):
        estimator = linear_model.estimator(tmp_path / str(number))
        ended = Each(
            lambda step: (
                step == 3
                and finished.write(str(tmp_path / str(number)), finished.Finished(3, "stopped", None))
            )
        )
        estimator.train(train_input, hooks=[ended])
        trained.append(number)

    threads = [threading.Thread(target=train, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECS)
    assert sorted(trained) == [0, 1, 2]
    assert watching_threads() == []


def test_storage_that_fails_ends_no_training(tmp_path, looks, as_worker, monkeypatch, tf_log):
    def refused(_):
        raise tf.errors.PermissionDeniedError(None, None, "not today")

    monkeypatch.setattr(finished, "read", refused)
    linear_model.estimator(tmp_path).train(train_input, steps=20)
    assert [line for line in tf_log if "Could not look for the end of the training" in line]
    assert [line for line in tf_log if line.startswith("Loss for final step")]


# Parameter servers


class Serving:
    """A server that serves until the end of the test."""

    def __init__(self):
        self.released = threading.Event()

    def join(self):
        self.released.wait(PATIENCE_SECS)


@pytest.fixture
def serving():
    made = Serving()
    yield made
    made.released.set()


def cluster_end(tmp_path, monkeypatch, listening):
    monkeypatch.setattr(server, "listens", lambda address: address in listening)
    monkeypatch.setenv("TF_CONFIG", json.dumps({**AS_WORKER, "task": {"type": "ps", "index": 0}}))
    return server.ClusterEnd(RunConfig(model_dir=str(tmp_path)), str(tmp_path), None)


def test_the_end_is_near_when_the_marker_is_there_and_a_trainer_still_listens(tmp_path, monkeypatch):
    listening = {"host0:0", "host1:1"}
    end = cluster_end(tmp_path, monkeypatch, listening)
    assert end() is Sight.NOTHING
    finished.write(str(tmp_path), finished.Finished(3, "stopped", None))
    assert end() is Sight.NEAR
    listening.remove("host0:0")
    assert end() is Sight.NEAR
    listening.clear()
    assert end() is Sight.THERE


def test_a_parameter_server_ends_with_its_trainers_and_looks_elsewhere(tmp_path, monkeypatch, looks, serving):
    end = cluster_end(tmp_path, monkeypatch, set())
    before = looks.of_here()
    finished.write(str(tmp_path), finished.Finished(3, "stopped", None))
    server.join(serving, end=end)
    assert looks.of_here() == before
    assert watching_threads() == []


def test_a_parameter_server_ends_when_it_is_interrupted_while_a_look_hangs(monkeypatch, serving):
    monkeypatch.setattr(watcher, "_LEAVE_AFTER_SECS", 0.01)
    hangs = threading.Event()

    def look():
        interruption.request()
        hangs.wait(PATIENCE_SECS)
        return Sight.NOTHING

    try:
        server.join(serving, end=look)
    finally:
        interruption.clear()
        threads = watching_threads()
        hangs.set()
        for thread in threads:
            thread.join(PATIENCE_SECS)
