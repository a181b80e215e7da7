"""Directories and checkpoints that a job names, looked at before any work begins."""

from typing import Any, Final

import tensorflow as tf

from estimator_runtime.checkpoints import paths
from estimator_runtime.errors import CheckpointPathError
from estimator_runtime.job.settings import stored_files
from estimator_runtime.job.settings.errors import JobConfigError
from estimator_runtime.mirror import locations as mirror

_HADOOP: Final = ("hdfs", "viewfs", "webhdfs", "har")


def check_scheme(path: str, *, field: str) -> None:
    """Refuses a location that this TensorFlow cannot reach; the job's modules may have added schemes.

    Raises:
        JobConfigError: it does not know the scheme; the message lists those that it knows.
    """
    scheme, found, _ = path.partition("://")
    if found and scheme not in tf.io.gfile.get_registered_schemes():
        schemes = {one for one in tf.io.gfile.get_registered_schemes() if one} | {*mirror.SCHEMES}
        known = ", ".join(sorted(f"{one}://" for one in schemes))
        hint = "; Hadoop's file system has no client in TensorFlow 2.21: copy to another store, or mount a volume"
        raise JobConfigError(
            f"{field}: this TensorFlow does not know the scheme of {path}; it knows {known} and paths"
            + (hint if scheme in _HADOOP else "")
        )


def make_directory(path: str, *, field: str) -> None:
    """Makes a directory to write to, unless it is there.

    Raises:
        JobConfigError: its scheme is not known, or a file is in its way.
    """
    check_scheme(path, field=field)
    try:
        tf.io.gfile.makedirs(path)
    except tf.errors.FailedPreconditionError as error:
        raise JobConfigError(f"{field}: {path} cannot be a directory: {error.message}") from error


def local_file(path: str, *, field: str) -> str:
    """The path of a file to read: `path`, or that of what was brought from a store which TensorFlow does not know.

    Raises:
        JobConfigError: its scheme is not known, nothing is there, or a directory is.
        ModelDirUnavailableError: the store cannot be read.
    """
    if stored_files.is_stored(path):
        return stored_files.file(path, field=field)
    check_scheme(path, field=field)
    if not tf.io.gfile.exists(path):
        raise JobConfigError(f"{field}: there is no file {path}")
    if tf.io.gfile.isdir(path):
        raise JobConfigError(f"{field}: {path} is a directory, not a file")
    return path


def checkpoint_for(estimator: Any, given: str | None, *, field: str) -> str | None:
    """The checkpoint to work with: the one that is given, or None for the latest, when there is one.

    Args:
        estimator: whose model directory it is.
        given: path prefix of a checkpoint, or what else `paths.prefix` understands.
        field: path of the field that gives it, for the error.

    Raises:
        JobConfigError: there is no such checkpoint, or none at all.
        ModelDirUnavailableError: it is in a store that cannot be read.
    """
    check_scheme(str(estimator.model_dir), field="modelDir.uri")
    if given is not None:
        if stored_files.is_stored(given):
            given = stored_files.checkpoint(given, field=field)
        check_scheme(given, field=field)
        try:
            return paths.prefix(given)
        except CheckpointPathError as error:
            raise JobConfigError(f"{field}: there is no checkpoint {given}: {error}") from error
    if estimator.latest_checkpoint() is None:
        raise JobConfigError(
            f"modelDir: {estimator.model_dir} holds no checkpoint; train first, or name one in {field}"
        )
    return None
