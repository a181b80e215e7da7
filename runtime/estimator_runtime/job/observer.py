"""The job runner's observer: from what the Estimator does to the progress document and the handling of SIGTERM.

What a save has left in the model directory is looked at beside the training: no step waits for that.
"""

import contextlib
import os.path
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import tensorflow as tf

from estimator_api.progress import CheckpointProgress, ExportProgress, State
from estimator_runtime import checkpoints
from estimator_runtime.checkpoints.faults import UNREADABLE
from estimator_runtime.cluster import finished
from estimator_runtime.cluster.watcher import Sight, Watcher
from estimator_runtime.errors import PeerLostError
from estimator_runtime.job.progress import termination_message
from estimator_runtime.job.progress.recorder import Recorder
from estimator_runtime.job.progress.step_rate import StepRate
from estimator_runtime.job.session_hooks import CheckpointListener, ProgressHook
from estimator_runtime.job.termination import Termination
from estimator_runtime.observation import Observer

_GLOBAL_STEP: str = tf.compat.v1.GraphKeys.GLOBAL_STEP


class JobObserver(Observer):
    """Records what the Estimators of this process do, and leaves each activity when the process is to end.

    Args:
        recorder: takes the progress.
        termination: is told when a session looks for the end by itself, and asked whether to end otherwise.
        clock: seconds since any fixed moment.
        leave_message: writes the termination message, for a process that ends at once.
    """

    def __init__(
        self,
        recorder: Recorder,
        termination: Termination,
        clock: Callable[[], float] = time.monotonic,
        leave_message: Callable[[], None] = lambda: None,
    ) -> None:
        self._recorder = recorder
        self._leave_message = leave_message
        self._termination = termination
        self._clock = clock
        self._rate = StepRate()
        self._model_dir = ""
        self._is_chief = False
        self._sessions = 0
        self._trainings = 0
        self._adopted = False
        self._saves: _Saves | None = None

    @contextlib.contextmanager
    def training(self, *, model_dir: str, is_chief: bool, max_steps: int | None) -> Iterator[None]:
        """Records where training begins; leaves after the last step when the process is to end."""
        self._termination.check()
        self._model_dir = model_dir
        self._is_chief = is_chief
        self._sessions = 0
        latest = _latest(model_dir) if is_chief else None
        self._recorder.training(
            max_steps=finished.last_step(max_steps), global_step=latest.global_step if latest else None
        )
        if latest is not None:
            self._recorder.checkpoint(latest)
            if self._trainings == 0:
                self._recorder.restored(latest)
        self._trainings += 1
        saves = _Saves(model_dir, self._recorder)
        try:
            with saves.watching() if is_chief else contextlib.nullcontext():
                self._saves = saves
                yield
        finally:
            self._saves = None
            self._termination.stepped()
        self._termination.check()

    def training_hooks(self, *, loss: Any, step: Any) -> Sequence[Any]:
        """Returns the hook that looks at the step."""
        return (ProgressHook(self, loss=loss, step=step, clock=self._clock),)

    def saving_listeners(self) -> Sequence[Any]:
        """Returns the listener that sees checkpoints."""
        return (CheckpointListener(self),)

    @contextlib.contextmanager
    def evaluating(self) -> Iterator[None]:
        """Records that an evaluation is on, which is left at once when the process is to end."""
        with self._doing("Evaluating"):
            yield

    def evaluated(self, results: Mapping[str, Any], checkpoint_path: str | None) -> None:
        """Records the metrics."""
        metrics = {name: value for name, value in results.items() if name != _GLOBAL_STEP}
        self._recorder.evaluation(
            global_step=int(results[_GLOBAL_STEP]), checkpoint=checkpoint_path, metrics=metrics
        )

    @contextlib.contextmanager
    def exporting(self) -> Iterator[None]:
        """Records that an export is on, which is left at once when the process is to end."""
        with self._doing("Exporting"):
            yield

    def exported(self, path: str, checkpoint_path: str, signatures: Sequence[str]) -> None:
        """Records the export under the name of the directory that holds it."""
        name = os.path.basename(os.path.dirname(path))  # noqa: PTH119, PTH120 - may be a gs:// address
        try:
            reader = tf.compat.v1.train.NewCheckpointReader(checkpoint_path)
            step = int(reader.get_tensor(_GLOBAL_STEP)) if reader.has_tensor(_GLOBAL_STEP) else None
        except UNREADABLE:  # the chief has deleted it meanwhile; the export is made all the same
            step = None
        self._recorder.export(
            ExportProgress(name=name, path=path, global_step=step, signatures=list(signatures))
        )

    @contextlib.contextmanager
    def predicting(self) -> Iterator[None]:
        """Records that predictions are made, which is left at once when the process is to end."""
        with self._doing("Predicting"):
            yield

    def predicted(self, path: str, examples: int) -> None:
        """Records how many there are."""
        self._recorder.predictions(path, examples)

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """Records that variables are served."""
        self._recorder.enter("Training")
        yield
        self._termination.check()

    def lost(self, message: str) -> None:
        """Records the failure, whose report nobody could ask for later."""
        self._recorder.failed(termination_message.one_line(f"{PeerLostError.__name__}: {message}"))
        self._leave_message()

    def adopted(self, step: int) -> None:
        """Remembers that the first session, too, goes on from somewhere else than the latest checkpoint."""
        del step
        self._adopted = True

    def session_created(self, step: int) -> None:
        """Records that training goes on; a session after the first was restored from the latest checkpoint.

        So was one on adopted variables, in effect: the saver's hook, which comes first, has just saved them.
        """
        self._rate.restart()
        self._sessions += 1
        if (self._sessions > 1 or self._adopted) and self._is_chief:
            latest = _latest(self._model_dir)
            if latest is not None:
                self._recorder.checkpoint(latest)
                self._recorder.restored(latest)
        self._adopted = False
        self._recorder.enter("Training")
        self._recorder.step(step, loss=None, steps_per_second=None)
        self._termination.stepping()

    def stepped(self, step: int, loss: float | None) -> None:
        """Records the step."""
        self._recorder.step(step, loss=loss, steps_per_second=self._rate.look(self._clock(), step))

    def saving(self) -> None:
        """Keeps the process from being ended in the middle of a save."""
        self._termination.saving(True)

    def saved(self, step: int) -> None:
        """Records the checkpoint."""
        self._termination.saving(False)
        if self._saves is not None:
            self._saves.add(step)

    @contextlib.contextmanager
    def _doing(self, state: State) -> Iterator[None]:
        before = self._recorder.state
        with self._termination.pausing():
            self._recorder.enter(state)
            yield
            # Who had not begun anything else is at rest in this state: the evaluator between two checkpoints.
            self._recorder.enter(state if before == "Starting" else before)
        self._rate.restart()


class _Saves:
    """Records the newest checkpoint that a training has saved.

    Args:
        model_dir: where the checkpoints are.
        recorder: takes them.
    """

    def __init__(self, model_dir: str, recorder: Recorder) -> None:
        self._model_dir = model_dir
        self._recorder = recorder
        self._lock = threading.Lock()
        self._step: int | None = None
        self._watcher = Watcher(self._look, f"the checkpoint that was saved last in {model_dir}")

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """The training; at its end the last checkpoint is recorded."""
        try:
            with self._watcher:
                yield
        finally:
            with contextlib.suppress(*UNREADABLE):
                self._look()

    def add(self, step: int) -> None:
        """Takes that a checkpoint of `step` was saved."""
        with self._lock:
            self._step = step
        self._watcher.soon()

    def _look(self) -> Sight:
        step = self._step
        if step is None:
            return Sight.NOTHING
        latest = _latest(self._model_dir, step=step)
        with self._lock:
            if self._step != step:
                # What was found may be the next one already.
                return Sight.NEAR
            self._step = None
            if latest is not None:
                self._recorder.checkpoint(latest)
        return Sight.NOTHING


def _latest(model_dir: str, step: int | None = None) -> CheckpointProgress | None:
    """The latest checkpoint of `model_dir`, with its step unless that is given; None when there is none."""
    path = checkpoints.latest(model_dir)
    if path is None:
        return None
    return CheckpointProgress(
        path=path,
        global_step=checkpoints.global_step(model_dir) if step is None else step,
        time=_saved_at(path),
        kept=_kept(model_dir),
    )


def _saved_at(path: str) -> str | None:
    try:
        seconds = tf.io.gfile.stat(f"{path}.index").mtime_nsec / 1e9
    except tf.errors.OpError:
        return None
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _kept(model_dir: str) -> int | None:
    try:
        return sum(str(name).endswith(".index") for name in tf.io.gfile.listdir(model_dir))
    except tf.errors.OpError:
        return None
