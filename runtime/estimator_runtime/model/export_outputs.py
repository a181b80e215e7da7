"""What an exported model answers: the ExportOutput classes and the signatures they make.

An ExportOutput knows its own tensors; given the tensors that receive a request it becomes a SignatureDef.
"""

import abc
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

DEFAULT_KEY: str = tf.compat.v1.saved_model.signature_constants.DEFAULT_SERVING_SIGNATURE_DEF_KEY

_SINGLE_OUTPUT_NAME = "output"
COMPOSITE = (tf.SparseTensor, tf.RaggedTensor, tf.IndexedSlices)
"""Tensors to `tf.is_tensor`, and none that a session's caller could use as one."""


class ExportOutput(abc.ABC):
    """One kind of answer of an exported model."""

    @abc.abstractmethod
    def as_signature_def(self, receiver_tensors: Mapping[str, Any]) -> Any:
        """The SignatureDef from these request tensors to this output.

        Args:
            receiver_tensors: dict from input name to Tensor.

        Raises:
            ValueError: the signature kind cannot take these inputs.
        """


class ClassificationOutput(ExportOutput):
    """Scores and/or class labels; the request must be a single string Tensor (serialized tf.Examples).

    Args:
        scores: float Tensor, or None.
        classes: string Tensor, or None.

    Raises:
        ValueError: both are None, or one is not of its dtype.
    """

    def __init__(self, scores: Any = None, classes: Any = None) -> None:
        scores, classes = as_tensor(scores), as_tensor(classes)
        if scores is not None and not (is_plain(scores) and scores.dtype.is_floating):
            raise ValueError(f"Classification scores must be a float32 Tensor; got {scores}")
        if classes is not None and not (is_plain(classes) and classes.dtype == tf.string):
            raise ValueError(f"Classification classes must be a string Tensor; got {classes}")
        if scores is None and classes is None:
            raise ValueError(
                "Cannot create a ClassificationOutput with empty arguments. At least one of `scores` and `classes` "
                "must be defined."
            )
        self._scores = scores
        self._classes = classes

    @property
    def scores(self) -> Any:
        """Float Tensor of scores, or None."""
        return self._scores

    @property
    def classes(self) -> Any:
        """String Tensor of class labels, or None."""
        return self._classes

    def as_signature_def(self, receiver_tensors: Mapping[str, Any]) -> Any:
        """See `ExportOutput.as_signature_def`."""
        examples = _single_string_input(receiver_tensors, "Classification")
        return tf.compat.v1.saved_model.classification_signature_def(examples, self._classes, self._scores)


class RegressionOutput(ExportOutput):
    """One number per example; the request must be a single string Tensor (serialized tf.Examples).

    Args:
        value: float Tensor.

    Raises:
        ValueError: `value` is not a float Tensor.
    """

    def __init__(self, value: Any) -> None:
        value = as_tensor(value)
        if not (is_plain(value) and value.dtype.is_floating):
            raise ValueError(f"Regression output value must be a float32 Tensor; got {value}")
        self._value = value

    @property
    def value(self) -> Any:
        """Float Tensor."""
        return self._value

    def as_signature_def(self, receiver_tensors: Mapping[str, Any]) -> Any:
        """See `ExportOutput.as_signature_def`."""
        examples = _single_string_input(receiver_tensors, "Regression")
        return tf.compat.v1.saved_model.regression_signature_def(examples, self._value)


class PredictOutput(ExportOutput):
    """Any named outputs from any named inputs.

    Args:
        outputs: dict from name to Tensor, or a single Tensor, which is then called "output".

    Raises:
        ValueError: a key is no string or a value is no Tensor.
    """

    def __init__(self, outputs: Any) -> None:
        self._outputs = named(outputs, _SINGLE_OUTPUT_NAME, "Prediction")

    @property
    def outputs(self) -> dict[str, Any]:
        """Dict from name to Tensor."""
        return self._outputs

    def as_signature_def(self, receiver_tensors: Mapping[str, Any]) -> Any:
        """See `ExportOutput.as_signature_def`."""
        return tf.compat.v1.saved_model.predict_signature_def(dict(receiver_tensors), self._outputs)


def with_default_signature(
    export_outputs: dict[str, ExportOutput] | None, predictions: Any
) -> dict[str, ExportOutput]:
    """The outputs to export, of which one is the default serving signature.

    None becomes `PredictOutput(predictions)`; a single output of another name is the default as well.
    An empty dict stays empty: there is nothing to export, which is an error only when an export is asked for.

    Raises:
        TypeError: not a dict, or a value is no ExportOutput.
        ValueError: several outputs and none of them is the default.
    """
    if export_outputs is None:
        return {DEFAULT_KEY: PredictOutput(predictions)}
    if not isinstance(export_outputs, dict):
        raise TypeError(f"`export_outputs` must be dict, received: {export_outputs}.")
    for output in export_outputs.values():
        if not isinstance(output, ExportOutput):
            raise TypeError(
                f"Values in `export_outputs` must be ExportOutput objects, received: {export_outputs}."
            )
    if DEFAULT_KEY in export_outputs or not export_outputs:
        return dict(export_outputs)
    if len(export_outputs) > 1:
        raise ValueError(
            "Multiple `export_outputs` were provided, but none of them are specified as the default. Use "
            f'`tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY` ("{DEFAULT_KEY}") to specify a default.'
        )
    (only,) = export_outputs.values()
    return {**export_outputs, DEFAULT_KEY: only}


def _single_string_input(receiver_tensors: Mapping[str, Any], kind: str) -> Any:
    if len(receiver_tensors) == 1:
        (examples,) = receiver_tensors.values()
        if tf.is_tensor(examples) and examples.dtype == tf.string:
            return examples
    raise ValueError(f"{kind} input must be a single string Tensor; got {dict(receiver_tensors)}")


def is_one_tensor(value: Any) -> bool:
    """Whether `value` is a Tensor or a variable; a RaggedTensor, say, is made of several."""
    return bool(tf.is_tensor(value)) and not isinstance(value, COMPOSITE)


def is_plain(value: Any) -> bool:
    """Whether a signature can name `value`: a Tensor, and neither one put together of several nor a variable."""
    return is_one_tensor(value) and not isinstance(value, tf.Variable)


def as_tensor(value: Any) -> Any:
    """What a variable reads, for a signature that named the variable would name its handle; else `value` itself."""
    return tf.convert_to_tensor(value) if isinstance(value, tf.Variable) else value


def flat_name(key: Any) -> Any:
    """A key as one name: the tuple of one head of several, ("head", "scores"), becomes "head/scores"."""
    return "/".join(str(part) for part in key) if isinstance(key, tuple) else key


def named(tensors: Any, single_name: str, kind: str) -> dict[str, Any]:
    """Tensors by name; a single one gets `single_name`.

    Raises:
        ValueError: a key is no string or a value is no Tensor.
    """
    by_name = dict(tensors) if isinstance(tensors, Mapping) else {single_name: tensors}
    checked = {}
    for key, value in by_name.items():
        name = flat_name(key)
        if not isinstance(name, str):
            raise ValueError(f"{kind} output key must be a string; got {key}.")  # noqa: TRY004 - tf.estimator's type
        checked[name] = as_tensor(value)
        if not is_plain(checked[name]):
            raise ValueError(f"{kind} output value must be a Tensor; got {value}.")
    return checked
