"""Observation: how a program learns what the Estimators of its process are doing.

One observer at a time is told when training, evaluation and export begin and end, and may add session hooks and
saving listeners to every training. It is asked through plain calls outside the step loop: without an observer, and
with one that adds no hooks, a step costs what it did before. An observer may end an activity by raising.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any


class Observer:
    """What can be observed. Every method of this class does nothing; observers override what they need."""

    @contextlib.contextmanager
    def training(self, *, model_dir: str, is_chief: bool, max_steps: int | None) -> Iterator[None]:
        """Surrounds a call of `Estimator.train`, also one that finds nothing left to do.

        Args:
            model_dir: directory of the checkpoints.
            is_chief: whether this task initialises variables and writes checkpoints.
            max_steps: global step at which the training ends, None when it has no such limit.
        """
        del model_dir, is_chief, max_steps
        yield

    def training_hooks(self, *, loss: Any, step: Any) -> Sequence[Any]:
        """Returns `SessionRunHook`s for a training session whose graph is the default one.

        Args:
            loss: scalar Tensor that every step fetches anyway.
            step: the global step variable.
        """
        del loss, step
        return ()

    def saving_listeners(self) -> Sequence[Any]:
        """Returns `CheckpointSaverListener`s, called before the caller's own; unused when nothing saves."""
        return ()

    def adopted(self, step: int) -> None:
        """Takes that a session goes on from variables on the parameter servers, which are at global step `step`.

        It comes before the session's hooks are told of the session, and in another thread than theirs.
        """

    @contextlib.contextmanager
    def evaluating(self) -> Iterator[None]:
        """Surrounds an evaluation."""
        yield

    def evaluated(self, results: Mapping[str, Any], checkpoint_path: str | None) -> None:
        """Takes what an evaluation found, `global_step` included, about a checkpoint (None: fresh variables)."""

    @contextlib.contextmanager
    def exporting(self) -> Iterator[None]:
        """Surrounds the export of a SavedModel."""
        yield

    def exported(self, path: str, checkpoint_path: str, signatures: Sequence[str]) -> None:
        """Takes where a SavedModel was written, from which checkpoint and with which signatures."""

    @contextlib.contextmanager
    def predicting(self) -> Iterator[None]:
        """Surrounds the prediction of a whole input into files."""
        yield

    def predicted(self, path: str, examples: int) -> None:
        """Takes how many predictions are in the directory `path` so far."""

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """Surrounds the life of a parameter server."""
        yield

    def lost(self, message: str) -> None:
        """Takes why the process ends right after this call, in another thread than training's: a peer is lost."""


class _Current:
    """The one observer of this process."""

    observer = Observer()


def current() -> Observer:
    """Returns the observer; one that does nothing unless another was installed."""
    return _Current.observer


def install(observer: Observer | None) -> None:
    """Makes `observer` the one that is told; None for nobody."""
    _Current.observer = Observer() if observer is None else observer
