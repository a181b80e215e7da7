"""The manifests that the integration tests show to a real API server, read for the models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[3]
_FOLDER = REPOSITORY / "tests" / "integration" / "bad_manifests"
EXAMPLES = {path.parent.name: path for path in sorted(REPOSITORY.glob("examples/*/job.yaml"))}
FIRST_JOB = REPOSITORY / "charts/estimator-operator/files/first-job/spec.yaml"


def cases(*topics: str) -> dict[str, dict[str, Any]]:
    """The cases of the topics by name."""
    return {
        name: case
        for topic in topics
        for name, case in yaml.safe_load((_FOLDER / f"{topic}.yaml").read_text())["cases"].items()
    }


def job(spec: Any, name: str = "digits") -> dict[str, Any]:
    """An EstimatorJob in JSON form."""
    return {
        "apiVersion": "estimator.dev/v1alpha1",
        "kind": "EstimatorJob",
        "metadata": {"name": name},
        "spec": spec,
    }


def example(name: str) -> dict[str, Any]:
    """The manifest of an example."""
    return yaml.safe_load(EXAMPLES[name].read_text())
