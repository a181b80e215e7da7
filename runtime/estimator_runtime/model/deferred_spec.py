"""An EstimatorSpec whose metrics are a function and the tensors to call it with, as TPUEstimator has them.

Heads of libraries return it from `_create_tpu_estimator_spec`; the Estimator works with `as_estimator_spec()` of it.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, Self

from estimator_runtime.model.model_fn import EstimatorSpec


class _Fields(NamedTuple):
    mode: str | None
    predictions: Any
    loss: Any
    train_op: Any
    eval_metrics: tuple[Callable[..., Any], Mapping[str, Any]] | None
    export_outputs: Any
    scaffold_fn: Callable[[], Any] | None
    host_call: Any
    training_hooks: Any
    evaluation_hooks: Any
    prediction_hooks: Any


class DeferredSpec(_Fields):
    """See the module, and `EstimatorSpec` for the other arguments.

    Args:
        eval_metrics: (function, dict of its arguments); the function returns the dict of `eval_metric_ops`.
        scaffold_fn: function without arguments that returns the Scaffold, or None.
        host_call: what a TPU's host would run in each step. It is kept, and means nothing here.
    """

    __slots__ = ()

    def __new__(  # noqa: D102 - the class documents its arguments
        cls,
        mode: str | None,
        predictions: Any = None,
        loss: Any = None,
        train_op: Any = None,
        eval_metrics: tuple[Callable[..., Any], Mapping[str, Any]] | None = None,
        export_outputs: Any = None,
        scaffold_fn: Callable[[], Any] | None = None,
        host_call: Any = None,
        training_hooks: Iterable[Any] | None = None,
        evaluation_hooks: Iterable[Any] | None = None,
        prediction_hooks: Iterable[Any] | None = None,
    ) -> Self:
        return super().__new__(
            cls,
            mode,
            predictions,
            loss,
            train_op,
            eval_metrics,
            export_outputs,
            scaffold_fn,
            host_call,
            training_hooks,
            evaluation_hooks,
            prediction_hooks,
        )

    def as_estimator_spec(self) -> EstimatorSpec:
        """The same as an EstimatorSpec: its functions are called, in the default graph.

        Raises:
            TypeError: as an EstimatorSpec: `eval_metrics` returns no dict, `scaffold_fn` no Scaffold.
        """
        metrics, hooks = self._metrics(), self._host_hooks()
        return EstimatorSpec(
            mode=self.mode,
            predictions=self.predictions,
            loss=self.loss,
            train_op=self.train_op,
            eval_metric_ops=metrics,
            export_outputs=self.export_outputs,
            scaffold=self.scaffold_fn() if self.scaffold_fn else None,
            training_hooks=(*(self.training_hooks or ()), *hooks),
            evaluation_hooks=(*(self.evaluation_hooks or ()), *hooks),
            prediction_hooks=(*(self.prediction_hooks or ()), *hooks),
        )

    def _metrics(self) -> Any:
        """What the function of `eval_metrics` returns, or None."""
        if not self.eval_metrics:
            return None
        function, tensors = self.eval_metrics
        return function(**tensors)

    def _host_hooks(self) -> tuple[Any, ...]:
        """Hooks of all modes that run the host call."""
        return ()
