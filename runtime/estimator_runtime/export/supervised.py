"""Exports of a model in training and in evaluation: receivers that also take labels, and what such a model answers."""

import abc
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, NamedTuple, Self

import tensorflow as tf

from estimator_runtime.export.receivers import checked_named, checked_receivers, placeholders_like
from estimator_runtime.keras import metric_updates, metric_variables
from estimator_runtime.model import metrics as metric_ops
from estimator_runtime.model.export_outputs import ExportOutput, as_tensor, is_plain, named

_SINGLE_FEATURE_NAME = "input"
_SINGLE_LABEL_NAME = "label"


class _Receiver(NamedTuple):
    features: Any
    labels: Any
    receiver_tensors: dict[str, Any]


class SupervisedInputReceiver(_Receiver):
    """Features and labels for a model in TRAIN or EVAL mode, and the tensors through which they are fed.

    Args:
        features: Tensor, SparseTensor or RaggedTensor, or a dict of them with string or integer keys.
        labels: the same. Single values stay single.
        receiver_tensors: the same with string keys: what is fed. A single one becomes {"input": it}.

    Raises:
        ValueError: something is missing, a key is of the wrong type, or a value is no Tensor.
    """

    __slots__ = ()

    def __new__(cls, features: Any, labels: Any, receiver_tensors: Any) -> Self:
        """Checks the arguments."""
        for name, value in (("feature", features), ("label", labels)):
            checked_named(value, name, name)
        return super().__new__(cls, features, labels, checked_receivers(receiver_tensors))


def build_raw_supervised_input_receiver_fn(
    features: Any, labels: Any, default_batch_size: int | None = None
) -> Callable[[], SupervisedInputReceiver]:
    """A receiver function that is fed features and labels themselves, to export a model for training or evaluation.

    Args:
        features: dict from name to Tensor, or one Tensor: dtypes and shapes to expect, of any graph or eager. The
            first dimension is the batch.
        labels: the same.
        default_batch_size: static batch size, None for any.

    Returns:
        A function without arguments. Its receiver has one placeholder per feature and label; a single one is called
        "input" (features) or "label".

    Raises:
        ValueError: features and labels have a key in common.
    """
    receiver_names = [
        set(value) if isinstance(value, Mapping) else {single}
        for value, single in ((features, _SINGLE_FEATURE_NAME), (labels, _SINGLE_LABEL_NAME))
    ]
    overlapping = set.intersection(*receiver_names)
    if overlapping:
        raise ValueError(
            f"Features and labels must have distinct keys. Found overlapping keys: {overlapping}"
        )

    def supervised_input_receiver_fn() -> SupervisedInputReceiver:
        made_features = placeholders_like(features, default_batch_size)
        made_labels = placeholders_like(labels, default_batch_size)
        fed = {
            **(made_features if isinstance(features, Mapping) else {_SINGLE_FEATURE_NAME: made_features}),
            **(made_labels if isinstance(labels, Mapping) else {_SINGLE_LABEL_NAME: made_labels}),
        }
        return SupervisedInputReceiver(made_features, made_labels, fed)

    return supervised_input_receiver_fn


class SupervisedOutput(ExportOutput):
    """Loss, predictions and metrics of a model that is exported with its labels as inputs.

    Args:
        loss: Tensor, a dict of Tensors, or None.
        predictions: Tensor, a dict of Tensors, or None.
        metrics: dict from name to a `(value, update)` pair or to a Keras metric, or None. Where the result of a Keras
            metric is a dict or a sequence each part is an output: "metrics/name/part/value".

    Raises:
        ValueError: a key is no string or a value is no Tensor.
    """

    LOSS_NAME: ClassVar[str] = "loss"
    PREDICTIONS_NAME: ClassVar[str] = "predictions"
    METRICS_NAME: ClassVar[str] = "metrics"
    METRIC_VALUE_SUFFIX: ClassVar[str] = "value"
    METRIC_UPDATE_SUFFIX: ClassVar[str] = "update_op"

    def __init__(self, loss: Any = None, predictions: Any = None, metrics: Any = None) -> None:
        self._loss = None if loss is None else named(loss, self.LOSS_NAME, "Loss")
        self._predictions = (
            None if predictions is None else named(predictions, self.PREDICTIONS_NAME, "Prediction")
        )
        self._metrics = None if metrics is None else _metric_tensors(metrics)

    @property
    def loss(self) -> dict[str, Any] | None:
        """Dict from name to Tensor, or None."""
        return self._loss

    @property
    def predictions(self) -> dict[str, Any] | None:
        """Dict from name to Tensor, or None."""
        return self._predictions

    @property
    def metrics(self) -> dict[str, Any] | None:
        """Dict from name to Tensor, two per metric, or None."""
        return self._metrics

    @property
    @abc.abstractmethod
    def method_name(self) -> str:
        """The signature's method name, which tells readers of the export what kind it is."""

    def as_signature_def(self, receiver_tensors: Mapping[str, Any]) -> Any:
        """See `ExportOutput.as_signature_def`."""

        def infos(tensors: Mapping[str, Any]) -> dict[str, Any]:
            return {
                name: tf.compat.v1.saved_model.build_tensor_info(value) for name, value in tensors.items()
            }

        outputs = {
            **_prefixed(self._loss, self.LOSS_NAME),
            **_prefixed(self._predictions, self.PREDICTIONS_NAME),
            **_prefixed(self._metrics, self.METRICS_NAME),
        }
        return tf.compat.v1.saved_model.build_signature_def(
            infos(receiver_tensors), infos(outputs), self.method_name
        )


class TrainOutput(SupervisedOutput):
    """What a model that is exported for training answers; see `SupervisedOutput`."""

    @property
    def method_name(self) -> str:
        """See `SupervisedOutput.method_name`."""
        return "tensorflow/supervised/training"


class EvalOutput(SupervisedOutput):
    """What a model that is exported for evaluation answers; see `SupervisedOutput`."""

    @property
    def method_name(self) -> str:
        """See `SupervisedOutput.method_name`."""
        return "tensorflow/supervised/eval"


def _metric_tensors(metrics: Mapping[str, tuple[Any, Any]]) -> dict[str, Any]:
    tensors = {}
    for key, metric in metrics.items():
        # What is no metric gets the error below.
        given, update = metric if isinstance(metric, tuple) else metric_ops.checked({key: metric})[key]
        name = f"{SupervisedOutput.METRICS_NAME}/{key}"
        for path, part in _parts(given) if _is_of_keras(given) else (("", given),):
            value = as_tensor(part)
            if not (is_plain(value) and (tf.is_tensor(update) or isinstance(update, tf.Operation))):
                raise ValueError(f"Metric {key} must be a Tensor and an update; got {(given, update)}.")
            tensors[f"{name}{path}/{SupervisedOutput.METRIC_VALUE_SUFFIX}"] = value
        tensors[f"{name}/{SupervisedOutput.METRIC_UPDATE_SUFFIX}"] = _tensor_after(update)
    return tensors


def _is_of_keras(value: Any) -> bool:
    """Whether a structure of Tensors depends on a Keras metric: other metrics have one value, as in tf.estimator."""
    ends = tf.nest.flatten(value)
    return all(isinstance(end, tf.Tensor) for end in ends) and metric_updates.is_made_of(
        ends, metric_variables.of_graph()
    )


def _parts(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The parts of a Keras metric's result, which may be a dict or a sequence of values, each with its path in there."""
    if isinstance(value, Mapping):
        named_parts: Iterable[tuple[Any, Any]] = value.items()
    elif isinstance(value, list | tuple):
        named_parts = enumerate(value)
    else:
        yield path, value
        return
    for name, part in named_parts:
        yield from _parts(part, f"{path}/{name}")


def _tensor_after(update: Any) -> Any:
    """The update itself, or a Tensor that makes it: a signature holds plain tensors only."""
    if is_plain(update):
        return update
    with tf.control_dependencies([update]):
        return tf.constant([], name="metric_op_wrapper")


def _prefixed(tensors: dict[str, Any] | None, prefix: str) -> dict[str, Any]:
    """Names of one group of outputs; the group's only, unnamed tensor keeps the group's own name."""
    return {
        name if name.split("/", 1)[0] == prefix else f"{prefix}/{name}": value
        for name, value in (tensors or {}).items()
    }
