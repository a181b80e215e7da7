"""TensorFlow 2's summaries (`tf.summary.scalar`, ...) of a model function, in a training.

They are written by a default writer, and without one they are nothing, without a word. In a training in which summaries
are saved the chief has one while it calls the model function: what that writes is in the events of the model directory,
every `save_summary_steps`, at the global step where it gives no step of its own.

Invariants:

* a model function that writes no such summaries has the graph that it would have anyhow: the writer and its operations
  are made when the first summary asks for them;
* what goes to a writer of the model function's own is left alone: its operations and when they run;
* summaries inside of a tf.function, a loop or a branch run with these, in every step.

With `train_distribute` there is none, and an evaluation has none: it has many batches and one step, and what it measures are metrics.
"""

import re
import zlib
from contextlib import AbstractContextManager
from typing import Any

import tensorflow as tf

from estimator_runtime.loop.stretches.looks import Look

_train: Any = tf.compat.v1.train
# What is left of a summary that had no writer.
_LOST = re.compile(r"(^|/)write_summary(_\d+)?/Const(_\d+)?$")
# A summary whose condition is a Tensor has a branch of its own.
_OWN_BRANCH = "summary_cond"


class DefaultWriter(tf.summary.SummaryWriter):  # type: ignore[misc]  # TensorFlow is untyped
    """The default writer of a model function, for the graph that is then the default one.

    Args:
        directory: directory of the events.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._writer: Any = None
        self._numbers: list[int] = []
        self.init_op: Any = None
        self.close_op: Any = None

    @property
    def is_used(self) -> bool:
        """Whether a summary has asked for it."""
        return self._writer is not None

    @property
    def operations(self) -> list[Any]:
        """The operations, of the default graph, that write to this writer."""
        everything = tf.compat.v1.summary.all_v2_summary_ops()
        return [everything[number] for number in self._numbers]

    def in_use(self) -> AbstractContextManager[Any]:
        """The call of a model function in the default graph, whose global step is there."""
        tf.compat.v1.get_default_graph().default_writer = self
        context: AbstractContextManager[Any] = self.as_default(step=_train.get_global_step())
        return context

    @property
    def _resource(self) -> Any:
        """What every summary takes of its writer when it makes its operation."""
        graph = tf.compat.v1.get_default_graph()
        is_own = not graph.building_function or _OWN_BRANCH in graph.name
        with tf.init_scope():
            if self._writer is None:
                # Servers keep writers by name: another directory has another.
                name = f"summaries_{zlib.crc32(self._directory.encode()):08x}"
                with tf.compat.v1.name_scope(None):
                    self._writer = tf.summary.create_file_writer(self._directory, name=name)
                    self.init_op, self.close_op = self._writer.init(), self._writer.close()
            if is_own:
                self._numbers.append(len(tf.compat.v1.summary.all_v2_summary_ops()))
        return self._writer._resource  # noqa: SLF001 - as of any writer

    def init(self) -> Any:
        """Returns the operation that makes the file; None without one."""
        return self.init_op

    def flush(self) -> None:
        """Does nothing: what is left is written when it is closed."""

    def close(self) -> Any:
        """Returns the operation that closes the file; None without one."""
        return self.close_op


def of(graph: Any) -> DefaultWriter | None:
    """The writer that a model function had in a graph; None where it had none."""
    writer: DefaultWriter | None = getattr(graph, "default_writer", None)
    return writer


class DefaultWriterHook(_train.SessionRunHook, Look):  # type: ignore[misc]  # TensorFlow is untyped
    """Runs the summaries of a DefaultWriter every so many steps.

    Args:
        writer: the writer.
        save_steps: number of steps.
    """

    def __init__(self, writer: DefaultWriter, save_steps: int) -> None:
        self._writer = writer
        self._every_steps = save_steps
        self._timer = _train.SecondOrStepTimer(every_steps=save_steps)
        self._operations = writer.operations
        self._step = _train.get_global_step()
        self._next_step: int | None = None
        self._is_due = False

    def begin(self) -> None:
        """Gets ready for a training."""
        self._next_step = None

    def after_create_session(self, session: Any, coord: Any) -> None:
        """Makes the file."""
        del coord
        session.run(self._writer.init_op)

    def before_run(self, run_context: Any) -> Any:
        """Asks for the summaries when it is time to."""
        del run_context
        self._is_due = self._next_step is None or self._timer.should_trigger_for_step(self._next_step)
        return _train.SessionRunArgs(
            {"step": self._step, **({"written": self._operations} if self._is_due else {})}
        )

    def after_run(self, run_context: Any, run_values: Any) -> None:
        """Notes the step."""
        step = int(run_values.results["step"]) + 1
        if self._is_due:
            step = int(run_context.session.run(self._step))
            self._timer.update_last_triggered_step(step)
        self._next_step = step + 1

    @property
    def period(self) -> int:
        """Steps between two looks."""
        return self._every_steps

    def quiet_steps(self, step: int) -> int:
        """Up to the next step with summaries."""
        last = self._timer.last_triggered_step()
        return 0 if last is None else int(last) + self._every_steps - 1 - step

    def passed(self, steps: int, step: int, run_context: Any) -> None:
        """Notes the step."""
        del steps, run_context
        self._next_step = step + 1

    def end(self, session: Any) -> None:
        """Writes what is left."""
        session.run(self._writer.close_op)


def are_lost(graph: Any) -> bool:
    """Whether a model function has written summaries in this graph, and there was no writer."""
    return any(
        operation.type == "Const" and _LOST.search(operation.name) for operation in graph.get_operations()
    )
