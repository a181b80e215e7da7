"""A session hook of our own."""

import time

import tensorflow.compat.v1 as tf


class ThroughputHook(tf.estimator.SessionRunHook):
    """Logs how many trips a second this task trains on."""

    def __init__(self, batch_size, every_steps):
        self._batch_size = batch_size
        self._every_steps = every_steps
        self._runs = 0
        self._start = None

    def after_create_session(self, session, coord):
        self._runs = 0
        self._start = time.time()

    def after_run(self, run_context, run_values):
        self._runs += 1
        if self._runs % self._every_steps == 0:
            self._log()

    def end(self, session):
        if self._runs:
            self._log()

    def _log(self):
        rate = self._runs * self._batch_size / (time.time() - self._start)
        tf.logging.info("%d batches, %.0f trips/s", self._runs, rate)
