"""A pace that no machine exceeds, until a file says that it is enough: tests decide when training ends."""

import os
import time

import tensorflow as tf


class Pace(tf.estimator.SessionRunHook):
    """At most 50 steps of each task a second; the first one after the file `/tmp/stop` is there ends training."""

    def after_run(self, run_context, run_values):
        """Waits after every step."""
        time.sleep(0.02)
        if os.path.exists("/tmp/stop"):
            run_context.request_stop()
