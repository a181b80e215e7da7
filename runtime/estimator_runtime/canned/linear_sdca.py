"""LinearSDCA: stochastic dual coordinate ascent as the optimizer of linear models."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from estimator_runtime.canned import feature_layers, sdca_examples
from estimator_runtime.canned.heads.binary_class_head import BinaryClassHead
from estimator_runtime.canned.heads.head import Head
from estimator_runtime.canned.heads.regression_head import RegressionHead
from estimator_runtime.canned.sdca_model import Examples, Options, SdcaModel, Weights
from estimator_runtime.errors import LabelKindError
from estimator_runtime.model.model_fn import EstimatorSpec, ModeKeys


class LinearSDCA:
    """Trains a linear model by stochastic dual coordinate ascent; the `optimizer` of LinearClassifier and LinearRegressor.

    It takes two classes or one number to predict, and `sparse_combiner="sum"`. Columns are categorical, bucketized or
    dense with a vector for each example; of embeddings only the weights of the linear model are trained.

    Args:
        example_id_column: name of the feature with the examples' ids, strings [batch]. An example is known by it when it
            comes again.
        num_loss_partitions: how many workers train at a time: each step is the smaller for it.
        num_table_shards: number of tables for the examples' dual variables; None for one.
        symmetric_l1_regularization: factor of the weights' absolute values in the loss, 0 at least.
        symmetric_l2_regularization: factor of half the weights' squares, greater than 0.
        adaptive: whether examples with a large error are visited more often (Csiba and others, 2015).

    Raises:
        ValueError: a factor or the number of tables is out of its range.
    """

    def __init__(
        self,
        example_id_column: str,
        num_loss_partitions: int = 1,
        num_table_shards: int | None = None,
        symmetric_l1_regularization: float = 0.0,
        symmetric_l2_regularization: float = 1.0,
        adaptive: bool = False,
    ) -> None:
        if symmetric_l1_regularization < 0:
            raise ValueError("symmetric_l1_regularization should be non-negative.")
        if symmetric_l2_regularization <= 0:
            raise ValueError("symmetric_l2_regularization should be positive.")
        if num_table_shards is not None and num_table_shards < 1:
            raise ValueError(
                f"num_table_shards must be at least 1, or None for one table, not {num_table_shards}."
            )
        self._example_id_column = example_id_column
        self._num_loss_partitions = num_loss_partitions
        self._num_table_shards = num_table_shards
        self._symmetric_l1_regularization = symmetric_l1_regularization
        self._symmetric_l2_regularization = symmetric_l2_regularization
        self._adaptive = adaptive

    def get_train_step(
        self,
        state_manager: Any,
        weight_column_name: str | None,
        loss_type: str,
        feature_columns: Sequence[Any],
        features: Mapping[str, Any],
        targets: Any,
        bias_var: Any,
        global_step: Any,
    ) -> tuple[SdcaModel, Any]:
        """Returns the model and the operation of a step; `model.update_weights(operation)` is its second half.

        Args:
            state_manager: has `get_variable(column, name)`; the weights of a column are called "weights".
            weight_column_name: name of the feature with the examples' weights, float32 [batch] or [batch, 1]; None for none.
            loss_type: a loss of `tf.raw_ops.SdcaOptimizerV2`: "logistic_loss", "squared_loss", ...
            feature_columns: list of feature columns.
            features: dict of Tensors.
            targets: labels, numbers [batch] or [batch, 1].
            bias_var: variable [1] of the bias, or a list of its one part.
            global_step: variable that a step adds 1 to.

        Raises:
            ValueError: a column's values are no vectors, or a column is of another kind.
        """
        if targets.dtype == tf.string:
            raise LabelKindError(
                "LinearSDCA needs labels that are numbers: give them as such, without a label_vocabulary."
            )
        transformed = feature_layers.Transformed(features)
        sparse, sparse_weights, dense, dense_weights = [], [], [], []
        for column in sorted(feature_columns, key=lambda column: column.name):
            if sdca_examples.is_categorical(column):
                sparse.append(sdca_examples.of_categorical(column, transformed, state_manager))
                sparse_weights.append(state_manager.get_variable(column, "weights"))
            elif sdca_examples.is_dense(column):
                dense.append(sdca_examples.of_dense(column, transformed, state_manager))
                dense_weights.append(state_manager.get_variable(column, "weights"))
            else:
                raise ValueError(f"LinearSDCA does not support column type {type(column).__name__}.")
        batch = tf.shape(targets)[0]
        weights = (
            tf.ones([batch]) if not weight_column_name else tf.reshape(features[weight_column_name], [-1])
        )
        model = SdcaModel(
            Examples(
                sparse=sparse,
                dense=[*dense, tf.ones([batch, 1])],
                labels=tf.cast(tf.reshape(targets, [-1]), tf.float32),
                weights=weights,
                ids=features[self._example_id_column],
            ),
            [Weights(variable) for variable in sparse_weights],
            [Weights(variable) for variable in (*dense_weights, bias_var)],
            Options(
                loss_type=loss_type,
                symmetric_l1_regularization=self._symmetric_l1_regularization,
                symmetric_l2_regularization=self._symmetric_l2_regularization,
                num_loss_partitions=self._num_loss_partitions,
                num_table_shards=self._num_table_shards,
                adaptive=self._adaptive,
            ),
        )
        model.summarize()
        return model, model.minimize(global_step)


def check(optimizer: Any, sparse_combiner: str, *, n_classes: int = 2, label_dimension: int = 1) -> None:
    """Refuses LinearSDCA, where it is the optimizer, beside what it cannot do.

    Raises:
        ValueError: several values of a column count otherwise than by their sum, or there is more than one logit.
    """
    if not isinstance(optimizer, LinearSDCA):
        return
    if sparse_combiner != "sum":
        raise ValueError('sparse_combiner must be "sum" when optimizer is a LinearSDCA object.')
    if n_classes > 2:
        raise ValueError("LinearSDCA cannot be used in a multi-class setting.")
    if label_dimension > 1:
        raise ValueError("LinearSDCA can only be used with one-dimensional label.")


def estimator_spec(
    optimizer: LinearSDCA,
    head: Head,
    features: dict[Any, Any],
    labels: Any,
    logits: Any,
    bias: Any,
    variables: Mapping[Any, Any],
) -> EstimatorSpec:
    """The EstimatorSpec of a linear model in training.

    Args:
        optimizer: how it is trained.
        head: of one logit: a head of two classes, or of one number.
        features: dict of Tensors.
        labels: Tensor.
        logits: float Tensor [batch, 1] of the model.
        bias: variable of the model, or a list of its one part.
        variables: dict from column to its variable, or the list of its parts.

    Raises:
        ValueError: the head is another one.
    """
    if isinstance(head, BinaryClassHead):
        loss_type = "logistic_loss"
    elif isinstance(head, RegressionHead) and head.logits_dimension == 1:
        loss_type = "squared_loss"
    else:
        raise ValueError(
            f"Unsupported head type: {head}. LinearSDCA trains a BinaryClassHead or a RegressionHead."
        )
    model, step = optimizer.get_train_step(
        _Variables(variables),
        head.weight_column,
        loss_type,
        list(variables),
        features,
        labels,
        bias[0] if isinstance(bias, list | tuple) else bias,
        tf.compat.v1.train.get_global_step(),
    )

    def train_op(loss: Any) -> Any:
        # The loss is that of the weights before the step.
        with tf.control_dependencies([loss]):
            return model.update_weights(step)

    return head.create_estimator_spec(
        features=features, mode=ModeKeys.TRAIN, logits=logits, labels=labels, train_op_fn=train_op
    )


class _Variables:
    """What columns ask for their variables, those that a linear model has made, and where they keep their tables."""

    def __init__(self, made: Mapping[Any, Any]) -> None:
        self._made = made
        self._resources: dict[Any, Any] = {}

    def has_resource(self, column: Any, name: str) -> bool:
        """Whether `column` has kept a table by this name."""
        return (column, name) in self._resources

    def add_resource(self, column: Any, name: str, resource: Any) -> None:
        """Keeps a table of `column`."""
        self._resources[column, name] = resource

    def get_resource(self, column: Any, name: str) -> Any:
        """The table that `column` has kept."""
        return self._resources[column, name]

    def get_variable(self, column: Any, name: str) -> Any:
        """The variable of `column` called `name`, a list of its parts where it has several."""
        made = self._made[column]
        made = list(made) if isinstance(made, list | tuple) else [made]
        found = [one for one in made if f"/{name}/" in f"{one.op.name}/"]
        return found[0] if len(found) == 1 else found
