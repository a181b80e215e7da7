"""The names of the tensors for which clients of exports and hooks of trainings ask canned Estimators: tf.estimator's."""

import pytest
import tensorflow as tf
from canned_data import columns, config, input_of, v1
from rnn_data import input_of as sequences_of
from rnn_data import numbers

import estimator_runtime as er
from estimator_runtime import faces

OF_CLASSES = {
    "probabilities": "probabilities",
    "class_ids": "ExpandDims",
    "classes": "str_classes",
    "all_class_ids": "Tile",
    "all_classes": "Tile_1",
}
OF_TWO = {**OF_CLASSES, "logistic": "logistic"}
LINEAR_V1 = "linear/linear_model/linear_model/linear_model/weighted_sum"
LINEAR_V2 = "linear/linear_model/linear/linear_model/linear/linear_model/weighted_sum"


def in_scope(scope, names, **others):
    """{prediction: name of its tensor} for names below a head's scope, and others."""
    made = {key: f"{scope}/predictions/{name}" for key, name in names.items()} | others
    return {key: f"{name}:0" for key, name in made.items()}


def exported(estimator, directory, spec):
    """{signature: {output: name of its tensor}}."""
    receiver = er.export.build_parsing_serving_input_receiver_fn(spec)
    path = estimator.export_saved_model(str(directory / "export"), receiver)
    with tf.Graph().as_default(), v1.Session() as session:
        meta_graph = v1.saved_model.load(session, ["serve"], tf.compat.as_str_any(path))
    return {
        name: {key: info.name for key, info in signature.outputs.items()}
        for name, signature in meta_graph.signature_def.items()
    }


def trained(make, labels, directory):
    estimator = make(model_dir=str(directory / "model"), config=config())
    return estimator.train(input_of(labels), steps=1)


def names_of(make, labels, directory):
    spec = tf.feature_column.make_parse_example_spec(columns()["wide"])
    return exported(trained(make, labels, directory), directory, spec)


V1, V2 = (form.resolve for form in (faces.V1, faces.V2))
DEEP_LOGITS = "dnn/logits/BiasAdd"


@pytest.mark.parametrize(
    ("resolve", "scope", "ids_of_three"), [(V1, "dnn/head", "ExpandDims_2"), (V2, "head", "ExpandDims")]
)
class TestClassifiers:
    def test_of_two_classes(self, tmp_path, resolve, scope, ids_of_three):
        del ids_of_three
        make = resolve("DNNClassifier")
        names = names_of(lambda **kw: make([3], columns()["dense"], **kw), "binary", tmp_path)
        chances = {"scores": f"{scope}/predictions/probabilities:0", "classes": f"{scope}/Tile:0"}
        assert names == {
            "predict": in_scope(scope, OF_TWO, logits=DEEP_LOGITS),
            "serving_default": chances,
            "classification": chances,
            "regression": {"outputs": f"{scope}/predictions/logistic:0"},
        }

    def test_of_three_classes(self, tmp_path, resolve, scope, ids_of_three):
        make = resolve("DNNClassifier")
        names = names_of(lambda **kw: make([3], columns()["dense"], n_classes=3, **kw), "classes", tmp_path)
        expected = {**OF_CLASSES, "class_ids": ids_of_three}
        assert names["predict"] == in_scope(scope, expected, logits=DEEP_LOGITS)

    def test_a_hook_logs_them_in_a_training_and_an_evaluation(self, tmp_path, resolve, scope, ids_of_three):
        del ids_of_three
        make, logged = resolve("DNNClassifier"), []
        name = f"{scope}/predictions/probabilities:0"

        def hook():
            return v1.train.LoggingTensorHook({"p": name}, every_n_iter=1, formatter=keep)

        def keep(values):
            logged.append(values["p"].shape)
            return ""

        made = make([3], columns()["dense"], model_dir=str(tmp_path), config=config())
        made.train(input_of("binary"), hooks=[hook()], steps=1)
        made.evaluate(input_of("binary", epochs=1), hooks=[hook()], steps=1)
        assert logged == [(8, 2), (8, 2)]


@pytest.mark.parametrize(
    ("resolve", "scope", "logits"), [(V1, "linear/head", LINEAR_V1), (V2, "head", LINEAR_V2)]
)
def test_of_a_linear_model(tmp_path, resolve, scope, logits):
    make = resolve("LinearClassifier")
    names = names_of(lambda **kw: make(columns()["wide"], **kw), "binary", tmp_path)
    assert names["predict"] == in_scope(scope, OF_TWO, logits=logits)


@pytest.mark.parametrize("resolve", [V1, V2])
def test_of_words(tmp_path, resolve):
    make = resolve("BaselineClassifier")
    names = names_of(lambda **kw: make(label_vocabulary=["no", "yes"], **kw), "words", tmp_path)
    assert names["predict"]["classes"] == "head/predictions/hash_table_Lookup/LookupTableFindV2:0"


@pytest.mark.parametrize(
    ("head", "labels", "predictions"),
    [
        (er.PoissonRegressionHead(), "binary", {"predictions": "head/predictions/Exp:0"}),
        (er.LogisticRegressionHead(), "binary", {"predictions": "head/predictions/Sigmoid:0"}),
        (
            er.BinaryClassHead(name="mine"),
            "binary",
            {key: f"mine/predictions/{name}:0" for key, name in OF_TWO.items()},
        ),
    ],
)
def test_of_heads(tmp_path, head, labels, predictions):
    names = names_of(lambda **kw: er.BaselineEstimator(head, **kw), labels, tmp_path)
    found = names["predict"]
    assert {key: name for key, name in found.items() if key != "logits"} == predictions


def test_several_heads_have_scopes_of_their_own():
    head = er.MultiHead([er.BinaryClassHead(name="one"), er.MultiLabelHead(3, name="other")])
    with tf.Graph().as_default():
        spec = head.create_estimator_spec({}, er.ModeKeys.PREDICT, tf.zeros([2, 4]))
        names = {key: tensor.name for key, tensor in spec.predictions.items()}
        classes = {key: spec.export_outputs[key].classes.name for key in ("one", "other")}
    assert names[("one", "logistic")] == "one_other/one/predictions/logistic:0"
    assert names[("other", "probabilities")] == "one_other/other/predictions/probabilities:0"
    assert names[("one", "logits")] == "one_other/split_logits/Slice:0"
    assert names[("other", "logits")] == "one_other/split_logits/Slice_1:0"
    assert classes == {"one": "one_other/one/Tile:0", "other": "one_other/other/Tile:0"}


def test_of_a_recurrent_model(tmp_path):
    made = er.experimental.RNNClassifier(
        [numbers()], units=[2], model_dir=str(tmp_path / "model"), config=config()
    )
    made.train(sequences_of("binary"), steps=1)
    names = exported(made, tmp_path, {"x": tf.io.VarLenFeature(tf.float32)})
    assert names["predict"] == in_scope("head", OF_TWO, logits="rnn_model/logits/BiasAdd")
