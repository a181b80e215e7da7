"""Training by a number of steps in a process that may be restarted: where `steps` beyond the start end.

`Estimator.train(steps=N)` counts from the step at which the process finds the model. A chief that is restarted in the
middle would begin to count again, and a worker that joins later counts from where it joined. So the chief writes down
once at which global step the run ends (`model_dir/step_target`), and everybody trains up to that.

A target belongs to a run (a name that its restarts share) and is spent once a checkpoint has reached it: then the next
chief of that name begins a new run, unless it is known to be of the same job: a chief whose end nobody saw is started
again, and has nothing left to train. A worker may find a spent target that its chief has not renewed yet. In a job it
waits for one that names the job; where none is known it leaves the chief `finished.STALE_AFTER_SECS` before it takes it
for the end of its own run.
"""

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import tensorflow as tf

from estimator_runtime import checkpoints, whole_file
from estimator_runtime.cluster.finished import STALE_AFTER_SECS, job_uid
from estimator_runtime.cluster.watcher import intervals

FILE_NAME = "step_target"
_FIRST_LOOK_SECS = 0.5
_LAST_LOOK_SECS = 8.0


@dataclass(frozen=True, slots=True)
class StepTarget:
    """Where a run ends.

    Attributes:
        run: name of the run.
        steps: how many steps it was asked for.
        max_steps: the global step at which it ends.
        job: uid of the EstimatorJob, None outside of one.
    """

    run: str
    steps: int
    max_steps: int
    job: str | None = None


def declare(model_dir: str, *, run: str, steps: int) -> int:
    """Settles where the run ends, for a chief: where its earlier attempt said, or `steps` from here."""
    now = checkpoints.global_step(model_dir)
    target = _read(model_dir)
    known = target is not None and (target.run, target.steps) == (run, steps)
    if target is not None and known and (now < target.max_steps or _is_of_this_job(target)):
        return target.max_steps
    target = StepTarget(run, steps, now + steps, job_uid())
    whole_file.write(_path(model_dir), json.dumps(asdict(target)))
    return target.max_steps


def await_declared(
    model_dir: str,
    *,
    run: str,
    steps: int,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Waits until the chief has settled where the run ends, for a worker; looks ever more seldom."""
    start = clock()
    pauses = intervals(_FIRST_LOOK_SECS, _LAST_LOOK_SECS)
    while True:
        target = _read(model_dir)
        if target is not None and (target.run, target.steps) == (run, steps):
            spent = checkpoints.global_step(model_dir) >= target.max_steps
            # Where no job is known, a target that is spent may be this run's own, of a worker that was restarted late.
            guessed = job_uid() is None and clock() - start >= STALE_AFTER_SECS
            if not spent or _is_of_this_job(target) or guessed:
                return target.max_steps
        sleep(next(pauses))


def _is_of_this_job(target: StepTarget) -> bool:
    return target.job is not None and target.job == job_uid()


def _path(model_dir: str) -> str:
    return os.path.join(model_dir, FILE_NAME)  # noqa: PTH118 - model_dir may be a URI


def _read(model_dir: str) -> StepTarget | None:
    try:
        with tf.io.gfile.GFile(_path(model_dir)) as file:
            return StepTarget(**json.loads(file.read()))
    except tf.errors.NotFoundError:
        return None
    except (ValueError, TypeError) as error:
        tf.compat.v1.logging.warning("Ignoring the unreadable file %s: %s", _path(model_dir), error)
        return None
