"""Builder of jobs around the steady model."""

from __future__ import annotations

from typing import Any

from kubectl import REPOSITORY, Kubectl, Object

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


def stop_training(kubectl: Kubectl, job: str) -> None:
    """Lets the steady model end: the hook of the chief and of the workers sees the file."""
    chief = running_pod(kubectl, job, "chief")
    kubectl.run("exec", chief, "-c", "estimator", "--", "touch", "/model/stop")


def running_pod(kubectl: Kubectl, job: str, role: str) -> str:
    """Name of the one live pod of a role."""
    pods = kubectl.list("pods", f"estimator.dev/job-name={job},estimator.dev/role={role}")
    (name,) = (one["metadata"]["name"] for one in pods if "deletionTimestamp" not in one["metadata"])
    return name
