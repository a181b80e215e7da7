"""The SignatureDefs of an export: every output over every way of asking for it."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from estimator_runtime.model.export_outputs import DEFAULT_KEY, ExportOutput

_PREDICT = "predict"
"""Name of the signature with all predictions that canned Estimators and heads export."""

_KINDS = {
    "Classify": tf.saved_model.CLASSIFY_METHOD_NAME,
    "Regress": tf.saved_model.REGRESS_METHOD_NAME,
    "Predict": tf.saved_model.PREDICT_METHOD_NAME,
    "Train": "tensorflow/supervised/training",
    "Eval": "tensorflow/supervised/eval",
}


def build_signatures(
    *,
    receiver_tensors: Mapping[str, Any],
    export_outputs: Mapping[str, ExportOutput],
    receiver_tensors_alternatives: Mapping[str, Mapping[str, Any]] | None = None,
    is_for_serving: bool = True,
) -> dict[str, Any]:
    """One SignatureDef per output, and one called "alternative:output" per alternative receiver.

    An output that cannot be asked for in one of the ways (a ClassificationOutput wants a single string Tensor)
    leaves that signature out, with a line in the log. If that is the default of serving, "predict" becomes the default
    where it can: a canned Estimator's export with raw tensors then answers without being asked by name.

    Args:
        receiver_tensors: dict from input name to Tensor.
        export_outputs: dict from signature name to ExportOutput.
        receiver_tensors_alternatives: dict from name to further receiver tensors, or None.
        is_for_serving: whether one of the signatures should be the default of serving.
    """
    ways: dict[str, Mapping[str, Any]] = {"": receiver_tensors}
    ways.update({f"{name}:": tensors for name, tensors in (receiver_tensors_alternatives or {}).items()})
    included: dict[str, Any] = {}
    excluded: dict[str, str] = {}
    for prefix, tensors in ways.items():
        for key, output in export_outputs.items():
            name = f"{prefix}{key or DEFAULT_KEY}"
            try:
                included[name] = output.as_signature_def(tensors)
            except ValueError as error:
                excluded[name] = str(error)
    if is_for_serving and DEFAULT_KEY in excluded and _PREDICT in included:
        included[DEFAULT_KEY] = included[_PREDICT]
        excluded[DEFAULT_KEY] += f" Its place is taken by {_PREDICT!r}."
    _report(included, excluded)
    if not included:
        tf.compat.v1.logging.warning("Export includes no signatures!")
    elif is_for_serving and DEFAULT_KEY not in included:
        tf.compat.v1.logging.warning(
            "Export includes no default signature! Requests must name one of %s.", sorted(included)
        )
    return included


def _report(included: Mapping[str, Any], excluded: Mapping[str, str]) -> None:
    for kind, method in _KINDS.items():
        names = [name for name, signature in included.items() if signature.method_name == method]
        tf.compat.v1.logging.info("Signatures INCLUDED in export for %s: %s", kind, names or None)
    for name, reason in excluded.items():
        tf.compat.v1.logging.warning("Signature EXCLUDED from export: %s: %s", name, reason)
