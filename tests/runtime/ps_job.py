"""A program as the local processes of a job: chief, worker, two ps tasks and evaluator."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import tensorflow as tf
import yaml


def run(folder, module, *more_files):
    """Runs `module` of this folder to its end; returns (model directory, accuracies of its evaluations, last export).

    Args:
        folder: an empty directory.
        module: name of the module; it takes --model-dir, and writes an export called `final`.
        more_files: names of files beside it that it needs.
    """
    job = {
        "apiVersion": "estimator.dev/v1alpha1",
        "kind": "EstimatorJob",
        "metadata": {"name": "job"},
        "spec": {
            "program": {"module": module, "args": ["--model-dir=$(ESTIMATOR_MODEL_DIR)"]},
            "modelDir": {"persistentVolumeClaim": {"claimName": "job"}},
            "worker": {"replicas": 1},
            "ps": {"replicas": 2},
            "evaluator": {},
        },
    }
    (folder / "job.yaml").write_text(yaml.safe_dump(job))
    for name in (f"{module}.py", *more_files):
        shutil.copy(Path(__file__).with_name(name), folder)
    command = [sys.executable, "-m", "estimatorctl", "run", "job.yaml", "--code", ".", "--model-dir", "model"]
    answer = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    output = answer.stdout + answer.stderr
    assert answer.returncode == 0, output
    assert "Restarts" not in output, output
    model = folder / "model"
    accuracies = [
        value.simple_value
        for path in sorted((model / "eval").glob("*"))
        for event in tf.compat.v1.train.summary_iterator(str(path))
        for value in event.summary.value
        if value.tag == "accuracy"
    ]
    return model, accuracies, tf.saved_model.load(str(max((model / "export" / "final").glob("1*"))))
