"""The deep part of canned Estimators: feature columns, hidden layers, logits."""

import numbers
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from estimator_runtime.canned import feature_layers
from estimator_runtime.canned.heads import summaries
from estimator_runtime.model.model_fn import ModeKeys

SCOPE = "dnn"
_SMALLEST_INPUT_SLICE = 64 << 20  # bytes; tf.estimator's
_MOMENTUM, _EPSILON = 0.999, 0.001  # of batch normalization
# Names that mean something else in Keras 3, or nothing: the slope of its hard_sigmoid is 1/6, and it takes none of layers.
_OF_KERAS_2: Mapping[str, Callable[[Any], Any]] = {
    "ELU": tf.nn.elu,
    "LeakyReLU": lambda x: tf.nn.leaky_relu(x, 0.3),
    "ReLU": tf.nn.relu,
    "Softmax": tf.nn.softmax,
    "hard_sigmoid": lambda x: tf.clip_by_value(0.2 * x + 0.5, 0.0, 1.0),
}


def trainable_variables(scope: str) -> list[Any]:
    """The trainable variables of a part of a model, whatever variable scopes the model function is called in.

    Args:
        scope: the part's own variable scope, opened in the present one.
    """
    outer = tf.compat.v1.get_variable_scope().name
    prefix = f"{outer}/{scope}/" if outer else f"{scope}/"
    return list(tf.compat.v1.trainable_variables(re.escape(prefix)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A fully connected network.

    Attributes:
        hidden_units: number of units of each hidden layer.
        columns: feature columns that are dense.
        activation_fn: of the hidden layers; None for the identity.
        dropout: share of a hidden layer's outputs that training drops; None for none.
        batch_norm: whether the hidden layers' outputs are normalized.
    """

    hidden_units: Sequence[int]
    columns: tuple[Any, ...]
    activation_fn: Callable[[Any], Any] | None
    dropout: float | None
    batch_norm: bool

    def logits(
        self,
        features: Any,
        mode: str,
        units: int,
        *,
        input_partitioner: Callable[..., Any] | None = None,
        summary_scope: str = "",
    ) -> Any:
        """Float Tensor [batch, units]. Variables are made in the current variable scope.

        Args:
            features: dict of Tensors.
            mode: a `ModeKeys` value.
            units: number of logits.
            input_partitioner: of the feature columns' variables; None for that of the scope.
            summary_scope: name scope of the summaries, which ends with a slash unless it is empty.
        """
        features = feature_layers.checked_features(features)
        with tf.compat.v1.variable_scope("input_from_feature_columns", partitioner=input_partitioner):
            net = feature_layers.dense_input(features, self.columns)
        for index, size in enumerate(self.hidden_units):
            with tf.compat.v1.variable_scope(f"hiddenlayer_{index}"):
                net = dense(net, size)
                net = net if self.activation_fn is None else self.activation_fn(net)
                if mode == ModeKeys.TRAIN and _drops(self.dropout):
                    net = tf.compat.v1.nn.dropout(net, rate=self.dropout)
                if self.batch_norm:
                    with tf.compat.v1.variable_scope(f"batchnorm_{index}"):
                        net = _normalized(net, training=mode == ModeKeys.TRAIN)
            with tf.compat.v1.name_scope(summary_scope):
                summaries.summarize_activation(net, f"{SCOPE}/hiddenlayer_{index}")
        with tf.compat.v1.variable_scope("logits"):
            logits = dense(net, units)
        with tf.compat.v1.name_scope(summary_scope):
            summaries.summarize_activation(logits, f"{SCOPE}/logits")
        return logits


def network_of(
    hidden_units: Sequence[int],
    feature_columns: Any,
    activation_fn: Callable[[Any], Any] | str | None,
    dropout: float | None,
    batch_norm: bool,
) -> Network:
    """The network of an Estimator's arguments; an activation may be a name that Keras knows, as "relu".

    Raises:
        ValueError: there are no feature columns, a layer has no units, or Keras knows no activation of that name.
    """
    return Network(
        hidden_units=tuple([_checked_units(units) for units in hidden_units]),
        columns=feature_layers.checked_columns(feature_columns),
        activation_fn=_activation(activation_fn) if isinstance(activation_fn, str) else activation_fn,
        dropout=dropout,
        batch_norm=batch_norm,
    )


def _activation(name: str) -> Any:
    """The function that Keras 2 has by a name, or Keras 3 where that has more."""
    return _OF_KERAS_2[name] if name in _OF_KERAS_2 else tf.keras.activations.get(name)


def _checked_units(units: Any) -> int:
    """The units of a hidden layer: what int() makes of them, as in tf.estimator, where "64" and 64.0 are numbers too."""
    made = int(units)
    if made < 1:
        # TensorFlow's matrix product would end the process.
        raise ValueError(f"hidden_units must be positive integers. Given: {units}")
    return made


def input_partitioner(given: Callable[..., Any] | None, config: Any) -> Callable[..., Any]:
    """The partitioner of feature columns' variables: over the ps tasks, in slices of 64 MiB at least."""
    return given or tf.compat.v1.min_max_variable_partitioner(
        max_partitions=_ps(config), min_slice_size=_SMALLEST_INPUT_SLICE
    )


def partitioner(config: Any) -> Callable[..., Any]:
    """The partitioner of the other variables: over the ps tasks, in slices of 256 KiB at least."""
    made: Callable[..., Any] = tf.compat.v1.min_max_variable_partitioner(max_partitions=_ps(config))
    return made


def _ps(config: Any) -> int:
    return max(1, config.num_ps_replicas) if config else 1


def _drops(rate: Any) -> bool:
    """Whether a share of the outputs is dropped.

    TensorFlow's dropout takes a seed of the graph for a rate of 0 too, and the layers after it would have other first weights
    than without one: the layer of tf.estimator took none.
    """
    return rate is not None and not (isinstance(rate, numbers.Real) and rate == 0)


def dense(net: Any, units: int) -> Any:
    """A fully connected layer without activation, in the current variable scope."""
    kernel = tf.compat.v1.get_variable(
        "kernel", [net.shape[-1], units], net.dtype, tf.compat.v1.glorot_uniform_initializer()
    )
    bias = tf.compat.v1.get_variable("bias", [units], net.dtype, tf.compat.v1.zeros_initializer())
    return tf.nn.bias_add(tf.matmul(net, tf.convert_to_tensor(kernel)), tf.convert_to_tensor(bias))


def _normalized(net: Any, *, training: bool) -> Any:
    """Batch normalization; the updates of its moving averages are in UPDATE_OPS."""
    size = [net.shape[-1]]
    zeros, ones = tf.compat.v1.zeros_initializer(), tf.compat.v1.ones_initializer()
    get = tf.compat.v1.get_variable
    gamma, beta = (
        tf.convert_to_tensor(get(name, size, net.dtype, first))
        for name, first in (("gamma", ones), ("beta", zeros))
    )
    with tf.compat.v1.variable_scope(tf.compat.v1.get_variable_scope()) as scope:
        scope.set_partitioner(None)  # the parts of a partitioned variable cannot be assigned together
        moving = [
            get(
                name,
                size,
                net.dtype,
                first,
                trainable=False,
                synchronization=tf.VariableSynchronization.ON_READ,
                aggregation=tf.VariableAggregation.MEAN,
            )
            for name, first in (("moving_mean", zeros), ("moving_variance", ones))
        ]
    if not training:
        mean, variance = (tf.convert_to_tensor(variable) for variable in moving)
        return tf.nn.batch_normalization(net, mean, variance, beta, gamma, _EPSILON)
    mean, variance = tf.nn.moments(net, axes=[0])
    for variable, value in zip(moving, (mean, variance), strict=True):
        update = variable.assign_sub((variable - value) * (1 - _MOMENTUM), read_value=False)
        tf.compat.v1.add_to_collection(tf.compat.v1.GraphKeys.UPDATE_OPS, update)
    return tf.nn.batch_normalization(net, mean, variance, beta, gamma, _EPSILON)
