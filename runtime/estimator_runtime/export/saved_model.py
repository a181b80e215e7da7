"""Writing a trained model as a SavedModel.

An export is written beside its final place and renamed when it is complete: whoever lists the directory sees whole
exports only. A failed export leaves nothing behind. The directory in which it is written is made by nobody else, so two
exports to one place at the same time have names of their own; and of two names the greater one is the later export's, also
where the clock of this host is behind another's, and where both are of one second: who serves or keeps the newest goes by
the name. Nobody waits for the next second, for evaluations that take less than one would with each export.
"""

import contextlib
import os.path
import posixpath
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from estimator_runtime import observation
from estimator_runtime.checkpoints import storage
from estimator_runtime.export import meta_graphs

_NAMING_ATTEMPTS = 10
_TIMESTAMP = re.compile(r"(?:temp-)?([0-9]{10})")
# Clocks of hosts differ by seconds. What is further ahead is a name that somebody has given.
_AHEAD_SECS = 24 * 60 * 60


class ExportPath(str):
    """Path of an export: a string, that can also be decoded as the bytes that tf.estimator returned."""

    __slots__ = ()

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """The path itself."""
        del encoding, errors
        return str(self)


def export(
    export_dir_base: str | bytes | os.PathLike[str],
    input_receiver_fn_map: Mapping[str, Any],
    *,
    checkpoint_path: str,
    assets_extra: Mapping[str, str] | None,
    as_text: bool,
    strip_default_attrs: bool,
    add: Callable[..., Sequence[str] | None],
) -> ExportPath:
    """Exports one checkpoint into a new directory of `export_dir_base`, named by the Unix time.

    Args:
        export_dir_base: directory of the exports.
        input_receiver_fn_map: dict from `ModeKeys` value to the function that makes its receiver; one MetaGraph each.
        checkpoint_path: where the variables come from.
        assets_extra: dict from a path relative to the export's `assets.extra` to the file to copy there.
        as_text: write the SavedModel proto as text.
        strip_default_attrs: leave out attributes with default values.
        add: adds the MetaGraph of one mode; `Estimator._add_meta_graph_for_mode`.

    Raises:
        ValueError: no mode is given, the model offers nothing to export, the checkpoint lacks a variable of one
            of the modes, or an extra asset's destination is outside the export.
        RuntimeError: no unused directory name was found.
        StorageFullError: there is no room for the export.
    """
    wanted = {
        mode: input_receiver_fn_map[mode] for mode in meta_graphs.KINDS if input_receiver_fn_map.get(mode)
    }
    if not wanted:
        raise ValueError(
            f"No valid modes for exporting found. Got {list(input_receiver_fn_map)}; a mode is one of "
            f"{list(meta_graphs.KINDS)}."
        )
    observer = observation.current()
    with observer.exporting(), storage.explained(os.fsdecode(export_dir_base)):
        final = _claimed_dir(os.fsdecode(export_dir_base))
        temporary = temporary_dir(final)
        try:
            signatures: list[str] = []
            builder = tf.compat.v1.saved_model.Builder(temporary)
            for mode in wanted:
                is_first = mode == next(iter(wanted))
                added = add(
                    builder,
                    input_receiver_fn_map,
                    checkpoint_path,
                    is_first,
                    mode=mode,
                    strip_default_attrs=strip_default_attrs,
                )
                signatures += added or []
            builder.save(as_text)
            _copy_assets(assets_extra or {}, temporary)
            tf.compat.v1.gfile.Rename(temporary, final)
        except BaseException:
            # What went wrong with the export is what people need to know.
            with contextlib.suppress(tf.errors.OpError):
                if tf.compat.v1.gfile.Exists(temporary):
                    tf.compat.v1.gfile.DeleteRecursively(temporary)
            raise
    observer.exported(final, checkpoint_path, signatures)
    return ExportPath(final)


def _claimed_dir(base: str) -> str:
    """Path for a new export, whose temporary directory is made."""
    for attempt in range(1, _NAMING_ATTEMPTS + 1):
        path = unused_dir(base)
        if not tf.compat.v1.gfile.Exists(path) and not tf.compat.v1.gfile.Exists(temporary_dir(path)):
            # Somebody else may just have made it; where directories are but names, as on gs://, both think so.
            with contextlib.suppress(tf.errors.AlreadyExistsError):
                tf.io.gfile.mkdir(temporary_dir(path))
                return path
        time.sleep(1)
        tf.compat.v1.logging.warning(
            "Directory %s already exists; retrying (attempt %d/%d)", path, attempt, _NAMING_ATTEMPTS
        )
    raise RuntimeError(f"Failed to obtain a unique export directory name after {_NAMING_ATTEMPTS} attempts.")


def unused_dir(base: str) -> str:
    """Path in `base`, which is made, for one more export; nobody is kept from using it."""
    tf.io.gfile.makedirs(base)
    return os.path.join(base, str(_timestamp(base)))  # noqa: PTH118 - may be a gs:// address


def _timestamp(base: str) -> int:
    """The Unix time; a second after the newest export where that was made in this second, or by a clock that is ahead."""
    now = int(time.time())
    matches = map(_TIMESTAMP.fullmatch, map(_name, tf.io.gfile.listdir(base)))
    # An export that is being written counts too, and one whose process was killed in this very second.
    made = [int(match[1]) for match in matches if match is not None]
    ahead = [number for number in made if now <= number < now + _AHEAD_SECS]
    return max(ahead) + 1 if ahead else now


def _name(listed: str) -> str:
    return listed.rstrip("/")


def temporary_dir(final: str) -> str:
    """Where an export is written that is renamed to `final`."""
    parent, timestamp = os.path.split(final)
    return os.path.join(parent, f"temp-{timestamp}")  # noqa: PTH118 - may be a gs:// address


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
