"""A model directory in an object store: this replica's local directory, and the mirror between both.

What follows works in the local directory: it is the one in ESTIMATOR_MODEL_DIR and TF_CONFIG. What is told of it names
the store, and tells only what is there. The chief writes everything, the values that parameter servers hold among it, and
the evaluator its evaluations and exports; all but the chief follow what that writes.
"""

import contextlib
import json
import logging
import os
import re
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar

from estimator_api.constants import CHIEF, ENV_MODEL_DIR, ENV_TF_CONFIG, EVALUATOR, PS, WORKER
from estimator_runtime import interruption
from estimator_runtime.checkpoints import shared_files
from estimator_runtime.errors import ModelDirUnavailableError, StoreSettingsError
from estimator_runtime.job.progress.in_store import InStore
from estimator_runtime.job.progress.recorder import Recorder
from estimator_runtime.job.settings.environment import Environment
from estimator_runtime.job.settings.errors import JobConfigError
from estimator_runtime.job.termination import Termination
from estimator_runtime.mirror import bucket as buckets
from estimator_runtime.mirror import locations
from estimator_runtime.mirror.bucket import Bucket
from estimator_runtime.mirror.fetching import fetch
from estimator_runtime.mirror.follower import Checkpoints, Follower, following
from estimator_runtime.mirror.mirroring import Mirroring
from estimator_runtime.mirror.report import Reporter
from estimator_runtime.mirror.writer import Writer

_LOG: Final = logging.getLogger("estimator_runtime.job")
_Result = TypeVar("_Result")
AT_THE_START_SECS: Final = 60.0
"""For how long a store may fail before anything is trained."""
AT_THE_END_SECS: Final = 300.0
"""For how long it may fail when all is done but for the last upload."""
WHEN_STOPPED_SECS: Final = 10.0
"""The same when the process was told to end, or its work has failed."""
_LONGEST_PAUSE_SECS: Final = 5.0
_FOLLOWED: Final = {EVALUATOR: Checkpoints.EACH, WORKER: Checkpoints.FIRST, PS: Checkpoints.NONE}
"""A worker asks whether the run's steps have been made; what a parameter server holds comes from the chief."""
_OF_EVALUATOR: Final = re.compile(r"(eval(_[^/]*)?|export)/.*")


@contextlib.contextmanager
def opened(settings: Environment, recorder: Recorder, termination: Termination) -> Iterator[Environment]:
    """Surrounds the work of a replica; yields the settings for it. Without an object store it does nothing.

    Raises:
        JobConfigError: the model directory cannot be in a store.
        StoreSettingsError: what the environment says of the store cannot be.
        CheckpointDamagedError: the store has checkpoints, and the chief finds none of them whole.
        ModelDirUnavailableError: the store cannot be read at the start, or does not take everything at the end.
    """
    uri = settings.model_dir
    if uri is None or not _is_mirrored(uri):
        yield settings
        return
    try:
        place = Path(tempfile.mkdtemp(prefix="estimator-model-", dir=os.environ.get("TMPDIR") or None))
    except OSError as error:
        raise JobConfigError(
            f"modelDir.uri: there is no place for the local copy of {uri} ({error}); mount an emptyDir at /tmp, or "
            "name a folder in TMPDIR"
        ) from error
    root = place / "model"
    root.mkdir()
    uri = uri.rstrip("/")
    _LOG.info("The model directory %s is mirrored in %s.", uri, root)
    bucket = buckets.open_bucket(uri)
    with _in_environment(root), shared_files.of_this_process_alone():
        placed = replace(settings, model_dir=str(root), mirrored=uri)
        with _mirrored(bucket, place, settings, recorder, termination):
            yield placed


def _is_mirrored(uri: str) -> bool:
    try:
        return locations.parse(uri, locations.chosen()) is not None
    except ValueError as error:
        raise JobConfigError(f"modelDir.uri: {error}") from error


@contextlib.contextmanager
def _mirrored(
    bucket: Bucket, place: Path, settings: Environment, recorder: Recorder, termination: Termination
) -> Iterator[None]:
    role, is_first = settings.role, settings.attempt == 0
    root, staging = place / "model", place / "staging"
    staging.mkdir()
    mirroring: Mirroring | None = None

    def leave() -> None:
        if mirroring is None or mirroring.has_everything_gone_up:
            shutil.rmtree(place, ignore_errors=True)
        else:
            _LOG.warning("What is not in %s is in %s.", bucket.uri, root)

    reporter = Reporter()
    with contextlib.ExitStack() as stack:
        stack.callback(leave)
        if role != CHIEF:
            follower = Follower(bucket, root, staging, checkpoints=_FOLLOWED[role])
            _patiently(follower.look, is_first=is_first)
            stack.enter_context(following(follower.look, reporter, alone=role != EVALUATOR))
        if role in (CHIEF, EVALUATOR):
            mine = _everything if role == CHIEF else _of_evaluator
            # A folder of its own: the follower's thread has files in the other one.
            own = staging / "written"
            own.mkdir()
            beginning = _patiently(lambda: fetch(bucket, root, own, mine=mine), is_first=is_first)
            run = uuid.uuid4().hex if role == CHIEF else None
            writer = Writer(bucket, root, own, beginning=beginning, mine=mine, reporter=reporter, run=run)
            mirroring = Mirroring(
                lambda everything: writer.run(everything=everything),
                reporter,
                uri=bucket.uri,
                lost=interruption.request,
            )
            stack.enter_context(_carried(mirroring, termination))
        told = InStore(
            root=str(root),
            uri=bucket.uri,
            report=reporter.report,
            now=reporter.now,
            writes=role in (CHIEF, EVALUATOR),
            checkpoints=role == CHIEF,
        )
        recorder.tell_through(told.document)
        yield


@contextlib.contextmanager
def _carried(mirroring: Mirroring, termination: Termination) -> Iterator[None]:
    """Surrounds work, at whose end everything is carried to the store."""
    mirroring.start()
    try:
        yield
    except BaseException as error:
        is_success = isinstance(error, SystemExit) and error.code in (None, 0)
        try:
            _finish(mirroring, termination, AT_THE_END_SECS if is_success else WHEN_STOPPED_SECS)
        except ModelDirUnavailableError as failure:
            if is_success:
                raise failure from None
            _LOG.warning("Not everything is in the store: %s", failure)
        raise
    _finish(mirroring, termination, AT_THE_END_SECS)


def _finish(mirroring: Mirroring, termination: Termination, patience_secs: float) -> None:
    with termination.finishing():
        mirroring.finish(lambda: WHEN_STOPPED_SECS if interruption.requested() else patience_secs)


def _everything(key: str) -> bool:
    del key
    return True


def _of_evaluator(key: str) -> bool:
    return _OF_EVALUATOR.fullmatch(key) is not None


def _patiently(read: Callable[[], _Result], *, is_first: bool = False) -> _Result:
    """What `read` returns, once the store answers.

    Args:
        read: asks it.
        is_first: whether this is the replica's first attempt: what looks like a mistake then is one. Later the same
            may be a secret that was changed, which the next pod reads anew.
    """
    begun, pause = time.monotonic(), 0.5
    while True:
        try:
            return read()
        except StoreSettingsError:
            raise
        except ModelDirUnavailableError as error:
            if time.monotonic() - begun + pause > AT_THE_START_SECS:
                if is_first and error.may_be_settings:
                    raise StoreSettingsError(str(error)) from None
                raise
            _LOG.warning("%s. Trying again.", error)
        # SIGTERM ends this wait by an exception.
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_SECS)


@contextlib.contextmanager
def _in_environment(root: Path) -> Iterator[None]:
    """Has the environment name the local directory, for the work and the processes that it starts."""
    before = {name: os.environ.get(name) for name in (ENV_MODEL_DIR, ENV_TF_CONFIG)}
    os.environ[ENV_MODEL_DIR] = str(root)
    tf_config = json.loads(before[ENV_TF_CONFIG] or "{}")
    if tf_config.get("model_dir"):
        os.environ[ENV_TF_CONFIG] = json.dumps({**tf_config, "model_dir": str(root)})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
