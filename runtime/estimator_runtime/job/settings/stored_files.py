"""What a job names in an object store beside its model directory: brought here before it is read, carried there when written.

TensorFlow has no `s3://` and `az://`; a job that has its model directory in `gs://` mirrored means all that it names there.
What is brought lies below TMPDIR as long as the process lives; what all tasks have at one path, which on one machine is one
folder, as long as the chief does. Predictions are carried when all of them are made, the file
that says so last, so nobody reads some of one run beside some of another.
"""

import atexit
import contextlib
import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from estimator_runtime.cluster.tf_config import TaskType
from estimator_runtime.job.settings.errors import JobConfigError
from estimator_runtime.mirror import files, locations
from estimator_runtime.mirror.bucket import Bucket, open_bucket
from estimator_runtime.mirror.fetching import Fetched, bring, fetch_checkpoint
from estimator_runtime.mirror.mirroring import Mirroring
from estimator_runtime.mirror.report import Reporter
from estimator_runtime.mirror.writer import Writer

_PATIENCE_SECS: Final = 300.0
"""For how long a store may fail when all predictions are made."""
_PART: Final = re.compile(r"\.(index|meta|data-\d{5}-of-\d{5})")
_VARIABLES: Final = "variables"
_KEPT: Final[list["tempfile.TemporaryDirectory[str]"]] = []
"""Removed when the process ends."""


def is_stored(path: str) -> bool:
    """Whether `path` is in a store that TensorFlow does not know, or that the job has chosen to mirror."""
    scheme, found, _ = path.partition("://")
    return bool(found) and scheme in locations.chosen()


def checkpoint(uri: str, *, field: str, task: Any = None) -> str:
    """Brings what is given as a checkpoint.

    Args:
        uri: path prefix of a checkpoint, one of its files, a directory with checkpoints or its file `checkpoint`, or a
            SavedModel.
        field: path of the field that gives it, for the error.
        task: RunConfig of a task whose local path is to be that of all tasks of its run: a restore runs where the
            variable is, on the path that the chief knows. None for a path of this process alone.

    Returns:
        The local path prefix; of a SavedModel its local directory.

    Raises:
        JobConfigError: no checkpoint is there, or the URI names no container.
        CheckpointDamagedError: there are some, and none is whole.
        ModelDirUnavailableError: the store cannot be read.
    """
    folder = _folder() if task is None else _folder_of_all(uri, task)
    with tempfile.TemporaryDirectory(prefix="staging-", dir=folder) as staging:
        # All tasks have to come to one checkpoint, and some have no room for its values.
        return _brought(uri, field, folder / "model", Path(staging), reads_values=task is None)


def _brought(uri: str, field: str, root: Path, staging: Path, *, reads_values: bool) -> str:
    root.mkdir(exist_ok=True)
    given = uri.rstrip("/")
    above, _, name = given.rpartition("/")
    if name == files.STATE:
        given = above
    within = _bucket(given, field)
    state = fetch_checkpoint(within, root, staging, reads_values=reads_values)
    if state is not None:
        return str(root / state.newest)
    variables = within.list(_VARIABLES)
    if f"{_VARIABLES}/variables.index" in variables:
        (root / _VARIABLES).mkdir(exist_ok=True)
        _bring_all(within, list(variables), root, staging)
        return str(root)
    prefix = re.sub(f"{_PART.pattern}$", "", name)
    if above.partition("://")[2]:
        beside = _bucket(above, field)
        group = [
            key
            for key in beside.root()
            if key.startswith(prefix) and _PART.fullmatch(key.removeprefix(prefix))
        ]
        if files.is_whole(group):
            _bring_all(beside, group, root, staging)
            return str(root / prefix)
    raise JobConfigError(f"{field}: there is no checkpoint {uri}")


def file(uri: str, *, field: str) -> str:
    """Brings a file; returns its local path.

    Raises:
        JobConfigError: there is none.
        ModelDirUnavailableError: the store cannot be read.
    """
    above, _, name = uri.rpartition("/")
    folder = _folder()
    try:
        if above.partition("://")[2] and name:
            bring(_bucket(above, field), name, folder / name, folder)
            return str(folder / name)
    except FileNotFoundError:
        pass
    raise JobConfigError(f"{field}: there is no file {uri}")


@contextlib.contextmanager
def carried(output: str, *, field: str, ours: "re.Pattern[str]") -> Iterator[str]:
    """Surrounds the writing of a directory; yields where to write, and carries it when that ends well.

    Args:
        output: the directory, which is yielded itself unless it is in a store that is mirrored.
        field: path of the field that gives it, for the error.
        ours: names of the files, of which an earlier run may have left some.

    Raises:
        JobConfigError: the URI names no container.
        ModelDirUnavailableError: the store does not take it.
    """
    if not is_stored(output):
        yield output
        return
    bucket = _bucket(output, field)
    # What cannot be read now is told before anything is predicted.
    bucket.root()
    folder = _folder()
    root, staging = folder / "output", folder / "staging"
    root.mkdir()
    staging.mkdir()
    yield str(root)
    stored = bucket.root()
    bucket.delete([key for key in stored if key == files.SUCCESS])
    bucket.delete([key for key in stored if ours.fullmatch(key) and not (root / key).exists()])
    left = {key: one for key, one in stored.items() if key != files.SUCCESS}
    reporter = Reporter()
    writer = Writer(
        bucket,
        root,
        staging,
        beginning=Fetched(left, {}, ()),
        mine=lambda key: ours.fullmatch(key) is not None,
        reporter=reporter,
    )
    carrying = Mirroring(lambda everything: writer.run(everything=everything), reporter, uri=bucket.uri)
    carrying.start()
    carrying.finish(lambda: _PATIENCE_SECS)


def _bucket(uri: str, field: str) -> Bucket:
    try:
        return open_bucket(uri)
    except ValueError as error:
        raise JobConfigError(f"{field}: {error}") from error


def _bring_all(bucket: Bucket, keys: list[str], root: Path, staging: Path) -> None:
    for key in sorted(keys, key=lambda key: key.endswith(".index")):
        bring(bucket, key, root / key, staging)


def _folder() -> Path:
    with _place_for_it():
        made = tempfile.TemporaryDirectory(prefix="estimator-stored-")
    _KEPT.append(made)
    return Path(made.name)


def _folder_of_all(uri: str, task: Any) -> Path:
    """One path in all tasks of a run, and no other run's.

    Tasks may see other workers than the chief does, but all see the chief and the parameter servers, whose ports are their
    own on a machine with several runs.
    """
    cluster = task.cluster_spec.as_dict()
    run = [sorted(cluster.get(role, [])) for role in (TaskType.CHIEF, TaskType.MASTER, TaskType.PS)]
    name = hashlib.sha256(f"{run}{uri}".encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"estimator-stored-{name}"
    with _place_for_it():
        folder.mkdir(exist_ok=True)
    if task.is_chief:
        # The others may still have to read it when a task of theirs ends.
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@contextlib.contextmanager
def _place_for_it() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise JobConfigError(
            f"there is no place for what is brought from a store ({error}); mount an emptyDir at /tmp, or name a folder in"
            " TMPDIR"
        ) from error
