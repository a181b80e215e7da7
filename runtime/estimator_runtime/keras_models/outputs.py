"""What a Keras model predicts, and the signatures of its exports."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from estimator_runtime.errors import MissingNameError, ValueKindError
from estimator_runtime.model.export_outputs import PredictOutput

_DEFAULT: str = tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY


def by_name(outputs: Any, names: Sequence[str] | None) -> dict[str, Any]:
    """A model's outputs by the names of their layers; output_1, output_2, ... where it has none.

    Args:
        outputs: what the model returned: a tensor, a structure of them, or a dict, which has its own names.
        names: the model's names of its outputs, or None.
    """
    if isinstance(outputs, Mapping) and all(tf.is_tensor(one) for one in outputs.values()):
        return dict(outputs)
    flat = tf.nest.flatten(outputs)
    if not names or len(names) != len(flat):
        names = [f"output_{number}" for number in range(1, len(flat) + 1)]
    return dict(zip(names, flat, strict=True))


def exports(predictions: Mapping[str, Any], kinds: Mapping[str, Any] | None) -> dict[str, Any]:
    """The export outputs of a model: all predictions together, and one for each entry of `kinds`.

    Args:
        predictions: what the model predicts, by name.
        kinds: dict from the name of a prediction to a class of `ExportOutput`, as `model_to_estimator` takes it.

    Raises:
        MissingNameError: (a KeyError) `kinds` has a name that is no prediction's.
        ValueKindError: (an AttributeError) it is no dict.
    """
    made: dict[str, Any] = {_DEFAULT: PredictOutput(dict(predictions))}
    if not kinds:
        return made
    if not isinstance(kinds, Mapping):
        raise ValueKindError(
            f"export_outputs must be a dict from the name of an output to a class of ExportOutput, given: {kinds}."
        )
    missing = sorted(set(kinds) - set(predictions))
    if missing:
        raise MissingNameError(
            f"The outputs of the keras model do not cover the keys of export_outputs. The outputs are "
            f"{sorted(predictions)}, export_outputs has {sorted(kinds)}, missed keys: {missing}."
        )
    made.update({name: kind(predictions[name]) for name, kind in kinds.items()})
    return made


def check_names(renamed: Mapping[str, str] | None, metrics: Sequence[str]) -> None:
    """Holds a `metric_names_map` against the names of a model's metrics.

    Raises:
        ValueError: it has a name that no metric has, or not the names of all.
        ValueKindError: (an AttributeError) it is no dict.
    """
    if not renamed:
        return
    if not isinstance(renamed, Mapping):
        raise ValueKindError(
            f"metric_names_map must be a dict from the name of a metric to another name, given: {renamed}."
        )
    if unknown := [name for name in renamed if name not in metrics]:
        raise ValueError(
            "Invalid `metric_names_map`. There are unexpected keys in the `metric_names_map` dictionary. Expected keys: "
            f"{list(metrics)}, Received: {unknown}"
        )
    if missing := [name for name in metrics if name not in renamed]:
        raise ValueError(
            f'Invalid `metric_names_map`. The following keras model metric names:"{missing}" do not exist in the '
            "`metric_names_map` dictionary"
        )
