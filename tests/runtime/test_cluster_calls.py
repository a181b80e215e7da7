"""What a task of a cluster may call besides training, while the others train: nothing of it touches their variables."""

import json

import linear_model
import numpy as np
import pytest
import tensorflow as tf
from linear_model import eval_input, raw_receiver, train_input
from live_servers import Servers

from estimator_runtime import Estimator, SessionRunHook

AWAY = 123.0
"""What the parameter servers hold for `w`, far from any checkpoint: a worker that trains on would have left it there."""


@pytest.fixture(scope="module")
def servers():
    return Servers()


@pytest.fixture
def task(servers, tmp_path, monkeypatch, request):
    """An Estimator in a task of the role `request.param` of a cluster that has trained for five steps and goes on."""
    role = getattr(request, "param", "chief")
    servers.loses()
    chief = {"cluster": servers.cluster, "task": {"type": "chief", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(chief))
    linear_model.estimator(tmp_path / "model").train(train_input, steps=5)
    servers.holds("w", [[AWAY]])
    servers.holds("global_step", 50)
    if role != "chief":
        cluster = {"chief": servers.cluster["chief"], "ps": servers.cluster["ps"], "worker": ["127.0.0.1:1"]}
        if role == "master":
            cluster = {"master": cluster["chief"], "ps": cluster["ps"]}
        monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": {"type": role, "index": 0}}))
    return linear_model.estimator(tmp_path / "model")


def saved_w(task):
    return task.get_variable_value("w").item()


def assert_untouched(servers):
    assert servers.value_of_w() == AWAY
    assert servers.step() == 50


ROLES = pytest.mark.parametrize("task", ["chief", "worker", "master"], indirect=True)


@ROLES
def test_predictions_are_of_the_checkpoint_and_leave_the_live_variables(task, servers):
    predictions = [one["y"].item() for one in task.predict(eval_input)]
    assert predictions == pytest.approx((saved_w(task) * linear_model.X).ravel().tolist())
    assert_untouched(servers)


@ROLES
def test_an_evaluation_is_of_the_checkpoint_and_leaves_the_live_variables(task, servers):
    result = task.evaluate(eval_input)
    assert result["global_step"] == 5
    wrong = np.abs(saved_w(task) - 2) * linear_model.X
    assert result["mae"] == pytest.approx(wrong.mean(), rel=1e-5)
    assert_untouched(servers)


@ROLES
def test_keras_metrics_of_an_evaluation_are_of_the_checkpoint(task, servers):
    def model_fn(features, labels, mode):
        y = linear_model.linear(features["x"])
        error = tf.keras.metrics.MeanAbsoluteError()
        error.update_state(labels, y)
        return linear_model.spec(mode, y, labels, eval_metric_ops={"error": error})

    result = linear_model.estimator(task.model_dir, model_fn).evaluate(eval_input)
    wrong = np.abs(saved_w(task) - 2) * linear_model.X
    assert result["error"] == pytest.approx(wrong.mean(), rel=1e-5)
    assert_untouched(servers)


@ROLES
def test_an_export_is_of_the_checkpoint_and_leaves_the_live_variables(task, servers, tmp_path):
    path = task.export_saved_model(str(tmp_path / "export"), raw_receiver)
    served = tf.saved_model.load(path).signatures["serving_default"]
    (y,) = [value for name, value in served(tf.constant(linear_model.X)).items() if name == "y"]
    assert y.numpy() == pytest.approx(saved_w(task) * linear_model.X)
    assert_untouched(servers)


class CallsAtStep(SessionRunHook):
    """Calls `call` after the second step."""

    def __init__(self, call):
        self.call = call
        self.steps = 0

    def after_run(self, run_context, run_values):
        self.steps += 1
        if self.steps == 2:
            self.call()


def test_a_hook_of_the_chief_that_predicts_and_evaluates_loses_no_step(servers, tmp_path, monkeypatch):
    servers.loses()
    chief = {"cluster": servers.cluster, "task": {"type": "chief", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(chief))
    plain, called = (linear_model.estimator(tmp_path / name, save_checkpoints_steps=100) for name in "ab")
    plain.train(train_input, steps=5)
    servers.loses()

    def look():
        assert len(list(called.predict(eval_input))) == len(linear_model.X)
        assert called.evaluate(eval_input)["global_step"] == 0

    called.train(train_input, steps=5, hooks=[CallsAtStep(look)])
    assert linear_model.global_step(called) == 5
    assert saved_w(called) == saved_w(plain)


def test_a_chief_needs_no_server_of_its_own_to_predict(tmp_path, monkeypatch, trained):
    """Nobody answers at the addresses: a prediction is the task's own affair."""
    cluster = {"chief": ["127.0.0.1:1"], "ps": ["127.0.0.1:2"]}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": {"type": "chief", "index": 0}}))
    chief = Estimator(linear_model.model_fn, trained.model_dir, linear_model.config())
    assert len(list(chief.predict(eval_input))) == len(linear_model.X)
