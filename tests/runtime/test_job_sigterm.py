"""SIGTERM at any moment of a chief's life: what it has trained is kept."""

import random
import time
from pathlib import Path

import pytest
import tensorflow as tf
from cluster_tasks import free_ports
from job_process import Replica

v1 = tf.compat.v1
SEED = 143
ROUNDS = 6
# It saves after every step, evaluates and exports after nearly every save: a signal comes amid any of them.
SPEC = {
    "modelFn": "job_model:model_fn",
    "runConfig": {"saveCheckpointsSteps": 1, "keepCheckpointMax": 2, "logStepCountSteps": 1},
    "train": {"inputFn": "job_model:train_input", "hooks": ["job_model:Count"]},
    "evaluate": {
        "inputFn": "job_model:train_input",
        "steps": 1,
        "throttleSeconds": 0,
        "startDelaySeconds": 0,
    },
    "exports": [
        {
            "name": "latest",
            "kind": "Latest",
            "servingInputReceiverFn": "job_model:raw_receiver",
            "exportsToKeep": 1,
        }
    ],
}
# It saves at the end only: the last steps are kept by nothing but the end itself.
RARELY = SPEC | {"mode": "Train", "runConfig": {"saveCheckpointsSteps": 1_000_000}}
RARELY = {key: value for key, value in RARELY.items() if key not in ("evaluate", "exports")}


def made(model_dir):
    """The last step that was made; 0 before the first."""
    file = Path(f"{model_dir}.made")
    return int(file.read_text()) if file.exists() and file.stat().st_size else 0


def kept(model_dir):
    """The step of the newest checkpoint, all of whose values are read; 0 when there is none."""
    path = tf.train.latest_checkpoint(str(model_dir))
    if path is None:
        return 0
    reader = v1.train.NewCheckpointReader(path)
    values = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
    return int(values["global_step"])


@pytest.mark.timeout(300)
def test_a_signal_at_any_moment_costs_no_more_than_a_step(tmp_path):
    moments, reach = random.Random(SEED), 0.0
    for attempt in range(ROUNDS):
        spec = (SPEC, RARELY)[attempt % 2]
        (port,) = free_ports(1)
        chief = Replica(tmp_path, port, spec=spec, ESTIMATOR_ATTEMPT=str(attempt))
        try:
            # From the first moment at which the runner answers for its signals.
            chief.await_progress(lambda _: True, "an answer")
            if attempt == 0:
                # How long is it to a step on this machine? The other rounds end before and after as much.
                answered = time.monotonic()
                chief.await_progress(lambda said: (said.global_step or 0) > 0, "a step")
                reach = time.monotonic() - answered
            else:
                time.sleep(moments.uniform(0, 1.5 * reach))
            before = made(chief.model_dir)
            assert chief.terminate().await_end() == 143, chief.text()
        finally:
            chief.end()
        last = made(chief.model_dir)
        assert last >= before
        assert kept(chief.model_dir) >= last - 1, chief.text()
        assert chief.message().error.startswith("Stopped by SIGTERM")
        assert not (chief.model_dir / "finished").exists()
        exports = chief.model_dir / "export" / "latest"
        assert not exports.exists() or not list(exports.glob("temp-*"))
