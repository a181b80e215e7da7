"""Summaries of the first replica of each task, where TensorFlow has those of the first of all.

A summary that is on the chief alone may have a value over the replicas of all tasks, which the others have to compute with it.
So their graphs have it too. Nobody else writes it.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

# TensorFlow's own way to leave summaries out (`tf.tpu`): it has no public name.
from tensorflow.python.distribute import summary_op_util


@contextlib.contextmanager
def with_summaries(strategy: Any) -> Iterator[None]:
    """Has what is built in it keep the summaries of this task's first replica."""
    count = len(strategy.extended.worker_devices)

    def skip_summary() -> bool:
        context = tf.distribute.get_replica_context()
        if context is None:
            return False
        number = context.replica_id_in_sync_group
        value = tf.get_static_value(number) if isinstance(number, tf.Tensor) else number
        return value is not None and int(value) % count != 0

    of_tensorflow = summary_op_util.skip_summary
    summary_op_util.skip_summary = skip_summary
    try:
        yield
    finally:
        summary_op_util.skip_summary = of_tensorflow
