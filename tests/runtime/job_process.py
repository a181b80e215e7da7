"""Processes of `python -m estimator_runtime.job`, forked from one that has imported TensorFlow."""

import json
import multiprocessing
import os
import sys
import time
import urllib.request

from estimator_api import parse_progress

PATIENCE_SECS = 60
LOOK_EVERY_SECS = 0.05
SAVED_SPEC = {
    "modelFn": "job_model:model_fn",
    "runConfig": {"saveCheckpointsSteps": 5, "keepCheckpointMax": 2},
    "train": {"inputFn": "job_model:train_input", "maxSteps": 20},
    "evaluate": {
        "inputFn": "job_model:train_input",
        "steps": 1,
        "throttleSeconds": 0,
        "startDelaySeconds": 0,
    },
    "exports": [{"name": "end", "kind": "Final", "servingInputReceiverFn": "job_model:raw_receiver"}],
}
"""Trains 20 steps of job_model, saves every five, evaluates and exports."""
PROCESSES = multiprocessing.get_context("forkserver")
# The same list as for distributed training: one fork server serves the whole run of tests.
PROCESSES.set_forkserver_preload(["estimator_runtime.training.dispatch", "estimator_runtime.estimator"])


def _run(environment, arguments, log):
    with open(log, "ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.environ.update(environment)
    from estimator_runtime.job.command import main

    sys.argv[:] = ["estimator_runtime.job"]
    main(arguments)


class Replica:
    """One process with the environment that a pod has.

    It listens on the port after the cluster's, so that nobody looks for free ports twice.
    """

    def __init__(
        self, root, port, *, spec=None, arguments=(), role="chief", index=0, cluster=None, **variables
    ):
        self.model_dir = root / "model"
        self.port = port
        name = f"{role}-{index}-{variables.get('ESTIMATOR_ATTEMPT', '0')}"
        self.log = root / f"{name}.log"
        self.message_file = root / f"{name}.termination"
        tf_config = {"model_dir": str(self.model_dir)}
        if cluster is not None:
            tf_config |= {"cluster": cluster, "task": {"type": role, "index": index}}
        environment = {
            "TF_CONFIG": json.dumps(tf_config),
            "ESTIMATOR_MODEL_DIR": str(self.model_dir),
            "ESTIMATOR_JOB_NAME": "job",
            "ESTIMATOR_NAMESPACE": "default",
            "ESTIMATOR_ROLE": role,
            "ESTIMATOR_INDEX": str(index),
            "ESTIMATOR_PROGRESS_HOST": "127.0.0.1",
            "ESTIMATOR_PROGRESS_PORT": str(port),
            "ESTIMATOR_TERMINATION_LOG": str(self.message_file),
        }
        if spec is not None:
            environment["ESTIMATOR_SPEC"] = json.dumps(spec)
        self.process = PROCESSES.Process(
            target=_run, args=(environment | variables, list(arguments), str(self.log)), daemon=True
        )
        self.process.start()

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return answer.read().decode()

    def await_progress(self, condition, what):
        """The first progress document that fulfils `condition`."""
        deadline = time.monotonic() + PATIENCE_SECS
        while True:
            assert self.process.is_alive(), f"ended before {what}:\n{self.text()}"
            assert time.monotonic() < deadline, f"waited in vain for {what}:\n{self.text()}"
            try:
                progress = parse_progress(self.get("/progress"))
            except OSError:
                progress = None
            if progress is not None and condition(progress):
                return progress
            time.sleep(LOOK_EVERY_SECS)

    def terminate(self):
        self.process.terminate()
        return self

    def await_end(self):
        """The exit code."""
        self.process.join(PATIENCE_SECS)
        assert self.process.exitcode is not None, f"did not end:\n{self.text()}"
        return self.process.exitcode

    def end(self):
        self.process.kill()
        self.process.join()

    def message(self):
        """The termination message."""
        text = self.message_file.read_text()
        assert len(text.encode()) <= 4096
        return parse_progress(text)

    def text(self):
        return self.log.read_text(errors="replace")[-4000:] if self.log.exists() else ""
