"""What a watcher leaves behind, and a look at each step of a training."""

import threading

import tensorflow as tf

v1 = tf.compat.v1


def watching_threads():
    return [thread for thread in threading.enumerate() if thread.name == "watcher"]


class Each(v1.train.SessionRunHook):
    """Calls a function after each step, with the number of steps so far."""

    def __init__(self, call):
        self.call = call
        self.steps = 0

    def after_run(self, run_context, run_values):
        self.steps += 1
        self.call(self.steps)
