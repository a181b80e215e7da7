"""Mode Export: `Estimator.export_saved_model`, once for each item of `exports`."""

from typing import Any

import tensorflow as tf

from estimator_api import EstimatorSection, Export
from estimator_runtime.estimator import Estimator
from estimator_runtime.job.settings.errors import ExportFailedError
from estimator_runtime.job.settings.locations import checkpoint_for, local_file
from estimator_runtime.job.settings.references import resolve_callable


def run(section: EstimatorSection, estimator: Estimator) -> None:
    """Exports to `export/<name>/<timestamp>` in the model directory; the observer learns where.

    All references and checkpoints are looked at before the first export is made.

    Raises:
        JobConfigError: a reference does not import, an asset or a checkpoint is not there.
        ExportFailedError: an export could not be made; the cause is what TensorFlow or the model raised.
    """
    exports = [(one, _settings(one, estimator)) for one in section.exports or []]
    for export, settings in exports:
        try:
            estimator.export_saved_model(
                tf.io.gfile.join(str(estimator.model_dir), "export", export.name), **settings
            )
        except Exception as error:
            raise ExportFailedError(export.name) from error


def _settings(export: Export, estimator: Estimator) -> dict[str, Any]:
    field = f"estimator.exports[{export.name}]"
    assets = {
        one.destination: local_file(one.source, field=f"{field}.assetsExtra[{one.destination}].source")
        for one in export.assets_extra or []
    }
    return {
        "serving_input_receiver_fn": resolve_callable(
            export.serving_input_receiver_fn, field=f"{field}.servingInputReceiverFn"
        ),
        "assets_extra": assets or None,
        "as_text": export.as_text,
        "checkpoint_path": checkpoint_for(estimator, export.checkpoint_path, field=f"{field}.checkpointPath"),
    }
