"""Writers of event files: one for each directory of a call, open no longer than the call.

TensorFlow's hooks, and programs, take their writers from `tf.compat.v1.summary.FileWriterCache`, which keeps one for each
directory, a file and a thread, for the life of the process: a search over many models leaves both behind for each, and
who removes a directory and trains again writes into a file that is gone. So the cache is given writers that open their
file with the first event and are closed when the call of `train`, `evaluate` or `train_and_evaluate` has ended.

Invariants:

* all events that a call, and whatever it calls in the same thread, writes to a directory are in one file;
* nothing that is written to such a writer later is lost: it opens a file of its own for that;
* a writer that the program had put into the cache before is the program's: it is used and left open, unless the
  directory has no event file any more;
* no two files have the same name, though TensorFlow names them by the second.
"""

import contextlib
import itertools
import os
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from estimator_runtime.loop import event_files

_Cache: Any = tf.compat.v1.summary.FileWriterCache
_numbers = itertools.count()


class EventWriter(tf.compat.v1.summary.FileWriter):  # type: ignore[misc]  # TensorFlow is untyped
    """A FileWriter that makes its file when there is something to write, also after it was closed.

    Args:
        directory: where the event files are.
    """

    # The base class's is called whenever a file is opened.
    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._access = threading.RLock()
        self._is_open = False

    @property
    def is_open(self) -> bool:
        """Whether there is a file, and a thread that writes to it."""
        return self._is_open

    def get_logdir(self) -> str:
        """Returns the directory."""
        return self._directory

    def reopen(self) -> None:
        """Makes a file, unless there is one."""
        with self._access:
            if self._is_open:
                return
            # A FileWriter is made outside eager execution only, and adds the graph that it is made in if it is told to.
            with tf.Graph().as_default():
                super().__init__(self._directory, filename_suffix=f".{os.getpid()}.{next(_numbers):06d}")
            self._is_open = True

    def close(self) -> None:
        """Writes what is left and closes the file."""
        with self._access:
            if self._is_open:
                self._is_open = False
                super().close()

    def flush(self) -> None:
        """Writes what is left."""
        with self._access:
            if self._is_open:
                super().flush()

    def add_event(self, event: Any) -> None:
        """Adds an Event."""
        with self._writing():
            super().add_event(event)

    def add_summary(self, summary: Any, global_step: Any = None) -> None:
        """Adds a Summary, as it is or serialized."""
        with self._writing():
            super().add_summary(summary, global_step)

    def add_session_log(self, session_log: Any, global_step: Any = None) -> None:
        """Adds a SessionLog."""
        with self._writing():
            super().add_session_log(session_log, global_step)

    def add_graph(self, graph: Any, global_step: Any = None, graph_def: Any = None) -> None:
        """Adds a Graph."""
        with self._writing():
            super().add_graph(graph, global_step, graph_def)

    def add_meta_graph(self, meta_graph_def: Any, global_step: Any = None) -> None:
        """Adds a MetaGraphDef."""
        with self._writing():
            super().add_meta_graph(meta_graph_def, global_step)

    def add_run_metadata(self, run_metadata: Any, tag: str, global_step: Any = None) -> None:
        """Adds a RunMetadata."""
        with self._writing():
            super().add_run_metadata(run_metadata, tag, global_step)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        with self._access:
            self.reopen()
            yield


class _Call(threading.local):
    """The outermost call of this thread.

    Attributes:
        writers: those that it uses; None outside of a call.
    """

    writers: set[EventWriter] | None = None


_call = _Call()
_calls_of: Counter[EventWriter] = Counter()
"""How many calls use a writer: of several threads, or of several programs' ways to one directory."""


@contextlib.contextmanager
def call(*directories: str) -> Iterator[None]:
    """Surrounds a call that writes events; the outermost one of a thread closes the writers.

    Args:
        directories: where hooks will write that take their writers from the cache.
    """
    is_outermost = _call.writers is None
    if is_outermost:
        _call.writers = set()
    try:
        for directory in directories:
            writer_of(directory)
        yield
    finally:
        if is_outermost:
            writers, _call.writers = _call.writers or set(), None
            for writer in writers:
                _leave(writer)


def writer_of(directory: str) -> Any:
    """Returns the writer that the cache has for a directory; inside a call only."""
    while True:
        with _locked_writers() as writers:
            writer = writers.setdefault(directory, EventWriter(directory))
            if not _may_be_lost(writer):
                _join(writer)
                return writer
        # Storage is looked at while nobody waits for the cache.
        is_lost = _is_lost(writer, directory)
        with _locked_writers() as writers:
            is_kept = writers.get(directory) is writer
            if not is_kept:
                continue
            kept = writer
            if is_lost and not isinstance(writer, EventWriter):
                kept = writers[directory] = EventWriter(directory)
            _join(kept)
        if is_lost:
            with contextlib.suppress(tf.errors.OpError, OSError):
                writer.close()
        return kept


@contextlib.contextmanager
def _locked_writers() -> Iterator[dict[str, Any]]:
    """The cache's writers by directory, which nobody else changes meanwhile."""
    # The cache has no public way to hold another kind of writer.
    with _Cache._lock:  # noqa: SLF001
        yield _Cache._cache  # noqa: SLF001


def _join(writer: Any) -> None:
    """Notes that the call of this thread uses the writer; with the cache's lock."""
    if isinstance(writer, EventWriter) and _call.writers is not None and writer not in _call.writers:
        _call.writers.add(writer)
        _calls_of[writer] += 1


def _may_be_lost(writer: Any) -> bool:
    """Whether the writer has a file that somebody may have removed since a call has used it."""
    return not isinstance(writer, EventWriter) or (writer.is_open and not _calls_of[writer])


def _is_lost(writer: Any, directory: str) -> bool:
    """Whether the writer's file is not there any more: somebody has removed the directory, or emptied it."""
    # TensorFlow's makes its file with the first event, in its own time.
    with contextlib.suppress(tf.errors.OpError, OSError):
        writer.flush()
    return not event_files.matching(directory, "*tfevents*")


def _leave(writer: EventWriter) -> None:
    with _locked_writers():
        _calls_of[writer] -= 1
        if _calls_of[writer]:
            return
        del _calls_of[writer]
    try:
        writer.close()
    except (tf.errors.OpError, OSError) as error:
        tf.compat.v1.logging.warning(
            "The last events of %s could not be written: %s", writer.get_logdir(), error
        )
