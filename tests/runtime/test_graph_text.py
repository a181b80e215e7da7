"""graph.pbtxt has the text that TensorFlow writes, and the arrays in it do not go through protobuf's text."""

from pathlib import Path

import linear_model
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from linear_model import v1

from estimator_runtime.checkpoints import graph_text

ARRAY = np.random.default_rng(1).integers(0, 256, 3 * 2**20 + 5, np.uint8)


def graph_of_arrays():
    """Arrays with every byte, large and small, in nodes, in functions and among strings."""
    graph = tf.Graph()
    with graph.as_default():
        tf.constant(ARRAY, name="large")
        tf.constant(np.arange(256, dtype=np.uint8), name="small")
        tf.constant(np.zeros([100_000], np.float32) + 0.1, name="equal")
        tf.constant([b"\n\"'\\", b"\xff\x00" * 5000], name="strings")

        @tf.function
        def inside(x):
            return x + tf.constant(ARRAY[:9999].astype(np.float32))

        inside(tf.zeros([9999]))
    return graph


@pytest.mark.parametrize("make", [graph_of_arrays, tf.Graph])
def test_the_text_is_tensorflows(tmp_path, make):
    graph = make()
    definition = graph.as_graph_def(add_shapes=True)
    tf.io.write_graph(definition, str(tmp_path), "expected.pbtxt")
    graph_text.write(graph.as_graph_def(add_shapes=True), str(tmp_path / "new"))
    written = (tmp_path / "new" / graph_text.NAME).read_bytes()
    assert written == (tmp_path / "expected.pbtxt").read_bytes()
    assert [path.name for path in (tmp_path / "new").iterdir()] == [graph_text.NAME]


def test_a_graph_that_cannot_be_written_leaves_what_was_there(tmp_path, monkeypatch):
    (tmp_path / graph_text.NAME).write_text("old")

    def fails(*_):
        raise MemoryError("no room")

    monkeypatch.setattr(text_format, "MessageToString", fails)
    with pytest.raises(MemoryError, match="no room"):
        graph_text.write(graph_of_arrays().as_graph_def(), str(tmp_path))
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_a_training_writes_graph_and_meta_graph_as_ever_and_no_array_by_protobufs_text(tmp_path, monkeypatch):
    longest = []
    to_text = text_format.MessageToString

    def measured(message, *given, **settings):
        text = to_text(message, *given, **settings)
        longest.append(len(text))
        return text

    monkeypatch.setattr(text_format, "MessageToString", measured)

    def model(features, labels, mode):
        y = linear_model.linear(features["x"])
        noise = tf.reduce_sum(tf.constant(ARRAY))
        return linear_model.spec(mode, y + 0.0 * tf.cast(noise, tf.float32), labels)

    estimator = linear_model.estimator(tmp_path, model).train(linear_model.train_input, steps=7)
    assert longest
    assert max(longest) < len(ARRAY)
    written = text_format.Parse((tmp_path / graph_text.NAME).read_text(), v1.GraphDef())
    constant = next(
        node for node in written.node if node.attr["value"].tensor.tensor_content == ARRAY.tobytes()
    )
    assert constant.op == "Const"
    kept = sorted(path.name for path in Path(estimator.model_dir).glob("*.meta"))
    assert kept == ["model.ckpt-0.meta", "model.ckpt-5.meta", "model.ckpt-7.meta"]


def test_a_training_that_saves_no_graph_writes_none(tmp_path):
    linear_model.estimator(tmp_path, checkpoint_save_graph_def=False).train(linear_model.train_input, steps=7)
    names = [path.name for path in tmp_path.iterdir()]
    assert not [name for name in names if "graph" in name or name.endswith(".meta")]
    assert "model.ckpt-7.index" in names
