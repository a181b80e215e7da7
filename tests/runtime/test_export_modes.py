"""Exports of a model in training and in evaluation, and of several modes at once."""

import linear_model
import numpy as np
import pytest
import tensorflow as tf
from linear_model import raw_receiver, v1

from estimator_runtime import Estimator, ModeKeys, experimental, export
from estimator_runtime.export.supervised import SupervisedInputReceiver, TrainOutput

TRAIN, EVAL, PREDICT = ModeKeys.TRAIN, ModeKeys.EVAL, ModeKeys.PREDICT
TAGS = {TRAIN: "train", EVAL: "eval", PREDICT: "serve"}

supervised_receiver = experimental.build_raw_supervised_input_receiver_fn(
    {"x": tf.constant([[1.0]])}, tf.constant([[1.0]])
)
RECEIVERS = {PREDICT: raw_receiver, EVAL: supervised_receiver, TRAIN: supervised_receiver}


def with_momentum(features, labels, mode):
    y = linear_model.linear(features["x"])
    if mode != TRAIN:
        return linear_model.spec(mode, y, labels)
    loss = tf.reduce_mean(tf.square(y - labels))
    train_op = v1.train.MomentumOptimizer(0.01, 0.9).minimize(loss, v1.train.get_global_step())
    return linear_model.spec(mode, y, labels, loss=loss, train_op=train_op)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    estimator = linear_model.estimator(tmp_path_factory.mktemp("model"), with_momentum)
    return estimator.train(linear_model.train_input, steps=3)


@pytest.fixture(scope="module")
def path(model, tmp_path_factory):
    return model.experimental_export_all_saved_models(str(tmp_path_factory.mktemp("e")), RECEIVERS)


def meta_graphs(path):
    saved = tf.io.gfile.GFile(f"{path}/saved_model.pb", "rb").read()
    from tensorflow.core.protobuf import saved_model_pb2  # the format has no public class

    return saved_model_pb2.SavedModel.FromString(saved).meta_graphs


def test_one_meta_graph_per_mode(path):
    assert [list(m.meta_info_def.tags) for m in meta_graphs(path)] == [["train"], ["eval"], ["serve"]]


@pytest.mark.parametrize(
    ("mode", "key", "method", "outputs"),
    [
        (TRAIN, "train", "training", ["loss", "predictions/y"]),
        (EVAL, "eval", "eval", ["loss", "metrics/mae/update_op", "metrics/mae/value", "predictions/y"]),
    ],
)
def test_signatures_of_training_and_evaluation(mode, key, method, outputs, path):
    with tf.Graph().as_default(), v1.Session() as session:
        (signature,) = v1.saved_model.load(session, [TAGS[mode]], path).signature_def.items()
    assert signature[0] == key
    assert signature[1].method_name == f"tensorflow/supervised/{method}"
    assert sorted(signature[1].inputs) == ["label", "x"]
    assert sorted(signature[1].outputs) == outputs


def test_training_goes_on_from_an_export(path, model):
    """The optimizer's variables are in it: a step does what the Estimator's own next step would do."""
    with tf.Graph().as_default() as graph, v1.Session() as session:
        signature = v1.saved_model.load(session, ["train"], path).signature_def["train"]
        (train_op,) = graph.get_collection("saved_model_train_op")
        variables = {v.op.name: v for v in v1.global_variables()}
        before = session.run(variables)
        feeds = {signature.inputs[name].name: [[1.0]] for name in ("x", "label")}
        session.run(train_op, feeds)
        after = session.run(variables)
    assert set(before) == {"w", "w/Momentum", "global_step"} == set(model.get_variable_names())
    for name, value in before.items():
        np.testing.assert_array_equal(value, model.get_variable_value(name))
    assert after["global_step"] == before["global_step"] + 1
    momentum = 0.9 * before["w/Momentum"] + 2 * (before["w"] - 1)
    np.testing.assert_allclose(after["w"], before["w"] - 0.01 * momentum, rtol=1e-5)


def test_metrics_of_an_export_can_be_evaluated(path):
    with tf.Graph().as_default(), v1.Session() as session:
        signature = v1.saved_model.load(session, ["eval"], path).signature_def["eval"]
        outputs = {name: info.name for name, info in signature.outputs.items()}
        feeds = {signature.inputs["x"].name: [[1.0]], signature.inputs["label"].name: [[0.0]]}
        session.run(outputs["metrics/mae/update_op"], feeds)
        predicted, error = session.run([outputs["predictions/y"], outputs["metrics/mae/value"]], feeds)
        assert abs(predicted) == error


@pytest.mark.parametrize("mode", [TRAIN, EVAL, PREDICT])
def test_one_mode(mode, model, tmp_path):
    path = model.export_saved_model(tmp_path, RECEIVERS[mode], experimental_mode=mode)
    assert [list(m.meta_info_def.tags) for m in meta_graphs(path)] == [[TAGS[mode]]]
    with tf.Graph().as_default(), v1.Session() as session:
        v1.saved_model.load(session, [TAGS[mode]], path)
        values = session.run({variable.op.name: variable for variable in v1.global_variables()})
    assert values == {name: model.get_variable_value(name) for name in values}
    assert set(values) == set(model.get_variable_names() if mode == TRAIN else {"w", "global_step"})


@pytest.mark.parametrize("receivers", [{}, {"other": raw_receiver}, {TRAIN: None}])
def test_no_mode(receivers, model, tmp_path):
    with pytest.raises(ValueError, match="No valid modes for exporting found. Got "):
        model.experimental_export_all_saved_models(tmp_path / "e", receivers)
    assert not (tmp_path / "e").exists()


def with_extra(*modes):
    """A model function that makes a variable more in some modes."""

    def model_fn(features, labels, mode):
        y = linear_model.linear(features["x"])
        if mode in modes:
            y += v1.get_variable("extra", [1, 1], initializer=v1.ones_initializer())
        return linear_model.spec(mode, y, labels)

    return model_fn


@pytest.mark.parametrize("mode", [TRAIN, EVAL, PREDICT])
def test_variables_of_any_mode_that_the_checkpoint_lacks_are_refused(mode, model, tmp_path):
    """Written, they would be values that no training made, or ones that cannot be loaded."""
    estimator = linear_model.estimator(model.model_dir, with_extra(mode))
    with pytest.raises(
        ValueError,
        match=rf"Could not load all requested variables from checkpoint.*model.ckpt-3, the mode '{mode}': it has not extra",
    ):
        estimator.experimental_export_all_saved_models(tmp_path, RECEIVERS)
    assert list(tmp_path.iterdir()) == []


def averaged(features, labels, mode):
    """Evaluates and predicts with the moving average of the weight, which its own saver restores."""
    weight = v1.get_variable("w", [1, 1], initializer=v1.zeros_initializer())
    average = tf.train.ExponentialMovingAverage(0.5)
    y = tf.matmul(features["x"], weight)
    if mode == TRAIN:
        spec = linear_model.spec(mode, y, labels)
        with tf.control_dependencies([spec.train_op]):
            return spec._replace(train_op=average.apply([weight]))
    saver = v1.train.Saver(average.variables_to_restore([weight]))
    return linear_model.spec(mode, y, labels, scaffold=v1.train.Scaffold(saver=saver))


def test_a_scaffolds_own_saver_restores_in_every_mode(tmp_path):
    estimator = linear_model.estimator(tmp_path / "model", averaged).train(linear_model.train_input, steps=3)
    weight = estimator.get_variable_value("w/ExponentialMovingAverage")
    assert weight != estimator.get_variable_value("w")
    (predicted, *_) = estimator.predict(lambda: tf.data.Dataset.from_tensors({"x": [[1.0]]}))
    assert predicted["y"] == weight
    expected = np.mean(np.abs(linear_model.X * weight - linear_model.Y))
    assert estimator.evaluate(linear_model.eval_input)["mae"] == pytest.approx(expected)
    path = estimator.experimental_export_all_saved_models(
        tmp_path / "e", {EVAL: supervised_receiver, PREDICT: raw_receiver}
    )
    for tag in ("eval", "serve"):
        with tf.Graph().as_default() as graph, v1.Session() as session:
            v1.saved_model.load(session, [tag], path)
            assert session.run(graph.get_tensor_by_name("w/Read/ReadVariableOp:0")) == weight


def test_a_saver_of_names_that_the_checkpoint_lacks_is_refused(model, tmp_path):
    def model_fn(features, labels, mode):
        y = linear_model.linear(features["x"])
        (weight,) = v1.trainable_variables()
        saver = v1.train.Saver({"other": weight}) if mode == EVAL else None
        return linear_model.spec(mode, y, labels, scaffold=v1.train.Scaffold(saver=saver))

    estimator = linear_model.estimator(model.model_dir, model_fn)
    with pytest.raises(ValueError, match="the mode 'eval': it has not other"):
        estimator.experimental_export_all_saved_models(
            tmp_path, {mode: RECEIVERS[mode] for mode in (EVAL, PREDICT)}
        )


def test_every_export_goes_through_the_one_method_that_may_be_overridden(model, tmp_path):
    calls = []

    class Overriding(Estimator):
        def _export_all_saved_models(self, export_dir_base, input_receiver_fn_map, **rest):
            calls.append((export_dir_base, list(input_receiver_fn_map), rest["strip_default_attrs"]))
            return super()._export_all_saved_models(export_dir_base, input_receiver_fn_map, **rest)

    estimator = Overriding(with_momentum, model.model_dir)
    estimator.export_savedmodel(str(tmp_path), raw_receiver)
    estimator.export_saved_model(str(tmp_path), supervised_receiver, experimental_mode=EVAL)
    estimator.experimental_export_all_saved_models(str(tmp_path), {PREDICT: raw_receiver})
    assert calls == [
        (str(tmp_path), [PREDICT], False),
        (str(tmp_path), [EVAL], True),
        (str(tmp_path), [PREDICT], True),
    ]


def test_an_exporter_of_a_form_of_its_own(model):
    """What TensorFlow Hub's exporter asks an Estimator for: the model in a graph and a session's options."""
    with tf.Graph().as_default():
        spec = model._call_model_fn(raw_receiver().features, None, PREDICT, model.config)
        with v1.Session(config=model._session_config) as session:
            v1.train.Saver().restore(session, model.latest_checkpoint())
            answer = session.run(spec.predictions["y"], {"x:0": [[1.0]]})
    assert answer == model.get_variable_value("w")


# Receivers and outputs


def test_a_supervised_receiver():
    features, labels = {"a": tf.constant([[1.0]]), "b": tf.constant([b"x"])}, {"c": tf.constant([[1, 2]])}
    with tf.Graph().as_default():
        receiver = experimental.build_raw_supervised_input_receiver_fn(features, labels, 3)()
    described = {
        name: (t.op.name, t.dtype, t.shape.as_list()) for name, t in receiver.receiver_tensors.items()
    }
    assert described == {
        "a": ("a", tf.float32, [3, 1]),
        "b": ("b", tf.string, [3]),
        "c": ("c", tf.int32, [3, 2]),
    }
    assert (list(receiver.features), list(receiver.labels)) == (["a", "b"], ["c"])


def test_a_supervised_receiver_of_single_tensors():
    with tf.Graph().as_default():
        receiver = experimental.build_raw_supervised_input_receiver_fn(
            tf.constant([[1.0]]), tf.constant([1])
        )()
    assert receiver.receiver_tensors == {"input": receiver.features, "label": receiver.labels}


def test_features_and_labels_with_a_key_in_common():
    one = tf.constant([[1.0]])
    with pytest.raises(ValueError, match="must have distinct keys. Found overlapping keys: {'a'}"):
        experimental.build_raw_supervised_input_receiver_fn({"a": one, "b": one}, {"a": one})


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((None, 1.0, 1.0), "features must be defined."),
        ((1.0, None, 1.0), "labels must be defined."),
        ((1.0, 1.0, None), "receiver_tensors must be defined."),
        ((1.0, 1.0, {1: 1.0}), "receiver_tensor keys must be strings: 1."),
        ((1.0, "x", 1.0), "label label must be a Tensor, SparseTensor, or RaggedTensor. Given: x"),
    ],
)
def test_refused_receivers(arguments, text):
    def tensor(value):
        return tf.constant(value) if isinstance(value, float) else value

    with tf.Graph().as_default(), pytest.raises(ValueError, match=text):
        SupervisedInputReceiver(
            *({k: tensor(v) for k, v in a.items()} if isinstance(a, dict) else tensor(a) for a in arguments)
        )


@pytest.mark.parametrize(("kind", "method"), [(TrainOutput, "training"), (export.EvalOutput, "eval")])
def test_supervised_outputs(kind, method):
    with tf.Graph().as_default():
        one = tf.constant(1.0)
        output = kind(one, {"y": one}, {"m": (one, tf.no_op())})
        signature = output.as_signature_def({"x": v1.placeholder(tf.float32)})
    assert signature.method_name == f"tensorflow/supervised/{method}"
    assert sorted(signature.outputs) == ["loss", "metrics/m/update_op", "metrics/m/value", "predictions/y"]
    assert (list(output.loss), list(output.predictions)) == (["loss"], ["y"])


def test_the_train_operation_is_in_each_mode_whose_spec_has_one(tmp_path):
    """Programs of one EstimatorSpec for training and evaluation have it in both."""

    def model_fn(features, labels, mode):
        spec = with_momentum(features, labels, mode)
        return spec if mode == TRAIN else spec._replace(train_op=tf.no_op("not_run"))

    estimator = linear_model.estimator(tmp_path / "model", model_fn).train(linear_model.train_input, steps=1)
    path = estimator.experimental_export_all_saved_models(str(tmp_path / "e"), RECEIVERS)
    kept = {
        "/".join(m.meta_info_def.tags): "saved_model_train_op" in m.collection_def for m in meta_graphs(path)
    }
    assert kept == {"train": True, "eval": True, "serve": True}
