"""The `finished` marker: how the chief tells everybody that training has ended.

The chief writes `model_dir/finished`, a JSON object {"globalStep", "maxSteps", "reason"}, when its training returned:
`max_steps` is reached, the input is at its end, or a hook stopped it. As a replica of an EstimatorJob it adds "job", the
job's uid. Without the marker an evaluator could not tell a chief that is done from one that is slow. The file appears by
a rename, so a reader sees all of it or nothing.

A model directory outlives a run, so a marker may be left from an earlier one. Who believes it:

* A restarted chief of the same job believes one of the same `max_steps` that it has not written itself: nobody saw that
  it had ended, and it ends again without training. (A program may train several times in one process.)
* The chief otherwise removes the marker before it trains on, that is when its `max_steps` is above the latest checkpoint's step
  (or None). It keeps a marker that it would only write again.
* The evaluator believes a marker whose step has reached its own `max_steps` at once: no further checkpoint can come.
* A marker below that (early stopping, end of input) must name the evaluator's `max_steps`. A replica of an EstimatorJob
  believes it when it names this job and a training that this process has not seen end yet, whenever it was written, and
  never another one. Where no job is known it believes one that appeared while the evaluator ran. One that was there
  before may belong to a run that this run continues, or to this very run if the evaluator was restarted; the evaluator
  then leaves the chief `STALE_AFTER_SECS` to remove it.
* Workers and parameter servers believe one that appeared while they ran, and that names no other job; a parameter
  server also one that has reached its `max_steps`.
* A marker of another `max_steps` is of another run: the chief of this one has not removed it yet. It is not believed.
"""

import contextlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow as tf

from estimator_api.constants import ENV_JOB_UID
from estimator_runtime import checkpoints, interruption, whole_file

FILE_NAME = "finished"
STALE_AFTER_SECS = 60.0

REACHED_MAX_STEPS = "max_steps"
STOPPED_EARLY = "stopped"

_ended_here: Counter[str] = Counter()
"""How many trainings in a model directory this process has taken part in to their end, in the order of its calls."""


@dataclass(frozen=True, slots=True)
class Finished:
    """How training ended.

    Attributes:
        global_step: step of the last checkpoint.
        reason: `REACHED_MAX_STEPS`, or `STOPPED_EARLY` when the input ended or a hook requested the stop.
        max_steps: the `max_steps` of the run that ended, None when it had none.
        job: uid of the EstimatorJob that it was a run of, None outside of one.
        run: which training of the job's program in this directory it was, 1 for the first; 0 outside of a job.
    """

    global_step: int
    reason: str
    max_steps: int | None
    job: str | None = None
    run: int = 0

    @classmethod
    def after(cls, *, global_step: int, max_steps: int | None) -> "Finished":
        """Describes a training that ended at `global_step`."""
        reached = max_steps is not None and global_step >= max_steps
        return cls(global_step, REACHED_MAX_STEPS if reached else STOPPED_EARLY, max_steps, job_uid())

    def covers(self, max_steps: int | None) -> bool:
        """Tells whether no chief with this `max_steps` could train on from here."""
        return max_steps is not None and self.global_step >= max_steps


def last_step(max_steps: Any) -> int | None:
    """The global step at which training with this `max_steps` ends, as files and the job's progress tell it.

    Programs compute it, so it may be any number of Python's or NumPy's, an array of one, or one between two steps.
    """
    return None if max_steps is None else int(np.asarray(np.ceil(np.asarray(max_steps))).item())


def job_uid() -> str | None:
    """Returns the uid of the EstimatorJob that this process is a replica of, or None."""
    return os.environ.get(ENV_JOB_UID) or None


def path(model_dir: str) -> str:
    """Returns the marker's path."""
    return os.path.join(model_dir, FILE_NAME)  # noqa: PTH118 - model_dir may be a URI


def read(model_dir: str) -> Finished | None:
    """Returns the marker, or None when there is none that can be read."""
    try:
        with tf.io.gfile.GFile(path(model_dir)) as file:
            document: Any = json.loads(file.read())
        max_steps = document.get("maxSteps")
        return Finished(
            global_step=int(document["globalStep"]),
            reason=str(document.get("reason", "")),
            max_steps=None if max_steps is None else int(max_steps),
            job=None if document.get("job") is None else str(document["job"]),
            run=int(document.get("run", 0)),
        )
    except tf.errors.NotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        tf.compat.v1.logging.warning("Ignoring the unreadable file %s: %s", path(model_dir), error)
        return None


def _written_at(model_dir: str) -> int | None:
    """When the marker was written, in nanoseconds; None when it is gone."""
    try:
        return int(tf.io.gfile.stat(path(model_dir)).mtime_nsec)
    except tf.errors.NotFoundError:
        return None


def write(model_dir: str, marker: Finished) -> None:
    """Puts the marker into the model directory, all at once."""
    document = {"globalStep": marker.global_step, "maxSteps": marker.max_steps, "reason": marker.reason}
    if marker.job is not None:
        document |= {"job": marker.job, "run": marker.run}
    whole_file.write(path(model_dir), json.dumps(document))


def remove(model_dir: str) -> None:
    """Takes the marker away; does nothing when there is none."""
    try:
        tf.io.gfile.remove(path(model_dir))
    except tf.errors.NotFoundError:
        return
    tf.compat.v1.logging.info("Removed %s of an earlier run: training goes on.", path(model_dir))


def directory(estimator: Any) -> str | None:
    """Returns the estimator's model_dir, or None for an estimator that has no directory of its own (a stand-in)."""
    model_dir = estimator.model_dir
    return tf.compat.as_str_any(model_dir) if isinstance(model_dir, str | bytes) else None


@contextlib.contextmanager
def announcing(estimator: Any, max_steps: Any) -> Iterator[bool]:
    """Surrounds the chief's training: removes an old marker before it and leaves one when training ended.

    Training that raised or was interrupted has not ended and leaves none. Yields whether there is anything to train:
    False when this very run had ended before, in an earlier process of the same job.
    """
    max_steps = last_step(max_steps)
    model_dir = directory(estimator)
    if model_dir is None:
        yield True
        return
    if _had_ended(model_dir, max_steps):
        _ended_here[model_dir] += 1
        yield False
        return
    if max_steps is None or checkpoints.global_step(model_dir) < max_steps:
        remove(model_dir)
    yield True
    if interruption.requested():
        return
    _ended_here[model_dir] += 1
    marker = Finished.after(global_step=checkpoints.global_step(model_dir), max_steps=max_steps)
    if marker.job is not None:
        marker = replace(marker, run=_ended_here[model_dir])
    if read(model_dir) != marker:
        write(model_dir, marker)


@contextlib.contextmanager
def taking_part(estimator: Any) -> Iterator[None]:
    """Surrounds the part of a task that is no chief in one training, so that it knows which one is next."""
    yield
    model_dir = directory(estimator)
    if model_dir is not None and not interruption.requested():
        _ended_here[model_dir] += 1


def _had_ended(model_dir: str, max_steps: int | None) -> bool:
    """Tells whether an earlier process of this job ended this run."""
    job = job_uid()
    marker = None if job is None else read(model_dir)
    if marker is None or (marker.job, marker.max_steps) != (job, max_steps):
        return False
    # A program may train several times in one process: only as many of them have ended as the marker says.
    if _ended_here[model_dir] >= marker.run or checkpoints.global_step(model_dir) < marker.global_step:
        return False
    tf.compat.v1.logging.info(
        "Training had ended at step %d in an earlier process of this job: nothing is left to train.",
        marker.global_step,
    )
    return True


class Appearance:
    """Whether a marker has appeared since this object was made.

    It is the view of the tasks that training itself needs, workers and parameter servers: an older marker never ends
    them, for a chief that has not started yet may go on from it.

    Args:
        model_dir: where the marker appears; None means that there can be none.
    """

    def __init__(self, model_dir: str | None) -> None:
        self._model_dir = model_dir
        self._inherited: tuple[Finished, int] | None = None
        self._knows_inherited = False
        try:
            self._look()
        except (tf.errors.OpError, OSError) as error:
            # Whatever is there when it can be read for the first time counts as older.
            tf.compat.v1.logging.warning("Could not look for %s (%s).", path(model_dir or ""), error)

    def seen(self) -> bool:
        """Tells whether there is a marker that was not there in the beginning.

        Raises:
            tf.errors.OpError: it cannot be read.
        """
        marker = self._look()
        return marker is not None and job_uid() in (None, marker.job)

    def _look(self) -> Finished | None:
        """The marker if it has appeared, else None."""
        marker = None if self._model_dir is None else read(self._model_dir)
        found = None
        if marker is not None and self._model_dir is not None:
            if self._knows_inherited and (self._inherited is None or self._inherited[0] != marker):
                return marker
            # Two looks may be so far apart that the same was written again in between: then its time is another one.
            written = _written_at(self._model_dir)
            found = None if written is None else (marker, written)
        if not self._knows_inherited:
            self._knows_inherited, self._inherited = True, found
        elif found is None:
            self._inherited = None
        return None if found == self._inherited else marker


class Watch:
    """One evaluator's view of the marker, with the rules of belief of the module docstring.

    Args:
        model_dir: where the marker appears; None means that there can be none.
        max_steps: the evaluator's `TrainSpec.max_steps`.
        clock: seconds since any fixed moment, never going back.
    """

    def __init__(self, model_dir: str | None, max_steps: int | None, clock: Callable[[], float]) -> None:
        self._model_dir = model_dir
        self._max_steps = max_steps
        self._clock = clock
        self._started = clock()
        self._inherited = self._read()

    def believed(self) -> bool:
        """Tells whether training has ended for good."""
        marker = self._read()
        if marker is None:
            self._inherited = None
            return False
        if marker.covers(self._max_steps):
            return True
        if marker.max_steps != self._max_steps:
            return False
        if (job := job_uid()) is not None:
            return marker.job == job and marker.run > _ended_here[self._model_dir or ""]
        fresh = marker != self._inherited
        return fresh or bool(self._clock() - self._started >= STALE_AFTER_SECS)

    def _read(self) -> Finished | None:
        return None if self._model_dir is None else read(self._model_dir)
