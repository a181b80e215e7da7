"""Exports of a model whose Scaffold saves with a tf.train.Checkpoint."""

import numpy as np
import pytest
import tensorflow as tf

from estimator_runtime import (
    BestExporter,
    Estimator,
    EstimatorSpec,
    EvalSpec,
    FinalExporter,
    LatestExporter,
    TrainSpec,
    train_and_evaluate,
)
from estimator_runtime.experimental import build_raw_supervised_input_receiver_fn
from estimator_runtime.export import PredictOutput, ServingInputReceiver

v1 = tf.compat.v1


def model_fn(features, labels, mode):
    weight = v1.get_variable("w", [], initializer=v1.constant_initializer(0.5), use_resource=True)
    step = v1.train.get_or_create_global_step()
    scaffold = v1.train.Scaffold(saver=tf.train.Checkpoint(weight=weight, step=step))
    labels = labels["labels"] if isinstance(labels, dict) else labels
    predictions = features["x"] * weight
    outputs = {"serving_default": PredictOutput({"y": predictions})}
    if mode == "infer":
        return EstimatorSpec(mode, predictions=predictions, export_outputs=outputs, scaffold=scaffold)
    loss = tf.reduce_mean((predictions - labels) ** 2)
    train_op = v1.train.GradientDescentOptimizer(0.1).minimize(loss, step)
    return EstimatorSpec(mode, predictions=predictions, loss=loss, train_op=train_op, scaffold=scaffold)


def input_fn():
    return tf.data.Dataset.from_tensors(({"x": tf.constant([[1.0]])}, tf.constant([[2.0]])))


def receiver():
    x = v1.placeholder(tf.float32, [None, 1], "x")
    return ServingInputReceiver({"x": x}, {"x": x})


def answer(path):
    with tf.Graph().as_default(), v1.Session() as session:
        graph = v1.saved_model.load(session, ["serve"], str(path))
        signature = graph.signature_def["serving_default"]
        fed = {signature.inputs["x"].name: [[2.0]]}
        return session.run(signature.outputs["y"].name, fed)


@pytest.fixture
def trained(tmp_path):
    return Estimator(model_fn, str(tmp_path / "model")).train(input_fn, steps=1)


def test_the_export_answers_with_the_checkpoints_values(trained, tmp_path):
    for export in (trained.export_saved_model, trained.export_savedmodel):
        np.testing.assert_allclose(answer(export(str(tmp_path / "export"), receiver)), [[1.6]])


def test_all_modes_are_exported_at_once(trained, tmp_path):
    supervised = build_raw_supervised_input_receiver_fn(
        {"x": tf.constant([[1.0]])}, {"labels": tf.constant([[2.0]])}
    )
    path = trained.experimental_export_all_saved_models(
        str(tmp_path / "export"), {"train": supervised, "eval": supervised, "infer": receiver}
    )
    np.testing.assert_allclose(answer(path), [[1.6]])


def test_exporters_export_it(tmp_path):
    estimator = Estimator(model_fn, str(tmp_path / "model"))
    exporters = [
        LatestExporter("latest", receiver),
        FinalExporter("final", receiver),
        BestExporter("best", receiver),
    ]
    train_and_evaluate(
        estimator,
        TrainSpec(input_fn, max_steps=1),
        EvalSpec(input_fn, exporters=exporters, start_delay_secs=0),
    )
    for name in ("latest", "final", "best"):
        (path,) = (tmp_path / "model" / "export" / name).glob("[0-9]*")
        np.testing.assert_allclose(answer(path), [[1.6]])
