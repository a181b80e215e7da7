"""A session that is used for several evaluations, one after another, each of which finds it as new.

Between two uses it holds nothing: variables and lookup tables are destroyed, iterators are given an input without a batch,
so that what they have read ahead, their threads and their files are gone. The next use restores, initialises and reads
all of it anew, by the operations that a new session would run.
"""

import contextlib
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

import tensorflow as tf

from estimator_runtime.loop.kept import likeness

_SESSION: Any = tf.compat.v1.Session
_Built = TypeVar("_Built")


class KeptSession(Generic[_Built]):
    """A graph and the session on it.

    Args:
        graph: the graph, which is the default one and not finalized.
        built: what was built in it.
        scaffold: the Scaffold, which brings nothing of its own.
        config: ConfigProto of the session.
        digest: what another graph has to be to use this one's session.
    """

    def __init__(self, graph: Any, built: _Built, scaffold: Any, config: Any, digest: bytes) -> None:
        self.graph = graph
        self.built = built
        self.digest = digest
        self._scaffold = scaffold
        self._config = config
        self.trained = tuple(tf.compat.v1.trainable_variables())
        self._emptied = _emptied(graph)
        self._session: Any = None

    def creator(self, checkpoint_path: str) -> Any:
        """A SessionCreator for one use of the session, on the variables of a checkpoint.

        The session that it makes is not closed by `close`.
        """
        return _Creator(self, checkpoint_path)

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Surrounds one use: the graph is the default one, and the session is emptied at the end.

        After an error, and where it cannot be emptied, the session is closed.
        """
        try:
            with self.graph.as_default():
                yield
        except BaseException:
            self.close()
            raise
        try:
            self._session.run(self._emptied)
        except (tf.errors.OpError, RuntimeError):
            self.close()

    def close(self) -> None:
        """Closes the session, if there is one."""
        session, self._session = self._session, None
        if session is not None:
            _SESSION.close(session)

    def begun(self, checkpoint_path: str) -> Any:
        """The session on the variables of a checkpoint; a new one if there is none, or it cannot be used."""
        if self._session is not None:
            try:
                self._begin(checkpoint_path)
            except (tf.errors.OpError, ValueError, RuntimeError):
                # A new session says what is wrong, if there still is.
                self.close()
        if self._session is None:
            self._session = self._made(checkpoint_path)
        return self._session

    def _made(self, checkpoint_path: str) -> Any:
        session = tf.compat.v1.train.ChiefSessionCreator(
            scaffold=self._scaffold, config=self._config, checkpoint_filename_with_path=checkpoint_path
        ).create_session()
        # A monitored session closes it at the end of each use.
        session.close = _stay_open
        return session

    def _begin(self, checkpoint_path: str) -> None:
        """What TensorFlow's SessionManager does, with its lines in the log."""
        self._scaffold.finalize()
        self._scaffold.saver.restore(self._session, checkpoint_path)
        tf.compat.v1.logging.info("Running local_init_op.")
        self._session.run(self._scaffold.local_init_op)
        tf.compat.v1.logging.info("Done running local_init_op.")


class _Creator(tf.compat.v1.train.SessionCreator):  # type: ignore[misc]  # TensorFlow is untyped
    """Makes the session of one use, and a new one where that was lost."""

    def __init__(self, kept: KeptSession[Any], checkpoint_path: str) -> None:
        self._kept = kept
        self._checkpoint_path = checkpoint_path
        self._is_first = True

    def create_session(self) -> Any:
        """Returns a `tf.compat.v1.Session`."""
        if not self._is_first:
            self._kept.close()
        self._is_first = False
        return self._kept.begun(self._checkpoint_path)


def _stay_open() -> None:
    """Stands in for a session's `close`."""


def _emptied(graph: Any) -> Any:
    """Operation that takes away all that lasts in the session."""
    operations = graph.get_operations()
    iterators = [_ended(one.inputs[1]) for one in operations if one.type == "MakeIterator"]
    # What an iterator has begun to read may use a table.
    with tf.control_dependencies(iterators):
        return tf.group(
            *iterators,
            *(
                tf.raw_ops.DestroyResourceOp(resource=one.outputs[0], ignore_lookup_error=True)
                for one in operations
                if one.type in likeness.RESOURCES
            ),
        )


def _ended(iterator: Any) -> Any:
    """Operation that gives an iterator an input without an element, of the types and shapes that it has."""
    types = iterator.op.get_attr("output_types")
    shapes = [tf.TensorShape(shape) for shape in iterator.op.get_attr("output_shapes")]

    def element(number: Any) -> Any:
        del number
        return tuple(map(_unknown, types, shapes))

    with tf.device("/cpu:0"):
        nothing = tf.data.experimental.to_variant(tf.data.Dataset.range(0).map(element))
        return tf.raw_ops.MakeIterator(dataset=nothing, iterator=iterator)


def _unknown(dtype: Any, shape: Any) -> Any:
    """A Tensor of which nothing else is known, in a function that is never run."""
    one = tf.raw_ops.ParseTensor(serialized="", out_type=dtype)
    return tf.ensure_shape(one, shape)
