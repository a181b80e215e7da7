"""Training and evaluation in one process: evaluates in between, whenever a checkpoint was saved."""

from typing import Any

import tensorflow as tf

from estimator_runtime import interruption
from estimator_runtime.cluster import finished
from estimator_runtime.training.checkpoint_evaluator import (
    CheckpointEvaluator,
    ContinuousEvalListener,
    Outcome,
    Status,
)
from estimator_runtime.training.specs import EvalSpec, TrainSpec

_CheckpointSaverListener: Any = tf.compat.v1.train.CheckpointSaverListener


class EvaluationListener(_CheckpointSaverListener):  # type: ignore[misc] # TensorFlow is untyped
    """Evaluates after each checkpoint but the first, at most every `throttle_secs`, and once more at the end.

    Args:
        evaluator: evaluates the checkpoint that was just saved.
        throttle_secs: least number of seconds between two evaluations.
    """

    def __init__(self, evaluator: CheckpointEvaluator, throttle_secs: float) -> None:
        self._evaluator = evaluator
        self._throttle_secs = throttle_secs
        self._timer: Any = None
        self._is_first_save = True
        self._is_over = False
        self.outcome: Outcome | None = None

    def begin(self) -> None:
        """Starts the throttle's clock."""
        self._timer = tf.compat.v1.train.SecondOrStepTimer(every_secs=self._throttle_secs)
        self._is_first_save = True

    def after_save(self, session: Any, global_step_value: int) -> bool | None:
        """Evaluates, unless it is too soon or the checkpoint is that of a model not trained yet.

        Returns:
            True where a listener asked for no further evaluation: training ends.
        """
        del session
        if self._is_first_save:
            self._is_first_save = False
            return None
        if interruption.requested():
            return None
        if self._timer.should_trigger_for_step(global_step_value):
            return self._evaluate(global_step_value, training_ended=False)
        tf.compat.v1.logging.info(
            "Skip the current checkpoint eval due to throttle secs (%s secs).", self._throttle_secs
        )
        return None

    def end(self, session: Any, global_step_value: int) -> None:
        """Evaluates the last checkpoint if that was not done, and gives the exporters their final call."""
        del session
        if not interruption.requested() and not self._is_over:
            self._evaluate(global_step_value, training_ended=True)

    def evaluate_end(self) -> None:
        """Evaluates what an earlier process trained to its end."""
        outcome = self._evaluator.evaluate_and_export(training_ended=True)
        if outcome.status is Status.EVALUATED:
            self.outcome = outcome

    def _evaluate(self, step: int, *, training_ended: bool) -> bool | None:
        self._timer.update_last_triggered_step(step)
        outcome = self._evaluator.evaluate_and_export(training_ended=training_ended)
        if outcome.status is Status.EVALUATED:
            self.outcome = outcome
        elif not outcome.is_last and not (training_ended and self.outcome is not None):
            raise RuntimeError(
                f"There was no new checkpoint after the training. Eval status: {outcome.status.value}"
            )
        self._is_over = outcome.is_last
        return outcome.is_last or None


def run(
    estimator: Any, train_spec: TrainSpec, eval_spec: EvalSpec, *, asked: ContinuousEvalListener | None = None
) -> tuple[Any, Any]:
    """Trains with evaluations in between; `asked` may end both.

    Returns:
        The last evaluation's metrics and what its exporters returned; (None, None) when nothing was evaluated.
    """
    config = estimator.config
    tf.compat.v1.logging.info(
        "Start train and evaluate loop. The evaluate will happen after every checkpoint. Checkpoint frequency is "
        "determined based on RunConfig arguments: save_checkpoints_steps %s or save_checkpoints_secs %s.",
        config.save_checkpoints_steps,
        config.save_checkpoints_secs,
    )
    listener = evaluation_listener(estimator, train_spec, eval_spec, asked=asked)
    with finished.announcing(estimator, train_spec.max_steps) as anything_left:
        if anything_left:
            estimator.train(
                input_fn=train_spec.input_fn,
                max_steps=train_spec.max_steps,
                hooks=list(train_spec.hooks),
                saving_listeners=(*train_spec.saving_listeners, listener),
            )
        if listener.outcome is None and _ended_unevaluated(estimator):
            listener.evaluate_end()
    if listener.outcome is None:
        return None, None
    return listener.outcome.metrics, list(listener.outcome.export_results)


def _ended_unevaluated(estimator: Any) -> bool:
    """Whether training had ended before, in a process that was lost before its last evaluation was done."""
    model_dir = finished.directory(estimator)
    return model_dir is not None and not interruption.requested() and finished.read(model_dir) is None


def evaluation_listener(
    estimator: Any, train_spec: TrainSpec, eval_spec: EvalSpec, *, asked: ContinuousEvalListener | None = None
) -> EvaluationListener:
    """Makes the listener that evaluates `estimator` while it trains."""
    return EvaluationListener(
        CheckpointEvaluator(estimator, eval_spec, train_spec.max_steps, listener=asked),
        eval_spec.throttle_secs,
    )
