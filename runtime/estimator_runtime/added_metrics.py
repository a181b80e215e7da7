"""Adding metrics to the evaluation of an Estimator that exists already."""

from collections.abc import Callable, Mapping
from typing import Any

from estimator_runtime import arguments
from estimator_runtime.config.run_config import RunConfig
from estimator_runtime.estimator import Estimator
from estimator_runtime.model.model_fn import EstimatorSpec, ModeKeys

_ARGUMENTS = ("features", "labels", "predictions", "config")


def add_metrics(estimator: Estimator, metric_fn: Callable[..., dict[str, Any]]) -> Estimator:
    """Makes an Estimator that also evaluates the metrics of `metric_fn`.

    Args:
        estimator: the Estimator; it stays as it is, and both work in the same model_dir.
        metric_fn: function that returns metrics as in `EstimatorSpec.eval_metric_ops`, called in EVAL mode with those
            of `features`, `labels`, `predictions` (the EstimatorSpec's) and `config` that it declares. A metric of a
            name that the model has already takes its place.

    Returns:
        The new Estimator.

    Raises:
        ValueError: `metric_fn` declares another argument.
        TypeError: (in an evaluation) `metric_fn` returns no dict.
    """
    declared = arguments.declared(metric_fn)
    unexpected = arguments.unexpected(metric_fn, _ARGUMENTS)
    if unexpected:
        raise ValueError(
            f"metric_fn ({metric_fn}) has following not expected args: {unexpected}. "
            f"It may have any of {list(_ARGUMENTS)}."
        )

    def model_fn(features: Any, labels: Any, mode: str, config: RunConfig) -> EstimatorSpec:
        spec = estimator.model_fn(features, labels, mode, config)
        if mode != ModeKeys.EVAL:
            return spec
        offered = {
            "features": features,
            "labels": labels,
            "predictions": spec.predictions,
            "config": config,
        }
        added = metric_fn(**{name: value for name, value in offered.items() if name in declared})
        if not isinstance(added, Mapping):
            raise TypeError(f"metric_fn ({metric_fn}) must return a dict of metrics, returned: {added}")
        return spec._replace(eval_metric_ops={**spec.eval_metric_ops, **added})

    # An Estimator of either face makes one of tf.compat.v1.estimator's, as in tf.estimator; a canned one or a program's own makes a
    # plain one.
    plain: type[Estimator] = next(cls for cls in type(estimator).__mro__ if "_runs_untrained" in vars(cls))
    return plain(
        model_fn,
        estimator.model_dir,
        estimator.config,
        warm_start_from=estimator._bound.warm_start,  # noqa: SLF001 - of this package
        fresh_variables_if_untrained=estimator._fresh_variables_if_untrained,  # noqa: SLF001 - as above
    )
