"""RNN Estimators: they learn, evaluate, predict, export and go on."""

import os
import subprocess
import sys

import numpy as np
import pytest
import rnn_data
import tensorflow as tf
from rnn_data import fc, input_of, numbers, v1, words

import estimator_runtime as er
from estimator_runtime.experimental import RNNClassifier, RNNEstimator


def adam():
    return v1.train.AdamOptimizer(0.03)


def classifier(directory, **given):
    return RNNClassifier(
        **{
            "sequence_feature_columns": [numbers()],
            "units": 8,
            "optimizer": adam,
            "model_dir": str(directory),
            "config": rnn_data.config(),
            **given,
        }
    )


@pytest.mark.parametrize("cell_type", ["simple_rnn", "lstm", "gru"])
def test_a_classifier_learns_words(tmp_path, cell_type):
    made = classifier(tmp_path, cell_type=cell_type, label_vocabulary=["no", "yes"])
    made.train(input_of("words"), max_steps=150)
    metrics = made.evaluate(input_of("words", epochs=1))
    assert metrics["accuracy"] > 0.9
    predicted = list(made.predict(input_of("words", epochs=1)))
    assert len(predicted) == 32
    wrong = [
        one["classes"][0].decode() != label[0] for one, label in zip(predicted, rnn_data.LABELS["words"])
    ]
    assert np.mean(wrong) == pytest.approx(1 - metrics["accuracy"])


def test_a_head_of_ones_own_and_two_layers_of_cells(tmp_path):
    made = RNNEstimator(
        er.RegressionHead(),
        [numbers()],
        units=[8, 4],
        cell_type="gru",
        optimizer=adam,
        model_dir=str(tmp_path),
        config=rnn_data.config(),
    )
    made.train(input_of("numbers"), max_steps=150)
    metrics = made.evaluate(input_of("numbers", epochs=1))
    assert metrics["average_loss"] < rnn_data.SUMS.var() / 10


def test_context_and_words_alone_tell_the_label(tmp_path):
    columns = {
        "sequence_feature_columns": [fc.indicator_column(words())],
        "context_feature_columns": [fc.numeric_column("c")],
    }
    made = classifier(tmp_path, **columns)
    made.train(input_of("binary"), max_steps=80)
    assert made.evaluate(input_of("binary", epochs=1))["accuracy"] == 1
    assert made.get_variable_value("rnn_model/rnn/simple_rnn_cell/kernel").shape == (3, 8)


def test_a_sequence_of_predictions(tmp_path):
    labels = rnn_data.each_step(lambda sums: sums > 0)
    made = classifier(tmp_path, cell_type="lstm", return_sequences=True)
    made.train(input_of(labels), max_steps=150)
    metrics = made.evaluate(input_of(labels, epochs=1))
    assert metrics["accuracy"] > 0.9
    steps = [label for label, x in zip(labels, rnn_data.X) for label in label[: len(x)]]
    assert metrics["label/mean"] == pytest.approx(np.mean(steps))
    for one, x in zip(made.predict(input_of(labels, epochs=1)), rnn_data.X):
        assert one["sequence_mask"].sum() == len(x)
        assert one["sequence_mask"][: len(x)].all()
        assert one["logits"].shape == (len(one["sequence_mask"]), 1)


@pytest.mark.parametrize("cell_type", ["simple_rnn", "lstm", "gru"])
def test_padding_changes_nothing(tmp_path, cell_type):
    """An example alone, beside a longer one, and wider than it is long."""
    made = classifier(tmp_path, cell_type=cell_type)
    made.train(input_of("binary"), max_steps=5)

    def predicted(rows, width):
        indices = [[row, step] for row, x in enumerate(rows) for step in range(len(x))]
        values = np.concatenate(rows).astype(np.float32)

        def input_fn():
            return tf.data.Dataset.from_tensors({"x": tf.SparseTensor(indices, values, [len(rows), width])})

        return next(made.predict(input_fn))["logits"]

    alone = predicted([[0.5, -1.0]], 2)
    # Not to the last digit: processors add up the products of one row and of two in different orders.
    np.testing.assert_allclose(predicted([[0.5, -1.0], [1.0, 2.0, 3.0]], 3), alone, rtol=1e-5)
    np.testing.assert_allclose(predicted([[0.5, -1.0]], 7), alone, rtol=1e-5)
    assert abs(predicted([[0.5, -1.0, 0.25]], 3) - alone) > 1e-4


def test_an_export_answers_examples(tmp_path):
    columns = [numbers(), fc.embedding_column(words(), 2)]
    made = classifier(tmp_path, sequence_feature_columns=columns, cell_type="gru")
    made.train(input_of("binary"), max_steps=5)
    receiver = er.export.build_parsing_serving_input_receiver_fn(fc.make_parse_example_spec(columns))
    loaded = tf.saved_model.load(made.export_saved_model(str(tmp_path / "export"), receiver))
    assert set(loaded.signatures) == {"serving_default", "classification", "regression", "predict"}
    feature = tf.train.Feature
    examples = [
        tf.train.Example(
            features=tf.train.Features(
                feature={
                    "x": feature(float_list=tf.train.FloatList(value=x)),
                    "word": feature(
                        bytes_list=tf.train.BytesList(value=[b"up" if one > 0 else b"down" for one in x])
                    ),
                }
            )
        ).SerializeToString()
        for x in rnn_data.X
    ]
    answer = loaded.signatures["predict"](examples=tf.constant(examples))
    predicted = [one["logits"] for one in made.predict(input_of("binary", epochs=1))]
    np.testing.assert_allclose(answer["logits"], predicted, rtol=1e-5, atol=1e-6)


def test_cells_with_dropout_draw_new_masks_and_keep_their_seed(tmp_path):
    made = classifier(
        tmp_path, units=None, rnn_cell_fn=lambda: tf.keras.layers.GRUCell(4, dropout=0.5), optimizer="SGD"
    )
    made.train(input_of("binary"), max_steps=1)
    name = next(name for name in made.get_variable_names() if "seed" in name)
    first = made.get_variable_value(name)
    made.train(input_of("binary"), max_steps=3)
    assert (made.get_variable_value(name) != first).any()
    predicted = [[one["logits"] for one in made.predict(input_of("binary", epochs=1))] for _ in range(2)]
    np.testing.assert_array_equal(*predicted)


def test_cells_without_dropout_have_no_seed_in_checkpoints_and_a_seed_decides_their_weights(tmp_path):
    left = []
    for directory in (tmp_path / "one", tmp_path / "other"):
        made = classifier(directory, units=[4, 3], cell_type="lstm")
        made.train(input_of("binary"), max_steps=1)
        assert [name for name in made.get_variable_names() if "seed" in name] == []
        left.append({name: made.get_variable_value(name).tolist() for name in made.get_variable_names()})
    assert left[0] == left[1]


READ_BY_KERAS_2 = """
import sys
sys.path.insert(0, sys.argv[2])
import test_rnn_estimators
made = test_rnn_estimators.of_both_versions(sys.argv[1])
print(sorted(made.evaluate(test_rnn_estimators.input_of("binary", epochs=1)).items()))
made.train(test_rnn_estimators.input_of("binary"), steps=3)
print(sorted(made.evaluate(test_rnn_estimators.input_of("binary", epochs=1)).items()))
"""


def of_both_versions(directory):
    return classifier(
        directory,
        sequence_feature_columns=[numbers(), fc.embedding_column(words(), 2)],
        units=[4, 3],
        cell_type="lstm",
    )


@pytest.mark.timeout(300)
def test_keras_2_reads_the_checkpoint_and_goes_on_as_keras_3_does(tmp_path):
    made = of_both_versions(tmp_path)
    made.train(input_of("binary"), max_steps=5)
    copied = tmp_path / "copied"
    copied.mkdir()
    for path in tmp_path.glob("*.ckpt-5*"):
        (copied / path.name).write_bytes(path.read_bytes())
    done = subprocess.run(
        [sys.executable, "-c", READ_BY_KERAS_2, str(copied), os.path.dirname(__file__)],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "TF_USE_LEGACY_KERAS": "1"},
    )
    assert done.returncode == 0, done.stderr
    before, after = (dict(eval(line, {"np": np})) for line in done.stdout.splitlines()[-2:])
    assert before == pytest.approx(made.evaluate(input_of("binary", epochs=1)), abs=1e-5)
    made.train(input_of("binary"), steps=3)
    assert after["global_step"] == 8
    assert after == pytest.approx(made.evaluate(input_of("binary", epochs=1)), abs=1e-4)
