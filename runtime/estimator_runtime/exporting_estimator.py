"""The half of an Estimator that exports: arguments and the choice of the checkpoint; the writing is in `saved_model`."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from estimator_runtime import checkpoints
from estimator_runtime.checkpoints import paths
from estimator_runtime.errors import EstimatorNotTrainedError
from estimator_runtime.export import meta_graphs, saved_model
from estimator_runtime.model.bound_model import BoundModel
from estimator_runtime.model.model_fn import ModeKeys


class ExportingEstimator:
    """What `Estimator` has for exports."""

    _bound: BoundModel
    # Whether a model without outputs is exported all the same; compat's Estimators do it.
    _exports_without_outputs: ClassVar[bool] = False

    @property
    def model_dir(self) -> str:
        """Directory of checkpoints, summaries and exports."""
        return self._bound.model_dir

    def latest_checkpoint(self) -> str | None:
        """Path prefix of the newest checkpoint in `model_dir`, or None."""
        return checkpoints.latest(self.model_dir)

    def export_savedmodel(
        self,
        export_dir_base: str | os.PathLike[str],
        serving_input_receiver_fn: Callable[[], Any] | None,
        assets_extra: Mapping[str, str] | None = None,
        as_text: bool = False,
        checkpoint_path: str | bytes | os.PathLike[str] | None = None,
        strip_default_attrs: bool = False,
    ) -> saved_model.ExportPath:
        """Exports the model for serving into a new, timestamped directory of `export_dir_base`.

        Args:
            export_dir_base: directory of the exports.
            serving_input_receiver_fn: function without arguments that returns a `ServingInputReceiver`.
            assets_extra: dict from a path relative to the export's `assets.extra` to the file to copy there.
            as_text: write the SavedModel proto as text.
            checkpoint_path: which checkpoint; None for the latest.
            strip_default_attrs: leave out attributes with default values, for older TensorFlow to read.

        Returns:
            The path of the export.

        Raises:
            ValueError: there is no receiver function, the model has no export_outputs, or there is no checkpoint
                (`EstimatorNotTrainedError`).
        """
        return self._export_for_mode(
            export_dir_base,
            serving_input_receiver_fn,
            assets_extra=assets_extra,
            as_text=as_text,
            checkpoint_path=checkpoint_path,
            strip_default_attrs=strip_default_attrs,
            mode=ModeKeys.PREDICT,
        )

    def export_saved_model(
        self,
        export_dir_base: str | os.PathLike[str],
        serving_input_receiver_fn: Callable[[], Any] | None,
        assets_extra: Mapping[str, str] | None = None,
        as_text: bool = False,
        checkpoint_path: str | bytes | os.PathLike[str] | None = None,
        experimental_mode: str = ModeKeys.PREDICT,
    ) -> saved_model.ExportPath:
        """As `export_savedmodel`, with default attributes stripped, for serving or another mode.

        Args:
            export_dir_base: as in `export_savedmodel`.
            serving_input_receiver_fn: as in `export_savedmodel`. In the modes TRAIN and EVAL the function returns a
                receiver with labels, as one of `experimental.build_raw_supervised_input_receiver_fn` does.
            assets_extra: as in `export_savedmodel`.
            as_text: as in `export_savedmodel`.
            checkpoint_path: as in `export_savedmodel`.
            experimental_mode: the `ModeKeys` value that the model is built with.

        Returns:
            The path of the export.

        Raises:
            ValueError: as in `export_savedmodel`, or there is no such mode.
        """
        return self._export_for_mode(
            export_dir_base,
            serving_input_receiver_fn,
            assets_extra=assets_extra,
            as_text=as_text,
            checkpoint_path=checkpoint_path,
            strip_default_attrs=True,
            mode=experimental_mode,
        )

    def experimental_export_all_saved_models(
        self,
        export_dir_base: str | os.PathLike[str],
        input_receiver_fn_map: Mapping[str, Callable[[], Any]],
        assets_extra: Mapping[str, str] | None = None,
        as_text: bool = False,
        checkpoint_path: str | bytes | os.PathLike[str] | None = None,
    ) -> saved_model.ExportPath:
        """Exports the model in several modes at once: one SavedModel with one MetaGraph per mode.

        The MetaGraphs have the tags "train", "eval" and "serve". That of TRAIN holds the train operation in the
        collection `saved_model_train_op`; with it the export has the optimizer's variables too.

        Args:
            export_dir_base: as in `export_savedmodel`.
            input_receiver_fn_map: dict from `ModeKeys` value to a function as in `export_saved_model`.
            assets_extra: as in `export_savedmodel`.
            as_text: as in `export_savedmodel`.
            checkpoint_path: as in `export_savedmodel`.

        Returns:
            The path of the export.

        Raises:
            ValueError: there is no mode to export, or as in `export_savedmodel`.
        """
        return self._export_all_saved_models(
            export_dir_base,
            input_receiver_fn_map,
            assets_extra=assets_extra,
            as_text=as_text,
            checkpoint_path=checkpoint_path,
            strip_default_attrs=True,
        )

    def _export_for_mode(
        self, export_dir_base: Any, input_receiver_fn: Callable[[], Any] | None, *, mode: str, **rest: Any
    ) -> saved_model.ExportPath:
        if not input_receiver_fn:
            raise ValueError("An input_receiver_fn must be defined.")
        return self._export_all_saved_models(export_dir_base, {mode: input_receiver_fn}, **rest)

    def _export_all_saved_models(
        self,
        export_dir_base: str | os.PathLike[str],
        input_receiver_fn_map: Mapping[str, Callable[[], Any]],
        assets_extra: Mapping[str, str] | None = None,
        as_text: bool = False,
        checkpoint_path: str | bytes | os.PathLike[str] | None = None,
        strip_default_attrs: bool = True,
    ) -> saved_model.ExportPath:
        """Every export goes through here: a subclass may override it."""
        return checkpoints.on_newest(
            lambda: self._checkpoint_to_export(checkpoint_path),
            lambda path: saved_model.export(
                export_dir_base,
                input_receiver_fn_map,
                checkpoint_path=path,
                assets_extra=assets_extra,
                as_text=as_text,
                strip_default_attrs=strip_default_attrs,
                add=self._add_meta_graph_for_mode,
            ),
            given=bool(checkpoint_path),
        )

    def _add_meta_graph_for_mode(
        self,
        builder: Any,
        input_receiver_fn_map: Mapping[str, Callable[[], Any]],
        checkpoint_path: str,
        save_variables: bool = True,
        mode: str = ModeKeys.PREDICT,
        export_tags: Sequence[str] | None = None,
        check_variables: bool = True,
        strip_default_attrs: bool = True,
    ) -> list[str]:
        """Adds the model in one mode to a SavedModel, and returns the names of its signatures; a subclass may override it.

        Args:
            builder: the `tf.compat.v1.saved_model.Builder`.
            input_receiver_fn_map: dict from mode to the function that makes its receiver.
            checkpoint_path: where the variables come from.
            save_variables: write the variables; otherwise an earlier MetaGraph has brought them.
            mode: the mode.
            export_tags: the MetaGraph's tags; None for the mode's own.
            check_variables: read the variables from the checkpoint also where they are not written.
            strip_default_attrs: leave out attributes with default values.
        """
        return meta_graphs.add(
            builder,
            self._bound,
            mode,
            input_receiver_fn_map[mode],
            checkpoint_path=checkpoint_path,
            with_variables=save_variables,
            with_check=check_variables,
            may_be_empty=self._exports_without_outputs,
            tags=export_tags,
            strip_default_attrs=strip_default_attrs,
        )

    def _checkpoint_to_export(self, given: str | bytes | os.PathLike[str] | None) -> str:
        path = paths.prefix(given) if given else paths.readable(self.latest_checkpoint())
        if not path and self._bound.warm_start is not None:
            path = paths.prefix(self._bound.warm_start.ckpt_to_initialize_from)
        if not path:
            raise EstimatorNotTrainedError(f"Couldn't find trained model at {self.model_dir}.")
        return path
