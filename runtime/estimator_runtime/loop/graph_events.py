"""The graph among the events of a training: once in a call, or not at all.

TensorFlow's saver hook adds graph and meta graph to the event file whenever it has a session, also where
`RunConfig.checkpoint_save_graph_def` is off, and a graph holds the arrays that the input and the model are made of.
"""

from typing import Any

import tensorflow as tf

from estimator_runtime.loop import event_writers

_train: Any = tf.compat.v1.train


class SaverHook(_train.CheckpointSaverHook):  # type: ignore[misc]  # TensorFlow is untyped
    """Saves checkpoints; adds the graph to the events of its first session, if it is to be saved.

    Args:
        directory: directory of checkpoints and events.
        save_graph_def: whether graphs are saved, beside the checkpoints and in the events.
        settings: arguments of CheckpointSaverHook.
    """

    def __init__(self, directory: str, *, save_graph_def: bool, **settings: Any) -> None:
        super().__init__(directory, save_graph_def=save_graph_def, **settings)
        self._saves_graph = save_graph_def
        self._is_added = False

    def begin(self) -> None:
        """Gets ready for a training."""
        super().begin()
        self._is_added = False

    def after_create_session(self, session: Any, coord: Any) -> None:
        """Saves the first checkpoint of a session."""
        if self._saves_graph and not self._is_added:
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
