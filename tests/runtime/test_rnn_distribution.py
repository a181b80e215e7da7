"""RNN Estimators on two replicas of one host, and as the processes of a job with two ps tasks."""

import numpy as np
import ps_job
import pytest
import replicated
import rnn_data
import tensorflow as tf
from rnn_data import fc, v1

from estimator_runtime.experimental import RNNClassifier

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def in_two_devices():
    """Calls a function in a process that has two CPU devices."""
    with replicated.executor() as executor:
        yield lambda function, *args: executor.submit(function, *args).result()


def trained(directory, cell_type, return_sequences, *, config, batch):
    """The variables after three steps of descent, from weights that no seed of an operation decides."""
    constant = tf.keras.initializers.Constant(0.1)
    cells = {"lstm": tf.keras.layers.LSTMCell, "gru": tf.keras.layers.GRUCell}
    estimator = RNNClassifier(
        [
            rnn_data.numbers(),
            fc.embedding_column(rnn_data.words(), 2, initializer=v1.constant_initializer(0.2)),
        ],
        rnn_cell_fn=lambda: cells[cell_type](3, kernel_initializer=constant, recurrent_initializer=constant),
        return_sequences=return_sequences,
        loss_reduction="sum",
        optimizer=lambda: v1.train.GradientDescentOptimizer(0.01),
        model_dir=directory,
        config=config,
    )
    labels = rnn_data.each_step(lambda sums: sums > 0) if return_sequences else "binary"
    estimator.train(rnn_data.input_of(labels, batch=batch), steps=3)
    metrics = estimator.evaluate(rnn_data.input_of(labels, epochs=1))
    return {name: estimator.get_variable_value(name) for name in estimator.get_variable_names()}, metrics


def on_two(directory, *given):
    return trained(directory, *given, config=replicated.config("mirrored", tf_random_seed=1), batch=8)


@pytest.mark.parametrize(("cell_type", "return_sequences"), [("lstm", False), ("gru", True)])
def test_two_replicas_share_a_step(tmp_path, in_two_devices, cell_type, return_sequences):
    variables, metrics = in_two_devices(on_two, str(tmp_path), cell_type, return_sequences)
    assert variables["global_step"] == 3
    names = {name for name in variables if "seed" not in name}
    assert names == {
        "global_step",
        "rnn_model/logits/bias",
        "rnn_model/logits/kernel",
        *(f"rnn_model/rnn/{cell_type}_cell/{part}" for part in ("bias", "kernel", "recurrent_kernel")),
        "sequence_features/word_embedding/embedding_weights",
    }
    assert np.isfinite(metrics["loss"])
    assert np.abs(variables["rnn_model/logits/bias"]) > 0


def test_a_job_trains_evaluates_and_exports_one(tmp_path):
    model, accuracies, loaded = ps_job.run(tmp_path, "rnn_program", "rnn_data.py")
    assert dict(tf.train.list_variables(str(model)))["rnn_model/rnn/lstm_cell/kernel"] == [3, 32]
    assert accuracies[-1] > 0.8
    assert set(loaded.signatures) == {"serving_default", "classification", "regression", "predict"}
