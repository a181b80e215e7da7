"""RNNEstimator and RNNClassifier, which tf.estimator had in its second form alone."""

import os
from collections.abc import Callable, Sequence
from typing import Any

from estimator_runtime.canned import heads_of_classes
from estimator_runtime.canned.heads import optimizers, reductions
from estimator_runtime.canned.heads.head import Head
from estimator_runtime.canned.rnn.recurrent_layers import USE_DEFAULT, RecurrentLayer
from estimator_runtime.canned.rnn.rnn_model import RNNModel
from estimator_runtime.canned.rnn.sequential_head import SequentialHead, SequentialHeadWrapper
from estimator_runtime.config.run_config import RunConfig
from estimator_runtime.estimator import Estimator
from estimator_runtime.keras import keras_optimizers
from estimator_runtime.model.model_fn import EstimatorSpec, ModeKeys

# tf.estimator's, of optimizers by name: the norm is that of each variable's gradient.
_LEARNING_RATE, _MOST_NORM = 0.05, 5.0

Path = str | os.PathLike[str]


def model_fn_of(model: RNNModel, head: Head, optimizer: Any) -> Callable[..., EstimatorSpec]:
    """The model function of an RNN; see `RNNEstimator`."""

    def model_fn(features: Any, labels: Any, mode: str, config: RunConfig) -> EstimatorSpec:  # noqa: ARG001 - the signature of model functions
        made = model.build(features, mode, head.logits_dimension)
        if isinstance(head, SequentialHead):
            features = {**features, head.input_sequence_mask_key: made.mask}
        return head.create_estimator_spec(
            features=features,
            mode=mode,
            logits=made.logits,
            labels=labels,
            optimizer=_optimizer(optimizer) if mode == ModeKeys.TRAIN else None,
            trainable_variables=made.variables,
        )

    return model_fn


def _optimizer(given: Any) -> Any:
    """The optimizer of `RNNEstimator`'s argument."""
    made = optimizers.of_v2(given, _LEARNING_RATE)
    if isinstance(given, str):
        keras_optimizers.clip_each(made, _MOST_NORM)
    return made


class RNNEstimator(Estimator):
    """A recurrent network with a head.

    Args:
        head: what the logits mean; a sequential one (`SequentialHeadWrapper`) with `return_sequences`.
        sequence_feature_columns: list of feature columns of sequences: `tf.feature_column.sequence_numeric_column`, and
            `embedding_column`, `indicator_column` and `shared_embeddings` of `tf.feature_column.sequence_categorical_column_*`.
        context_feature_columns: list of dense feature columns, whose values each step is given beside its own.
        units: number of units of the cells, or a list with one for each layer of cells.
        cell_type: "simple_rnn" (the default), "lstm", "gru", a class of cells, or a function of a number of units that
            returns a cell.
        rnn_cell_fn: in place of `units` and `cell_type`: function that returns a cell for `tf.keras.layers.RNN`.
        return_sequences: whether there is a prediction for each step, or one of the last step.
        model_dir: see `Estimator`.
        optimizer: see `DNNEstimator`. One by name has a learning rate of 0.05, and clips each variable's gradient to a
            norm of 5.
        config: a `RunConfig`.

    Raises:
        ValueError: an argument does not fit.
    """

    def __init__(
        self,
        head: Head,
        sequence_feature_columns: Any,
        context_feature_columns: Any = None,
        units: int | Sequence[int] | None = None,
        cell_type: Any = USE_DEFAULT,
        rnn_cell_fn: Callable[[], Any] | None = None,
        return_sequences: bool = False,
        model_dir: Path | None = None,
        optimizer: Any = "Adagrad",
        config: RunConfig | None = None,
    ) -> None:
        if return_sequences and not isinstance(head, SequentialHead):
            raise ValueError(
                "Provided head must be a `_SequentialHead` object when `return_sequences` is set to True."
            )
        model = RNNModel(
            layer=RecurrentLayer(units=units, cell_type=cell_type, cell_fn=rnn_cell_fn),
            sequence_columns=sequence_feature_columns,
            context_columns=context_feature_columns,
            return_sequences=return_sequences,
        )
        super().__init__(model_fn_of(model, head, optimizer), model_dir, config)


class RNNClassifier(RNNEstimator):
    """A recurrent network that tells classes apart; see `RNNEstimator` for the other arguments.

    Args:
        n_classes: number of classes.
        weight_column: name of the feature with the examples' weights, or a numeric column.
        label_vocabulary: list of the classes' names, when labels are words.
        loss_reduction: how the losses of the examples, or of their steps, become one.
        sequence_mask: with `return_sequences`: name of the prediction that tells steps from padding.
    """

    def __init__(
        self,
        sequence_feature_columns: Any,
        context_feature_columns: Any = None,
        units: int | Sequence[int] | None = None,
        cell_type: Any = USE_DEFAULT,
        rnn_cell_fn: Callable[[], Any] | None = None,
        return_sequences: bool = False,
        model_dir: Path | None = None,
        n_classes: int = 2,
        weight_column: Any = None,
        label_vocabulary: Sequence[str] | None = None,
        optimizer: Any = "Adagrad",
        loss_reduction: str = reductions.SUM_OVER_BATCH_SIZE,
        sequence_mask: str = "sequence_mask",
        config: RunConfig | None = None,
    ) -> None:
        head: Head = heads_of_classes.of_classifier(
            n_classes, weight_column, label_vocabulary, loss_reduction
        )
        if return_sequences:
            head = SequentialHeadWrapper(head, sequence_mask, weight_column)
        super().__init__(
            head,
            sequence_feature_columns,
            context_feature_columns,
            units,
            cell_type,
            rnn_cell_fn,
            return_sequences,
            model_dir,
            optimizer,
            config,
        )
