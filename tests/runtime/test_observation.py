"""What an observer of the Estimator is told, and what it costs a step."""

import contextlib

import linear_model
import pytest
import tensorflow as tf

from estimator_runtime import (
    EvalSpec,
    FinalExporter,
    TrainSpec,
    interruption,
    observation,
    train_and_evaluate,
)
from estimator_runtime.job.observer import JobObserver
from estimator_runtime.job.progress.recorder import Recorder
from estimator_runtime.job.session_hooks import ProgressHook
from estimator_runtime.job.termination import Termination


class Log(observation.Observer):
    """Keeps what it is told."""

    def __init__(self):
        self.lines = []

    @contextlib.contextmanager
    def training(self, *, model_dir, is_chief, max_steps):
        self.lines.append(("training", is_chief, max_steps))
        yield
        self.lines.append("trained")

    @contextlib.contextmanager
    def evaluating(self):
        self.lines.append("evaluating")
        yield

    def evaluated(self, results, checkpoint_path):
        self.lines.append(("evaluated", int(results["global_step"]), checkpoint_path))

    @contextlib.contextmanager
    def exporting(self):
        self.lines.append("exporting")
        yield

    def exported(self, path, checkpoint_path, signatures):
        self.lines.append(("exported", path, checkpoint_path, list(signatures)))


def never():
    raise AssertionError("the process is not left")


@pytest.fixture
def observed():
    """Installs an observer for the test."""

    def install(observer):
        observation.install(observer)
        return observer

    yield install
    observation.install(None)
    interruption.clear()


@pytest.fixture
def job(observed):
    recorder = Recorder("chief", 0)
    observed(JobObserver(recorder, Termination(0, leave=never)))
    return recorder


def test_nobody_is_told_by_default(tmp_path):
    assert type(observation.current()) is observation.Observer
    linear_model.estimator(tmp_path).train(linear_model.train_input, steps=1).evaluate(
        linear_model.eval_input
    )


def test_an_observer_is_told_of_training_evaluations_and_exports(tmp_path, observed):
    log = observed(Log())
    estimator = linear_model.estimator(tmp_path)
    estimator.train(linear_model.train_input, steps=5)
    estimator.train(linear_model.train_input, max_steps=5)
    estimator.evaluate(linear_model.eval_input)
    exported = estimator.export_savedmodel(str(tmp_path / "export"), linear_model.raw_receiver)
    checkpoint = str(tmp_path / "model.ckpt-5")
    assert log.lines == [
        ("training", True, 5),
        "trained",
        ("training", True, 5),
        "trained",
        "evaluating",
        ("evaluated", 5, checkpoint),
        "exporting",
        ("exported", exported, checkpoint, ["serving_default"]),
    ]


def test_the_jobs_observer_records_a_local_run(tmp_path, job):
    estimator = linear_model.estimator(tmp_path)
    exporter = FinalExporter("end", linear_model.raw_receiver)
    spec = EvalSpec(linear_model.eval_input, steps=None, exporters=exporter, throttle_secs=0)
    train_and_evaluate(estimator, TrainSpec(linear_model.train_input, max_steps=5), spec)
    document = job.document()
    assert (document.state, document.global_step, document.max_steps) == ("Training", 5, 5)
    assert (document.checkpoint.global_step, document.checkpoint.kept) == (5, 2)
    assert document.checkpoint.time is not None
    assert document.evaluation.global_step == 5
    assert [(one.name, one.global_step) for one in document.exports] == [("end", 5)]
    assert document.exports[0].metrics == document.evaluation.metrics

    # A second call in the same process goes on from its own checkpoint: the process did not start from it.
    train_and_evaluate(estimator, TrainSpec(linear_model.train_input, max_steps=10), spec)
    document = job.document()
    assert (document.global_step, document.restored_from) == (10, None)


def test_what_training_begins_with_is_recorded_as_restored(tmp_path, job):
    observation.install(None)
    linear_model.estimator(tmp_path).train(linear_model.train_input, steps=5)
    observation.install(JobObserver(job, Termination(0, leave=never)))
    linear_model.estimator(tmp_path).train(linear_model.train_input, steps=5)
    document = job.document()
    assert document.restored_from.path == str(tmp_path / "model.ckpt-5")
    assert (document.restored_from.global_step, document.global_step, document.max_steps) == (5, 10, 10)


class LoseSession(tf.compat.v1.train.SessionRunHook):
    """Has the session recreated once, as the loss of a parameter server does."""

    def __init__(self, at_run):
        self.runs = 0
        self.at_run = at_run

    def before_run(self, run_context):
        self.runs += 1
        if self.runs == self.at_run:
            raise tf.errors.UnavailableError(None, None, "the server is gone")


def test_a_session_made_anew_was_restored_from_the_latest_checkpoint(tmp_path, job):
    linear_model.estimator(tmp_path).train(linear_model.train_input, steps=10, hooks=[LoseSession(at_run=8)])
    document = job.document()
    assert (document.restored_from.global_step, document.global_step) == (5, 10)


def test_the_evaluator_rests_in_evaluating(tmp_path, job):
    estimator = linear_model.estimator(tmp_path)
    observation.install(None)
    estimator.train(linear_model.train_input, steps=1)
    observation.install(JobObserver(job, Termination(0, leave=never)))
    assert job.state == "Starting"
    estimator.evaluate(linear_model.eval_input)
    assert job.state == "Evaluating"
    estimator.export_savedmodel(str(tmp_path / "export"), linear_model.raw_receiver)
    assert job.state == "Evaluating"


def test_an_interrupted_training_saves_and_leaves(tmp_path, job):
    class Interrupt(tf.compat.v1.train.SessionRunHook):
        def after_run(self, run_context, run_values):
            interruption.request()

    estimator = linear_model.estimator(tmp_path)
    with pytest.raises(interruption.Interrupted) as raised:
        estimator.train(linear_model.train_input, steps=10, hooks=[Interrupt()])
    assert raised.value.code == 143
    assert linear_model.global_step(estimator) == 1
    assert job.document().checkpoint.global_step == 1
    with pytest.raises(interruption.Interrupted):
        estimator.evaluate(linear_model.eval_input)
    with pytest.raises(interruption.Interrupted):
        estimator.train(linear_model.train_input, steps=10)


class Fetches(tf.compat.v1.train.SessionRunHook):
    """Counts what is fetched: the runs of the observed session, by the number of tensors asked for."""

    def __init__(self, monkeypatch):
        self.asked = []
        before_run = ProgressHook.before_run

        def counting(hook, run_context):
            request = before_run(hook, run_context)
            self.asked.append(request)
            return request

        monkeypatch.setattr(ProgressHook, "before_run", counting)

    def begin(self):
        self.graph = tf.compat.v1.get_default_graph()


def test_a_step_fetches_nothing_more_for_being_observed(tmp_path, observed, monkeypatch):
    seconds = [0.0]
    recorder = Recorder("chief", 0)
    observed(JobObserver(recorder, Termination(0, leave=never), clock=lambda: seconds[0]))
    fetches = Fetches(monkeypatch)

    class Tick(tf.compat.v1.train.SessionRunHook):
        def after_run(self, run_context, run_values):
            seconds[0] += 0.01

    estimator = linear_model.estimator(tmp_path, save_checkpoints_steps=1000, log_step_count_steps=None)
    estimator.train(linear_model.train_input, steps=250, hooks=[fetches, Tick()])
    looks = [request for request in fetches.asked if request is not None]
    assert (len(fetches.asked), len(looks)) == (250, 3)
    # What a look asks for is what every step fetches: the loss, and the step as TensorFlow's own hooks read it.
    (loss,) = fetches.graph.get_collection(tf.compat.v1.GraphKeys.LOSSES)
    (step,) = fetches.graph.get_collection("global_step_read_op_cache")
    assert looks[0].fetches == {"loss": loss, "step": step}
    assert recorder.document().steps_per_second == pytest.approx(100, rel=0.02)
