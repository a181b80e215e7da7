"""Steps of stochastic dual coordinate ascent (Shalev-Shwartz and Zhang, 2013) by TensorFlow's kernel.

Each example has a dual variable, kept in a table by the example's id. A step moves those of a batch and, with them, weights
that no L1 has shrunk, which have variables of their own; the weights of the model are these, shrunk.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from estimator_runtime.canned.sdca_examples import SparseFeature
from estimator_runtime.canned.sdca_table import STATE, SdcaTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """A batch.

    Attributes:
        sparse: the categorical columns' features.
        dense: float32 Tensors [batch, dimension].
        labels: float32 Tensor [batch].
        weights: float32 Tensor [batch].
        ids: string Tensor [batch]: which example is which, over all batches.
    """

    sparse: Sequence[SparseFeature]
    dense: Sequence[Any]
    labels: Any
    weights: Any
    ids: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to step; the attributes are `LinearSDCA`'s arguments, and the loss's name in TensorFlow's kernel."""

    loss_type: str
    symmetric_l1_regularization: float
    symmetric_l2_regularization: float
    num_loss_partitions: int
    num_table_shards: int | None
    adaptive: bool


class Weights:
    """The weights of a column, in one variable or in the parts of a partitioned one, and those that L1 has not shrunk.

    Args:
        variable: float32, [ids, 1] of a categorical column, [dimension, 1] of a dense one, [1] of the bias; or a list of
            its parts, which lie one below the other.
    """

    def __init__(self, variable: Any) -> None:
        self._parts = list(variable) if isinstance(variable, list | tuple) else [variable]
        self._unshrunk = [_unshrunk(part) for part in self._parts]

    def before(self) -> Any:
        """Float32 Tensor [weights, 1] or [1], before the step and before L1."""
        return tf.concat([part.read_value() for part in self._unshrunk], axis=0)

    def shrunk(self) -> list[Any]:
        """Float32 Tensors of the parts, as the model has them."""
        return [part.read_value() for part in self._parts]

    def moved_at(self, ids: Any, change: Any) -> list[Any]:
        """The operations that add `change`, float32 [ids], to the weights of `ids`, int64 [ids]."""
        made, change = [], tf.reshape(change, [-1, 1])
        for part, first in self._with_places():
            here = (ids >= first) & (ids < first + _rows(part))
            chosen = (tf.boolean_mask(ids, here) - first, tf.boolean_mask(change, here))
            of_part = (ids, change) if len(self._unshrunk) == 1 else chosen
            made.append(tf.compat.v1.scatter_add(part, *of_part).op)
        return made

    def moved(self, change: Any) -> list[Any]:
        """The operations that add `change`, float32 of as many numbers, to all weights."""
        change = tf.reshape(change, [-1])
        return [
            part.assign_add(tf.reshape(change[first : first + _rows(part)], part.shape), read_value=False)
            for part, first in self._with_places()
        ]

    def taken_over(self, shrinkage: float) -> list[Any]:
        """The operations that give the model these weights, moved towards zero by `shrinkage`."""
        return [
            part.assign(_towards_zero(unshrunk.read_value(), shrinkage), read_value=False)
            for part, unshrunk in zip(self._parts, self._unshrunk, strict=True)
        ]

    def _with_places(self) -> list[tuple[Any, int]]:
        """The variables with the row at which each begins."""
        firsts = itertools.accumulate((_rows(part) for part in self._unshrunk[:-1]), initial=0)
        return list(zip(self._unshrunk, firsts, strict=True))


class SdcaModel:
    """The state of a linear model that SDCA trains, and its steps.

    Args:
        examples: the batch.
        sparse_weights: of the categorical columns, in the order of `examples.sparse`.
        dense_weights: of the dense ones, in the order of `examples.dense`.
        options: how to step.
    """

    def __init__(
        self,
        examples: Examples,
        sparse_weights: Sequence[Weights],
        dense_weights: Sequence[Weights],
        options: Options,
    ) -> None:
        self._examples = examples
        self._sparse = sparse_weights
        self._dense = dense_weights
        self._options = options
        shards = 1 if options.num_table_shards is None else options.num_table_shards
        self._table = SdcaTable(shards)

    def summarize(self) -> None:
        """Has the bound of the error and the number of examples seen written: `approximate_duality_gap`, `examples_seen`."""
        tf.compat.v1.summary.scalar("approximate_duality_gap", self._gap())
        tf.compat.v1.summary.scalar("examples_seen", self._table.size())

    def _gap(self) -> Any:
        """Float64 Tensor [], by how much the loss is above its least value, at most."""
        _, primal, dual, weight = tf.unstack(self._table.sums(), num=STATE)
        parts = [tf.cast(part, tf.float64) for one in (*self._sparse, *self._dense) for part in one.shrunk()]
        l1 = tf.add_n([tf.reduce_sum(tf.abs(part)) for part in parts])
        l2 = tf.add_n([tf.reduce_sum(tf.square(part)) for part in parts])
        options = self._options
        of_weights = options.symmetric_l1_regularization * l1 + options.symmetric_l2_regularization * l2
        return (primal + dual + of_weights) / weight

    def minimize(self, global_step: Any) -> Any:
        """The operation that makes a step on the batch, of which `update_weights` is the second half.

        Args:
            global_step: variable that the step adds 1 to.
        """
        examples, options = self._examples, self._options
        keys = tf.raw_ops.SdcaFprint(input=examples.ids)
        touched = [tf.unique(feature.ids)[0] for feature in examples.sparse]
        state, sparse_changes, dense_changes = tf.raw_ops.SdcaOptimizerV2(
            sparse_example_indices=[feature.examples for feature in examples.sparse],
            sparse_feature_indices=[feature.ids for feature in examples.sparse],
            sparse_feature_values=[feature.values for feature in examples.sparse],
            dense_features=list(examples.dense),
            example_weights=examples.weights,
            example_labels=examples.labels,
            sparse_indices=touched,
            sparse_weights=[
                tf.reshape(tf.gather(weights.before(), ids), [-1])
                for weights, ids in zip(self._sparse, touched, strict=True)
            ],
            dense_weights=[tf.reshape(weights.before(), [-1]) for weights in self._dense],
            example_state_data=self._table.lookup(keys),
            loss_type=options.loss_type,
            l1=options.symmetric_l1_regularization,
            l2=options.symmetric_l2_regularization,
            num_loss_partitions=options.num_loss_partitions,
            num_inner_iterations=1,
            adaptive=options.adaptive,
        )
        changed = [self._table.insert(keys, state)]
        for weights, ids, change in zip(self._sparse, touched, sparse_changes, strict=True):
            changed += weights.moved_at(ids, change)
        for weights, change in zip(self._dense, dense_changes, strict=True):
            changed += weights.moved(change)
        with tf.control_dependencies(changed):
            return tf.compat.v1.assign_add(global_step, 1).op

    def update_weights(self, train_op: Any) -> Any:
        """The operation that gives the model its weights after `train_op`."""
        options = self._options
        shrinkage = options.symmetric_l1_regularization / options.symmetric_l2_regularization
        with tf.control_dependencies([train_op]):
            return tf.group(
                *(op for weights in (*self._sparse, *self._dense) for op in weights.taken_over(shrinkage))
            )


def _rows(variable: Any) -> int:
    return int(variable.shape.as_list()[0])


def _unshrunk(variable: Any) -> Any:
    """The variable beside `variable`, on the same parameter server, that holds its weights before L1."""
    with tf.compat.v1.get_default_graph().colocate_with(variable.op):
        return tf.compat.v1.Variable(
            tf.zeros(variable.shape), name=f"{variable.op.name}_unshrunk", use_resource=True
        )


def _towards_zero(weights: Any, shrinkage: float) -> Any:
    if shrinkage == 0:
        return weights
    return tf.sign(weights) * tf.maximum(0.0, tf.abs(weights) - shrinkage)
