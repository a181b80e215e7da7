"""What people give as a checkpoint, and the path prefix that TensorFlow calls one.

A checkpoint is several files, `model.ckpt-7.index`, `model.ckpt-7.data-00000-of-00001` and perhaps `model.ckpt-7.meta`, and
its path is what they have in common. People copy the name of a file from a listing, or give the directory; both say
plainly enough which checkpoint is meant. Nothing is expanded: `~`, `$HOME`, `*` and `[` are characters of a name.
"""

import fnmatch
import os
import re

import tensorflow as tf

from estimator_runtime import checkpoints
from estimator_runtime.errors import CheckpointPathError, EmptyDirectoryError

_FILE = re.compile(r"\.(index|meta|data-\d{5}-of-\d{5})$")
_EXPORT = "variables/variables"
_STATE = "checkpoint"
_PATTERN = re.compile(r"[\[\\]")
_UNEXPANDED = re.compile(r"^~|\$\w|\$\{|[*?]")


def prefix(given: str | bytes | os.PathLike[str]) -> str:
    """The path prefix of the checkpoint that is meant.

    Args:
        given: a path prefix, one of the checkpoint's files, a directory with checkpoints (the newest is meant) or its
            file `checkpoint`, or a SavedModel's directory.

    Raises:
        CheckpointPathError: it is none of these. It is a ValueError and a NotFoundError, as TensorFlow's is the one or the
            other; of a directory without a checkpoint a DataLossError, too, and the TypeError that a warm start's was.
        TypeError: it is no path.
    """
    path = readable(_prefix(os.fsdecode(given)))
    assert path is not None
    return path


def readable(path: str | None) -> str | None:
    """`path` itself, a checkpoint's path prefix or None.

    TensorFlow looks for a checkpoint as for a pattern, so in `run[1]` it finds what it has written there no more.

    Raises:
        CheckpointPathError: TensorFlow cannot read the checkpoint for its name.
    """
    if (
        path is not None
        and _PATTERN.search(path)
        and _is_there(path)
        and not tf.io.gfile.glob(f"{path}.index")
    ):
        raise CheckpointPathError(
            f"TensorFlow takes characters in {path} for a pattern and cannot read the checkpoint: rename its directory, so "
            "that the path has neither brackets nor backslashes."
        )
    return path


def check_directory(model_dir: str) -> None:
    """Refuses a directory whose newest checkpoint TensorFlow cannot read; costs nothing where its name is no pattern.

    Where there is none yet, the log says that those which will be written there cannot be read.

    Raises:
        CheckpointPathError: see `readable`.
    """
    if not _PATTERN.search(model_dir):
        return
    newest = checkpoints.latest(model_dir)
    if newest is not None:
        readable(newest)
    elif not _stands_for_itself(model_dir):
        tf.compat.v1.logging.warning(
            "TensorFlow takes characters in %s for a pattern. Training writes its checkpoints there, and nobody can read them: "
            "no evaluation, prediction or export, and no training that goes on. Use a model_dir with neither brackets nor "
            "backslashes.",
            model_dir,
        )


def _stands_for_itself(path: str) -> bool:
    """Whether a path, taken for a pattern, matches the path."""
    return "\\" not in path and all(fnmatch.fnmatchcase(part, part) for part in path.split("/"))


def _prefix(path: str) -> str:
    if _is_there(path):
        return path
    bare = path.rstrip("/") or path
    if tf.io.gfile.isdir(bare):
        return _in_directory(bare)
    if bare != path and _is_there(bare):
        return bare
    named = _FILE.sub("", path)
    if named != path and _is_there(named):
        return named
    if tf.io.gfile.exists(path):
        if os.path.basename(path) == _STATE:  # noqa: PTH119 - may be a gs:// address
            return _in_directory(os.path.dirname(path) or ".")  # noqa: PTH120 - the same
        return path  # a checkpoint of TensorFlow's first format, which is one file
    raise CheckpointPathError(_advice(path))


def _is_there(path: str) -> bool:
    return bool(tf.io.gfile.exists(f"{path}.index"))


def _in_directory(directory: str) -> str:
    newest = checkpoints.latest(directory)
    if newest is not None:
        return newest
    exported = os.path.join(directory, _EXPORT)  # noqa: PTH118 - may be a gs:// address
    if _is_there(exported):
        return exported
    raise EmptyDirectoryError(_advice(directory))


def _advice(path: str) -> str:
    """One line: what is wrong, what a checkpoint's path is, and one from that directory."""
    directory = path if tf.io.gfile.isdir(path) else os.path.dirname(path) or "."  # noqa: PTH120 - may be a gs:// address
    newest = checkpoints.latest(directory) if tf.io.gfile.isdir(directory) else None
    example = (
        f"such as {newest}"
        if newest is not None
        else f"such as model_dir/model.ckpt-1000; {directory} holds no checkpoint"
    )
    expanded = (
        " Nothing in it is expanded (os.path.expanduser, os.path.expandvars)."
        if _UNEXPANDED.search(path)
        else ""
    )
    return (
        f"The passed save_path is not a valid checkpoint: {path}. A checkpoint's path is its files' names without .index "
        f"and .data-00000-of-00001, {example}.{expanded}"
    )
