"""A program of one task of a job that finds three clusters: what test_kmeans.py runs in each process.

It is run with a global TASK: {"tf_config", "log", "max_steps"}. Each task prints `stepping` after its first step.
"""

import os
import signal
import sys

import numpy as np
import tensorflow as tf

import estimator_runtime as er
from estimator_runtime.experimental import KMeans

TASK = globals()["TASK"]
HEAPS = np.array([[0, 0], [9, 0], [0, 9]], np.float32)
POINTS = np.concatenate([HEAPS + shift for shift in np.linspace(-1, 1, 8, dtype=np.float32)])


class ReportFirstStep(er.SessionRunHook):
    """Prints a line after the first step, with whether all centers are chosen by then."""

    def begin(self):
        (self.initialized,) = tf.compat.v1.get_collection("variables", "^initialized")
        self.reported = False

    def before_run(self, run_context):
        return er.SessionRunArgs(self.initialized)

    def after_run(self, run_context, run_values):
        if not self.reported:
            self.reported = True
            print("stepping", run_values.results, flush=True)


def points():
    # Two points in a batch, and three clusters.
    return tf.data.Dataset.from_tensor_slices(POINTS).batch(2)


def main():
    with open(TASK["log"], "wb") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    os.environ["TF_CONFIG"] = TASK["tf_config"]
    signal.signal(signal.SIGTERM, lambda signum, frame: sys.exit(0))
    tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.INFO)
    config = er.RunConfig(save_checkpoints_steps=200, experimental_max_worker_delay_secs=0)
    estimator = KMeans(3, mini_batch_steps_per_iteration=4, config=config)
    receiver = er.export.build_raw_serving_input_receiver_fn({"x": tf.constant(POINTS)})
    er.train_and_evaluate(
        estimator,
        er.TrainSpec(lambda: points().repeat(), max_steps=TASK["max_steps"], hooks=[ReportFirstStep()]),
        er.EvalSpec(
            points,
            steps=None,
            exporters=[er.FinalExporter("final", receiver)],
            start_delay_secs=0,
            throttle_secs=1,
        ),
    )
    print("done", flush=True)


if __name__ == "__main__":
    main()
