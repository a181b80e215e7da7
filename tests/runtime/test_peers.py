"""Whether the other tasks of a synchronous training are there."""

import contextlib
import socket
import threading

import pytest
import tensorflow as tf
from cluster_tasks import free_ports

from estimator_runtime.cluster import peers
from estimator_runtime.cluster.peers import Answer, PeerWatch
from estimator_runtime.errors import PeerLostError

PATIENCE_SECS = 30
ADDRESSES = {"chief-0": "a:1", "worker-1": "b:2"}


@contextlib.contextmanager
def mute():
    """An address that takes connections and never answers, as that of a process that stands still."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_a_tensorflow_server_answers():
    server = tf.distribute.Server.create_local_server()
    assert peers.ask(server.target.removeprefix("grpc://")) is Answer.THERE


def test_nobody_listens():
    (port,) = free_ports(1)
    assert peers.ask(f"127.0.0.1:{port}") is Answer.REFUSED


def test_who_takes_connections_and_closes_them_is_refusing():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def close():
            connection, _ = server.accept()
            connection.recv(100)
            connection.close()

        threading.Thread(target=close, daemon=True).start()
        assert peers.ask(f"127.0.0.1:{server.getsockname()[1]}") is Answer.REFUSED


@pytest.mark.parametrize("address", ["[::1%nowhere]:1"])
def test_what_cannot_be_reached_is_silent(address):
    assert peers.ask(address) is Answer.SILENT


def test_who_stands_still_is_silent(monkeypatch):
    monkeypatch.setattr(peers, "_ANSWER_SECS", 0.1)
    with mute() as address:
        assert peers.ask(address) is Answer.SILENT


class Clock:
    def __init__(self, monkeypatch):
        self.now = 100.0
        monkeypatch.setattr(peers.time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


def looks(watch, clock, *rounds):
    """What each look says, one a second, of the answers of both."""
    said = []
    for answers in rounds:
        clock.now += 1
        said.append(watch.look(iter(answers)))
    return said


HERE = (Answer.THERE, Answer.THERE)
REFUSED = (Answer.THERE, Answer.REFUSED)
SILENT = (Answer.THERE, Answer.SILENT)


def test_a_task_is_gone_when_nobody_listens_for_a_while(clock):
    watch = PeerWatch(ADDRESSES, gone_secs=2, silent_secs=60)
    assert looks(watch, clock, HERE, REFUSED, REFUSED) == [None, None, None]
    (message,) = looks(watch, clock, REFUSED)
    assert message == "The task worker-1 (b:2) is lost: nobody listens for 2 s, and no step ends without it."


def test_who_answers_again_is_there(clock):
    watch = PeerWatch(ADDRESSES, gone_secs=2, silent_secs=60)
    assert looks(watch, clock, HERE, REFUSED, REFUSED, HERE, REFUSED, REFUSED) == 6 * [None]


def test_who_stands_still_has_longer(clock):
    watch = PeerWatch(ADDRESSES, gone_secs=2, silent_secs=5)
    assert looks(watch, clock, HERE, *5 * [SILENT]) == 6 * [None]
    (message,) = looks(watch, clock, SILENT)
    assert "worker-1 (b:2) is lost: does not answer for 5 s" in message


def test_who_was_never_there_is_late_and_not_gone(clock):
    watch = PeerWatch(ADDRESSES, gone_secs=0, silent_secs=0)
    assert looks(watch, clock, REFUSED, SILENT, REFUSED) == 3 * [None]
    watch.goes_on()
    assert "worker-1" in looks(watch, clock, REFUSED)[0], "a step was made with all of them"


def test_who_never_comes_is_awaited_for_a_while_and_all_of_them_are_named(clock):
    watch = PeerWatch(ADDRESSES, gone_secs=0, silent_secs=0, late_secs=3)
    watch.waits()
    both = (Answer.REFUSED, Answer.SILENT)
    assert looks(watch, clock, both, both) == [None, None]
    assert looks(watch, clock, both) == [
        "Gave up after 3 s, for tasks of the cluster have not come: "
        "chief-0 (a:1: nobody listens), worker-1 (b:2: does not answer)."
    ]


def test_who_was_there_for_an_agreement_of_all_is_gone_and_not_late(clock):
    """Killed while the others wait in the next call of the same session, before anybody has looked for it."""
    watch = PeerWatch(ADDRESSES, gone_secs=1, late_secs=100)
    watch.waits()
    watch.met()
    assert looks(watch, clock, REFUSED) == [None]
    assert "worker-1 (b:2) is lost: nobody listens" in looks(watch, clock, REFUSED)[0]


def test_nobody_is_asked_while_steps_are_made(clock):
    watch = PeerWatch(ADDRESSES)
    assert watch.waiting_since is None
    watch.waits()
    began = clock.now
    clock.now += 1
    assert watch.waiting_since is None, "a step may take a second"
    clock.now += 1
    assert watch.waiting_since == began
    watch.goes_on()
    clock.now += 100
    assert watch.waiting_since is None, "hooks save, and nobody is waited for"


@pytest.fixture
def quickly(monkeypatch):
    monkeypatch.setattr(peers, "_LOOK_EVERY_SECS", 0.01)
    monkeypatch.setattr(peers, "_WAITS_AFTER_SECS", 0.0)


@pytest.mark.usefixtures("quickly")
def test_who_is_lost_is_said_once_from_another_thread():
    said, told = [], threading.Event()

    def lost(message):
        said.append((threading.current_thread().name, message))
        told.set()

    watch = PeerWatch(ADDRESSES, lost, gone_secs=0, ask=lambda address: Answer.REFUSED)
    watch.goes_on()
    with watch.watching():
        watch.waits()
        assert told.wait(PATIENCE_SECS)
    ((thread, message),) = said
    assert thread == "peers"
    assert message.startswith("The task chief-0 (a:1) is lost: nobody listens")


@pytest.mark.usefixtures("quickly")
@pytest.mark.parametrize("goes_on", [False, True], ids=["over", "goes on"])
def test_nobody_is_lost_to_a_call_that_has_returned_meanwhile(goes_on):
    asking, answer, lost = threading.Event(), threading.Event(), threading.Event()

    def ask(address):
        asking.set()
        assert answer.wait(PATIENCE_SECS)
        return Answer.REFUSED

    watch = PeerWatch({"worker-1": "b:2"}, lambda message: lost.set(), gone_secs=0, ask=ask)
    watch.goes_on()
    with watch.watching():
        watch.waits()
        assert asking.wait(PATIENCE_SECS)
        thread = watch_thread()
        if goes_on:
            watch.goes_on()
            answer.set()
    answer.set()
    thread.join(PATIENCE_SECS)
    assert not lost.is_set()


def watch_thread():
    (thread,) = [each for each in threading.enumerate() if each.name == "peers"]
    return thread


@pytest.mark.parametrize("kind", [tf.errors.InternalError, tf.errors.CancelledError])
def test_a_step_that_ends_with_the_process_of_another_task_says_that_it_is_gone(kind):
    told = ':UNKNOWN:Error received from peer  {grpc_status:13, grpc_message:"Delete called on non-empty BufRendezvous"}'
    ended = kind(None, None, told)
    with (
        pytest.raises(PeerLostError, match="Another task of the cluster is gone") as raised,
        PeerWatch({}).watching(),
    ):
        raise ended
    assert raised.value.__cause__ is ended


def test_an_error_of_the_own_step_stays():
    with pytest.raises(tf.errors.InternalError, match="^a kernel's$"), PeerWatch({}).watching():
        raise tf.errors.InternalError(None, None, "a kernel's")
