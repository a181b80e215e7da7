"""One evaluation of the latest checkpoint, followed by the exporters.

Used by the evaluator task, which comes back for every new checkpoint, and by local training, which evaluates after
saving. Invariants: a checkpoint is evaluated once; the result is never empty and names its global step; a checkpoint
that `keep_checkpoint_max` deletes while it is read is read where it is held, or given up for the next one, and one
whose files are not all there yet is waited for: neither is an error.
"""

import dataclasses
import enum
import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from estimator_runtime.checkpoints import faults
from estimator_runtime.checkpoints.holds import CheckpointHold
from estimator_runtime.training.specs import EvalSpec

_WARN_EVERY_SECS = 600
_READ_ERRORS = (tf.errors.OpError, OSError, ValueError)


class Status(enum.StrEnum):
    """What became of an attempt."""

    EVALUATED = "evaluated"
    MISSING_CHECKPOINT = "missing checkpoint"
    NO_NEW_CHECKPOINT = "no new checkpoint"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of an attempt; metrics and checkpoint_path are set when it evaluated.

    Attributes:
        is_last: whether a listener asked for no further one.
    """

    status: Status
    metrics: Mapping[str, Any] | None = None
    checkpoint_path: str | None = None
    export_results: tuple[Any, ...] = ()
    is_last: bool = False


class ContinuousEvalListener:
    """What is asked before each attempt to evaluate, and told of its outcome: a program's own word on when to end."""

    def before_eval(self) -> bool:
        """Whether to evaluate; False ends the evaluations."""
        return True

    def after_eval(self, eval_result: Outcome) -> bool:
        """Whether to go on with evaluations after this one."""
        del eval_result
        return True


class CheckpointEvaluator:
    """Evaluates and exports with one estimator and one `EvalSpec`.

    Args:
        estimator: the `Estimator`.
        eval_spec: what to evaluate on and how to export.
        max_steps: the step at which training ends, None when that is not known.
        hold: keeps the files of the checkpoint while they are needed; None where nobody deletes them meanwhile.
        listener: is asked whether to evaluate, and told of the outcome; None for none.
    """

    def __init__(
        self,
        estimator: Any,
        eval_spec: EvalSpec,
        max_steps: int | None,
        hold: CheckpointHold | None = None,
        listener: ContinuousEvalListener | None = None,
    ) -> None:
        self._estimator = estimator
        self._eval_spec = eval_spec
        self._max_steps = max_steps
        self._hold = CheckpointHold(None) if hold is None else hold
        self._listener = listener
        self._previous: Outcome | None = None
        self._exported_as_final = False
        self._last_warning_time = -math.inf

    def evaluate_and_export(self, *, training_ended: bool = False) -> Outcome:
        """Evaluates the latest checkpoint unless that was done before, and calls the exporters.

        Args:
            training_ended: whether it was known, before this call, that no further checkpoint will come. The exporters
                then see `is_the_final_export`; those that have exported this very checkpoint are not asked again.

        Raises:
            ValueError: the estimator returned no metrics or none named global_step.
            TypeError: the estimator returned something else than a dict.
        """
        if self._listener is None or (training_ended and self._is_evaluated()):
            return self._attempt(training_ended)
        if not self._listener.before_eval():
            tf.compat.v1.logging.info("Exiting evaluation, as the listener's before_eval asks for.")
            return Outcome(Status.NO_NEW_CHECKPOINT, is_last=True)
        outcome = self._attempt(training_ended)
        if self._listener.after_eval(outcome):
            return outcome
        tf.compat.v1.logging.info("Exiting evaluation, as the listener's after_eval asks for.")
        return dataclasses.replace(outcome, is_last=True)

    def _is_evaluated(self) -> bool:
        """Whether the latest checkpoint was evaluated, so that only the exporters' final call may be left."""
        previous = self._previous
        return previous is not None and self._estimator.latest_checkpoint() == previous.checkpoint_path

    def _attempt(self, training_ended: bool) -> Outcome:
        while True:
            checkpoint_path = self._estimator.latest_checkpoint()
            if not checkpoint_path:
                self._warn(
                    "Estimator is not trained yet. Will start an evaluation when a checkpoint is ready."
                )
                return Outcome(Status.MISSING_CHECKPOINT)
            if self._previous is not None and checkpoint_path == self._previous.checkpoint_path:
                if training_ended and not self._exported_as_final:
                    return self._export_again_as_final(self._previous)
                if not training_ended:
                    self._warn(
                        "No new checkpoint ready for evaluation. Skip the current evaluation pass as evaluation "
                        "results are expected to be same for the same checkpoint."
                    )
                return Outcome(Status.NO_NEW_CHECKPOINT)
            try:
                with self._hold.holding(checkpoint_path):
                    outcome = self._evaluate(checkpoint_path, training_ended)
            except _READ_ERRORS as error:
                if not _is_lost(checkpoint_path, error):
                    raise
                if self._estimator.latest_checkpoint() == checkpoint_path:
                    if not isinstance(error, tf.errors.OpError):
                        raise
                    # On a shared directory the names of files may be seen before their contents.
                    self._warn(
                        f"Checkpoint {checkpoint_path} cannot be read ({faults.fault(checkpoint_path)}). "
                        "Will look for it again."
                    )
                    return Outcome(Status.MISSING_CHECKPOINT)
                tf.compat.v1.logging.warning(
                    "Checkpoint %s was deleted or damaged while it was being evaluated or exported (%s); going on "
                    "with the latest one.",
                    checkpoint_path,
                    type(error).__name__,
                )
                continue
            self._last_warning_time = -math.inf
            self._previous = outcome
            return outcome

    def _evaluate(self, checkpoint_path: str, training_ended: bool) -> Outcome:
        metrics = self._reading(
            checkpoint_path,
            lambda path: self._estimator.evaluate(
                input_fn=self._eval_spec.input_fn,
                steps=self._eval_spec.steps,
                name=self._eval_spec.name,
                checkpoint_path=path,
                hooks=self._eval_spec.hooks,
            ),
        )
        _check_metrics(metrics)
        step = metrics[tf.compat.v1.GraphKeys.GLOBAL_STEP]
        final = training_ended or bool(self._max_steps and step >= self._max_steps)
        exports = tuple(
            self._export(exporter, checkpoint_path, metrics, final) for exporter in self._eval_spec.exporters
        )
        self._exported_as_final = final
        return Outcome(Status.EVALUATED, metrics, checkpoint_path, exports)

    def _export_again_as_final(self, outcome: Outcome) -> Outcome:
        exports = tuple(
            earlier
            if earlier is not None
            else self._export(exporter, outcome.checkpoint_path, outcome.metrics, is_final=True)
            for exporter, earlier in zip(self._eval_spec.exporters, outcome.export_results, strict=True)
        )
        self._exported_as_final = True
        self._previous = Outcome(Status.EVALUATED, outcome.metrics, outcome.checkpoint_path, exports)
        return self._previous

    def _export(self, exporter: Any, checkpoint_path: Any, metrics: Any, is_final: bool) -> Any:
        model_dir = tf.compat.as_str_any(self._estimator.model_dir)
        return self._reading(
            checkpoint_path,
            lambda path: exporter.export(
                estimator=self._estimator,
                export_path=os.path.join(model_dir, "export", exporter.name),  # noqa: PTH118 - may be a URI
                checkpoint_path=path,
                eval_result=metrics,
                is_the_final_export=is_final,
            ),
        )

    def _reading(self, checkpoint_path: Any, use: Callable[[Any], Any]) -> Any:
        """What `use` returns for the checkpoint, wherever it can be read: it may be deleted at any moment."""
        path = self._hold.readable(checkpoint_path)
        try:
            return use(path)
        except _READ_ERRORS:
            held = self._hold.readable(checkpoint_path)
            if held == path:
                raise
            return use(held)

    def _warn(self, message: str) -> None:
        now = time.monotonic()
        if now - self._last_warning_time > _WARN_EVERY_SECS:
            tf.compat.v1.logging.warning(message)
            self._last_warning_time = now


def _check_metrics(metrics: Any) -> None:
    if not metrics:
        raise ValueError("Internal error: `Estimator.evaluate` should never return empty metrics.")
    if not isinstance(metrics, dict):
        raise TypeError(f"Internal error: `Estimator.evaluate` should return dict. Given {type(metrics)}.")
    if tf.compat.v1.GraphKeys.GLOBAL_STEP not in metrics:
        raise ValueError(
            f"Internal error: `Estimator.evaluate` result should have `global_step` in result. Given {metrics}"
        )


def _is_lost(checkpoint_path: str, error: Exception) -> bool:
    """Tells whether it was the checkpoint that could not be read."""
    if faults.fault(checkpoint_path) is not None:
        return True
    return isinstance(error, tf.errors.DataLossError) and faults.condemn(checkpoint_path)
