"""The digits example's other manifests, at a pace that leaves time to disturb them."""

from __future__ import annotations

import yaml
from kubectl import REPOSITORY, Kubectl, Object

DIGITS = REPOSITORY / "examples/digits"
PACE = (REPOSITORY / "tests/e2e/steady/pace.py").read_text()


def digits_code(kubectl: Kubectl) -> Object:
    """The ConfigMap of the example's kustomization, with the pace."""
    (code,) = (
        one for one in yaml.safe_load_all(kubectl.run("kustomize", str(DIGITS))) if one["kind"] == "ConfigMap"
    )
    return code | {"data": code["data"] | {"pace.py": PACE}}


def paced(manifest: str, *, checkpoints: int) -> Object:
    """A manifest of the example that trains until it is told to stop, and saves after each `checkpoints` steps."""
    job: Object = yaml.safe_load((DIGITS / manifest).read_text())
    estimator = job["spec"]["estimator"]
    del estimator["train"]["maxSteps"]
    estimator["train"]["hooks"] = ["pace:Pace"]
    estimator["runConfig"]["saveCheckpointsSteps"] = checkpoints
    estimator["evaluate"]["throttleSeconds"] = 1
    job["spec"]["code"]["configMap"]["items"].append({"key": "pace.py", "path": "pace.py"})
    return job


def stop_tasks(kubectl: Kubectl, *pods: str) -> None:
    """Tells the tasks of these pods that it is enough."""
    for pod in pods:
        kubectl.run("exec", pod, "-c", "estimator", "--", "touch", "/tmp/stop")


def saved_step(job: Object) -> int:
    """The step of the newest checkpoint in the status, 0 before the first."""
    return job.get("status", {}).get("checkpoints", {}).get("latest", {}).get("globalStep", 0)
