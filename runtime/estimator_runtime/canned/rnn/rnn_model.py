"""From features to logits by a recurrent layer, one row for each example or for each of its steps."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import tensorflow as tf

from estimator_runtime.canned import feature_layers
from estimator_runtime.canned.rnn import recurrent_layers, sequence_input
from estimator_runtime.model.model_fn import ModeKeys

_SCOPE = "rnn_model"


class Made(NamedTuple):
    """What a model has made in a graph.

    Attributes:
        logits: float Tensor [batch, units], or [batch, steps, units].
        mask: bool Tensor [batch, steps], False for padding.
        variables: the trainable variables of the graph.
    """

    logits: Any
    mask: Any
    variables: list[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RNNModel:
    """A recurrent layer between feature columns and logits.

    Attributes:
        layer: what the layer is made of.
        sequence_columns: feature columns of sequences.
        context_columns: dense feature columns, whose values each step is given; None for none.
        return_sequences: whether there are logits for each step, or for the last one.
    """

    layer: recurrent_layers.RecurrentLayer
    sequence_columns: Any
    context_columns: Any
    return_sequences: bool

    def build(self, features: Any, mode: str, units: int) -> Made:
        """Makes the model in the default graph.

        Args:
            features: dict of Tensors, SparseTensors and RaggedTensors.
            mode: a `ModeKeys` value.
            units: number of logits.

        Raises:
            ValueError: features are no dict, or columns, units or cells do not fit.
        """
        features = feature_layers.checked_features(features)
        training = mode == ModeKeys.TRAIN
        with tf.name_scope(_SCOPE) as scope:
            inputs, lengths = self._inputs(features)
            mask = tf.sequence_mask(lengths, tf.shape(inputs)[1])
            mask.set_shape(inputs.shape[:2])
            layer = self.layer.build(return_sequences=self.return_sequences)
            outputs = layer(inputs, mask=mask, training=training)
            recurrent_layers.forget_unused_seeds(layer)
            logits = _named(recurrent_layers.dense(units)(outputs), scope)
        # All of the graph's: on a strategy's second replica the model makes none, it finds those of the first.
        return Made(logits, mask, list(tf.compat.v1.trainable_variables()))

    def _inputs(self, features: dict[Any, Any]) -> tuple[Any, Any]:
        """(float Tensor [batch, steps, n], int64 Tensor [batch] of the numbers of steps)."""
        columns = sequence_input.checked_sequence_columns(self.sequence_columns)
        inputs, lengths = sequence_input.sequence_input(features, columns)
        with tf.name_scope("sequence_input_layer"):
            tf.compat.v1.summary.histogram("sequence_length", lengths)
        if self.context_columns:
            columns = sequence_input.checked_context_columns(self.context_columns)
            context = sequence_input.context_input(features, columns)
            inputs = sequence_input.at_every_step(context, inputs)
        return inputs, lengths


def _named(logits: Any, scope: str) -> Any:
    """The logits by the name that Keras 2 gives them, by which exports and hooks are asked for them."""
    if logits.op.type == "BiasAdd":
        return logits
    with tf.name_scope(f"{scope}logits/"):
        return tf.identity(logits, name="BiasAdd")
