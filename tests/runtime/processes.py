"""Processes of their own for tests, forked from one that has imported TensorFlow and run none of it.

Starting one takes no time, and it begins as a user's program does: eager, and with no device initialised.
"""

import multiprocessing

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["estimator_runtime.training.dispatch", "estimator_runtime.estimator"])
