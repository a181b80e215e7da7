"""train_and_evaluate as an object: what its listener may end, and what of the task's part a subclass may do itself."""

import json

import linear_model
import pytest

from estimator_runtime import EvalSpec, TrainSpec
from estimator_runtime.compat.internals.training_executor import TrainingExecutor
from estimator_runtime.training.checkpoint_evaluator import ContinuousEvalListener, Status

SPECS = (
    TrainSpec(linear_model.train_input, max_steps=6),
    EvalSpec(linear_model.eval_input, steps=1, start_delay_secs=0, throttle_secs=0),
)


class Listener(ContinuousEvalListener):
    def __init__(self, before=True, after=True):
        self.before, self.after, self.seen = before, after, []

    def before_eval(self):
        return self.before

    def after_eval(self, eval_result):
        self.seen.append(eval_result.metrics["global_step"])
        assert eval_result.status is Status.EVALUATED
        assert eval_result.status == "evaluated"
        return self.after


def test_a_listener_ends_training_and_evaluation_without_a_cluster(tmp_path):
    listener = Listener(after=False)
    estimator = linear_model.estimator(tmp_path, save_checkpoints_steps=2)
    metrics, _ = TrainingExecutor(estimator, *SPECS, continuous_eval_listener=listener).run()
    assert listener.seen == [2]
    assert metrics["global_step"] == 2


def test_a_listener_is_asked_once_for_each_checkpoint(tmp_path):
    listener = Listener()
    estimator = linear_model.estimator(tmp_path, save_checkpoints_steps=2)
    TrainingExecutor(estimator, *SPECS, continuous_eval_listener=listener).run()
    assert listener.seen == [2, 4, 6]


def test_a_listener_that_asks_for_no_evaluation_leaves_no_result(tmp_path):
    listener = Listener(before=False)
    estimator = linear_model.estimator(tmp_path, save_checkpoints_steps=2)
    assert TrainingExecutor(estimator, *SPECS, continuous_eval_listener=listener).run() == (None, None)
    assert listener.seen == []


@pytest.mark.parametrize(("listener", "steps"), [(Listener(after=False), [3]), (Listener(before=False), [])])
def test_a_listener_ends_the_evaluator_before_training_has_ended(tmp_path, listener, steps):
    linear_model.estimator(tmp_path).train(linear_model.train_input, steps=3)
    executor = TrainingExecutor(linear_model.estimator(tmp_path), *SPECS, continuous_eval_listener=listener)
    executor.run_evaluator()
    assert listener.seen == steps


def test_run_does_the_part_of_the_task_by_the_method_of_that_name(tmp_path, monkeypatch):
    class Own(TrainingExecutor):
        def run_chief(self):
            return "its own"

    cluster = {"chief": ["localhost:2222"], "ps": ["localhost:2223"]}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": {"type": "chief", "index": 0}}))
    assert Own(linear_model.estimator(tmp_path), *SPECS).run() == "its own"
