"""How a training's sessions are made: by the chief, by a worker, and again when they are lost.

What TensorFlow would do differently: a chief restores the newest checkpoint even where the variables are alive and
newer, and gives up at a damaged one; a worker looks for the chief's model every 30 seconds; a session that cannot be
made is asked for again at once, hundreds of times, each with lines in the log; and while a session is being made the
main thread cannot be reached, not by a signal and not by the end of the training.
"""

import contextlib
import queue
import re
import threading
import time
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from estimator_runtime import checkpoints, interruption
from estimator_runtime.cluster.chief_watch import ChiefWatch
from estimator_runtime.loop.live_variables import LiveVariables
from estimator_runtime.loop.steps import run_errors

_FIRST_LOOK_FOR_MODEL_SECS = 0.5
_LAST_LOOK_FOR_MODEL_SECS = 8.0
_FIRST_PAUSE_SECS = 0.5
_LONGEST_PAUSE_SECS = 2.0
_STEADY_AFTER_SECS = 60.0
_LOOK_UP_SECS = 0.5
_DAMAGED = (
    tf.errors.DataLossError,
    tf.errors.OutOfRangeError,
    tf.errors.NotFoundError,  # a data file
    ValueError,  # the index
)
_WHERE = re.compile(
    r"Graph execution error:|Detected at node|Node: |File \"|From /job:|\[\[|\d+ root error|\(\d\) "
)


class RestoringSessionCreator(tf.compat.v1.train.SessionCreator):  # type: ignore[misc]  # TensorFlow is untyped
    """Makes the chief's session: on live variables, or else on the newest readable checkpoint, or on first values.

    Args:
        scaffold: the model's Scaffold.
        master: address of the chief's own server, "" without a cluster.
        config: ConfigProto of the session.
        model_dir: directory of the checkpoints; None for first values always.
        live: finds variables that outlived an earlier session; None where none can.
    """

    def __init__(
        self,
        scaffold: Any,
        master: str,
        config: Any,
        model_dir: str | None,
        live: LiveVariables | None = None,
    ) -> None:
        self._scaffold = scaffold
        self._master = master
        self._config = config
        self._model_dir = model_dir
        self._live = live

    def create_session(self) -> Any:
        """Returns a `tf.compat.v1.Session` on initialised variables.

        Raises:
            CheckpointDamagedError: the model directory's checkpoint cannot be read, and there is no earlier one.
        """
        # Here, for it adds operations to the graph and depends on what the main thread has entered; and once, for it
        # writes a line to the log and may be a program's own.
        self._scaffold.finalize()
        return _attended(self._made) if self._master else self._made()

    def _made(self) -> Any:
        manager = _session_manager(self._scaffold)
        if self._live is None:
            return self._restored(manager)
        session = self._live.adopted(manager)
        if session is None:
            self._live.disown()
            session = self._restored(manager)
            self._live.claim(session)
        else:
            _remember_checkpoints(self._scaffold.saver, self._model_dir)
        return session

    def _restored(self, manager: Any) -> Any:
        while True:
            try:
                return manager.prepare_session(
                    self._master,
                    saver=self._scaffold.saver,
                    checkpoint_dir=self._model_dir,
                    config=self._config,
                    init_op=self._scaffold.init_op,
                    init_feed_dict=self._scaffold.init_feed_dict,
                    init_fn=self._scaffold.init_fn,
                )
            except _DAMAGED as error:
                _set_aside(self._model_dir, error)


def _session_manager(scaffold: Any) -> Any:
    """Brings sessions of the default graph to life with a Scaffold that is finalized."""
    return tf.compat.v1.train.SessionManager(
        local_init_op=scaffold.local_init_op,
        local_init_feed_dict=scaffold.local_init_feed_dict,
        ready_op=scaffold.ready_op,
        ready_for_local_init_op=scaffold.ready_for_local_init_op,
        graph=tf.compat.v1.get_default_graph(),
    )


class CheckpointRestorer:
    """Restores the newest checkpoint that can be read, in a session that is there.

    Args:
        scaffold: the model's Scaffold.
        model_dir: directory of the checkpoints; None for none.
    """

    def __init__(self, scaffold: Any, model_dir: str | None) -> None:
        self._scaffold = scaffold
        self._model_dir = model_dir

    def restore(self, session: Any) -> bool:
        """Restores it; tells whether there is one.

        Raises:
            CheckpointDamagedError: the model directory's checkpoint cannot be read, and there is no earlier one.
        """
        if self._model_dir is None:
            return False
        while (path := checkpoints.latest(self._model_dir)) is not None:
            try:
                self._scaffold.saver.restore(session, path)
            except _DAMAGED as error:
                _set_aside(self._model_dir, error)
            else:
                _remember_checkpoints(self._scaffold.saver, self._model_dir)
                return True
        return False


def _remember_checkpoints(saver: Any, model_dir: str | None) -> None:
    """Tells the saver which checkpoints there are, for it to delete the oldest: only a session manager's restore does that."""
    state = checkpoints.named_checkpoints(model_dir) if model_dir is not None else None
    if state is not None:
        saver.recover_last_checkpoints(state.all_model_checkpoint_paths)


def _set_aside(model_dir: str | None, error: Exception) -> None:
    """Makes the checkpoint before the newest one, which cannot be read, the newest."""
    if model_dir is None:
        raise error
    newest = checkpoints.latest(model_dir)
    # Without any that is whole, TensorFlow restores the one that the directory names, be it there or not.
    state = checkpoints.named_checkpoints(model_dir) if newest is None else None
    path = newest if state is None else str(state.model_checkpoint_path)
    if path is None or not checkpoints.condemned(path, error):
        raise error
    if newest is None or checkpoints.latest(model_dir) == path:
        raise checkpoints.damaged(path) from error
    checkpoints.repair(model_dir)


class WorkerSessionCreator(tf.compat.v1.train.SessionCreator):  # type: ignore[misc]  # TensorFlow is untyped
    """Makes a worker's session as soon as the chief has initialised or restored the variables.

    TensorFlow's own creator looks every 30 seconds, and a worker is nearly always early: after every start and every
    loss of a parameter server it would stand still for half a minute. This one looks again after half a second, then
    after twice as long each time, up to eight seconds, since each look sends the whole graph to the servers.

    Args:
        scaffold: the model's Scaffold.
        master: address of the worker's own server.
        config: ConfigProto of the session.
        max_wait_secs: how long to wait for the chief; None for ever.
        watch: tells when there is no chief to wait for any more; None for never.
    """

    def __init__(
        self,
        scaffold: Any,
        master: str,
        config: Any,
        max_wait_secs: float | None,
        watch: ChiefWatch | None = None,
    ) -> None:
        self._scaffold = scaffold
        self._master = master
        self._config = config
        self._max_wait_secs = float("inf") if max_wait_secs is None else max_wait_secs
        self._watch = watch

    def create_session(self) -> Any:
        """Waits for the model and returns a `tf.compat.v1.Session` on it.

        Raises:
            tf.errors.DeadlineExceededError: the chief did not initialise the model in time, or a server was away.
            TrainingEnded: the chief has ended the training.
        """
        self._scaffold.finalize()
        pause = _FIRST_LOOK_FOR_MODEL_SECS
        manager = _session_manager(self._scaffold)

        def look() -> Any:
            # With no time to wait this is one look.
            return manager.wait_for_session(self._master, config=self._config, max_wait_secs=0)

        end = time.monotonic() + self._max_wait_secs
        while True:
            try:
                return _attended(look, self._watch, end)
            except tf.errors.DeadlineExceededError as error:
                left = end - time.monotonic()
                if left <= 0:
                    raise tf.errors.DeadlineExceededError(
                        error.node_def,
                        error.op,
                        f"The chief did not initialise the model within {self._max_wait_secs:.6g} secs "
                        f"(RunConfig.session_creation_timeout_secs). {error.message}",
                    ) from error
                pause = min(pause, left)
                tf.compat.v1.logging.info(
                    "Waiting %.3g secs for the chief to initialise or restore the model.", pause
                )
                _rest(pause, self._watch)
                pause = min(2 * pause, _LAST_LOOK_FOR_MODEL_SECS)


class PacedSessionCreator(tf.compat.v1.train.SessionCreator):  # type: ignore[misc]  # TensorFlow is untyped
    """Makes sessions with another creator, and takes its time when they are lost or cannot be made.

    A monitored session asks for a new session as soon as one is lost or cannot be made. A server that came back at
    another address is not found for about twenty seconds, in which it would ask, and log, hundreds of times.

    Args:
        creator: the creator that makes the sessions.
    """

    def __init__(self, creator: Any) -> None:
        self._creator = creator
        self._pause = 0.0
        self._made_at = float("-inf")

    def create_session(self) -> Any:
        """Returns a session: the first at once, later ones after growing pauses, until one has lasted a minute."""
        began = time.monotonic()
        if began - self._made_at >= _STEADY_AFTER_SECS:
            self._pause = 0.0
        else:
            self._rest()
        failures = 0
        while True:
            try:
                session = self._creator.create_session()
            except tf.errors.OpError as error:
                if not run_errors.is_lost_server(error):
                    raise
                failures += 1
                if failures == 1:
                    tf.compat.v1.logging.warning(
                        "No session yet, for a server of the cluster is away (%s). Trying until it is back; the next "
                        "line about it comes then.",
                        _first_line(error),
                    )
                self._rest()
            else:
                self._made_at = time.monotonic()
                if failures:
                    tf.compat.v1.logging.info(
                        "There is a session again, after %d more attempts and %.3g secs.",
                        failures,
                        self._made_at - began,
                    )
                return session

    def _rest(self) -> None:
        self._pause = min(2 * self._pause or _FIRST_PAUSE_SECS, _LONGEST_PAUSE_SECS)
        _rest(self._pause)


def _rest(secs: float, watch: ChiefWatch | None = None) -> None:
    """Sleeps, in parts short enough to notice that there is nothing to wait for any more."""
    end = time.monotonic() + secs
    while (left := end - time.monotonic()) > 0:
        _check(watch)
        time.sleep(min(left, _LOOK_UP_SECS))


def _check(watch: ChiefWatch | None) -> None:
    if interruption.requested():
        raise interruption.Interrupted
    if watch is not None:
        watch.check()


def _attended(make: Callable[[], Any], watch: ChiefWatch | None = None, end: float = float("inf")) -> Any:
    """What `make` returns, called in a thread of its own: a server that is away holds it for as long as it is away.

    Raises:
        tf.errors.DeadlineExceededError: it takes until `end`.
    """
    graph = tf.compat.v1.get_default_graph()
    results: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()

    def work() -> None:
        try:
            with graph.as_default():
                result = make()
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            results.put((None, error))
        else:
            results.put((result, None))

    threading.Thread(target=work, name="session", daemon=True).start()
    while True:
        with contextlib.suppress(queue.Empty):
            result, error = results.get(timeout=_LOOK_UP_SECS)
            if error is not None:
                raise error
            return result
        _check(watch)
        if time.monotonic() >= end:
            raise tf.errors.DeadlineExceededError(None, None, "A server of the cluster does not answer.")


def _first_line(error: tf.errors.OpError) -> str:
    """The first line that says what went wrong; TensorFlow may put before it where in the graph that was."""
    lines = [line.strip() for line in str(error.message).splitlines()]
    return next((line for line in lines if line and not _WHERE.match(line)), type(error).__name__)
