"""The canned Estimators of both faces: they learn, evaluate, predict, export and go on."""

import subprocess
import sys

import canned_data
import numpy as np
import pytest
import tensorflow as tf
from canned_data import columns, config, input_of, v1

import estimator_runtime as er
from estimator_runtime import faces

CLASSES = {"accuracy", "average_loss", "loss", "global_step"}
NUMBERS = {"average_loss", "loss", "global_step", "label/mean", "prediction/mean"}
BINARY = CLASSES | {
    *(
        "accuracy_baseline",
        "auc",
        "auc_precision_recall",
        "label/mean",
        "precision",
        "prediction/mean",
        "recall",
    )
}
FORMS = {"V1": faces.V1, "V2": faces.V2}


def arguments(kind):
    """What an Estimator of a kind is given beside its head's arguments."""
    made = columns()
    return {
        "Baseline": {},
        "Linear": {"feature_columns": made["wide"]},
        "DNN": {"feature_columns": made["dense"], "hidden_units": [8]},
        "DNNLinearCombined": {
            "linear_feature_columns": made["wide"],
            "dnn_feature_columns": made["dense"],
            "dnn_hidden_units": [8],
        },
    }[kind]


def optimizers(kind, rate):
    """Optimizers that learn the small data fast."""
    made = v1.train.AdamOptimizer(rate)
    if kind == "DNNLinearCombined":
        return {"linear_optimizer": made, "dnn_optimizer": v1.train.AdamOptimizer(rate)}
    return {"optimizer": made}


def estimator(form, kind, what, directory, **more):
    make = FORMS[form].resolve(f"{kind}{what}")
    return make(model_dir=str(directory), config=config(), **arguments(kind), **more)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["Baseline", "Linear", "DNN", "DNNLinearCombined"])
class TestEveryKind:
    def test_a_regressor_learns(self, tmp_path, form, kind):
        made = estimator(form, kind, "Regressor", tmp_path, **optimizers(kind, 0.1))
        made.train(input_of("numbers"), max_steps=150)
        metrics = made.evaluate(input_of("numbers", epochs=1))
        assert set(metrics) == NUMBERS
        variance = canned_data.LABELS["numbers"].var()
        if kind == "Baseline":
            assert metrics["average_loss"] == pytest.approx(variance, rel=0.05)
            assert metrics["prediction/mean"] == pytest.approx(1, abs=0.1)
        else:
            assert metrics["average_loss"] < variance / 20
        predicted = [one["predictions"] for one in made.predict(input_of("numbers", epochs=1))]
        assert np.shape(predicted) == (16, 1)

    def test_a_classifier_learns_words(self, tmp_path, form, kind):
        labels = {"label_vocabulary": ["no", "yes"], **optimizers(kind, 0.1)}
        made = estimator(form, kind, "Classifier", tmp_path, **labels)
        made.train(input_of("words"), max_steps=150)
        metrics = made.evaluate(input_of("words", epochs=1))
        assert set(metrics) == BINARY
        assert metrics["accuracy"] == (0.5 if kind == "Baseline" else pytest.approx(1, abs=0.07))
        assert metrics["accuracy_baseline"] == 0.5
        first = next(made.predict(input_of("words", epochs=1)))
        assert first["all_classes"].tolist() == [b"no", b"yes"]
        assert first["classes"].tolist() == [b"yes" if first["class_ids"][0] else b"no"]

    def test_three_classes_with_a_head_of_ones_own(self, tmp_path, form, kind):
        head = er.MultiClassHead(3, loss_reduction="sum")
        made = estimator(form, kind, "Estimator", tmp_path, head=head, **optimizers(kind, 0.05))
        made.train(input_of("classes"), max_steps=20)
        metrics = made.evaluate(input_of("classes", epochs=1))
        assert set(metrics) == CLASSES
        assert metrics["loss"] == pytest.approx(8 * metrics["average_loss"])

    def test_an_export_answers_examples(self, tmp_path, form, kind):
        made = estimator(form, kind, "Classifier", tmp_path)
        made.train(input_of("binary"), max_steps=2)
        spec = tf.feature_column.make_parse_example_spec(columns()["wide"])
        receiver = er.export.build_parsing_serving_input_receiver_fn(spec)
        loaded = tf.saved_model.load(made.export_saved_model(str(tmp_path / "export"), receiver))
        assert set(loaded.signatures) == {"serving_default", "classification", "regression", "predict"}
        feature = tf.train.Feature
        example = tf.train.Example(
            features=tf.train.Features(
                feature={
                    "x": feature(float_list=tf.train.FloatList(value=[0.5])),
                    "word": feature(bytes_list=tf.train.BytesList(value=[b"a"])),
                }
            )
        ).SerializeToString()
        answer = loaded.signatures["predict"](examples=tf.constant([example, example]))
        asked = {"x": np.array([[0.5]], np.float32), "word": np.array([["a"]])}
        predicted = next(made.predict(lambda: tf.data.Dataset.from_tensors(asked)))
        for key, value in predicted.items():
            assert answer[key].shape[0] == 2
            if value.dtype.kind == "f":
                np.testing.assert_allclose(answer[key][0], value, rtol=1e-5)
            else:
                assert answer[key][0].numpy().tolist() == value.tolist()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("what", ["Classifier", "Regressor"])
def test_an_export_of_raw_tensors_answers_without_a_name(tmp_path, form, what):
    """What the default of serving would be takes examples alone; the predictions take any tensors."""
    made = estimator(form, "Linear", what, tmp_path)
    made.train(input_of("binary" if what == "Classifier" else "numbers"), max_steps=2)
    values = {"x": np.array([[0.5]], np.float32), "word": np.array([["a"]])}
    asked = {name: tf.constant(value) for name, value in values.items()}
    receiver = er.export.build_raw_serving_input_receiver_fn(asked)
    loaded = tf.saved_model.load(made.export_saved_model(str(tmp_path / "export"), receiver))
    assert set(loaded.signatures) == {"serving_default", "predict"}
    answer, named = (loaded.signatures[name](**asked) for name in ("serving_default", "predict"))
    predicted = next(made.predict(lambda: tf.data.Dataset.from_tensors(values)))
    assert set(answer) == set(named) == set(predicted)
    for key in answer:
        assert answer[key].numpy().tolist() == named[key].numpy().tolist()


def shared_columns():
    """Columns of TensorFlow 2, which it makes in graphs alone."""
    words = [tf.feature_column.categorical_column_with_vocabulary_list(name, list("abc")) for name in "pq"]
    with tf.Graph().as_default():
        return tf.feature_column.shared_embeddings(words, 2)


def shared_input():
    """Whether two words are equal; one of them is sparse."""
    words = np.array(list("abcabcab")), np.array(list("abcbcaca"))
    features = {"p": words[0].reshape(-1, 1), "q": tf.sparse.from_dense(words[1].reshape(-1, 1))}
    features["x"] = np.zeros([8, 1], np.float32)
    data = tf.data.Dataset.from_tensor_slices((features, (words[0] == words[1]).astype(np.int64)))
    return data.batch(4).repeat()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["DNN", "DNNLinearCombined"])
def test_columns_that_share_a_table_are_trained(tmp_path, form, kind):
    face = FORMS[form]
    dense = [*shared_columns(), tf.feature_column.numeric_column("x")]
    arguments = {"feature_columns": dense, "hidden_units": [8], "optimizer": "Adam"}
    if kind != "DNN":
        arguments = {"dnn_feature_columns": dense, "dnn_hidden_units": [8], "dnn_optimizer": "Adam"}
    made = face.resolve(f"{kind}Classifier")(model_dir=str(tmp_path), **arguments)
    made.train(shared_input, max_steps=1)
    table = "dnn/input_from_feature_columns/p_q_shared_embedding"
    before = made.get_variable_value(table), made.evaluate(shared_input, steps=2)["average_loss"]
    made.train(shared_input, max_steps=60)
    assert made.get_variable_value(table).shape == (3, 2)
    assert np.all(made.get_variable_value(table) != before[0])
    assert made.evaluate(shared_input, steps=2)["average_loss"] < before[1]


@pytest.mark.parametrize("form", FORMS)
def test_columns_that_share_a_table_are_refused_by_a_linear_model_with_the_way_out(tmp_path, form):
    made = FORMS[form].resolve("LinearClassifier")(shared_columns(), model_dir=str(tmp_path))
    with pytest.raises(ValueError, match="by tf.compat.v1.feature_column.shared_embedding_columns"):
        made.train(shared_input, steps=1)


@pytest.mark.parametrize("form", FORMS)
def test_training_goes_on_from_its_checkpoint(tmp_path, form):
    made = estimator(form, "DNNLinearCombined", "Classifier", tmp_path).train(input_of("binary"), max_steps=5)
    slots = [name for name in made.get_variable_names() if name.endswith("Adagrad")]
    before = {name: made.get_variable_value(name) for name in slots}
    again = estimator(form, "DNNLinearCombined", "Classifier", tmp_path).train(
        input_of("binary"), max_steps=10
    )
    assert again.get_variable_value("global_step") == 10
    assert slots
    for name in slots:  # an accumulator only grows
        assert np.all(again.get_variable_value(name) >= before[name])
        assert np.any(before[name] >= 0.1)


def test_half_of_a_combined_estimator_will_do(tmp_path):
    made = columns()
    halves = {
        "wide": {"linear_feature_columns": made["wide"]},
        "deep": {"dnn_feature_columns": made["dense"], "dnn_hidden_units": [4]},
    }
    for name, half in halves.items():
        for face in FORMS.values():
            make = face.resolve("DNNLinearCombinedRegressor")
            one = make(model_dir=str(tmp_path / name / str(id(face))), config=config(), **half)
            one.train(input_of("numbers"), steps=1)
            scope = {"wide": "linear/", "deep": "dnn/"}[name]
            assert {n.split("/")[0] + "/" for n in one.get_variable_names() if "/" in n} == {scope}


def test_columns_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="Either linear_feature_columns or dnn_feature_columns"):
        er.DNNLinearCombinedRegressor()
    with pytest.raises(ValueError, match="dnn_hidden_units must be defined"):
        er.DNNLinearCombinedClassifier(dnn_feature_columns=columns()["dense"])
    with pytest.raises(ValueError, match="feature_columns must not be empty"):
        er.LinearClassifier([])


def test_a_single_column_stands_for_a_list(tmp_path):
    one = er.LinearRegressor(tf.feature_column.numeric_column("x"), str(tmp_path), config=config())
    one.train(input_of("numbers"), steps=1)
    assert one.get_variable_value("linear/linear_model/x/weights").shape == (1, 1)


@pytest.mark.parametrize("listed", [lambda made: made.values(), lambda made: iter(made.values()), tuple])
def test_any_iterable_of_columns_will_do(tmp_path, listed):
    made = {"x": tf.feature_column.numeric_column("x"), "y": tf.feature_column.numeric_column("y")}
    columns_ = listed(made) if listed is not tuple else tuple(made.values())
    one = er.DNNLinearCombinedRegressor(str(tmp_path), linear_feature_columns=columns_, config=config())
    one.train(input_of("numbers", y=canned_data.X), steps=1)
    assert "linear/linear_model/y/weights" in one.get_variable_names()
    for wrong in (made, "x"):
        with pytest.raises(ValueError, match="must be a list of feature columns"):
            er.LinearRegressor(wrong)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["Baseline", "Linear", "DNN"])
def test_an_optimizer_is_made_for_training_alone(tmp_path, form, kind):
    calls = []

    def make():
        calls.append(1)
        return v1.train.GradientDescentOptimizer(0.1)

    one = estimator(form, kind, "Regressor", tmp_path, optimizer=make)
    one.train(input_of("numbers"), steps=1)
    one.evaluate(input_of("numbers", epochs=1))
    next(one.predict(input_of("numbers", epochs=1)))
    assert len(calls) == 1


def test_with_the_behaviour_of_version_1(tmp_path):
    program = """
import sys
import tensorflow as tf
import estimator_runtime as er
tf.compat.v1.disable_v2_behavior()
def parsed(row):
    return {"x": row[:, :1], "w": row[:, 1:2]}, row[:, 2:]
def input_fn():
    rows = tf.data.Dataset.from_generator(lambda: iter([[[1.0, 1.0, 2.0]] * 4]), tf.float32)
    return rows.map(lambda row: tf.reshape(row, [-1, 3])).map(parsed).map(
        lambda features, labels: (
            {"x": features["x"], "w": tf.compat.v1.placeholder_with_default(features["w"], [None, None])},
            tf.compat.v1.placeholder_with_default(labels, [None, None]),
        )
    )
column = tf.feature_column.numeric_column("x")
one = er.LinearRegressor([column], sys.argv[1], weight_column="w").train(input_fn, steps=1)
print(one.evaluate(input_fn)["label/mean"])
"""
    command = [sys.executable, "-c", program, str(tmp_path)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.stdout.split() == ["2.0"], answer.stderr


def test_features_have_to_be_a_dict(tmp_path):
    def input_fn():
        return tf.data.Dataset.from_tensor_slices((canned_data.X, canned_data.LABELS["numbers"])).batch(8)

    with pytest.raises(ValueError, match="features should be a dictionary"):
        er.BaselineRegressor(str(tmp_path)).train(input_fn, steps=1)


def test_an_unknown_optimizer_is_refused(tmp_path):
    for given, message in (("Sgd", "Unsupported optimizer name: Sgd"), (3, "not an Optimizer instance")):
        with pytest.raises(ValueError, match=message):
            er.BaselineRegressor(str(tmp_path), optimizer=given).train(input_of("numbers"), steps=1)


def test_an_optimizer_may_be_made_in_the_graph(tmp_path):
    def decayed():
        step = v1.train.get_global_step()
        return v1.train.GradientDescentOptimizer(v1.train.exponential_decay(0.5, step, 1, 0.0))

    for form, name in (("V1", "one"), ("V2", "two")):
        made = estimator(form, "Baseline", "Regressor", tmp_path / name, optimizer=decayed)
        made.train(input_of("numbers"), steps=1)
        after_one = made.get_variable_value("baseline/bias")
        made.train(input_of("numbers"), steps=3)  # at a rate of 0
        assert after_one != 0
        assert made.get_variable_value("baseline/bias") == after_one


def test_dropout_and_normalization_are_of_training_alone(tmp_path):
    made = er.DNNRegressor(
        [16], columns()["dense"], str(tmp_path), config=config(), dropout=0.5, batch_norm=True
    )
    made.train(input_of("numbers"), steps=3)
    moved = made.get_variable_value("dnn/hiddenlayer_0/batchnorm_0/moving_mean")
    assert np.any(moved != 0)
    one, other = (list(made.predict(input_of("numbers", epochs=1))) for _ in range(2))
    assert [p["predictions"] for p in one] == [p["predictions"] for p in other]
    assert np.array_equal(made.get_variable_value("dnn/hiddenlayer_0/batchnorm_0/moving_mean"), moved)


def test_warm_start_takes_the_values_of_another(tmp_path):
    first = estimator("V2", "DNN", "Classifier", tmp_path / "first")
    first.train(input_of("binary"), steps=3)
    still = v1.train.GradientDescentOptimizer(0.0)
    second = estimator(
        "V1", "DNN", "Classifier", tmp_path / "second", warm_start_from=first.model_dir, optimizer=still
    )
    second.train(input_of("binary"), steps=1)
    for name in (n for n in second.get_variable_names() if n != "global_step"):
        np.testing.assert_array_equal(second.get_variable_value(name), first.get_variable_value(name))


def test_large_variables_are_partitioned_over_the_ps_in_the_first_form(monkeypatch):
    cluster = '{"cluster": {"chief": ["c:1"], "ps": ["p:1", "q:1"]}, "task": {"type": "chief", "index": 0}}'
    monkeypatch.setenv("TF_CONFIG", cluster)
    shapes = {}
    for form, face in FORMS.items():
        make = face.resolve("DNNRegressor")
        made = make([512], [tf.feature_column.numeric_column("x", (512,))], config=config())
        with tf.Graph().as_default():
            v1.train.create_global_step()
            features = {"x": tf.zeros([4, 512])}
            made.model_fn(features, None, er.ModeKeys.PREDICT, made.config)
            shapes[form] = {v.op.name: v.shape.as_list() for v in v1.trainable_variables()}
    assert shapes["V1"]["dnn/hiddenlayer_0/kernel/part_0"] == [256, 512]
    assert shapes["V1"]["dnn/hiddenlayer_0/kernel/part_1"] == [256, 512]
    assert shapes["V2"]["dnn/hiddenlayer_0/kernel"] == [512, 512]


def test_shared_embeddings(tmp_path):
    fc = v1.feature_column
    one, other = (fc.categorical_column_with_identity(name, 4) for name in ("one", "other"))
    with tf.Graph().as_default():  # TensorFlow refuses to make them eagerly
        shared = fc.shared_embedding_columns([one, other], 2)
    made = er.DNNRegressor([4], shared, str(tmp_path), config=config())
    ids = np.arange(16, dtype=np.int64).reshape(16, 1) % 4
    made.train(input_of("numbers", one=ids, other=ids), steps=2)
    assert [n for n in made.get_variable_names() if "embedding" in n and "Adagrad" not in n] == [
        "dnn/input_from_feature_columns/input_layer/one_other_shared_embedding/embedding_weights"
    ]


def test_a_classifiers_examples_are_described():
    spec = er.classifier_parse_example_spec(columns()["wide"], "label", weight_column="w")
    assert set(spec) == {"x", "word", "label", "w"}
    assert spec["label"] == tf.io.FixedLenFeature((1,), tf.int64, None)
    spec = er.regressor_parse_example_spec(
        columns()["wide"], "y", label_dimension=2, label_default=[0.0, 0.0]
    )
    assert spec["y"] == tf.io.FixedLenFeature((2,), tf.float32, [0.0, 0.0])
    for wrong in ({"label_key": "x"}, {"label_key": "y", "weight_column": "x"}):
        with pytest.raises(ValueError, match="label|weight_column"):
            er.regressor_parse_example_spec(columns()["wide"], **wrong)
    for wrong in (3, columns()["wide"][1]):
        with pytest.raises(ValueError, match="weight_column should be an instance of"):
            er.regressor_parse_example_spec(columns()["wide"], "y", weight_column=wrong)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["Baseline", "Linear", "DNN", "DNNLinearCombined"])
def test_a_canned_model_fn_trains_inside_the_scope_of_a_user(form, kind, tmp_path):
    inner = estimator(form, kind, "Classifier", tmp_path / "inner")

    def model_fn(features, labels, mode, config):
        with v1.variable_scope("of.a_user"), v1.variable_scope("deeper"):
            return inner.model_fn(features, labels, mode, config)

    made = er.Estimator(model_fn, model_dir=str(tmp_path / "outer"), config=config())
    made.train(input_of("binary"), steps=2)
    values = {name: made.get_variable_value(name) for name in made.get_variable_names()}
    assert any(
        np.any(value != 0) for name, value in values.items() if name.endswith(("bias", "bias_weights"))
    )
