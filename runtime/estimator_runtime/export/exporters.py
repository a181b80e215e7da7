"""Exporters: which of the evaluated models become SavedModels, and which of those are kept.

`train_and_evaluate` calls `export` after each evaluation with `model_dir/export/<name>` as the place. A SavedModel
lives in a directory named by ten digits, the unix seconds of its export; anything else there is left alone.

`BestExporter` keeps the better model across restarts. The metrics of the last model that it exported are stored beside
the exports (`best_eval_result.json`), because the event files alone cannot tell: by the time `export` is called they
already hold the evaluation that is being judged, and they may hold one whose export never happened.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from estimator_runtime import arguments
from estimator_runtime.export import best_result
from estimator_runtime.loop import event_files as files_of_events
from estimator_runtime.loop.evaluation import EmptyResult

_COMPARED = ("best_eval_result", "current_eval_result")

EvalResult = Mapping[str, Any]
ReceiverFn = Callable[[], Any]


class Exporter:
    """What `EvalSpec.exporters` holds. A subclass has a name of its own, and exports nothing unless it says how.

    It is no abstract class, as it was none in tf.estimator: a class that is an Exporter and something else has the
    metaclass of that.
    """

    @property
    def name(self) -> Any:
        """Directory name, unique among the exporters of one EvalSpec; an EvalSpec refuses None."""
        return None

    def export(
        self,
        estimator: Any,
        export_path: str,
        checkpoint_path: str,
        eval_result: EvalResult,
        is_the_final_export: bool,
    ) -> Any:
        """Exports, or decides not to.

        Args:
            estimator: the `Estimator`.
            export_path: directory for this exporter's models.
            checkpoint_path: the checkpoint that was evaluated.
            eval_result: what `Estimator.evaluate` returned.
            is_the_final_export: whether training has ended.

        Returns:
            The exported directory, or None when nothing was exported.
        """
        del estimator, export_path, checkpoint_path, eval_result, is_the_final_export
        return None


def _smaller_loss(best_eval_result: EvalResult, current_eval_result: EvalResult) -> bool:
    for name, result in (
        ("best_eval_result", best_eval_result),
        ("current_eval_result", current_eval_result),
    ):
        if not result or "loss" not in result:
            raise ValueError(f"{name} cannot be empty or no loss is found in it.")
    return bool(best_eval_result["loss"] > current_eval_result["loss"])


def _check_compare_fn(compare_fn: Callable[..., Any]) -> None:
    names = arguments.declared(compare_fn)
    for expected in _COMPARED:
        if expected not in names:
            raise ValueError(f"compare_fn ({compare_fn}) must include {expected} argument.")
    unexpected = arguments.unexpected(compare_fn, _COMPARED)
    if unexpected:
        raise ValueError(f"compare_fn ({compare_fn}) has following not expected args: {unexpected}")


def _check_exports_to_keep(exports_to_keep: int | None) -> None:
    if exports_to_keep is not None and exports_to_keep <= 0:
        raise ValueError(f"`exports_to_keep`, if provided, must be a positive number. Got {exports_to_keep}")


def _is_export(name: str) -> bool:
    return len(name) == 10 and name.isdigit()


def _list_exports(export_path: str) -> list[str]:
    """Names of the SavedModel directories, oldest first."""
    try:
        names = [name.rstrip("/") for name in tf.compat.v1.gfile.ListDirectory(export_path)]
    except tf.errors.NotFoundError:
        return []
    return sorted(name for name in names if _is_export(name))


def _delete_oldest(export_path: str, exports_to_keep: int | None) -> None:
    if exports_to_keep is None:
        return
    for name in _list_exports(export_path)[:-exports_to_keep]:
        directory = os.path.join(export_path, name)  # noqa: PTH118 - export_path may be a URI
        try:
            tf.compat.v1.gfile.DeleteRecursively(directory)
        except tf.errors.OpError as error:
            # Somebody else was faster, or has a file of it open on a shared directory. The export that was just made stays.
            tf.compat.v1.logging.warning("Can not delete %s recursively: %s", directory, error)


class _SavedModelExporter(Exporter):
    """One call of the estimator's export each time; the three exporters below ask theirs, which programs replace."""

    def __init__(
        self,
        name: str,
        serving_input_receiver_fn: ReceiverFn | None,
        assets_extra: Mapping[str, str] | None = None,
        as_text: bool = False,
    ) -> None:
        self._name = name
        self._serving_input_receiver_fn = serving_input_receiver_fn
        self._assets_extra = assets_extra
        self._as_text = as_text

    @property
    def name(self) -> str:
        return self._name

    def export(
        self,
        estimator: Any,
        export_path: str,
        checkpoint_path: str,
        eval_result: EvalResult | None,  # noqa: ARG002 - Exporter's signature
        is_the_final_export: bool,  # noqa: ARG002 - Exporter's signature
    ) -> Any:
        """Exports."""
        return estimator.export_saved_model(
            export_path,
            self._serving_input_receiver_fn,
            assets_extra=self._assets_extra,
            as_text=self._as_text,
            checkpoint_path=checkpoint_path,
        )


class _AskingExporter(Exporter):
    """An exporter that decides when, and has `_saved_model_exporter` do it."""

    _saved_model_exporter: Any

    @property
    def name(self) -> Any:
        return self._saved_model_exporter.name


class _KeepingExporter(_AskingExporter):
    """One that keeps so many exports."""

    _exports_to_keep: int | None

    def _garbage_collect_exports(self, export_dir_base: str) -> None:
        _delete_oldest(export_dir_base, self._exports_to_keep)


class LatestExporter(_KeepingExporter):
    """Exports after each evaluation and keeps the newest exports.

    Args:
        name: directory name below `model_dir/export`.
        serving_input_receiver_fn: returns a `ServingInputReceiver`.
        assets_extra: {path in the export's `assets.extra`: source file}.
        as_text: whether to write the SavedModel as text.
        exports_to_keep: how many exports stay; None keeps all.

    Raises:
        ValueError: `exports_to_keep` is not positive.
    """

    def __init__(
        self,
        name: str,
        serving_input_receiver_fn: ReceiverFn,
        assets_extra: Mapping[str, str] | None = None,
        as_text: bool = False,
        exports_to_keep: int | None = 5,
    ) -> None:
        self._saved_model_exporter = _SavedModelExporter(
            name, serving_input_receiver_fn, assets_extra, as_text
        )
        _check_exports_to_keep(exports_to_keep)
        self._exports_to_keep = exports_to_keep

    def export(
        self,
        estimator: Any,
        export_path: str,
        checkpoint_path: str,
        eval_result: EvalResult,
        is_the_final_export: bool,
    ) -> Any:
        """Exports, then deletes the oldest exports."""
        exported = self._saved_model_exporter.export(
            estimator, export_path, checkpoint_path, eval_result, is_the_final_export
        )
        self._garbage_collect_exports(export_path)
        return exported


class FinalExporter(_AskingExporter):
    """Exports once, when training has ended.

    Args:
        name: directory name below `model_dir/export`.
        serving_input_receiver_fn: returns a `ServingInputReceiver`.
        assets_extra: {path in the export's `assets.extra`: source file}.
        as_text: whether to write the SavedModel as text.
    """

    def __init__(
        self,
        name: str,
        serving_input_receiver_fn: ReceiverFn,
        assets_extra: Mapping[str, str] | None = None,
        as_text: bool = False,
    ) -> None:
        self._saved_model_exporter = _SavedModelExporter(
            name, serving_input_receiver_fn, assets_extra, as_text
        )

    def export(
        self,
        estimator: Any,
        export_path: str,
        checkpoint_path: str,
        eval_result: EvalResult,
        is_the_final_export: bool,
    ) -> Any:
        """Exports if this is the final evaluation."""
        if not is_the_final_export:
            return None
        tf.compat.v1.logging.info("Performing the final export in the end of training.")
        return self._saved_model_exporter.export(
            estimator, export_path, checkpoint_path, eval_result, is_the_final_export
        )


class BestExporter(_KeepingExporter):
    """Exports a model when it is better than the best one so far, also across restarts.

    Args:
        name: directory name below `model_dir/export`.
        serving_input_receiver_fn: returns a `ServingInputReceiver`.
        event_file_pattern: glob of event files below model_dir that hold earlier evaluations, for exports that were
            made before this exporter kept its own record. With a named EvalSpec use 'eval_<name>/*.tfevents.*'.
            None looks at none.
        compare_fn: function of `best_eval_result` and `current_eval_result` that is true when the current one is
            better; the default prefers the smaller loss.
        assets_extra: {path in the export's `assets.extra`: source file}.
        as_text: whether to write the SavedModel as text.
        exports_to_keep: how many exports stay; None keeps all.

    Raises:
        ValueError: `compare_fn` is None or has other arguments, or `exports_to_keep` is not positive.
    """

    def __init__(
        self,
        name: str = "best_exporter",
        serving_input_receiver_fn: ReceiverFn | None = None,
        event_file_pattern: str | None = "eval/*.tfevents.*",
        compare_fn: Callable[..., Any] | None = _smaller_loss,
        assets_extra: Mapping[str, str] | None = None,
        as_text: bool = False,
        exports_to_keep: int | None = 5,
    ) -> None:
        self._saved_model_exporter = _SavedModelExporter(
            name, serving_input_receiver_fn, assets_extra, as_text
        )
        if compare_fn is None:
            raise ValueError("`compare_fn` must not be None.")
        _check_compare_fn(compare_fn)
        _check_exports_to_keep(exports_to_keep)
        self._compare_fn = compare_fn
        self._event_file_pattern = event_file_pattern
        self._exports_to_keep = exports_to_keep
        self._export_path: str | None = None
        # By the names that subclasses know from tf.estimator, as the methods below.
        self._best_eval_result: EvalResult | None = None
        self._model_dir: str | None = None
        self._has_exported = False
        self._is_recorded = False

    def export(
        self,
        estimator: Any,
        export_path: str,
        checkpoint_path: str,
        eval_result: EvalResult | None,
        is_the_final_export: bool,
    ) -> Any:
        """Exports if the result is better than that of the model exported last, or there is no such model.

        The result of an evaluation without a batch is passed over. None, from who has not evaluated, is no result that
        others are compared with; `compare_fn` is given it where there is one already.
        """
        if isinstance(eval_result, EmptyResult):
            return None
        self._model_dir = tf.compat.as_str_any(estimator.model_dir)
        if self._export_path != export_path:
            self._best_eval_result = self._exported_so_far(export_path, eval_result or {})
            self._export_path = export_path
            self._is_recorded = True
        if self._best_eval_result is not None and not self._beaten_by(eval_result):
            return None
        tf.compat.v1.logging.info("Performing best model export.")
        exported = self._saved_model_exporter.export(
            estimator, export_path, checkpoint_path, eval_result, is_the_final_export
        )
        self._best_eval_result, self._is_recorded, self._has_exported = eval_result, False, True
        if eval_result is not None:
            best_result.write(export_path, eval_result)
        self._garbage_collect_exports(export_path)
        return exported

    def _get_best_eval_result(self, event_files: str) -> EvalResult | None:
        """The best evaluation in the event files of a pattern; None where there is none."""
        results = files_of_events.scalars(sorted(tf.io.gfile.glob(event_files)))
        newest = list(results.values())[-1:]
        return best_result.best_of(self._compare_fn, results, current=newest[0]) if newest else None

    def _beaten_by(self, eval_result: EvalResult | None) -> bool:
        assert self._best_eval_result is not None
        if self._is_recorded:
            return best_result.is_better_than_recorded(
                self._compare_fn, recorded=self._best_eval_result, current=eval_result
            )
        return best_result.is_better(self._compare_fn, best=self._best_eval_result, current=eval_result)

    def _exported_so_far(self, export_path: str, eval_result: EvalResult) -> EvalResult | None:
        if not _list_exports(export_path):
            return None
        recorded = best_result.read(export_path)
        if recorded is not None or not self._event_file_pattern:
            return recorded
        tf.compat.v1.logging.info("Loading best metric from event files.")
        files = files_of_events.matching(self._model_dir or "", self._event_file_pattern)
        results = files_of_events.scalars(files)
        results.pop(eval_result.get("global_step", -1), None)
        return best_result.best_of(self._compare_fn, results, current=eval_result)
