"""Canned Estimators on two replicas of one host, and as the processes of a job with two ps tasks."""

import canned_data
import numpy as np
import ps_job
import pytest
import replicated
import tensorflow as tf
from canned_data import input_of

from estimator_runtime import faces

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def in_two_devices():
    """Calls `trained_on_two_replicas` in a process that has two CPU devices."""
    with replicated.executor() as executor:
        yield lambda *args: executor.submit(trained_on_two_replicas, *args).result()


def trained_on_two_replicas(kind, form, directory, arguments):
    """(global step, loss of an evaluation) after three steps; called in a process with two CPU devices."""
    made = canned_data.columns()
    columns = {key: made[value] for key, value in arguments.items() if isinstance(value, str)}
    make = getattr(faces, form).resolve(f"{kind}Classifier")
    estimator = make(
        model_dir=directory,
        config=replicated.config("mirrored", tf_random_seed=1),
        **{**arguments, **columns},
    )
    estimator.train(input_of("binary"), steps=3)
    return estimator.get_variable_value("global_step"), estimator.evaluate(input_of("binary", epochs=1))


@pytest.mark.parametrize("form", ["V1", "V2"])
def test_two_replicas_share_a_step(tmp_path, in_two_devices, form):
    deep = {"dnn_feature_columns": "dense", "dnn_hidden_units": [4], "batch_norm": True}
    arguments = {"linear_feature_columns": "wide", **deep}
    steps, metrics = in_two_devices("DNNLinearCombined", form, str(tmp_path), arguments)
    assert steps == 3
    assert metrics["label/mean"] == 0.5
    examples = 8 if form == "V1" else 1  # the first form sums over a batch
    assert metrics["loss"] == pytest.approx(examples * metrics["average_loss"])


@pytest.mark.parametrize("kind", ["Baseline", "Linear"])
def test_two_replicas_take_the_step_of_one_with_both_batches(tmp_path, in_two_devices, kind):
    arguments = {"feature_columns": "wide"} if kind == "Linear" else {}
    directory = str(tmp_path / "two")
    in_two_devices(kind, "V2", directory, arguments)
    columns = {key: canned_data.columns()[value] for key, value in arguments.items()}
    one = faces.V2.resolve(f"{kind}Classifier")(model_dir=str(tmp_path / "one"), **columns)
    one.train(input_of("binary", batch=16), steps=3)
    for name in one.get_variable_names():
        np.testing.assert_allclose(
            tf.train.load_variable(directory, name),
            one.get_variable_value(name),
            rtol=1e-4,
            atol=1e-6,
            err_msg=name,
        )


def test_a_job_trains_evaluates_and_exports_one(tmp_path):
    model, accuracies, loaded = ps_job.run(tmp_path, "canned_program")
    assert dict(tf.train.list_variables(str(model)))["dnn/hiddenlayer_1/kernel"] == [512, 512]
    assert accuracies[-1] > 0.9
    assert set(loaded.signatures) == {"serving_default", "classification", "regression", "predict"}
