"""The document's sentences about export_savedmodel."""

import inspect
from pathlib import Path

import linear_model
import numpy as np
import pytest
import tensorflow as tf
from document import cites, parameters
from linear_model import raw_receiver, v1
from tensorflow.core.protobuf import saved_model_pb2

from estimator_runtime import Estimator, ModeKeys, export


@cites(
    "export_savedmodel(self, export_dir_base, serving_input_receiver_fn, assets_extra=None, as_text=False, "
    "checkpoint_path=None)"
)
def test_export_signature():
    empty = inspect.Parameter.empty
    assert parameters(Estimator.export_savedmodel)[:6] == [
        ("self", empty),
        ("export_dir_base", empty),
        ("serving_input_receiver_fn", empty),
        ("assets_extra", None),
        ("as_text", False),
        ("checkpoint_path", None),
    ]


def answer(path, key="serving_default", x=3.0):
    """What one signature of an export answers to one request."""
    with tf.Graph().as_default(), v1.Session() as session:
        signature = v1.saved_model.load(session, ["serve"], path).signature_def[key]
        (asked,) = signature.inputs.values()
        fetches = {name: info.name for name, info in signature.outputs.items()}
        return session.run(fetches, {asked.name: [[x]]})


@cites(
    "Exports inference graph as a SavedModel into given dir.",
    "It restores the given checkpoint (or, lacking that, the most recent checkpoint) into this graph in a fresh "
    "session.",
    "The checkpoint path to export.",
    "If `None` (the default), the most recent checkpoint found within the model directory is chosen.",
)
def test_export_restores_a_checkpoint(trained, tmp_path):
    latest = trained.export_savedmodel(str(tmp_path / "latest"), raw_receiver)
    older = trained.export_savedmodel(
        str(tmp_path / "older"), raw_receiver, checkpoint_path=f"{trained.model_dir}/model.ckpt-0"
    )
    np.testing.assert_allclose(answer(latest)["y"], 3 * trained.get_variable_value("w"), rtol=1e-5)
    np.testing.assert_array_equal(answer(older)["y"], [[0]])


@cites(
    "This method builds a new graph by first calling the serving_input_receiver_fn to obtain feature `Tensor`s, and "
    "then calling this `Estimator`'s model_fn to generate the model graph based on those features.",
    "A function that takes no argument and returns a `ServingInputReceiver`.",
)
def test_export_builds_a_new_graph(trained, tmp_path):
    calls = []

    def receiver():
        calls.append(("receiver", v1.get_default_graph()))
        return raw_receiver()

    def model_fn(features, labels, mode):
        calls.append(("model", v1.get_default_graph()))
        assert (labels, mode) == (None, ModeKeys.PREDICT)
        assert features["x"].op.name == "x"
        return linear_model.model_fn(features, labels, mode)

    linear_model.estimator(trained.model_dir, model_fn).export_savedmodel(str(tmp_path), receiver)
    (first, graph), (second, same) = calls
    assert (first, second) == ("receiver", "model")
    assert graph is same is not v1.get_default_graph()


@cites(
    "Finally it creates a timestamped export directory below the given export_dir_base, and writes a `SavedModel` "
    "into it containing a single `MetaGraphDef` saved from this session.",
    "A string containing a directory in which to create timestamped subdirectories containing exported SavedModels.",
    "The string path to the exported directory.",
)
def test_export_directory(trained, tmp_path, monkeypatch):
    monkeypatch.setattr("time.time", lambda: 1790000000.5)
    path = trained.export_savedmodel(str(tmp_path), raw_receiver)
    assert isinstance(path, str)
    assert path == path.decode() == str(tmp_path / "1790000000")
    assert [entry.name for entry in tmp_path.iterdir()] == ["1790000000"]
    assert len(saved_model_proto(path).meta_graphs) == 1


def saved_model_proto(path):
    # The public loader reads one meta graph; the file itself says how many there are.
    message = saved_model_pb2.SavedModel()
    message.ParseFromString(Path(path, "saved_model.pb").read_bytes())
    return message


@cites(
    "The exported `MetaGraphDef` will provide one `SignatureDef` for each element of the export_outputs dict returned "
    "from the model_fn, named using the same keys.",
    "One of these keys is always signature_constants.DEFAULT_SERVING_SIGNATURE_DEF_KEY, indicating which signature "
    "will be served when a serving request does not specify one.",
    "For each signature, the outputs are provided by the corresponding `ExportOutput`s, and the inputs are always the "
    "input receivers provided by the serving_input_receiver_fn.",
)
def test_export_signatures(trained, tmp_path):
    model = linear_model.model_with(
        export_outputs=lambda features: {
            "serving_default": export.PredictOutput({"x": features["x"]}),
            "plus": export.PredictOutput({"plus": features["x"] + 1}),
        }
    )
    path = linear_model.estimator(trained.model_dir, model).export_savedmodel(
        str(tmp_path / "two"), raw_receiver
    )
    signatures = saved_model_proto(path).meta_graphs[0].signature_def
    assert set(signatures) == {"serving_default", "plus"}
    assert [set(signatures[key].inputs) for key in signatures] == [{"x"}, {"x"}]
    assert answer(path) == {"x": [[3]]}
    assert answer(path, "plus") == {"plus": [[4]]}

    single = linear_model.model_with(export_outputs=lambda f: {"only": export.PredictOutput(f["x"])})
    path = linear_model.estimator(trained.model_dir, single).export_savedmodel(
        str(tmp_path / "single"), raw_receiver
    )
    assert set(saved_model_proto(path).meta_graphs[0].signature_def) == {"only", "serving_default"}

    several = linear_model.model_with(
        export_outputs=lambda f: {"a": export.PredictOutput(f["x"]), "b": export.PredictOutput(f["x"])}
    )
    with pytest.raises(ValueError, match="none of them are specified as the default"):
        linear_model.estimator(trained.model_dir, several).export_savedmodel(
            str(tmp_path / "several"), raw_receiver
        )


@cites(
    "Extra assets may be written into the SavedModel via the extra_assets argument.",
    "This should be a dict, where each key gives a destination path (including the filename) relative to the "
    "assets.extra directory.",
    "The corresponding value gives the full path of the source file to be copied.",
    "For example, the simple case of copying a single file without renaming it is specified as "
    "`{'my_asset_file.txt': '/path/to/my_asset_file.txt'}`.",
    "A dict specifying how to populate the assets.extra directory within the exported SavedModel, or `None` if no "
    "extra assets are needed.",
)
def test_extra_assets(trained, tmp_path):
    source = tmp_path / "my_asset_file.txt"
    source.write_text("warm up")
    path = trained.export_savedmodel(
        str(tmp_path / "with"),
        raw_receiver,
        assets_extra={"my_asset_file.txt": str(source), "deep/er/renamed.txt": str(source)},
    )
    assert Path(path, "assets.extra", "my_asset_file.txt").read_text() == "warm up"
    assert Path(path, "assets.extra", "deep", "er", "renamed.txt").read_text() == "warm up"
    without = trained.export_savedmodel(str(tmp_path / "without"), raw_receiver, assets_extra=None)
    assert not Path(without, "assets.extra").exists()


@cites("whether to write the SavedModel proto in text format.")
def test_export_as_text(trained, tmp_path):
    for as_text, name in ((False, "saved_model.pb"), (True, "saved_model.pbtxt")):
        path = trained.export_savedmodel(str(tmp_path / name), raw_receiver, as_text=as_text)
        assert [entry.name for entry in Path(path).glob("saved_model.*")] == [name]
        np.testing.assert_allclose(answer(path)["y"], 3 * trained.get_variable_value("w"), rtol=1e-5)


@cites(
    "if no serving_input_receiver_fn is provided, no export_outputs are provided, or no checkpoint can be found."
)
def test_exports_that_cannot_be_made(trained, tmp_path):
    base = tmp_path / "exports"
    with pytest.raises(ValueError, match="input_receiver_fn must be defined"):
        trained.export_savedmodel(str(base), None)
    empty = linear_model.estimator(trained.model_dir, linear_model.model_with(export_outputs={}))
    with pytest.raises(ValueError, match="export_outputs must be provided"):
        empty.export_savedmodel(str(base), raw_receiver)
    with pytest.raises(ValueError, match="Couldn't find trained model at"):
        linear_model.estimator(tmp_path / "untrained").export_savedmodel(str(base), raw_receiver)
    assert not base.exists() or not list(base.iterdir())
