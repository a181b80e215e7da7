"""RNN Estimators on two replicas of one host, and as the processes of a job with two ps tasks."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import replicated
import rnn_data
import tensorflow as tf
import test_canned_distribution
import yaml
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
    job = {
        **test_canned_distribution.JOB,
        "metadata": {"name": "rnn"},
        "spec": {
            **test_canned_distribution.JOB["spec"],
            "program": {"module": "rnn_program", "args": ["--model-dir=$(ESTIMATOR_MODEL_DIR)"]},
        },
    }
    (tmp_path / "job.yaml").write_text(yaml.safe_dump(job))
    for name in ("rnn_program.py", "rnn_data.py"):
        shutil.copy(Path(__file__).with_name(name), tmp_path)
    command = [sys.executable, "-m", "estimatorctl", "run", "job.yaml", "--code", ".", "--model-dir", "model"]
    answer = subprocess.run(
        command,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    output = answer.stdout + answer.stderr
    assert answer.returncode == 0, output
    assert "Restarts" not in output, output
    model = tmp_path / "model"
    assert dict(tf.train.list_variables(str(model)))["rnn_model/rnn/lstm_cell/kernel"] == [3, 32]
    evaluations = [
        value.simple_value
        for path in sorted((model / "eval").glob("*"))
        for event in v1.train.summary_iterator(str(path))
        for value in event.summary.value
        if value.tag == "accuracy"
    ]
    assert evaluations[-1] > 0.8
    loaded = tf.saved_model.load(str(max((model / "export" / "final").glob("1*"))))
    assert set(loaded.signatures) == {"serving_default", "classification", "regression", "predict"}
