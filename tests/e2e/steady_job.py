"""Builder of jobs around the steady model."""

from __future__ import annotations

from typing import Any

from kubectl import REPOSITORY, Object

MODEL = (REPOSITORY / "tests/e2e/steady/model.py").read_text()
CODE: Object = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "steady-code"},
    "data": {"steady.py": MODEL},
}


def steady_job(name: str, **spec: Any) -> Object:
    """A chief, a worker, a ps and an evaluator on the steady model; `spec` replaces fields of the spec."""
    return {
        "apiVersion": "estimator.dev/v1alpha1",
        "kind": "EstimatorJob",
        "metadata": {"name": name},
        "spec": {
            "estimator": {
                "modelFn": "steady:model_fn",
                "params": {"broken": False},
                "runConfig": {"saveCheckpointsSteps": 50, "saveSummarySteps": 0},
                "train": {"inputFn": "steady:input_fn", "hooks": ["steady:StopFile"]},
                "evaluate": {"inputFn": "steady:input_fn", "steps": 2, "throttleSeconds": 1},
                "exports": [
                    {
                        "name": "final",
                        "kind": "Final",
                        "servingInputReceiverFn": "steady:serving_input_receiver_fn",
                    }
                ],
            },
            "code": {"configMap": {"name": "steady-code"}},
            "modelDir": {"volumeClaimTemplate": {"resources": {"requests": {"storage": "100Mi"}}}},
            "worker": {"replicas": 1},
            "ps": {"replicas": 1},
            "evaluator": {},
        }
        | spec,
    }


def chief_alone(name: str, **spec: Any) -> Object:
    """A chief alone that trains without evaluation."""
    job = steady_job(name, **spec)
    for role in ("worker", "ps", "evaluator"):
        del job["spec"][role]
    if "estimator" not in spec:
        estimator = {k: v for k, v in job["spec"]["estimator"].items() if k not in ("evaluate", "exports")}
        job["spec"]["estimator"] = estimator | {"mode": "Train"}
    return job
