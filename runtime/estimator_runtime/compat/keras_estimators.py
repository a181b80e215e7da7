"""`tf.keras.estimator.model_to_estimator`: what it makes is one of tf.estimator's Estimators, and programs ask for that."""

import os
from collections.abc import Mapping
from typing import Any

from estimator_runtime.compat.estimators import Estimator, EstimatorV2
from estimator_runtime.config.run_config import RunConfig
from estimator_runtime.keras_models import conversion


def model_to_estimator(
    keras_model: Any = None,
    keras_model_path: str | os.PathLike[str] | None = None,
    custom_objects: Mapping[str, Any] | None = None,
    model_dir: str | os.PathLike[str] | None = None,
    config: RunConfig | None = None,
    checkpoint_format: str | None = "checkpoint",
    metric_names_map: Mapping[str, str] | None = None,
    export_outputs: Mapping[str, Any] | None = None,
) -> Any:
    """`estimator_runtime.model_to_estimator`, whose documentation it has."""
    return of_keras_lib(
        keras_model,
        keras_model_path,
        custom_objects,
        model_dir,
        config,
        checkpoint_format,
        use_v2_estimator=True,
        metric_names_map=metric_names_map,
        export_outputs=export_outputs,
    )


model_to_estimator.__doc__ = conversion.model_to_estimator.__doc__


def of_keras_lib(
    keras_model: Any = None,
    keras_model_path: str | os.PathLike[str] | None = None,
    custom_objects: Mapping[str, Any] | None = None,
    model_dir: str | os.PathLike[str] | None = None,
    config: RunConfig | None = None,
    checkpoint_format: str | None = None,
    use_v2_estimator: bool = False,
    metric_names_map: Mapping[str, str] | None = None,
    export_outputs: Mapping[str, Any] | None = None,
) -> Any:
    """`model_to_estimator` with the arguments that Keras 2 calls tensorflow_estimator with.

    `use_v2_estimator` says whether it is to be one of `tf.estimator`'s or of `tf.compat.v1.estimator`'s. No
    `checkpoint_format` means "checkpoint" there.
    """
    return conversion.converted(
        EstimatorV2 if use_v2_estimator else Estimator,
        keras_model,
        keras_model_path,
        custom_objects,
        model_dir,
        config,
        "checkpoint" if checkpoint_format is None else checkpoint_format,
        metric_names_map,
        export_outputs,
    )
