"""train_and_evaluate as an object, with a listener that may end it."""

import os

import tensorflow as tf
from catalogue import program
from computations import outcome
from models import batches, linear, once, v1
from programs_internal_names import deep


def listener(before=True, after=True):
    """A listener that notes what it is asked, and answers the same each time."""

    class Noting(deep("training", "_ContinuousEvalListener")):
        def __init__(self):
            self.asked = []

        def before_eval(self):
            self.asked.append("before")
            return before

        def after_eval(self, eval_result):
            status = deep("training", "_EvalStatus")
            known = eval_result.status == status.EVALUATED and eval_result.status == "evaluated"
            self.asked.append(
                [known, sorted(eval_result.metrics), os.path.basename(eval_result.checkpoint_path)]
            )
            return after

    return Noting()


@program(
    "local loop",
    "TrainSpec",
    "EvalSpec",
    "evaluator",
    differs={"files/*/finished": "the end of training is marked in the model directory, for the evaluator"},
)
def trainings_by_an_executor(directory):
    executor = deep("training", "_TrainingExecutor")

    def specs(max_steps=6):
        return (
            tf.estimator.TrainSpec(batches, max_steps=max_steps),
            tf.estimator.EvalSpec(once, steps=1, start_delay_secs=0, throttle_secs=0),
        )

    def estimator(name):
        config = tf.estimator.RunConfig(save_checkpoints_steps=2)
        return tf.estimator.Estimator(linear, os.path.join(directory, name), config)

    def run(name, asked, **given):
        made = executor(estimator(name), *specs(), continuous_eval_listener=asked, **given)
        metrics, exports = made.run()
        return {
            "step": int(metrics["global_step"]),
            "exports": exports,
            "asked": asked and asked.asked,
            "last": os.path.basename(made.estimator.latest_checkpoint()),
        }

    def evaluated_by_task(asked):
        made = estimator("plain")
        executor(made, *specs(), continuous_eval_listener=asked).run_evaluator()
        return asked.asked

    check = deep("training", "_assert_eval_spec")
    return {
        "plain": outcome(lambda: run("plain", None)),
        "listener": outcome(lambda: run("listener", listener())),
        "ends after": outcome(lambda: run("after", listener(after=False))),
        "hooks": outcome(lambda: run("hooks", None, train_hooks=[v1.train.StopAtStepHook(3)])),
        "evaluator ends after": outcome(lambda: evaluated_by_task(listener(after=False))),
        "evaluator ends before": outcome(lambda: evaluated_by_task(listener(before=False))),
        "evaluator": outcome(lambda: evaluated_by_task(listener())),
        "no estimator": outcome(lambda: executor(1, *specs())),
        "no train_spec": outcome(lambda: executor(estimator("plain"), 1, specs()[1])),
        "no eval_spec": outcome(lambda: executor(estimator("plain"), specs()[0], 1)),
        "no listener": outcome(lambda: executor(estimator("plain"), *specs(), continuous_eval_listener=1)),
        "eval_spec": outcome(lambda: check(specs()[1])),
        "other eval_spec": outcome(lambda: check(specs()[0])),
    }
