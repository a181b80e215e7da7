"""The head of a sequence of logits: another head, for the steps that are no padding.

Losses and metrics are those of the other head, as if each step were an example: labels, logits and the features that it
takes are told apart by a mask, which is among the features. Predictions have all steps, and the mask beside them.
"""

import abc
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from estimator_runtime.canned.heads.head import Head
from estimator_runtime.canned.heads.multi_head import MultiHead
from estimator_runtime.errors import ValueKindError
from estimator_runtime.model.deferred_spec import DeferredSpec
from estimator_runtime.model.model_fn import EstimatorSpec, ModeKeys


class SequentialHead(Head):
    """A head whose logits have a dimension of steps; an RNNEstimator puts the mask of its sequences among the features."""

    @property
    @abc.abstractmethod
    def input_sequence_mask_key(self) -> str:
        """Name of the feature that is the mask, a bool Tensor [batch, steps]."""


class SequentialHeadWrapper(SequentialHead):
    """A head for each step of sequences.

    Logits are a float Tensor [batch, steps, logits_dimension]. Labels are a Tensor [batch, steps, ...], or a SparseTensor
    that has those of all steps, and no others.

    Args:
        static_head: the head of a step, which is no MultiHead.
        sequence_length_mask: name of the mask among the features.
        feature_columns: name of a feature, or list of names, whose values are those of steps and which `static_head` takes:
            its weight column.

    Raises:
        TypeError: the name of the mask is no string, or `feature_columns` are no names.
        ValueError: `static_head` is a MultiHead.
    """

    def __init__(
        self,
        static_head: Head,
        sequence_length_mask: str = "sequence_length_mask",
        feature_columns: Any = None,
    ) -> None:
        if isinstance(static_head, MultiHead):
            raise ValueError("`MultiHead` is not supported with `SequentialHeadWrapper`.")  # noqa: TRY004 - tf.estimator's type
        if not isinstance(sequence_length_mask, str):
            raise TypeError(
                f"`sequence_mask` column must be a string. Given type: {type(sequence_length_mask)}."
            )
        self._static_head = static_head
        self._mask_key = sequence_length_mask
        self._feature_columns = _names(feature_columns)

    @property
    def static_head(self) -> Head:
        """The head of a step."""
        return self._static_head

    @property
    def input_sequence_mask_key(self) -> str:
        """See `SequentialHead.input_sequence_mask_key`."""
        return self._mask_key

    @property
    def name(self) -> str | None:
        """The name of the head of a step with `_sequential` behind it; None where that has none."""
        name = self._static_head.name
        return f"{name}_sequential" if name else None

    @property
    def logits_dimension(self) -> Any:
        """That of the head of a step."""
        return self._static_head.logits_dimension

    @property
    def loss_reduction(self) -> Any:
        """That of the head of a step."""
        return self._static_head.loss_reduction

    def loss(  # type: ignore[override]  # tf.estimator's order of arguments, which differs from Head's
        self,
        logits: Any,
        labels: Any,
        features: Any = None,
        mode: str | None = None,
        regularization_losses: Sequence[Any] | None = None,
    ) -> Any:
        """See `Head.loss`; the mask is among the features.

        Raises:
            ValueError: features are no dict with a mask, or labels, logits and mask do not fit together.
        """
        labels, logits, features = self._flattened(labels, logits, features)
        return self._static_head.loss(
            logits=logits,
            labels=labels,
            features=features,
            mode=mode,
            regularization_losses=regularization_losses,
        )

    def predictions(self, logits: Any, keys: Sequence[Any] | None = None) -> dict[Any, Any]:
        """Those of the head of a step, of all steps."""
        return self._static_head.predictions(logits, keys=keys)

    def metrics(self, regularization_losses: Sequence[Any] | None = None) -> dict[str, Any]:
        """See `Head.metrics`."""
        return self._static_head.metrics(regularization_losses)

    def update_metrics(  # type: ignore[override]  # tf.estimator's order of arguments, which differs from Head's
        self,
        eval_metrics: dict[str, Any],
        features: Any,
        logits: Any,
        labels: Any,
        regularization_losses: Sequence[Any] | None = None,
    ) -> dict[str, Any]:
        """See `Head.update_metrics`; the mask is among the features."""
        labels, logits, features = self._flattened(labels, logits, features)
        return self._static_head.update_metrics(
            eval_metrics,
            features=features,
            logits=logits,
            labels=labels,
            regularization_losses=regularization_losses,
        )

    def create_estimator_spec(
        self,
        features: Any,
        mode: str,
        logits: Any,
        labels: Any = None,
        optimizer: Any = None,
        trainable_variables: Sequence[Any] | None = None,
        train_op_fn: Callable[[Any], Any] | None = None,
        update_ops: Sequence[Any] | None = None,
        regularization_losses: Sequence[Any] | None = None,
    ) -> EstimatorSpec:
        """See `Head.create_estimator_spec`: for the steps that are no padding, in PREDICT mode for all, with the mask.

        Raises:
            ValueError: as `Head.create_estimator_spec` and `loss`.
        """
        made: EstimatorSpec = self._spec_by(
            self._static_head.create_estimator_spec,
            features,
            mode,
            logits,
            labels,
            optimizer=optimizer,
            trainable_variables=trainable_variables,
            train_op_fn=train_op_fn,
            update_ops=update_ops,
            regularization_losses=regularization_losses,
        )
        return made

    def _create_tpu_estimator_spec(
        self,
        features: Any,
        mode: str,
        logits: Any,
        labels: Any = None,
        optimizer: Any = None,
        trainable_variables: Sequence[Any] | None = None,
        train_op_fn: Callable[[Any], Any] | None = None,
        update_ops: Sequence[Any] | None = None,
        regularization_losses: Sequence[Any] | None = None,
    ) -> DeferredSpec:
        """As `create_estimator_spec`, with the metrics of an evaluation not updated yet."""
        made: DeferredSpec = self._spec_by(
            self._static_head._create_tpu_estimator_spec,  # noqa: SLF001 - a head's, by its name for subclasses
            features,
            mode,
            logits,
            labels,
            optimizer=optimizer,
            trainable_variables=trainable_variables,
            train_op_fn=train_op_fn,
            update_ops=update_ops,
            regularization_losses=regularization_losses,
        )
        return made

    def _spec_by(
        self, make: Callable[..., Any], features: Any, mode: str, logits: Any, labels: Any, **given: Any
    ) -> Any:
        """What `make` of the head of a step returns."""
        if mode == ModeKeys.PREDICT:
            mask = self._mask(features)
            spec = make(features=features, mode=mode, logits=logits, labels=labels, **given)
            return spec._replace(predictions={**spec.predictions, self._mask_key: mask})
        labels, logits, features = self._flattened(labels, logits, features)
        return make(features=features, mode=mode, logits=logits, labels=labels, **given)

    def _mask(self, features: Any) -> Any:
        """The mask as it is among the features."""
        if not isinstance(features, Mapping):
            raise ValueKindError(
                f"features should be a dictionary of `Tensor`s. Given type: {type(features)}"
            )
        if self._mask_key not in features:
            raise ValueError(
                f"The provided sequence_length_mask key `{self._mask_key}` should be included in the features dictionary, "
                f"but was not found. Found keys: {list(features)}."
            )
        return features[self._mask_key]

    def _flattened(self, labels: Any, logits: Any, features: Any) -> tuple[Any, Any, dict[str, Any]]:
        """(labels, logits, features of steps) of the steps that are no padding, one after the other."""
        given = self._mask(features)
        with tf.name_scope("flatten"):
            mask = tf.cast(tf.convert_to_tensor(given), tf.bool)
            if mask.shape.rank is not None and mask.shape.rank != 2:
                raise ValueError(f"Mask is expected to have two dimensions, got {mask.shape.rank} instead.")
            steps = tf.math.count_nonzero(mask)
            missing = [name for name in self._feature_columns if name not in features]
            if missing:
                raise ValueError(f"`{missing[0]}` column expected in features dictionary.")
            return (
                _of_steps(labels, mask, steps, "labels"),
                _of_steps(logits, mask, steps, "logits"),
                {name: _of_steps(features[name], mask, steps, name) for name in self._feature_columns},
            )


def _of_steps(tensor: Any, mask: Any, steps: Any, name: str) -> Any:
    """The values [steps, ...] of a Tensor [batch, steps, ...], or of a SparseTensor that has no others.

    Raises:
        ValueError: it is neither, or its first two dimensions are known and are not the mask's.
    """
    if isinstance(tensor, tf.SparseTensor):
        if tensor.shape.rank is not None and tensor.shape.rank < 2:
            raise ValueError(f"{name} must have two dimensions at least, got {tensor.shape.rank} instead.")
        values = tensor.values
    elif not hasattr(tensor, "shape") or isinstance(tensor, tf.RaggedTensor):
        raise ValueKindError(f"{name} must be a `Tensor` or a `SparseTensor` of steps. Given: {tensor}")
    else:
        tensor = tf.convert_to_tensor(tensor)
        tensor.shape[:2].assert_is_compatible_with(mask.shape)
        values = tf.boolean_mask(tensor, mask)
    check = tf.compat.v1.assert_equal(
        tf.shape(values, out_type=tf.int64)[0],
        steps,
        message=f"{name} must have a value for each step that is no padding",
    )
    with tf.control_dependencies([check]):
        return tf.identity(values)


def _names(columns: Any) -> tuple[str, ...]:
    """The names of features.

    Raises:
        TypeError: they are no strings.
    """
    if columns is None or isinstance(columns, str):
        return (columns,) if columns else ()
    if not isinstance(columns, Iterable):
        raise TypeError(
            f"`feature_columns` must be either a string or an iterable of strings got {type(columns)} instead."
        )
    names = tuple(columns)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"Column must a string. Given type: {type(name)}.")
    return names
