"""`model_to_estimator`: a compiled Keras model becomes an Estimator.

Models of Keras 2 (tf_keras) are cloned into the Estimator's graph, as in tf.estimator 2.15; models of Keras 3 are run in
it on variables that stand for theirs. Which it is follows from the model; of a path, from what tf.keras is.
"""

import os
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from estimator_runtime.config.run_config import RunConfig
from estimator_runtime.errors import ValueKindError
from estimator_runtime.estimator import Estimator
from estimator_runtime.keras_models import first_weights, keras_2, keras_3
from estimator_runtime.loop import run_settings

_FORMATS = ("checkpoint", "saver")


def model_to_estimator(
    keras_model: Any = None,
    keras_model_path: str | os.PathLike[str] | None = None,
    custom_objects: Mapping[str, Any] | None = None,
    model_dir: str | os.PathLike[str] | None = None,
    config: RunConfig | None = None,
    checkpoint_format: str | None = None,
    metric_names_map: Mapping[str, str] | None = None,
    export_outputs: Mapping[str, Any] | None = None,
) -> Estimator:
    """Makes an Estimator of a compiled Keras model.

    It begins with the model's weights. Features are the model's inputs, by name where there are several; labels are its
    targets, by the names of the outputs. Features {"features": ..., "sample_weights": ...} carry sample weights. What it
    predicts has the names of the outputs.

    Args:
        keras_model: the model, of Keras 3 or of tf_keras. Its weights stay as they are: what is trained is in `model_dir`.
            A model of tf_keras that was made before cannot be called afterwards, as ever: tf_keras swaps its classes.
        keras_model_path: path of a compiled model that Keras has saved, in place of the model.
        custom_objects: dict from name to class or function, for what of the program's own is in the model's configs.
        model_dir: as `Estimator` takes it.
        config: as `Estimator` takes it.
        checkpoint_format: "saver" (or None): checkpoints hold variables by name. "checkpoint": those of a model of tf_keras
            hold its objects, as tf.train.Checkpoint's do; those of Keras 3 still variables by name.
        metric_names_map: dict from the name of a metric in Keras to its name in an evaluation.
        export_outputs: dict from the name of each output to a class of `ExportOutput`, for a signature of its own.

    Raises:
        ValueError: there is no model or both a model and a path, the path is not a local one, the model is not compiled or
            its optimizer does not run in a graph, or there is no such checkpoint_format.
        ValueKindError: (a ValueError, TypeError and AttributeError) the model is none of Keras'.
    """
    return converted(
        Estimator,
        keras_model,
        keras_model_path,
        custom_objects,
        model_dir,
        config,
        checkpoint_format,
        metric_names_map,
        export_outputs,
    )


def converted(
    made: type[Estimator],
    keras_model: Any,
    keras_model_path: str | os.PathLike[str] | None,
    custom_objects: Mapping[str, Any] | None,
    model_dir: str | os.PathLike[str] | None,
    config: RunConfig | None,
    checkpoint_format: str | None,
    metric_names_map: Mapping[str, str] | None,
    export_outputs: Mapping[str, Any] | None,
) -> Estimator:
    """An Estimator of the class `made`; the other arguments are those of `model_to_estimator`."""
    model = _model(keras_model, keras_model_path, custom_objects)
    if checkpoint_format not in (None, *_FORMATS):
        raise ValueError(f'Checkpoint format must be one of "checkpoint" or "saver". Got {checkpoint_format}')
    if not getattr(model, "optimizer", None):
        raise ValueError(
            "The given keras model has not been compiled yet. Please compile the model with `model.compile()` before "
            "calling `model_to_estimator()`."
        )
    kind: Any = keras_2 if _package(model) == "tf_keras" else keras_3
    settings = run_settings.completed(config, model_dir)
    saves_objects = checkpoint_format == "checkpoint"
    model_fn = kind.model_fn_of(
        model,
        custom_objects=custom_objects,
        metric_names=metric_names_map,
        export_outputs=export_outputs,
        saves_objects=saves_objects,
    )
    weights = kind.weights_of(model, custom_objects=custom_objects, saves_objects=saves_objects)
    return made(
        model_fn,
        config=settings,
        warm_start_from=first_weights.warm_start(settings, weights),
        fresh_variables_if_untrained=True,
    )


def _model(model: Any, path: Any, custom_objects: Mapping[str, Any] | None) -> Any:
    # An empty path is none.
    if model is None and (path is None or path in ("", b"")):
        raise ValueError("Either `keras_model` or `keras_model_path` needs to be provided.")
    if model is not None and path is not None:
        raise ValueError("Please specify either `keras_model` or `keras_model_path`, but not both.")
    if model is None:
        if not isinstance(path, str | os.PathLike):
            raise ValueKindError(f"keras_model_path must be a path, given: {path} (a {type(path).__name__}).")
        path = os.fspath(path)
        if path.startswith(("gs://", "s3://", "hdfs://")):
            raise ValueKindError(f"{path} is not a local path. Please copy the model locally first.")
        return tf.keras.models.load_model(path, custom_objects=custom_objects)
    if _package(model) is None:
        raise ValueKindError(
            f"keras_model must be a model of Keras (tf.keras.Model), given: {model} (a {type(model).__name__})."
        )
    return model


def _package(model: Any) -> str | None:
    """The package of whose `Model` the model is: "tf_keras" or "keras"; None for no model."""
    for base in type(model).__mro__:
        if base.__name__ == "Model" and base.__module__.partition(".")[0] in ("keras", "tf_keras"):
            return base.__module__.partition(".")[0]
    return None
