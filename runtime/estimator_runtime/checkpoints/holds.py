"""Keeping the checkpoint that is being evaluated, however many newer ones its chief writes.

An evaluation reads its checkpoint when it begins and once more for each export, which may be an hour later;
`keep_checkpoint_max` may have deleted it by then. So the evaluator holds the files by hard links in a directory of its
own, which cost nothing. Where there are no hard links (gs://, some shared directories) nothing is held, and a
checkpoint that is lost is given up for the newest one.
"""

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from estimator_runtime.checkpoints import faults

DIRECTORY = "checkpoint_in_evaluation"
_FILE = re.compile(r"\.(index|meta|data-\d{5}-of-\d{5})")


class CheckpointHold:
    """Holds one checkpoint at a time.

    Args:
        model_dir: the directory in which the held files are; None holds nothing.
    """

    def __init__(self, model_dir: str | None) -> None:
        self._directory = None if model_dir is None or "://" in model_dir else Path(model_dir, DIRECTORY)
        self._held: dict[str, str] = {}

    @contextlib.contextmanager
    def holding(self, checkpoint_path: str) -> Iterator[None]:
        """Holds the files of a checkpoint; also clears away what an evaluator that was killed has held."""
        self._clear()
        try:
            self._link(checkpoint_path)
            yield
        finally:
            self._clear()

    def readable(self, checkpoint_path: str) -> str:
        """Returns the path prefix at which the held checkpoint is to be read: its own for as long as it is there."""
        held = self._held.get(checkpoint_path)
        if held is None or faults.fault(checkpoint_path) is None:
            return checkpoint_path
        return held if faults.fault(held) is None else checkpoint_path

    def _link(self, checkpoint_path: str) -> None:
        if self._directory is None:
            return
        prefix = Path(checkpoint_path)
        try:
            files = [
                file
                for file in prefix.parent.iterdir()
                if file.name.startswith(prefix.name) and _FILE.fullmatch(file.name, len(prefix.name))
            ]
            self._directory.mkdir()
            for file in files:
                os.link(file, self._directory / file.name)
        except OSError:
            return
        # By the words that it is asked for: of `./model` a Path is another text.
        self._held[checkpoint_path] = str(self._directory / prefix.name)

    def _clear(self) -> None:
        self._held.clear()
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
