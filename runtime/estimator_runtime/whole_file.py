"""Small files that others read while they are written: a reader sees all of one or nothing of it.

A file that could not be written leaves nothing behind.
"""

import contextlib
import os
import uuid

import tensorflow as tf


def write(path: str, text: str) -> None:
    """Puts `text` at `path`, in the place of what was there; makes the directory when it is not there.

    Args:
        path: path or URI.
        text: what the file shall hold.
    """
    tf.io.gfile.makedirs(os.path.dirname(path))  # noqa: PTH120 - may be a gs:// address
    temporary = f"{path}.{uuid.uuid4().hex}.tmp"
    try:
        with tf.io.gfile.GFile(temporary, "w") as file:
            file.write(text)
        tf.io.gfile.rename(temporary, path, overwrite=True)
    except BaseException:
        with contextlib.suppress(tf.errors.OpError):
            tf.io.gfile.remove(temporary)
        raise
