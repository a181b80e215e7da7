"""What tf.estimator's `export` had beside the receivers that are public."""

import os
from collections.abc import Callable, Mapping
from typing import Any, Self

import tensorflow as tf

from estimator_runtime.compat.internals import input_results
from estimator_runtime.export import receivers, saved_model, signatures, supervised
from estimator_runtime.model.export_outputs import DEFAULT_KEY

_SINGLE_NAMES = {
    "feature": "feature",
    "label": "label",
    "receiver_tensor": "input",
    "receiver_tensors_alternative": "input",
}


class UnsupervisedInputReceiver(receivers.ServingInputReceiver):
    """Features for a model in TRAIN or EVAL mode that has no labels, and the tensors through which they are fed.

    Args:
        features: as in `ServingInputReceiver`.
        receiver_tensors: as there.

    Raises:
        ValueError: something is missing, a key is of the wrong type, or a value is no Tensor.
    """

    __slots__ = ()

    def __new__(cls, features: Any, receiver_tensors: Any) -> Self:
        """Checks the arguments."""
        return super().__new__(cls, features, receiver_tensors, None)


def wrap_and_check_input_tensors(
    tensors: Any, field_name: str, allow_int_keys: bool = False
) -> dict[Any, Any]:
    """Tensors by name; a single one gets the name that a request has for it.

    Args:
        tensors: Tensor, SparseTensor or RaggedTensor, or a dict of them.
        field_name: "feature", "label", "receiver_tensor" or "receiver_tensors_alternative".
        allow_int_keys: whether keys may be integers.

    Raises:
        ValueError: there are none, a key is of the wrong type, or a value is no Tensor.
    """
    if allow_int_keys:
        return receivers.checked_named(tensors, field_name, _SINGLE_NAMES[field_name])
    if tensors is not None and not isinstance(tensors, Mapping):
        tensors = {_SINGLE_NAMES[field_name]: tensors}
    return receivers.checked_receivers(tensors, field_name)


def build_supervised_input_receiver_fn_from_input_fn(
    input_fn: Callable[..., Any], **input_fn_args: Any
) -> Callable[[], supervised.SupervisedInputReceiver]:
    """A receiver function that is fed what an input function would return.

    Args:
        input_fn: function that returns a `tf.data.Dataset` or (features, labels); it is called once, in a graph that is
            thrown away.
        **input_fn_args: its arguments.

    Returns:
        A function without arguments, of placeholders for features and labels.
    """
    with tf.Graph().as_default():
        features, labels, _ = input_results.parse_input_fn_result(input_fn(**input_fn_args))
        return supervised.build_raw_supervised_input_receiver_fn(features, labels)


def build_all_signature_defs(
    receiver_tensors: Any,
    export_outputs: Mapping[str | None, Any],
    receiver_tensors_alternatives: Mapping[str, Any] | None = None,
    serving_only: bool = True,
) -> dict[str | None, Any]:
    """The SignatureDefs of an export, by name.

    Args:
        receiver_tensors: Tensor, which is then called "input", or dict from input name to Tensor.
        export_outputs: dict from signature name, None for the default one, to ExportOutput.
        receiver_tensors_alternatives: dict from name to further receiver tensors, each of which makes one more signature
            for each output.
        serving_only: whether one of them should be the default of serving, and only signatures that can be served are
            wanted.

    Raises:
        ValueError: `export_outputs` is no dict.
    """
    if not isinstance(receiver_tensors, Mapping):
        receiver_tensors = {_SINGLE_NAMES["receiver_tensor"]: receiver_tensors}
    if not isinstance(export_outputs, Mapping):
        raise ValueError(f"export_outputs must be a dict and not {type(export_outputs)}")  # noqa: TRY004 - tf.estimator's type
    alternatives = {
        name: tensors if isinstance(tensors, Mapping) else {_SINGLE_NAMES["receiver_tensor"]: tensors}
        for name, tensors in (receiver_tensors_alternatives or {}).items()
    }
    made = signatures.build_signatures(
        receiver_tensors=receiver_tensors,
        export_outputs=export_outputs,  # type: ignore[arg-type]  # None is a name that callers use
        receiver_tensors_alternatives=alternatives,
        is_for_serving=serving_only,
    )
    # Under the key that the caller has for it.
    return {None if key == DEFAULT_KEY and None in export_outputs else key: one for key, one in made.items()}


def get_timestamped_export_dir(export_dir_base: str | bytes | os.PathLike[str]) -> str:
    """Path for a new export in a directory, named by the Unix time; nothing is made but the directory it is in.

    Raises:
        RuntimeError: no unused name was found.
    """
    return saved_model.unused_dir(os.fsdecode(export_dir_base))


def get_temp_export_dir(timestamped_export_dir: str | bytes | os.PathLike[str]) -> str:
    """Path beside `timestamped_export_dir` at which the export is written before it is renamed."""
    return saved_model.temporary_dir(os.fsdecode(timestamped_export_dir))
