"""The graph among the events of a training: once in a call, or not at all.

TensorFlow's saver hook adds graph and meta graph to the event file whenever it has a session, also where
`RunConfig.checkpoint_save_graph_def` is off, and a graph holds the arrays that the input and the model are made of.
"""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from estimator_runtime.checkpoints import graph_text
from estimator_runtime.loop import event_writers
from estimator_runtime.loop.stretches.looks import FAR, Look

_train: Any = tf.compat.v1.train


class _SavesGraph:
    """Whether TensorFlow's hook saves graphs, which it asks for each time.

    Args:
        is_asked: whether they are to be saved at all.
    """

    def __init__(self, is_asked: bool) -> None:
        self.is_asked = is_asked
        self.is_on = is_asked

    def __bool__(self) -> bool:
        return self.is_on


class _LastSave(_train.CheckpointSaverListener):  # type: ignore[misc]  # TensorFlow is untyped
    """The step of the last checkpoint; None before the first.

    Args:
        saves_graph: turned on before each checkpoint, if graphs are to be saved.
    """

    step: int | None = None

    def __init__(self, saves_graph: _SavesGraph) -> None:
        self._saves_graph = saves_graph

    def before_save(self, session: Any, global_step_value: int) -> None:
        del session, global_step_value
        self._saves_graph.is_on = self._saves_graph.is_asked

    def after_save(self, session: Any, global_step_value: int) -> None:
        del session
        self.step = global_step_value


class SaverHook(_train.CheckpointSaverHook, Look):  # type: ignore[misc]  # TensorFlow is untyped
    """Saves checkpoints; adds the graph to the events of its first session, if it is to be saved.

    TensorFlow's hook reads the global step after every step, in a call of its own, to save every so many steps. What is
    read in the step itself, before or after that made it grow, says enough until a checkpoint may be due: it has not
    grown further since than it ever did in one step. Only where it grows further than ever just then may the checkpoint
    come a step late.

    Args:
        directory: directory of checkpoints and events.
        save_graph_def: whether graphs are saved, beside the checkpoints and in the events.
        save_steps: steps between two checkpoints; None where seconds count.
        listeners: as CheckpointSaverHook's.
        settings: other arguments of CheckpointSaverHook.
    """

    def __init__(
        self,
        directory: str,
        *,
        save_graph_def: bool,
        save_steps: int | None = None,
        listeners: Sequence[Any] = (),
        **settings: Any,
    ) -> None:
        self._saves_graph = _SavesGraph(save_graph_def)
        self._last_save = _LastSave(self._saves_graph)
        super().__init__(
            directory,
            save_graph_def=self._saves_graph,
            save_steps=save_steps,
            listeners=[self._last_save, *listeners],
            **settings,
        )
        self._every_steps = save_steps
        self._directory = directory
        self._is_added = False
        self._seen: int | None = None
        self._stride = 1

    def begin(self) -> None:
        """Gets ready for a training."""
        super().begin()
        self._is_added = False

    def after_create_session(self, session: Any, coord: Any) -> None:
        """Saves the first checkpoint of a session."""
        self._seen = None
        if self._saves_graph.is_asked:
            # In the place of TensorFlow's, which comes before the first checkpoint and takes long for the same text.
            graph_text.write(tf.compat.v1.get_default_graph().as_graph_def(add_shapes=True), self._directory)
            self._saves_graph.is_on = False
        if self._saves_graph.is_asked and not self._is_added:
            self._is_added = True
            super().after_create_session(session, coord)
            return
        # This hook's own writing alone: others who have the writer may add what they like meanwhile.
        writer: Any = self._summary_writer
        self._summary_writer: Any = _WithoutGraphs(writer)
        try:
            super().after_create_session(session, coord)
        finally:
            self._summary_writer = writer

    def after_run(self, run_context: Any, run_values: Any) -> None:
        """Saves a checkpoint when it is due."""
        last, every, step = self._last_save.step, self._every_steps, run_values.results
        if last is not None and every is not None:
            before, self._seen = self._seen, step
            if before is None:
                # Once in a session: two readings of the same value in two steps would not tell.
                session = run_context.session
                before, step = last, session.run(_train.get_global_step(session.graph))
            self._stride = max(self._stride, step - before)
            if step + self._stride < last + every:
                return
        super().after_run(run_context, run_values)

    @property
    def period(self) -> int:
        """Steps between two checkpoints."""
        return self._every_steps or FAR

    def quiet_steps(self, step: int) -> int:
        """Up to the step of the next checkpoint; any number where seconds count, which end a stretch soon enough."""
        if not self._every_steps:
            return FAR
        last = self._last_save.step
        return 0 if last is None or self._seen is None else int(last) + self._every_steps - 1 - step

    def passed(self, steps: int, step: int, run_context: Any) -> None:
        """Sees that the global step has grown by what is no single step."""
        del step, run_context
        if self._seen is not None:
            self._seen += steps


class _WithoutGraphs:
    """A FileWriter to which graphs can be added and are not written."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer

    def add_graph(self, *_: Any, **__: Any) -> None:
        pass

    def add_meta_graph(self, *_: Any, **__: Any) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        return getattr(self._writer, name)


class GraphHook(_train.SessionRunHook):  # type: ignore[misc]  # TensorFlow is untyped
    """Adds the graph to the events of a training that saves no checkpoints.

    Args:
        directory: directory of the events.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._is_added = False

    def after_create_session(self, session: Any, coord: Any) -> None:
        """Adds the graph, once it is complete."""
        del session, coord
        if not self._is_added:
            self._is_added = True
            graph = tf.compat.v1.get_default_graph()
            writer = event_writers.writer_of(self._directory)
            writer.add_graph(graph)
            writer.add_meta_graph(_train.export_meta_graph(graph=graph))
