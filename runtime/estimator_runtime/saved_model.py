"""Writing a trained model as a SavedModel.

An export is written beside its final place and renamed when it is complete: whoever lists the directory sees whole
exports only. A failed export leaves nothing behind.
"""

import os.path
import posixpath
import time
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from estimator_runtime import observation
from estimator_runtime.bound_model import BoundModel
from estimator_runtime.export.outputs import ExportOutput
from estimator_runtime.export.signatures import build_signatures
from estimator_runtime.model_fn import ModeKeys

_NAMING_ATTEMPTS = 10


class ExportPath(str):
    """Path of an export: a string, that can also be decoded as the bytes that tf.estimator returned."""

    __slots__ = ()

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """The path itself."""
        del encoding, errors
        return str(self)


def export(
    model: BoundModel,
    export_dir_base: str | bytes | os.PathLike[str],
    input_receiver_fn: Callable[[], Any],
    *,
    checkpoint_path: str,
    assets_extra: Mapping[str, str] | None,
    as_text: bool,
    strip_default_attrs: bool,
) -> ExportPath:
    """Exports one checkpoint for serving into a new directory of `export_dir_base`, named by the Unix time.

    Raises:
        ValueError: the model offers nothing to export, the checkpoint lacks a variable, or an extra asset's
            destination is outside the export.
        RuntimeError: no unused directory name was found.
    """
    observer = observation.current()
    with observer.exporting():
        final = _timestamped_dir(os.fsdecode(export_dir_base))
        signatures = _write_at(
            model,
            final,
            input_receiver_fn,
            checkpoint_path=checkpoint_path,
            assets_extra=assets_extra or {},
            as_text=as_text,
            strip_default_attrs=strip_default_attrs,
        )
    observer.exported(final, checkpoint_path, signatures)
    return ExportPath(final)


def _write_at(
    model: BoundModel,
    final: str,
    input_receiver_fn: Callable[[], Any],
    *,
    checkpoint_path: str,
    assets_extra: Mapping[str, str],
    as_text: bool,
    strip_default_attrs: bool,
) -> list[str]:
    """Writes the whole export and gives it its final name; returns the names of its signatures."""
    temporary = _temporary(final)
    try:
        signatures = _write(
            model,
            temporary,
            input_receiver_fn,
            checkpoint_path=checkpoint_path,
            as_text=as_text,
            strip_default_attrs=strip_default_attrs,
        )
        _copy_assets(assets_extra, temporary)
        tf.compat.v1.gfile.Rename(temporary, final)
    except BaseException:
        if tf.compat.v1.gfile.Exists(temporary):
            tf.compat.v1.gfile.DeleteRecursively(temporary)
        raise
    return signatures


def _timestamped_dir(base: str) -> str:
    for attempt in range(1, _NAMING_ATTEMPTS + 1):
        path = os.path.join(base, str(int(time.time())))  # noqa: PTH118 - may be a gs:// address
        # A process that was killed while it exported in this very second has left the temporary directory.
        if not tf.compat.v1.gfile.Exists(path) and not tf.compat.v1.gfile.Exists(_temporary(path)):
            return path
        time.sleep(1)
        tf.compat.v1.logging.warning(
            "Directory %s already exists; retrying (attempt %d/%d)", path, attempt, _NAMING_ATTEMPTS
        )
    raise RuntimeError(f"Failed to obtain a unique export directory name after {_NAMING_ATTEMPTS} attempts.")


def _temporary(final: str) -> str:
    parent, timestamp = os.path.split(final)
    return os.path.join(parent, f"temp-{timestamp}")  # noqa: PTH118 - may be a gs:// address


def _write(
    model: BoundModel,
    directory: str,
    input_receiver_fn: Callable[[], Any],
    *,
    checkpoint_path: str,
    as_text: bool,
    strip_default_attrs: bool,
) -> list[str]:
    with tf.Graph().as_default() as graph:
        model.begin_graph(graph)
        receiver = input_receiver_fn()
        spec = model.call_model_fn(receiver.features, getattr(receiver, "labels", None), ModeKeys.PREDICT)
        signatures = build_signatures(
            receiver_tensors=receiver.receiver_tensors,
            export_outputs=_exported(spec.export_outputs),
            receiver_tensors_alternatives=receiver.receiver_tensors_alternatives,
        )
        local_init = spec.scaffold.local_init_op
        if local_init is None:
            local_init = tf.compat.v1.train.Scaffold.default_local_init_op()
        # A resource variable's assignment is no operation, and the builder takes nothing else.
        local_init = tf.group(local_init)
        saver = spec.scaffold.saver or tf.compat.v1.train.Saver(sharded=True)
        builder = tf.compat.v1.saved_model.Builder(directory)
        with tf.compat.v1.Session(config=model.config.session_config) as session:
            try:
                saver.restore(session, checkpoint_path)
            except tf.errors.NotFoundError as error:
                raise ValueError(
                    "Could not load all requested variables from checkpoint. Please make sure your model_fn does "
                    f"not expect variables that were not saved in the checkpoint {checkpoint_path}: {error.message}"
                ) from error
            builder.add_meta_graph_and_variables(
                session,
                tags=[tf.saved_model.SERVING],
                signature_def_map=signatures,
                assets_collection=tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.ASSET_FILEPATHS),
                main_op=local_init,
                saver=saver,
                strip_default_attrs=strip_default_attrs,
            )
        builder.save(as_text)
    return sorted(signatures)


def _exported(export_outputs: dict[str, ExportOutput] | None) -> dict[str, ExportOutput]:
    if not export_outputs:
        raise ValueError("export_outputs must be provided by model_fn: there is nothing to export.")
    return export_outputs


def _copy_assets(assets_extra: Mapping[str, str], directory: str) -> None:
    for destination, source in assets_extra.items():
        relative = posixpath.normpath(destination)
        if posixpath.isabs(relative) or relative.split("/", 1)[0] in ("..", "."):
            raise ValueError(
                f"assets_extra: {destination!r} must be a path (with the file's name) relative to assets.extra."
            )
        path = posixpath.join(directory, "assets.extra", relative)
        tf.compat.v1.gfile.MakeDirs(posixpath.dirname(path))
        tf.compat.v1.gfile.Copy(source, path)
