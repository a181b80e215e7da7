"""Whether the other tasks of a synchronous training are still there, for a step without them never ends.

TensorFlow's collectives wait without a limit: when a task is killed, the one that sends to it in the ring is told nothing.
So a thread looks after the others, but only while this task has been in one call of its session for a while: it says
"hello" to their servers in the words of HTTP/2, which gRPC answers by itself, however busy Python is.

* refused: nobody listens there. After `GONE_SECS` the task is gone. That is less than a process needs to start: one that
  is started again alone does not go unnoticed;
* silent: the address takes connections and nobody answers, or it cannot be reached. A process that stands still, or a
  node that is cut off, is given `SILENT_SECS`.

A task that has never answered is not gone but late: it is awaited as long as a session may take to be made
(`RunConfig.session_creation_timeout_secs`), or nearly as long as TensorFlow waits when a strategy is made. The process of a
task whose peer is lost ends from the watching thread, for its main thread is inside TensorFlow and comes back no more.
"""

import concurrent.futures
import enum
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

import tensorflow as tf

from estimator_runtime import observation
from estimator_runtime.errors import PeerLostError

ANOTHER_IS_GONE = (
    "Another task of the cluster is gone. Tasks that make every step together go on from the newest checkpoint, when all "
    "of them are started again."
)
GONE_SECS = 2.0
SILENT_SECS = 60.0
_WAITS_AFTER_SECS = 2.0
_LOOK_EVERY_SECS = 1.0
_ANSWER_SECS = 3.0
_MOST_AT_ONCE = 16
# TensorFlow's words for what the server of another task answers when its process ends, of whatever kind the error is.
_OF_A_PEER = "Error received from peer"
# The beginning of an HTTP/2 connection and an empty SETTINGS frame (RFC 9113, 3.4), which a server answers with its own.
_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"


class Answer(enum.Enum):
    """What came of saying hello."""

    THERE = "answers"
    REFUSED = "nobody listens"
    SILENT = "does not answer"


def ask(address: str) -> Answer:
    """Says hello to a gRPC server at `address` ("host:port"), and waits a few seconds for an answer."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER_SECS) as connection:
            connection.sendall(_HELLO)
            return Answer.THERE if connection.recv(1) else Answer.REFUSED
    except ConnectionError:
        return Answer.REFUSED
    except OSError:  # no answer in time, no such host, no way to it
        return Answer.SILENT


def others(config: Any) -> dict[str, str]:
    """The other tasks of the cluster of a `RunConfig`, by name, and their addresses."""
    own = f"{config.task_type}-{config.task_id}"
    tasks = {
        f"{job}-{index}": address
        for job, addresses in config.cluster_spec.as_dict().items()
        for index, address in enumerate(addresses)
    }
    return {name: address for name, address in tasks.items() if name != own}


def end_process(message: str) -> NoReturn:
    """Ends this process, with exit code 1, from any thread.

    Args:
        message: why.
    """
    try:
        tf.compat.v1.logging.error(
            "%s This process ends; when all tasks are started again, they go on from the newest checkpoint.",
            message,
        )
        observation.current().lost(message)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(1)


class PeerWatch:
    """Looks after the other tasks of one training.

    Args:
        peers: addresses of the others' servers by name of the task, for messages.
        lost: called once, from the watching thread, with a sentence that names who is lost.
        gone_secs: how long nobody may listen at an address.
        silent_secs: how long an address may not answer.
        late_secs: how long this task waits in one call for who has never answered; None for ever.
        ask: says hello to an address.
    """

    def __init__(
        self,
        peers: Mapping[str, str],
        lost: Callable[[str], None] = end_process,
        *,
        gone_secs: float = GONE_SECS,
        silent_secs: float = SILENT_SECS,
        late_secs: float | None = None,
        ask: Callable[[str], Answer] = ask,
    ) -> None:
        self._peers = dict(peers)
        self._lost = lost
        self._limits = {Answer.REFUSED: gone_secs, Answer.SILENT: silent_secs}
        self._late_secs = late_secs
        self._ask = ask
        self._seen: set[str] = set()
        self._away_since: dict[str, float] = {}
        self._waits_since: float | None = None
        self._left = threading.Event()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """The time of a training.

        Raises:
            PeerLostError: the training ended of another task's end.
        """
        thread = threading.Thread(target=self._run, name="peers", daemon=True)
        thread.start()
        try:
            yield
        except tf.errors.OpError as error:
            if _OF_A_PEER not in str(error):
                raise
            raise PeerLostError(ANOTHER_IS_GONE) from error
        finally:
            self._left.set()

    def waits(self) -> None:
        """Says that this task is in a call of its session, which may wait for the others."""
        self._waits_since = time.monotonic()

    def goes_on(self) -> None:
        """Says that the call has returned: all others were there."""
        self._waits_since = None
        self.met()

    def met(self) -> None:
        """Says that an all-reduce has returned within the call: all others were there, and who is away now is gone."""
        self._seen.update(self._peers)
        self._away_since.clear()

    @property
    def waiting_since(self) -> float | None:
        """When the call began that has lasted for a while; None while steps are made."""
        since = self._waits_since
        return None if since is None or time.monotonic() - since < _WAITS_AFTER_SECS else since

    def _run(self) -> None:
        with concurrent.futures.ThreadPoolExecutor(_MOST_AT_ONCE, "peer") as pool:
            while not self._left.wait(_LOOK_EVERY_SECS):
                since = self.waiting_since
                if since is None:
                    continue
                message = self.look(pool.map(self._ask, self._peers.values()))
                if message is not None and self._waits_since == since and not self._left.is_set():
                    self._lost(message)
                    return

    def look(self, answers: Iterator[Answer]) -> str | None:
        """Takes one answer of each, in order; returns who is lost, or None while nobody is."""
        now = time.monotonic()
        missing = []
        for name, answer in zip(self._peers, answers, strict=True):
            if answer is Answer.THERE:
                self._seen.add(name)
                self._away_since.pop(name, None)
            elif name in self._seen:
                away_secs = now - self._away_since.setdefault(name, now)
                if away_secs >= self._limits[answer]:
                    return (
                        f"The task {name} ({self._peers[name]}) is lost: {answer.value} for {away_secs:.0f} s, and no step "
                        "ends without it."
                    )
            else:
                missing.append(f"{name} ({self._peers[name]}: {answer.value})")
        since = self._waits_since
        if missing and since is not None and self._late_secs is not None and now - since >= self._late_secs:
            return f"Gave up after {now - since:.0f} s, for tasks of the cluster have not come: {', '.join(missing)}."
        return None
