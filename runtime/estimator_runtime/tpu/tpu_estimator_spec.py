"""TPUEstimatorSpec: what the model function of a TPUEstimator returns."""

from collections.abc import Callable, Iterable
from typing import Any, Self

from estimator_runtime.model.deferred_spec import DeferredSpec
from estimator_runtime.model.model_fn import EstimatorSpec
from estimator_runtime.tpu import host_call as host_calls


class TPUEstimatorSpec(DeferredSpec):
    """The operations and objects that a model function hands to a TPUEstimator.

    In the place of metrics, a scaffold and operations beside the step it has functions, which a TPUEstimator calls.

    Args:
        mode: as in `tf.estimator.EstimatorSpec`, as all that is not told here.
        predictions: likewise.
        loss: likewise.
        train_op: likewise.
        eval_metrics: (function, tensors): the function is called with the tensors, a list or tuple of them by position, a
            dict by name, and returns what `eval_metric_ops` of an EstimatorSpec may be.
        export_outputs: likewise.
        scaffold_fn: function without arguments that returns a `tf.compat.v1.train.Scaffold`, or None.
        host_call: (function, tensors) as `eval_metrics`: what the function returns, as
            `tf.compat.v1.summary.all_v2_summary_ops()`, is run in every step, in each mode.
        training_hooks: likewise.
        evaluation_hooks: likewise.
        prediction_hooks: likewise.

    Raises:
        ValueError: as an EstimatorSpec, or `eval_metrics` or `host_call` is no such pair.
        TypeError: as an EstimatorSpec, or the first of a pair is no function.
        RuntimeError: a function takes another number of tensors.
    """

    __slots__ = ()

    def __new__(  # noqa: D102 - the class documents its arguments, in tf.estimator's order
        cls,
        mode: str | None,
        predictions: Any = None,
        loss: Any = None,
        train_op: Any = None,
        eval_metrics: Any = None,
        export_outputs: Any = None,
        scaffold_fn: Callable[[], Any] | None = None,
        host_call: Any = None,
        training_hooks: Iterable[Any] | None = None,
        evaluation_hooks: Iterable[Any] | None = None,
        prediction_hooks: Iterable[Any] | None = None,
    ) -> Self:
        for name, pair in (("eval_metrics", eval_metrics), ("host_call", host_call)):
            if pair is not None:
                host_calls.check(name, pair)
        # What both kinds have in common is checked as there.
        checked = EstimatorSpec(
            mode,
            predictions=predictions,
            loss=loss,
            train_op=train_op,
            export_outputs=export_outputs,
            training_hooks=training_hooks,
            evaluation_hooks=evaluation_hooks,
            prediction_hooks=prediction_hooks,
        )
        return super().__new__(
            cls,
            mode=mode,
            predictions=checked.predictions,
            loss=checked.loss,
            train_op=checked.train_op,
            eval_metrics=eval_metrics,
            export_outputs=checked.export_outputs,
            scaffold_fn=scaffold_fn,
            host_call=host_call,
            training_hooks=checked.training_hooks,
            evaluation_hooks=checked.evaluation_hooks,
            prediction_hooks=checked.prediction_hooks,
        )

    def _metrics(self) -> Any:
        return None if self.eval_metrics is None else host_calls.called("eval_metrics", self.eval_metrics)

    def _host_hooks(self) -> tuple[Any, ...]:
        if self.host_call is None:
            return ()
        return (host_calls.HostCallHook(host_calls.called("host_call", self.host_call)),)
