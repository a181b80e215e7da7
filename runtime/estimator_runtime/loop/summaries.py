"""Writing the results of an evaluation where TensorBoard, exporters, early stopping and readers of the log look for them."""

import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf import message  # type: ignore[import-untyped]

from estimator_runtime.loop import event_writers

_GLOBAL_STEP = tf.compat.v1.GraphKeys.GLOBAL_STEP


@contextlib.contextmanager
def timed() -> Iterator[None]:
    """Surrounds an evaluation: tells its begin and its end in the log, in tf.estimator's words, which scripts look for."""
    tf.compat.v1.logging.info("Starting evaluation at %s", time.strftime("%Y-%m-%dT%H:%M:%S"))
    begin = time.perf_counter()
    yield
    tf.compat.v1.logging.info("Inference Time : %0.5fs", time.perf_counter() - begin)
    tf.compat.v1.logging.info("Finished evaluation at %s", time.strftime("%Y-%m-%d-%H:%M:%S"))


def write_metrics(output_dir: str, metrics: Mapping[str, Any], step: int) -> None:
    """Writes metrics as one summary of `step`.

    Numbers become simple values, arrays tensors, and bytes (a serialized Summary) the values of that summary under
    `name/0`, `name/1`, ... What is none of these is left out with a line in the log.
    """
    described = ", ".join(f"{name} = {value!s}" for name, value in sorted(metrics.items()))
    tf.compat.v1.logging.info("Saving dict for global step %d: %s", step, described)
    summary = tf.compat.v1.Summary()
    for name, value in sorted(metrics.items()):
        if value is not None and name != _GLOBAL_STEP:
            _add(summary, name, value)
    _write(output_dir, summary, step)


def write_checkpoint_path(output_dir: str, checkpoint_path: str, step: int) -> None:
    """Writes which checkpoint an evaluation read, as a text value called `checkpoint_path`."""
    tf.compat.v1.logging.info(
        "Saving 'checkpoint_path' summary for global step %d: %s", step, checkpoint_path
    )
    summary = tf.compat.v1.Summary()
    summary.value.add(tag="checkpoint_path", tensor=tf.make_tensor_proto(checkpoint_path, dtype=tf.string))
    _write(output_dir, summary, step)


def _add(summary: Any, name: str, value: Any) -> None:
    if isinstance(value, bool | int | float | np.bool_ | np.integer | np.floating):
        summary.value.add(tag=name, simple_value=float(value))
    elif isinstance(value, bytes):
        try:
            parts = tf.compat.v1.Summary.FromString(value).value
        except message.DecodeError:
            tf.compat.v1.logging.warning(
                "Skipping summary for %s: it is a string, and none that holds a serialized Summary.", name
            )
            return
        for index, part in enumerate(parts):
            added = summary.value.add()
            added.CopyFrom(part)
            added.tag = f"{name}/{index}"
    elif isinstance(value, np.ndarray):
        summary.value.add(tag=name, tensor=tf.make_tensor_proto(value))
    else:
        tf.compat.v1.logging.warning(
            "Skipping summary for %s, must be a float, np.float32, np.int64, np.int32 or int or np.ndarray or a "
            "serialized string of Summary.",
            name,
        )


def _write(output_dir: str, summary: Any, step: int) -> None:
    with event_writers.call(output_dir):
        writer = event_writers.writer_of(output_dir)
        writer.add_summary(summary, step)
        writer.flush()
