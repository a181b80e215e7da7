"""Logit functions of the canned Estimators, for models that combine them in their own way.

Their variables are made in the scope that is current when they are called.
"""

from collections.abc import Callable, Sequence
from typing import Any

from estimator_runtime.canned import feature_layers, linear, network


def dnn_logit_fn_builder(
    units: int,
    hidden_units: Sequence[int],
    feature_columns: Any,
    activation_fn: Callable[[Any], Any] | str | None,
    dropout: float | None,
    input_layer_partitioner: Callable[..., Any] | None,
    batch_norm: bool,
) -> Callable[..., Any]:
    """A function of `features` and `mode` that builds a fully connected network and returns its logits.

    Args:
        units: number of logits.
        hidden_units: list of the hidden layers' numbers of units.
        feature_columns: list of dense feature columns.
        activation_fn: of the hidden layers; None for the identity.
        dropout: share of each hidden layer's outputs that training drops; None for none.
        input_layer_partitioner: partitioner of the feature columns' variables; None for that of the scope.
        batch_norm: whether the hidden layers' outputs are normalized.

    Raises:
        ValueError: `units` is no int.
    """
    _check_units(units)
    net = network.network_of(hidden_units, feature_columns, activation_fn, dropout, batch_norm)

    def dnn_logit_fn(features: Any, mode: str) -> Any:
        return net.logits(features, mode, units, input_partitioner=input_layer_partitioner)

    return dnn_logit_fn


def linear_logit_fn_builder(
    units: int, feature_columns: Any, sparse_combiner: str = "sum"
) -> Callable[..., Any]:
    """A function of `features` that builds a linear model and returns its logits.

    Args:
        units: number of logits.
        feature_columns: list of feature columns, dense or categorical.
        sparse_combiner: "sum", "mean" or "sqrtn": how several values of one categorical column count.

    Raises:
        ValueError: `units` is no int.
    """
    _check_units(units)
    columns = feature_layers.checked_columns(feature_columns)

    def linear_logit_fn(features: Any) -> Any:
        return linear.logits_of(features, columns, units, sparse_combiner)

    return linear_logit_fn


def _check_units(units: Any) -> None:
    if not isinstance(units, int):
        raise ValueError(f"units must be an int. Given type: {type(units)}")  # noqa: TRY004 - tf.estimator's type
