"""Which head a canned classifier or regressor has."""

from collections.abc import Sequence
from typing import Any

from estimator_runtime import arguments
from estimator_runtime.canned.heads.binary_class_head import BinaryClassHead, BinaryClassHeadV1
from estimator_runtime.canned.heads.head import Head
from estimator_runtime.canned.heads.multi_class_head import MultiClassHead, MultiClassHeadV1
from estimator_runtime.canned.heads.regression_head import RegressionHead


def of_classifier(
    n_classes: int,
    weight_column: Any,
    label_vocabulary: Sequence[str] | None,
    loss_reduction: str,
    binary: type[BinaryClassHead] = BinaryClassHead,
    multi: type[MultiClassHead] = MultiClassHead,
) -> Head:
    """The head of a classifier; `binary` is the one for two classes, `multi` for more.

    Raises:
        ValueError: there are less than 2 classes, or an argument does not fit.
    """
    if n_classes == 2:
        return binary(
            weight_column=weight_column, label_vocabulary=label_vocabulary, loss_reduction=loss_reduction
        )
    return multi(
        n_classes,
        weight_column=weight_column,
        label_vocabulary=label_vocabulary,
        loss_reduction=loss_reduction,
    )


def of_classifier_v1(
    n_classes: int, weight_column: Any, label_vocabulary: Sequence[str] | None, loss_reduction: str
) -> Head:
    """The head of a classifier in the form of `tf.compat.v1.estimator`; see `of_classifier`."""
    return of_classifier(
        n_classes, weight_column, label_vocabulary, loss_reduction, BinaryClassHeadV1, MultiClassHeadV1
    )


def of_regressor(label_dimension: int, weight_column: Any, loss_reduction: str) -> Head:
    """The head of a regressor.

    Raises:
        ValueError: an argument does not fit.
    """
    return RegressionHead(label_dimension, weight_column=weight_column, loss_reduction=loss_reduction)


def taken_by(head: Any, **optional: Any) -> dict[str, Any]:
    """Those of the arguments that a head's `create_estimator_spec` takes.

    The heads that `tf.compat.v1.estimator` had before heads were public, and those that libraries make of them, take fewer:
    they run UPDATE_OPS, and find the variables, by themselves.
    """
    declared = arguments.declared(head.create_estimator_spec)
    return {name: value for name, value in optional.items() if name in declared}
