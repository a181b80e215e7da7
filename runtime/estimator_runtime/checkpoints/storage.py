"""A file system that is full, in the midst of a checkpoint or an export.

TensorFlow says then which file it could not write. What people need to know is which directory to make room in, that
the last good checkpoint is still there, and that the work goes on from it. What the failed save has left is removed:
it takes room, and nothing would ever read it.
"""

import contextlib
import os.path
import re
from collections.abc import Iterator

import tensorflow as tf

from estimator_runtime import checkpoints
from estimator_runtime.errors import StorageFullError

_SIGNS = ("No space left on device", "File too large", "Disk quota exceeded", "not enough space")
# A save writes to `model.ckpt-7_temp/`, moves the data files and then writes the index.
_LEFT_DIRECTORY = re.compile(r"model\.ckpt-\d+_temp")
_LEFT_FILE = re.compile(r"(model\.ckpt-\d+)\.(data-\d{5}-of-\d{5}|index|meta)(\.temp.*|\.tmp.*)?")


@contextlib.contextmanager
def explained(directory: str) -> Iterator[None]:
    """Surrounds work that writes below `directory`.

    Raises:
        StorageFullError: instead of TensorFlow's error, when there was no room.
    """
    try:
        yield
    except (tf.errors.OpError, OSError) as error:
        text = str(error)
        # A hook of the program may have filled another file system.
        if isinstance(error, StorageFullError) or directory not in text or not any(s in text for s in _SIGNS):
            raise
        _remove_leftovers(directory)
        raise StorageFullError(_explanation(directory, error)) from error


def _explanation(directory: str, error: Exception) -> str:
    # TensorFlow puts before it where in the graph it was.
    said = next(line.strip() for line in str(error).splitlines() if any(sign in line for sign in _SIGNS))
    last = checkpoints.latest(directory)
    kept = f"; the checkpoint {last} is whole" if last is not None else ""
    return (
        f"There is no room to write in {directory} ({said}){kept}. Make room there, or "
        "raise the limit of its volume, then run again: training goes on from its last checkpoint. A smaller "
        "keep_checkpoint_max needs less room."
    )


def _remove_leftovers(directory: str) -> None:
    """Removes what a failed save left: its directory, files under temporary names, and data without an index."""
    with contextlib.suppress(tf.errors.OpError):
        names = {str(name).rstrip("/") for name in tf.io.gfile.listdir(directory)}
        for name in names:
            path = os.path.join(directory, name)  # noqa: PTH118 - may be a gs:// address
            if _LEFT_DIRECTORY.fullmatch(name):
                tf.io.gfile.rmtree(path)
            elif (left := _LEFT_FILE.fullmatch(name)) and (left[3] or f"{left[1]}.index" not in names):
                tf.io.gfile.remove(path)
