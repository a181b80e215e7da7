"""What a model function is called with and what it returns: ModeKeys and EstimatorSpec.

Invariants of an EstimatorSpec, whoever built it:

* it holds what its mode needs (TRAIN: loss and train_op, EVAL: loss, PREDICT: predictions);
* every tensor in it belongs to the default graph of the moment it was built in;
* `loss` is a scalar, the hooks are tuples of SessionRunHook, `scaffold` is a Scaffold;
* `eval_metric_ops` maps names to (value, update) pairs, whatever kind of metric was given;
* in PREDICT mode, a non-empty `export_outputs` has an entry for the default serving signature.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Self

import tensorflow as tf

from estimator_runtime.errors import InputGraphError
from estimator_runtime.model import export_outputs as export_output
from estimator_runtime.model import metrics


class ModeKeys:
    """Names of the three ways a model function is called."""

    TRAIN = "train"
    EVAL = "eval"
    PREDICT = "infer"


class _Fields(NamedTuple):
    mode: str | None
    predictions: Any
    loss: Any
    train_op: Any
    eval_metric_ops: dict[str, tuple[Any, Any]]
    export_outputs: dict[str, export_output.ExportOutput] | None
    training_chief_hooks: tuple[Any, ...]
    training_hooks: tuple[Any, ...]
    scaffold: Any
    evaluation_hooks: tuple[Any, ...]
    prediction_hooks: tuple[Any, ...]


class EstimatorSpec(_Fields):
    """The operations and objects that a model function hands to the Estimator.

    Args:
        mode: a `ModeKeys` value: what is required, and whether `export_outputs` are looked at, follows from it. A model
            function that declares no `mode` may give None, as in tf.estimator, which requires nothing.
        predictions: a Tensor or a dict of Tensors. Required in PREDICT.
        loss: a Tensor of shape [] or [1]. Required in TRAIN and EVAL.
        train_op: the operation (or Tensor) that makes one training step. Required in TRAIN.
        eval_metric_ops: dict from metric name to a `(value, update)` pair as `tf.compat.v1.metrics` returns it,
            or to a Keras metric that the model function made and whose `update_state` has been called.
        export_outputs: dict from signature name to `ExportOutput`; one of several must be called
            "serving_default". None in PREDICT means `PredictOutput(predictions)`.
        training_chief_hooks: hooks for the chief only.
        training_hooks: hooks for every worker.
        scaffold: a `tf.compat.v1.train.Scaffold`.
        evaluation_hooks: hooks for evaluation.
        prediction_hooks: hooks for prediction.

    Raises:
        ValueError: what the mode needs is missing, a loss is not scalar, or a tensor is of another graph.
        TypeError: an argument is not of its type.
    """

    __slots__ = ()

    def __new__(  # noqa: D102 - the class documents its arguments, in tf.estimator's order
        cls,
        mode: str | None,
        predictions: Any = None,
        loss: Any = None,
        train_op: Any = None,
        eval_metric_ops: Mapping[str, Any] | None = None,
        export_outputs: dict[str, export_output.ExportOutput] | None = None,
        training_chief_hooks: Iterable[Any] | None = None,
        training_hooks: Iterable[Any] | None = None,
        scaffold: Any = None,
        evaluation_hooks: Iterable[Any] | None = None,
        prediction_hooks: Iterable[Any] | None = None,
    ) -> Self:
        train_op = _checked_train_op(train_op, mode)
        loss = _checked_loss(loss, mode)
        predictions = _checked_predictions(predictions, mode)
        if mode == ModeKeys.PREDICT:
            export_outputs = export_output.with_default_signature(export_outputs, predictions)
        # In tf.estimator's order: of two wrong arguments it is the same one that is named.
        training_hooks = _checked_hooks(training_hooks)
        evaluation_hooks = _checked_hooks(evaluation_hooks)
        prediction_hooks = _checked_hooks(prediction_hooks)
        training_chief_hooks = _checked_hooks(training_chief_hooks)
        metric_ops = metrics.checked(eval_metric_ops, loss)
        for name, (value, update) in metric_ops.items():
            for part in tf.nest.flatten((value, update)):
                _check_in_default_graph(part, "eval_metric_ops", key=name)
        # Hooks of the model function's own may run whatever it is that counts.
        if mode == ModeKeys.EVAL and not evaluation_hooks:
            metrics.check_counted(metric_ops, loss)
        scaffold = scaffold or tf.compat.v1.train.Scaffold()
        if not isinstance(scaffold, tf.compat.v1.train.Scaffold):
            raise TypeError(f"scaffold must be tf.train.Scaffold. Given: {scaffold}")
        return super().__new__(
            cls,
            mode=mode,
            predictions=predictions,
            loss=loss,
            train_op=train_op,
            eval_metric_ops=metric_ops,
            export_outputs=export_outputs,
            training_chief_hooks=training_chief_hooks,
            training_hooks=training_hooks,
            scaffold=scaffold,
            evaluation_hooks=evaluation_hooks,
            prediction_hooks=prediction_hooks,
        )

    def _replace(self, **kwds: Any) -> Self:
        """A copy with the given fields changed and everything checked again; the mode stays.

        Raises:
            ValueError: `mode` is to be changed, or a field does not exist.
        """
        if kwds.get("mode", self.mode) != self.mode:
            raise ValueError("mode of EstimatorSpec cannot be changed.")
        unknown = set(kwds) - set(self._fields)
        if unknown:
            raise ValueError(f"EstimatorSpec has no fields {sorted(unknown)}.")
        return type(self)(**{**self._asdict(), **kwds})


def _check_in_default_graph(value: Any, name: str, key: str | None = None) -> None:
    if getattr(value, "graph", None) is not tf.compat.v1.get_default_graph():
        # An eager tensor has no name.
        described = (
            getattr(value, "name", value) if key is None else f"{key}: {getattr(value, 'name', value)}"
        )
        # tf.estimator asks an eager tensor for its graph.
        kind = InputGraphError if tf.is_tensor(value) and not tf.is_symbolic_tensor(value) else ValueError
        raise kind(
            f'{name} with "{described}" must be from the default graph. Create it inside the most recent call of '
            "model_fn and return it in the EstimatorSpec of that same call."
        )


def _check_tensor(value: Any, name: str) -> None:
    if not export_output.is_one_tensor(value):
        raise TypeError(f"{name} must be Tensor, given: {value}")


def _checked_train_op(train_op: Any, mode: str | None) -> Any:
    if train_op is None:
        if mode == ModeKeys.TRAIN:
            raise ValueError("Missing train_op.")
        return None
    if not (isinstance(train_op, tf.Operation) or export_output.is_one_tensor(train_op)):
        raise TypeError(f"train_op must be Operation or Tensor, given: {train_op}")
    _check_in_default_graph(train_op, "train_op")
    # An assignment to a resource variable returns the variable: it is the operation that makes a step, and that an export
    # for training names.
    return train_op.op if isinstance(train_op, tf.Variable) else train_op


def _checked_loss(loss: Any, mode: str | None) -> Any:
    if loss is None:
        if mode in (ModeKeys.TRAIN, ModeKeys.EVAL):
            raise ValueError("Missing loss.")
        return None
    _check_tensor(loss, "loss")
    _check_in_default_graph(loss, "loss")
    if loss.shape.num_elements() not in (None, 1):
        raise ValueError(f"Loss must be scalar, given: {loss}")
    return loss if loss.shape.is_compatible_with([]) else tf.reshape(loss, [])


def _checked_predictions(predictions: Any, mode: str | None) -> Any:
    if predictions is None:
        if mode == ModeKeys.PREDICT:
            raise ValueError("Missing predictions.")
        return {}
    if isinstance(predictions, dict):
        for key, value in predictions.items():
            _check_tensor(value, f"predictions[{key}]")
            _check_in_default_graph(value, "prediction values", key)
        return dict(predictions)
    _check_tensor(predictions, "predictions")
    _check_in_default_graph(predictions, "prediction values")
    return predictions


def _checked_hooks(hooks: Iterable[Any] | None) -> tuple[Any, ...]:
    hooks = tuple(hooks or ())
    for hook in hooks:
        if not isinstance(hook, tf.compat.v1.train.SessionRunHook):
            raise TypeError(f"All hooks must be SessionRunHook instances, given: {hook}")
    return hooks
