"""How an exported model is asked: the receiver of a request and the functions that build the usual ones."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, Self

import tensorflow as tf

from estimator_runtime.errors import ValueKindError
from estimator_runtime.model.export_outputs import is_plain

_SINGLE_FEATURE_NAME = "feature"
_SINGLE_RECEIVER_NAME = "input"
_NAME: Final = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*")
_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9_.-]")


class _Receiver(NamedTuple):
    features: Any
    receiver_tensors: dict[str, Any]
    receiver_tensors_alternatives: dict[str, dict[str, Any]] | None


class ServingInputReceiver(_Receiver):
    """The features for the model and the tensors through which a request arrives.

    Args:
        features: Tensor, SparseTensor or RaggedTensor, or a dict of them with string or integer keys. A single one
            becomes {"feature": it}.
        receiver_tensors: the same with string keys: what is fed by a request. A single one becomes {"input": it}.
        receiver_tensors_alternatives: dict from a name to further receiver tensors of the same form; each makes
            one more signature per output, called "name:output".

    Raises:
        ValueError: something is missing, a key is of the wrong type, or a value is no Tensor.
    """

    __slots__ = ()

    def __new__(  # noqa: D102 - the class documents its arguments
        cls,
        features: Any,
        receiver_tensors: Any,
        receiver_tensors_alternatives: Mapping[str, Any] | None = None,
    ) -> Self:
        return super().__new__(
            cls,
            checked_named(features, "feature", _SINGLE_FEATURE_NAME),
            checked_receivers(receiver_tensors),
            _checked_alternatives(receiver_tensors_alternatives),
        )


class TensorServingInputReceiver(_Receiver):
    """A ServingInputReceiver for model functions whose `features` is one Tensor: it stays one.

    Args:
        features: Tensor, SparseTensor or RaggedTensor.
        receiver_tensors: as in `ServingInputReceiver`.
        receiver_tensors_alternatives: as in `ServingInputReceiver`.

    Raises:
        ValueError: `features` is no Tensor, or as in `ServingInputReceiver`.
    """

    __slots__ = ()

    def __new__(  # noqa: D102 - the class documents its arguments
        cls,
        features: Any,
        receiver_tensors: Any,
        receiver_tensors_alternatives: Mapping[str, Any] | None = None,
    ) -> Self:
        if features is None:
            raise ValueError("features must be defined.")
        return super().__new__(
            cls,
            _checked_tensor(features, "feature"),
            checked_receivers(receiver_tensors),
            _checked_alternatives(receiver_tensors_alternatives),
        )


def build_parsing_serving_input_receiver_fn(
    feature_spec: Mapping[str, Any], default_batch_size: int | None = None
) -> Callable[[], ServingInputReceiver]:
    """A receiver function that parses serialized tf.Examples.

    Args:
        feature_spec: dict from feature name to `FixedLenFeature`, `VarLenFeature`, ...
        default_batch_size: static batch size of the request, None for any.

    Returns:
        A function without arguments. Its receiver takes one string Tensor of shape [batch] called "examples".
    """

    def serving_input_receiver_fn() -> ServingInputReceiver:
        examples = tf.compat.v1.placeholder(
            tf.string, shape=[default_batch_size], name="input_example_tensor"
        )
        features = tf.compat.v1.io.parse_example(examples, feature_spec)
        return ServingInputReceiver(features, {"examples": examples})

    return serving_input_receiver_fn


def build_raw_serving_input_receiver_fn(
    features: Any, default_batch_size: int | None = None
) -> Callable[[], ServingInputReceiver]:
    """A receiver function that is fed the features themselves.

    Args:
        features: dict from name to Tensor (or one Tensor): dtypes and shapes to expect, of any graph or eager.
            The first dimension is the batch.
        default_batch_size: static batch size of the request, None for any.

    Returns:
        A function without arguments. Its receiver has one placeholder per feature, named after the feature's
        operation (its key where it has none).
    """

    def serving_input_receiver_fn() -> ServingInputReceiver:
        placeholders = placeholders_like(features, default_batch_size)
        return ServingInputReceiver(placeholders, placeholders)

    return serving_input_receiver_fn


def placeholders_like(tensors: Any, batch_size: int | None) -> Any:
    """Placeholders of the dtypes and shapes of some Tensors, in the same structure.

    Args:
        tensors: dict from name to Tensor, or one Tensor, of any graph or eager. The first dimension is the batch.
        batch_size: static batch size of the placeholders, None for any.
    """
    if isinstance(tensors, Mapping):
        return {key: _like(key, tensor, batch_size) for key, tensor in tensors.items()}
    return _like(None, tensors, batch_size)


def _like(key: Any, tensor: Any, batch_size: int | None) -> Any:
    if not _is_tensor(tensor):
        what = "a feature or label" if key is None else f"feature {key}"
        raise ValueKindError(f"{what} must be a Tensor, SparseTensor, or RaggedTensor. Given: {tensor}")
    name: str | None = _SINGLE_FEATURE_NAME
    if hasattr(tensor, "op") and not hasattr(tensor, "numpy"):
        name = tensor.op.name
    elif key is not None:
        name = _name_of_operation(str(key))
    # Of a scalar, too: it describes a feature of one number for each example.
    shape = tf.TensorShape([batch_size]).concatenate(tensor.shape[1:])
    if isinstance(tensor, tf.SparseTensor):
        return tf.compat.v1.sparse_placeholder(tensor.dtype, shape=shape, name=name)
    return tf.compat.v1.placeholder(tensor.dtype, shape=shape, name=name)


def _name_of_operation(key: str) -> str | None:
    """As the key where TensorFlow takes it for a name; None, for a name of its own, where nothing of it is left to begin with."""
    name = key if _NAME.fullmatch(key) else _NOT_IN_NAMES.sub("_", key)
    return name if _NAME.fullmatch(name) else None


def _has_tensor(value: Any) -> bool:
    """An object around a Tensor that TensorFlow can convert to one, as LabeledTensor was."""
    return hasattr(value, "tensor") and tf.is_tensor(tf.convert_to_tensor(value))


def _is_tensor(value: Any) -> bool:
    return is_plain(value) or isinstance(value, tf.SparseTensor | tf.RaggedTensor) or _has_tensor(value)


def _checked_tensor(value: Any, what: str) -> Any:
    if not _is_tensor(value):
        raise ValueError(f"{what} must be a Tensor, SparseTensor, or RaggedTensor. Given: {value}")
    return value


def checked_named(values: Any, what: str, single_name: str) -> dict[Any, Any]:
    """Tensors by name; a single one gets `single_name`.

    Raises:
        ValueError: there are none, a key is neither a string nor an integer, or a value is no Tensor.
    """
    if values is None:
        raise ValueError(f"{what}s must be defined.")
    named = values if isinstance(values, Mapping) else {single_name: values}
    for key, value in named.items():
        if not isinstance(key, str | int):
            raise ValueError(f"{what} keys must be strings or ints: {key}.")  # noqa: TRY004 - tf.estimator's type
        _checked_tensor(value, f"{what} {key}")
    return dict(named)


def checked_receivers(receiver_tensors: Any, what: str = "receiver_tensor") -> dict[str, Any]:
    """Receiver tensors by name; a single one is called "input".

    Raises:
        ValueError: there are none, a key is no string, or a value is no Tensor.
    """
    if receiver_tensors is None:
        raise ValueError(f"{what}s must be defined.")
    named = (
        receiver_tensors
        if isinstance(receiver_tensors, Mapping)
        else {_SINGLE_RECEIVER_NAME: receiver_tensors}
    )
    for key, value in named.items():
        if not isinstance(key, str):
            raise ValueError(f"{what} keys must be strings: {key}.")  # noqa: TRY004 - tf.estimator's type
        _checked_tensor(value, f"{what} {key}")
    return dict(named)


def _checked_alternatives(alternatives: Mapping[str, Any] | None) -> dict[str, dict[str, Any]] | None:
    if alternatives is None:
        return None
    if not isinstance(alternatives, Mapping):
        raise ValueError(f"receiver_tensors_alternatives must be a dict: {alternatives}.")  # noqa: TRY004 - tf.estimator's type
    return {
        name: checked_receivers(tensors, "receiver_tensors_alternative")
        for name, tensors in alternatives.items()
    }
