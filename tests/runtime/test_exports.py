"""Exports: receivers, signatures, assets, and what happens when one fails or two meet."""

import os
import time
from pathlib import Path

import linear_model
import numpy as np
import pytest
import tensorflow as tf
from linear_model import raw_receiver, v1

from estimator_runtime import Estimator, LatestExporter, RunConfig, export


def exported(trained, directory, receiver_fn=raw_receiver, **fields):
    estimator = linear_model.estimator(trained.model_dir, linear_model.model_with(**fields))
    return estimator.export_saved_model(str(directory), receiver_fn)


def signatures(path):
    with tf.Graph().as_default(), v1.Session() as session:
        return dict(v1.saved_model.load(session, ["serve"], path).signature_def)


def ask(path, key="serving_default", **inputs):
    with tf.Graph().as_default(), v1.Session() as session:
        signature = v1.saved_model.load(session, ["serve"], path).signature_def[key]
        feeds = {signature.inputs[name].name: value for name, value in inputs.items()}
        return session.run({name: info.name for name, info in signature.outputs.items()}, feeds)


def serialized(*values):
    feature = lambda value: tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
    features = [tf.train.Features(feature={"x": feature(value)}) for value in values]
    return [tf.train.Example(features=each).SerializeToString() for each in features]


parsing_receiver = export.build_parsing_serving_input_receiver_fn(
    {"x": tf.io.FixedLenFeature([1], tf.float32)}
)


# Receivers


def test_requests_of_serialized_examples(trained, tmp_path):
    path = exported(trained, tmp_path, parsing_receiver)
    answer = ask(path, examples=serialized(1, 2))
    np.testing.assert_allclose(answer["y"], trained.get_variable_value("w") * [[1], [2]], rtol=1e-5)


def test_the_parsing_receiver():
    with tf.Graph().as_default():
        spec = {"a": tf.io.FixedLenFeature([1], tf.int64), "b": tf.io.VarLenFeature(tf.string)}
        receiver = export.build_parsing_serving_input_receiver_fn(spec, default_batch_size=5)()
    assert receiver.receiver_tensors["examples"].name == "input_example_tensor:0"
    assert receiver.receiver_tensors["examples"].shape == [5]
    assert isinstance(receiver.features["b"], tf.SparseTensor)


def test_the_raw_receiver():
    with tf.Graph().as_default():
        features = {
            "a": tf.constant([[1.0]], name="called_a"),
            "b": v1.placeholder(tf.int64, [None, 2, 3], name="called_b"),
        }
    for batch_size in (None, 4):
        with tf.Graph().as_default():
            receiver = export.build_raw_serving_input_receiver_fn(features, batch_size)()
        described = {key: (t.op.name, t.dtype, t.shape.as_list()) for key, t in receiver.features.items()}
        assert described == {
            "a": ("called_a", tf.float32, [batch_size, 1]),
            "b": ("called_b", tf.int64, [batch_size, 2, 3]),
        }
        assert receiver.receiver_tensors == receiver.features


def test_the_raw_receiver_of_eager_and_single_tensors():
    for features in ({"x": tf.constant([[1.0]])}, tf.constant([[1.0]])):
        with tf.Graph().as_default():
            receiver = export.build_raw_serving_input_receiver_fn(features)()
            (tensor,) = receiver.features.values()
            assert tensor.shape.as_list() == [None, 1]


@pytest.mark.parametrize("key", ["sepal length (cm)", "größe", "_hidden", "a:0", "(", "a/b", "7"])
def test_the_raw_receiver_of_a_key_that_is_no_name_of_an_operation(key):
    with tf.Graph().as_default():
        receiver = export.build_raw_serving_input_receiver_fn({key: tf.constant([[1.0]])})()
        assert receiver.receiver_tensors[key].op.type == "Placeholder"


def test_single_tensors_get_names():
    with tf.Graph().as_default():
        x = tf.constant(1.0)
        receiver = export.ServingInputReceiver(x, x, {"other": x})
        assert list(receiver.features) == ["feature"]
        assert list(receiver.receiver_tensors) == ["input"]
        assert list(receiver.receiver_tensors_alternatives["other"]) == ["input"]
        assert export.TensorServingInputReceiver(x, x).features is x


def one():
    return tf.constant(1.0)


@pytest.mark.parametrize("kind", [export.ServingInputReceiver, export.TensorServingInputReceiver])
@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((None, one), "features must be defined"),
        ((one, None), "receiver_tensors must be defined"),
        ((one, {"a": 3}), "receiver_tensor a must be a Tensor, SparseTensor, or RaggedTensor."),
        ((one, {1: 3}), "receiver_tensor keys must be strings: 1."),
        ((one, one, [1]), "receiver_tensors_alternatives must be a dict"),
        ((one, one, {"a": 3}), "receiver_tensors_alternative input must be a Tensor"),
    ],
)
def test_refused_receivers(kind, arguments, text):
    with tf.Graph().as_default(), pytest.raises(ValueError, match=text):
        kind(*(a() if callable(a) else a for a in arguments))


@pytest.mark.parametrize(
    ("kind", "features", "text"),
    [
        (export.ServingInputReceiver, {"a": 3}, "feature a must be a Tensor"),
        (export.ServingInputReceiver, {(1,): 3}, r"feature keys must be strings or ints: \(1,\)."),
        (export.TensorServingInputReceiver, {"a": 3}, "feature must be a Tensor"),
    ],
)
def test_refused_features(kind, features, text):
    with tf.Graph().as_default(), pytest.raises(ValueError, match=text):
        kind(features, one())


# Outputs and signatures


def test_classification_and_regression_take_serialized_examples(trained, tmp_path, tf_log):
    path = exported(
        trained,
        tmp_path,
        parsing_receiver,
        export_outputs=lambda features: {
            "serving_default": export.RegressionOutput(features["x"]),
            "classes": export.ClassificationOutput(features["x"], tf.as_string(features["x"])),
            "plain": export.PredictOutput({("head", "x"): features["x"]}),
        },
    )
    by_name = signatures(path)
    assert {key: s.method_name.rsplit("/", 1)[1] for key, s in by_name.items()} == {
        "serving_default": "regress",
        "classes": "classify",
        "plain": "predict",
    }
    assert set(by_name["classes"].outputs) == {"scores", "classes"}
    assert set(by_name["plain"].outputs) == {"head/x"}
    assert "Signatures INCLUDED in export for Classify: ['classes']" in tf_log
    np.testing.assert_array_equal(ask(path, inputs=serialized(3))["outputs"], [[3]])


def test_signatures_that_cannot_be_asked_for_are_reported(trained, tmp_path, tf_log):
    path = exported(
        trained,
        tmp_path,
        export_outputs=lambda features: {"only": export.RegressionOutput(features["x"])},
    )
    assert signatures(path) == {}
    reported = [line for line in tf_log if "EXCLUDED" in line or "Export includes" in line]
    assert len(reported) == 3
    assert "Regression input must be a single string Tensor" in reported[0]
    assert reported[-1] == "Export includes no signatures!"


@pytest.mark.parametrize("key", ["predict", "other"])
def test_only_the_output_of_all_predictions_becomes_the_default(key, trained, tmp_path, tf_log):
    path = exported(
        trained,
        tmp_path,
        export_outputs=lambda features: {
            "serving_default": export.RegressionOutput(features["x"]),
            key: export.PredictOutput({"x": features["x"]}),
        },
    )
    assert set(signatures(path)) == ({"serving_default", "predict"} if key == "predict" else {"other"})
    warned = [line for line in tf_log if "EXCLUDED" in line or "no default signature" in line]
    assert len(warned) == (1 if key == "predict" else 2)
    assert ("Its place is taken by 'predict'" in warned[0]) == (key == "predict")


def test_alternative_receivers_make_more_signatures(trained, tmp_path):
    def receiver_fn():
        receiver = parsing_receiver()
        return export.ServingInputReceiver(
            receiver.features, receiver.receiver_tensors, {"raw": {"x": receiver.features["x"]}}
        )

    path = exported(trained, tmp_path, receiver_fn)
    assert set(signatures(path)) == {"serving_default", "raw:serving_default"}
    np.testing.assert_array_equal(
        ask(path, "raw:serving_default", x=[[2.0]])["y"], ask(path, examples=serialized(2))["y"]
    )


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (export.ClassificationOutput, "Cannot create a ClassificationOutput with empty arguments"),
        (lambda: export.ClassificationOutput(scores=tf.constant(1)), "scores must be a float32 Tensor"),
        (lambda: export.ClassificationOutput(classes=one()), "classes must be a string Tensor"),
        (lambda: export.RegressionOutput(None), "value must be a float32 Tensor"),
        (lambda: export.PredictOutput({1: one()}), "Prediction output key must be a string; got 1."),
        (lambda: export.PredictOutput({"a": 1}), "Prediction output value must be a Tensor; got 1."),
        (lambda: export.EvalOutput(metrics={"a": (1, 2)}), "Metric a must be a Tensor and an update"),
    ],
)
def test_refused_outputs(make, text):
    with tf.Graph().as_default(), pytest.raises(ValueError, match=text):
        make()


def test_an_eval_output():
    with tf.Graph().as_default():
        output = export.EvalOutput(one(), {"y": one()}, {"m": (one(), tf.no_op())})
        signature = output.as_signature_def({"x": v1.placeholder(tf.float32)})
    assert signature.method_name == "tensorflow/supervised/eval"
    assert sorted(signature.outputs) == ["loss", "metrics/m/update_op", "metrics/m/value", "predictions/y"]
    assert (list(output.loss), list(output.predictions)) == (["loss"], ["y"])


# The export itself


def test_tables_and_assets_come_with_the_export(trained, tmp_path):
    vocabulary = tmp_path / "words.txt"
    vocabulary.write_text("zero\none\n")

    def predictions(features):
        initializer = tf.lookup.TextFileInitializer(
            str(vocabulary),
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        )
        table = tf.lookup.StaticVocabularyTable(initializer, 1)
        return {"index": table.lookup(tf.fill(tf.shape(features["x"]), "one"))}

    path = exported(trained, tmp_path / "exports", predictions=predictions)
    vocabulary.unlink()
    assert Path(path, "assets", "words.txt").exists()
    assert ask(path, x=[[0.0]])["index"] == [[1]]


def test_a_local_init_op_of_the_model_is_the_exports(trained, tmp_path):
    def model_fn(features, labels, mode):
        offset = v1.get_variable("offset", [], trainable=False, collections=["mine"])
        y = linear_model.linear(features["x"])
        scaffold = v1.train.Scaffold(local_init_op=v1.assign(offset, 5.0))
        return linear_model.spec(mode, y, labels, predictions={"sum": y * 0 + offset}, scaffold=scaffold)

    path = linear_model.estimator(trained.model_dir, model_fn).export_saved_model(str(tmp_path), raw_receiver)
    assert ask(path, x=[[1.0]]) == {"sum": [[5]]}


def test_exports_in_one_second_do_not_wait_for_the_next(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 1_790_000_000)
    monkeypatch.setattr(time, "sleep", lambda secs: pytest.fail("waited"))
    paths = [trained.export_saved_model(str(tmp_path), raw_receiver) for _ in range(3)]
    assert [os.path.basename(path) for path in paths] == ["1790000000", "1790000001", "1790000002"]


def test_an_export_does_not_wait_for_one_that_was_killed(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 1_790_000_000)
    monkeypatch.setattr(time, "sleep", lambda secs: pytest.fail("waited"))
    (tmp_path / "temp-1790000000").mkdir()
    path = trained.export_saved_model(str(tmp_path), raw_receiver)
    assert os.path.basename(path) == "1790000001"


def test_an_export_has_a_greater_name_than_those_of_a_host_whose_clock_is_ahead(
    trained, tmp_path, monkeypatch
):
    """Else the newest would be served by nobody, and be the first to be deleted."""
    now = [1_790_000_090]
    monkeypatch.setattr(time, "time", lambda: now[0])
    (tmp_path / "9999999999").mkdir()
    (tmp_path / "17").mkdir()
    names = []
    for clock in (1_790_000_090, 1_790_000_000, 1_790_000_001, 1_790_000_200):
        now[0] = clock
        names.append(os.path.basename(trained.export_saved_model(str(tmp_path), raw_receiver)))
    assert names == ["1790000090", "1790000091", "1790000092", "1790000200"]


def test_the_newest_export_stays_where_a_clock_was_ahead(trained, tmp_path, monkeypatch):
    exporter = LatestExporter("latest", raw_receiver, exports_to_keep=1)
    for clock in (1_790_000_090, 1_790_000_000):
        monkeypatch.setattr(time, "time", lambda clock=clock: clock)
        path = exporter.export(trained, str(tmp_path), trained.latest_checkpoint(), {}, False)
    assert [str(one) for one in tmp_path.iterdir()] == [path]
    assert Path(path, "saved_model.pb").exists()


def test_two_exports_at_the_same_time_write_into_directories_of_their_own(trained, tmp_path, monkeypatch):
    """The other one begins when this one has found its name free, and before it has written anything."""
    now = [1_790_000_000]
    monkeypatch.setattr(time, "time", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda secs: now.__setitem__(0, now[0] + secs))
    paths = []
    builder = v1.saved_model.Builder

    def building(directory):
        if not paths:
            paths.append(None)
            paths[0] = trained.export_saved_model(str(tmp_path), raw_receiver)
        return builder(directory)

    monkeypatch.setattr(v1.saved_model, "Builder", building)
    paths.append(trained.export_saved_model(str(tmp_path), raw_receiver))
    assert len(set(paths)) == 2
    for path in paths:
        assert ask(path, x=[[0.0]])
    assert sorted(os.listdir(tmp_path)) == sorted(map(os.path.basename, paths))


def test_what_went_wrong_is_said_also_where_its_leftovers_cannot_be_deleted(trained, tmp_path, monkeypatch):
    def refuse(path):
        raise tf.errors.FailedPreconditionError(None, None, "a file is open")

    monkeypatch.setattr(v1.gfile, "DeleteRecursively", refuse)
    with pytest.raises(tf.errors.NotFoundError, match="/no/such/file"):
        trained.export_saved_model(str(tmp_path), raw_receiver, assets_extra={"a.txt": "/no/such/file"})


def test_no_name_is_free(trained, tmp_path, monkeypatch):
    def taken(path):
        raise tf.errors.AlreadyExistsError(None, None, path)

    slept = []
    monkeypatch.setattr(tf.io.gfile, "mkdir", taken)
    monkeypatch.setattr(time, "sleep", slept.append)
    with pytest.raises(
        RuntimeError, match="Failed to obtain a unique export directory name after 10 attempts"
    ):
        trained.export_saved_model(str(tmp_path), raw_receiver)
    assert slept == [1] * 10


def test_a_failed_export_leaves_nothing(trained, tmp_path):
    def model_fn(features, labels, mode):
        v1.get_variable("unknown", [1])
        return linear_model.model_fn(features, labels, mode)

    with pytest.raises(ValueError, match="Could not load all requested variables from checkpoint"):
        linear_model.estimator(trained.model_dir, model_fn).export_saved_model(str(tmp_path), raw_receiver)
    with pytest.raises(tf.errors.NotFoundError):
        trained.export_saved_model(str(tmp_path), raw_receiver, assets_extra={"a.txt": "/no/such/file"})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("destination", ["/a.txt", "../a.txt", "b/../../a.txt", ".", ""])
def test_extra_assets_stay_in_the_export(destination, trained, tmp_path):
    source = tmp_path / "source.txt"
    source.write_text("x")
    with pytest.raises(ValueError, match="relative to assets.extra"):
        trained.export_saved_model(str(tmp_path / "e"), raw_receiver, assets_extra={destination: str(source)})


def test_default_attributes_are_stripped_where_tf_estimator_strips_them(trained, tmp_path):
    sizes = []
    for name in ("export_savedmodel", "export_saved_model"):
        path = getattr(trained, name)(tmp_path / name, raw_receiver)
        sizes.append(Path(path, "saved_model.pb").stat().st_size)
    assert sizes[0] > sizes[1]


def test_seeds_reach_the_exported_graph(trained, tmp_path):
    estimator = Estimator(
        linear_model.model_with(
            predictions=lambda features: {"r": tf.random.uniform([1, 1]) + 0 * features["x"]}
        ),
        trained.model_dir,
        RunConfig(tf_random_seed=7),
    )
    answers = [ask(estimator.export_saved_model(str(tmp_path / n), raw_receiver), x=[[0.0]]) for n in "ab"]
    assert answers[0] == answers[1]
