"""The graph among the events of a training: once, or not at all."""

from pathlib import Path

import linear_model
import pytest
import tensorflow as tf
from linear_model import train_input, v1


def event_files(directory):
    return sorted(Path(directory).glob("*tfevents*"))


def events(directory):
    return [event for file in event_files(directory) for event in v1.train.summary_iterator(str(file))]


def kinds(directory):
    return [event.WhichOneof("what") for event in events(directory)]


def estimator_in(directory, model=linear_model.model_fn, **config):
    return linear_model.estimator(directory, model, **{"save_summary_steps": 2, **config})


def with_constant(features, labels, mode):
    """A model whose graph holds 2 MB."""
    table = tf.constant(list(range(500_000)), tf.int32)
    spec = linear_model.model_fn(features, labels, mode)
    if mode != "train":
        return spec
    with tf.control_dependencies([tf.reduce_sum(table)]):
        return spec._replace(loss=tf.identity(spec.loss))


def size(directory):
    return sum(file.stat().st_size for file in event_files(directory))


def test_without_graphs_event_files_are_small(tmp_path):
    for number in (1, 2, 3):
        estimator_in(tmp_path, with_constant, checkpoint_save_graph_def=False).train(train_input, steps=3)
        assert size(tmp_path) < number * 20_000
    assert not {"graph_def", "meta_graph_def"} & set(kinds(tmp_path))
    assert "loss" in {value.tag for event in events(tmp_path) for value in event.summary.value}


def test_a_directory_is_made_before_the_first_checkpoint_though_no_graph_is_written_there(tmp_path):
    estimator = estimator_in(tmp_path / "new" / "model", checkpoint_save_graph_def=False)
    estimator.train(train_input, steps=3)
    assert estimator.latest_checkpoint().endswith("model.ckpt-3")


@pytest.mark.parametrize("saves", [{}, {"save_checkpoints_steps": None}], ids=["saves", "saves nothing"])
def test_the_graph_is_among_the_events_of_a_call_once(tmp_path, saves):
    config = {**saves, **({"save_checkpoints_secs": None} if saves else {})}
    estimator_in(tmp_path, with_constant, **config).train(train_input, steps=3)
    (graph,) = [event for event in events(tmp_path) if event.WhichOneof("what") == "graph_def"]
    assert v1.GraphDef.FromString(graph.graph_def).node
    assert kinds(tmp_path).count("meta_graph_def") == 1
    assert 4_000_000 < size(tmp_path) < 4_200_000


def test_nothing_is_written_where_nothing_is_to_be(tmp_path):
    config = {"save_checkpoints_steps": None, "save_summary_steps": None, "log_step_count_steps": None}
    estimator_in(tmp_path, **config).train(train_input, steps=3)
    assert event_files(tmp_path) == []


class Clears(v1.train.SessionRunHook):
    """A program's hook that closes all writers, as some do before they read the events."""

    def begin(self):
        v1.summary.FileWriterCache.clear()


def test_no_graph_is_written_where_a_program_has_cleared_the_cache(tmp_path):
    estimator = estimator_in(tmp_path, checkpoint_save_graph_def=False)
    estimator.train(train_input, steps=3, hooks=[Clears()])
    assert not {"graph_def", "meta_graph_def"} & set(kinds(tmp_path))
    assert "loss" in {value.tag for event in events(tmp_path) for value in event.summary.value}


class AddsAGraph(v1.train.CheckpointSaverListener):
    """Adds a graph of its own to the same events at each checkpoint."""

    def __init__(self, directory):
        self.directory = str(directory)

    def after_save(self, session, global_step_value):
        v1.summary.FileWriterCache.get(self.directory).add_graph(session.graph, global_step_value)


def test_a_graph_that_somebody_else_adds_meanwhile_is_written(tmp_path):
    estimator = estimator_in(tmp_path, checkpoint_save_graph_def=False, save_checkpoints_steps=100)
    estimator.train(train_input, steps=3, saving_listeners=[AddsAGraph(tmp_path)])
    graphs = [event.step for event in events(tmp_path) if event.WhichOneof("what") == "graph_def"]
    assert graphs == [0, 3]
