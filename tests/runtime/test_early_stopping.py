"""Early stopping: the hooks' conditions, and the signal from the chief to the other tasks."""

import contextlib
import json
import time

import linear_model
import pytest
import tensorflow as tf
from linear_model import global_step, train_input, v1

from estimator_runtime import Estimator, RunConfig, experimental
from estimator_runtime.training import early_stopping


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


@pytest.mark.parametrize(("make", "threshold", "how"), [(HIGHER, 0.4, "greater"), (LOWER, 0.6, "less")])
def test_the_log_says_why_in_tf_estimators_words(make, threshold, how, estimator, tf_log):
    write_evaluations(estimator.eval_dir(), 0.5)
    trained_to(estimator, make(estimator, "loss", threshold, run_every_secs=None, run_every_steps=1))
    assert (
        f'At step 0, metric "loss" has value 0.5 which is {how} than the configured threshold ({threshold}) for early '
        "stopping."
    ) in tf_log


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


def test_a_metric_that_no_evaluation_has_is_said_with_what_there_is_before_the_first_step(estimator):
    write_evaluations(estimator.eval_dir(), 0.5, 0.4)
    write_evaluations(estimator.eval_dir(), 0.5, 0.4, name="mae", first=1)
    hook = LOWER(estimator, "loss_1", 1.0)
    steps = linear_model.Recorder()
    with pytest.raises(KeyError) as caught:
        estimator.train(train_input, hooks=[hook, steps], max_steps=5)
    assert str(caught.value) == f"no evaluation in {estimator.eval_dir()} has 'loss_1'; there are: loss"
    assert steps.runs == 0


@pytest.mark.parametrize(
    ("make", "bound", "stops"), [(HIGHER, 0.4, True), (LOWER, 0.2, False), (NO_DECREASE, 20, True)]
)
def test_steps_of_the_event_files_without_the_metric_are_skipped(make, bound, stops, estimator):
    write_evaluations(estimator.eval_dir(), 3.0, 2.0, 1.0, name="a_hooks_own", first=5)
    write_evaluations(estimator.eval_dir(), 0.3, 0.5, 0.4)
    hook = make(estimator, "loss", bound, run_every_secs=None, run_every_steps=1)
    assert trained_to(estimator, hook) == (1 if stops else 30)


def test_a_first_evaluation_that_is_half_written_is_waited_for(estimator):
    write_evaluations(estimator.eval_dir(), 3.0, name="a_hooks_own")
    assert trained_to(estimator, LOWER(estimator, "loss", 1.0, None, 0, None, 1)) == 30


def test_evaluations_before_min_steps_need_not_have_the_metric(estimator):
    write_evaluations(estimator.eval_dir(), 0.5, 0.4)
    hook = LOWER(estimator, "accuracy", 0.5, min_steps=11, run_every_secs=None, run_every_steps=1)
    assert trained_to(estimator, hook) == 30


@pytest.mark.parametrize("make", [NO_DECREASE, NO_INCREASE])
def test_the_first_number_is_an_improvement_on_nan(make, estimator):
    nan = float("nan")
    write_evaluations(estimator.eval_dir(), nan, 0.5, nan, nan)  # steps 0 to 30, the best at 10
    patient = make(estimator, "loss", 21, run_every_secs=None, run_every_steps=1)
    assert trained_to(estimator, patient, 5) == 5
    assert trained_to(estimator, make(estimator, "loss", 20, None, 0, None, 1)) == 6


def test_the_signal_is_no_saved_variable(estimator):
    trained_to(estimator, LOWER(estimator, "loss", 1.0), 5)
    assert sorted(estimator.get_variable_names()) == ["global_step", "w"]


def test_a_run_that_exists_takes_a_hook(estimator):
    estimator.train(train_input, max_steps=5)
    stop = experimental.make_early_stopping_hook(estimator, lambda: True, None, 1)
    assert trained_to(estimator, stop) == 6


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
    chief, worker = hooks
    server = tf.distribute.Server.create_local_server()
    chief_creator, worker_creator = (v1.train.ChiefSessionCreator, v1.train.WorkerSessionCreator)
    with contextlib.ExitStack() as sessions:

        def session_of(creator, *session_hooks):
            with tf.Graph().as_default():
                v1.train.create_global_step()
                tf.no_op("nothing")
                made = v1.train.MonitoredSession(creator(master=server.target), list(session_hooks))
            return sessions.enter_context(made)

        session_of(chief_creator)
        second = session_of(worker_creator, worker)
        second.run("nothing")
        assert not second.should_stop(), "the chief's hook, which initialises the signal, is not there yet"
        first = session_of(chief_creator, chief)
        second.run("nothing")
        assert not second.should_stop()
        first.run("nothing")
        assert first.should_stop()
        second.run("nothing")
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


@pytest.mark.parametrize("name", ["run[1]", "run*", "run?"])
def test_a_directory_whose_name_could_be_a_pattern(name, tmp_path):
    write_evaluations(tmp_path / name, 0.5)
    write_evaluations(tmp_path / "run1", 0.25)
    assert early_stopping.read_eval_metrics(str(tmp_path / name)) == {0: {"loss": 0.5}}


def test_a_training_that_exists_can_be_given_a_hook(estimator):
    """No checkpoint holds the signal, neither that of the training before nor that of a stopped one."""
    estimator.train(train_input, steps=5)
    write_evaluations(estimator.eval_dir(), 0.5)
    hook = NO_DECREASE(estimator, "loss", 30, run_every_secs=None, run_every_steps=1)
    assert trained_to(estimator, hook, steps=10) == 10
    write_evaluations(estimator.eval_dir(), 0.6, 0.7, 0.8, first=10)
    hook = NO_DECREASE(estimator, "loss", 30, run_every_secs=None, run_every_steps=1)
    assert trained_to(estimator, hook, steps=20) == 11
    assert not any("signal_early_stopping" in name for name in estimator.get_variable_names())
    assert global_step(estimator.train(train_input, max_steps=20)) == 20


def test_a_checkpoint_with_the_signal_goes_on_with_a_hook_and_without(estimator, tmp_path):
    """tf.estimator saved the signal with the model."""
    with tf.Graph().as_default():
        step = v1.train.create_global_step()
        v1.get_variable("w", [1, 1])
        with v1.variable_scope("signal_early_stopping"):
            v1.get_variable("STOP", [], tf.bool, v1.constant_initializer(True), trainable=False)
        with v1.Session() as session:
            session.run(v1.global_variables_initializer())
            session.run(v1.assign(step, 5))
            v1.train.Saver().save(session, f"{estimator.model_dir}/model.ckpt", step)
    hook = experimental.make_early_stopping_hook(estimator, lambda: False, None, 1)
    assert trained_to(estimator, hook, steps=10) == 10
    assert global_step(estimator.train(train_input, max_steps=12)) == 12
