"""What quiet stretches cost, in counts that are the same on every machine, and when there are any by "auto"."""

import pytest
import stretched
import tensorflow as tf
from linear_model import model_fn, v1
from stretched import NOBODY, Sees, steady

from estimator_runtime.experimental import InMemoryEvaluatorHook
from estimator_runtime.loop.stretches import pace, step_loop


@pytest.fixture
def stretches(monkeypatch):
    return stretched.watch(monkeypatch)


def test_a_thousand_quiet_steps_are_one_call_of_the_session(tmp_path, counts, stretches):
    totals = []
    for steps in (1000, 2000):
        counts.clear()
        stretched.estimator(tmp_path / str(steps), model_fn, 1000, **NOBODY).train(steady, steps=steps)
        totals.append(counts["run"] + counts["called"])
    assert [one.made for one in stretches] == [999, 1998]
    # A stretch of 999, and the step after it, which the hooks see.
    assert totals[1] - totals[0] == 2


def test_default_hooks_see_two_steps_of_a_hundred(tmp_path, counts):
    totals = []
    for steps in (401, 801):
        counts.clear()
        config = {"save_summary_steps": 100, "log_step_count_steps": 100, "save_checkpoints_steps": 100}
        stretched.estimator(tmp_path / str(steps), model_fn, 1000, **config).train(steady, steps=steps)
        totals.append(counts["run"] + counts["called"])
    # For each hundred steps a stretch and a step with checkpoint, another with the log; and what a save reads.
    assert totals[1] - totals[0] <= 4 * 14


def auto(directory, model=model_fn, **config):
    return stretched.estimator(directory, model, "auto", tf_random_seed=None, **{**NOBODY, **config})


def test_by_default_there_are_stretches(tmp_path, stretches):
    auto(tmp_path, save_summary_steps=100, log_step_count_steps=100, save_checkpoints_secs=600).train(
        steady, steps=300
    )
    assert stretches[0].made > 200


def test_a_short_training_makes_no_loop(tmp_path, stretches, monkeypatch):
    monkeypatch.setattr(step_loop, "build", lambda *_, **__: pytest.fail("a loop"))
    estimator = auto(tmp_path, save_checkpoints_secs=600).train(steady, steps=pace.FEWEST_STEPS - 1)
    estimator.train(steady, max_steps=pace.FEWEST_STEPS + 10)
    auto(tmp_path / "often", save_summary_steps=pace.SHORTEST_PERIOD - 1).train(steady, steps=100)
    assert [one.made for one in stretches] == [0, 0, 0]


@pytest.mark.parametrize("steps_per_loop", [1, 2])
def test_the_number_of_steps_of_a_loop_counts_the_one_that_hooks_see(tmp_path, stretches, steps_per_loop):
    stretched.estimator(tmp_path, model_fn, steps_per_loop, **NOBODY).train(steady, steps=60)
    assert stretches[0].made == (steps_per_loop - 1) * 30


def test_stretches_grow_as_long_as_they_are_short():
    paced = pace.Pace("auto", is_timed=True)
    lengths = []
    for secs in (0.2, 0.001, 0.01, 0.049, 0.05, 0.08, 0.01):
        lengths.append(paced.most)
        paced.stretched(paced.most, secs)
    assert lengths == [1, 1, 2, 4, 8, 8, 8]
    paced.stretched(3, 0.001)
    assert paced.most == 16
    paced.seen(0.05)
    assert paced.most == 0, "a step that takes so long gains nothing"


# A training that makes single steps, and says why


def said(tf_log):
    return [line for line in tf_log if line.startswith("Training makes one step")]


def single(tf_log, stretches, reason):
    assert [one.made for one in stretches] == [0] * len(stretches)
    (line,) = said(tf_log)
    assert reason in line


def test_a_seed_and_auto_make_single_steps(tmp_path, tf_log, stretches):
    stretched.estimator(tmp_path, model_fn, "auto").train(steady, steps=60)
    single(tf_log, stretches, "a seed is set")


def test_a_large_step_is_not_copied_by_auto(tmp_path, tf_log, monkeypatch, stretches):
    monkeypatch.setattr(pace, "MOST_OPERATIONS", 10)
    auto(tmp_path).train(steady, steps=60)
    single(tf_log, stretches, "it has more than 10 operations")


def test_a_hook_that_looks_is_named(tmp_path, tf_log, stretches):
    auto(tmp_path).train(steady, steps=60, hooks=[Sees()])
    single(tf_log, stretches, "the hook Sees looks at each of them")


def test_a_default_hook_of_which_a_method_is_replaced_sees_every_step(
    tmp_path, tf_log, monkeypatch, stretches
):
    seen = []
    before = v1.train.NanTensorHook.after_run
    monkeypatch.setattr(
        v1.train.NanTensorHook, "after_run", lambda self, *a: seen.append(a) or before(self, *a)
    )
    auto(tmp_path).train(steady, steps=60)
    single(tf_log, stretches, "the hook NanHook looks at each of them")
    assert len(seen) == 60


class OwnEvaluation(InMemoryEvaluatorHook):
    def after_run(self, run_context, run_values):
        self.runs = getattr(self, "runs", 0) + 1


def test_a_class_derived_from_a_hook_that_looks_seldom_sees_every_step(tmp_path, tf_log, stretches):
    estimator = auto(tmp_path)
    hook = OwnEvaluation(estimator, lambda: steady().take(1), every_n_iter=20)
    estimator.train(steady, steps=60, hooks=[hook])
    single(tf_log, stretches, "the hook OwnEvaluation looks at each of them")
    assert hook.runs == 60


def test_a_step_that_cannot_be_copied_is_trained_all_the_same(tmp_path, tf_log, monkeypatch, stretches):
    def fail(*_, **__):
        raise RuntimeError("no copy")

    monkeypatch.setattr(step_loop, "build", fail)
    estimator = auto(tmp_path, save_checkpoints_secs=600).train(steady, steps=60)
    assert estimator.get_variable_value("global_step") == 60
    single(tf_log, stretches, "the step could not be copied (RuntimeError: no copy)")


def test_a_loop_that_no_session_can_run_is_given_up(tmp_path, tf_log, monkeypatch, stretches):
    build = step_loop.build

    def broken(graph, *arguments, **settings):
        loop = build(graph, *arguments, **settings)
        matched = tf.raw_ops.StaticRegexFullMatch(input=tf.as_string(loop.length), pattern="(")
        made = loop.results[0] + tf.cast(matched, tf.int64)
        fields = {name: getattr(loop, name) for name in step_loop.StepLoop.__slots__}
        return step_loop.StepLoop(**{**fields, "results": (made, *loop.results[1:])})

    monkeypatch.setattr(step_loop, "build", broken)
    estimator = auto(tmp_path, save_checkpoints_secs=600).train(steady, steps=60)
    assert estimator.get_variable_value("global_step") == 60
    single(tf_log, stretches, "the loop over them cannot be run (InvalidArgumentError")
