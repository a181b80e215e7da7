"""Early stopping: the hooks' conditions, and the signal from the chief to the other tasks."""

import json
import time

import linear_model
import pytest
import tensorflow as tf
from linear_model import global_step, train_input, v1

from estimator_runtime import Estimator, RunConfig, early_stopping, experimental


def write_evaluations(directory, *values, first=0, every=10, name="loss"):
    """Evaluations of steps first, first + every, ... with these values of the metric."""
    with tf.Graph().as_default():
        writer = v1.summary.FileWriter(str(directory), filename_suffix=f".{first}")
        for index, value in enumerate(values):
            summary = v1.Summary(value=[v1.Summary.Value(tag=name, simple_value=value)])
            writer.add_summary(summary, first + index * every)
        writer.close()


@pytest.fixture
def estimator(tmp_path):
    return linear_model.estimator(tmp_path)


def trained_to(estimator, hook, steps=30):
    return global_step(estimator.train(train_input, hooks=[hook], max_steps=steps))


HIGHER, LOWER = experimental.stop_if_higher_hook, experimental.stop_if_lower_hook
NO_INCREASE, NO_DECREASE = experimental.stop_if_no_increase_hook, experimental.stop_if_no_decrease_hook


@pytest.mark.parametrize(
    ("make", "bound", "min_steps", "stops"),
    [
        # evaluations of steps 0, 10, 20, 30: 0.5, 0.2, 0.3, 0.3
        (HIGHER, 0.4, 0, True),
        (HIGHER, 0.4, 1, False),
        (HIGHER, 0.5, 0, False),
        (LOWER, 0.25, 0, True),
        (LOWER, 0.25, 11, False),
        (LOWER, 0.2, 0, False),
        (NO_INCREASE, 30, 0, True),
        (NO_INCREASE, 31, 0, False),
        (NO_INCREASE, 10, 20, True),
        (NO_DECREASE, 20, 0, True),
        (NO_DECREASE, 21, 0, False),
        (NO_DECREASE, 10, 30, False),
    ],
)
def test_conditions(make, bound, min_steps, stops, estimator):
    write_evaluations(estimator.eval_dir(), 0.3, 0.3, first=20)
    write_evaluations(estimator.eval_dir(), 0.5, 0.2)
    hook = make(estimator, "loss", bound, min_steps=min_steps, run_every_secs=None, run_every_steps=1)
    assert trained_to(estimator, hook) == (1 if stops else 30)


def test_the_evaluations_of_another_directory(estimator, tmp_path):
    write_evaluations(tmp_path / "elsewhere", 9.0)
    hook = HIGHER(estimator, "loss", 1.0, str(tmp_path / "elsewhere"), run_every_secs=None, run_every_steps=1)
    assert trained_to(estimator, hook) == 1


def test_without_evaluations_training_goes_on(estimator):
    assert trained_to(estimator, LOWER(estimator, "loss", 1.0, run_every_secs=None, run_every_steps=1)) == 30


def test_a_metric_that_is_not_evaluated(estimator):
    write_evaluations(estimator.eval_dir(), 0.5)
    hook = LOWER(estimator, "accuracy", 1.0, run_every_secs=None, run_every_steps=1)
    with pytest.raises(KeyError, match="accuracy"):
        trained_to(estimator, hook)


def test_half_a_record_is_ignored(estimator, tmp_path, tf_log):
    write_evaluations(estimator.eval_dir(), 0.5, 0.4)
    (file,) = (tmp_path / "eval").glob("events*")
    file.write_bytes(file.read_bytes()[:-3])
    assert early_stopping.read_eval_metrics(estimator.eval_dir()) == {0: {"loss": 0.5}}
    assert [line for line in tf_log if "Ignoring data corruption" in line]


def test_the_condition_is_looked_at_by_steps(estimator):
    asked = []
    hook = experimental.make_early_stopping_hook(
        estimator, lambda: bool(asked.append(True)) or len(asked) == 3, run_every_secs=None, run_every_steps=4
    )
    # The step is fetched beside its own increment, so each of the three looks sees it before or after that.
    assert trained_to(estimator, hook) in (8, 9, 10, 11)
    assert len(asked) == 3


def test_the_condition_is_looked_at_by_time(estimator, monkeypatch):
    asked = []
    hook = experimental.make_early_stopping_hook(
        estimator, lambda: bool(asked.append(True)), run_every_secs=60
    )
    now = [1000.0]

    class Tick(v1.train.SessionRunHook):
        def after_run(self, run_context, run_values):
            now[0] += 20

    monkeypatch.setattr(time, "time", lambda: now[0])
    estimator.train(train_input, hooks=[Tick(), hook], max_steps=10)
    assert len(asked) == 4


def test_a_training_that_was_stopped_may_go_on(estimator):
    stop = experimental.make_early_stopping_hook(estimator, lambda: True, None, 1)
    assert trained_to(estimator, stop) == 1
    assert (
        trained_to(estimator, experimental.make_early_stopping_hook(estimator, lambda: False, None, 1)) == 30
    )


def test_the_chief_stops_the_other_tasks(tmp_path, monkeypatch):
    """Two sessions on one server: the worker's hook stops at the variable that the chief's has set."""
    cluster = {"chief": ["host0:0"], "worker": ["host1:1"], "ps": ["host2:2"]}
    hooks = []
    for task in ("chief", "worker"):
        document = {"cluster": cluster, "task": {"type": task, "index": 0}}
        monkeypatch.setenv("TF_CONFIG", json.dumps(document))
        config = RunConfig(model_dir=str(tmp_path))
        hooks.append(
            experimental.make_early_stopping_hook(
                Estimator(linear_model.model_fn, config=config), lambda: True, None, 1
            )
        )
    server = tf.distribute.Server.create_local_server()
    with tf.Graph().as_default():
        v1.train.create_global_step()
        nothing = tf.no_op()
        chief, worker = hooks
        with (
            v1.train.MonitoredSession(v1.train.ChiefSessionCreator(master=server.target), [chief]) as first,
            v1.train.MonitoredSession(
                v1.train.WorkerSessionCreator(master=server.target), [worker]
            ) as second,
        ):
            second.run(nothing)
            assert not second.should_stop()
            first.run(nothing)
            assert first.should_stop()
            second.run(nothing)
            assert second.should_stop()


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ((None, lambda: True), TypeError, "`estimator` must have type"),
        (
            ("estimator", lambda: True, 60, 10),
            ValueError,
            "Only one of `run_every_secs` and `run_every_steps`",
        ),
        (("estimator", "no function"), TypeError, "`should_stop_fn` must be callable"),
    ],
)
def test_refusals(arguments, error, text, estimator):
    first, *rest = arguments
    with pytest.raises(error, match=text):
        experimental.make_early_stopping_hook(estimator if first else None, *rest)
    with pytest.raises(TypeError, match="`estimator` must have type"):
        LOWER(None, "loss", 1.0)
