"""The CustomResourceDefinition of EstimatorJob, generated from the models.

python -m estimator_api.crd           # writes crds/estimatorjobs.yaml and the chart's copy
python -m estimator_api.crd --check   # exit status 1 when either is not what the models say
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from estimator_api import constants as c
from estimator_api.generated_files import NOTICE, REPOSITORY, keep
from estimator_api.job import EstimatorJob
from estimator_api.structural import project

OUTPUTS: Final = (
    Path("crds/estimatorjobs.yaml"),
    Path("charts/estimator-operator/files/crds/estimatorjobs.yaml"),
)
_READY: Final = '.status.conditions[?(@.type=="Ready")]'
_METRIC: Final = '.status.evaluation.metrics[?(@.name!="loss")]'
_COLUMNS: Final = (
    ("State", "string", f"{_READY}.reason", "What the job does at the moment.", 0),
    ("Step", "integer", ".status.progress.globalStep", "Global step.", 0),
    ("Progress", "integer", ".status.progress.percent", "Percent of the steps asked for.", 0),
    ("Loss", "string", ".status.progress.loss", "Training loss last seen.", 0),
    ("Restarts", "integer", ".status.restarts.total", "Restarts of the job's pods.", 0),
    ("Age", "date", ".metadata.creationTimestamp", "Time since creation.", 0),
    ("Message", "string", f"{_READY}.message", "Why the job is in its state.", 0),
    (
        "Metric",
        "string",
        f"{_METRIC}.name",
        "Name of the first metric of the last evaluation, loss apart.",
        1,
    ),
    ("Value", "string", f"{_METRIC}.value", "Value of that metric.", 1),
    ("Export", "string", ".status.exports[0].uri", "Where the newest SavedModel is.", 1),
)


def definition() -> dict[str, Any]:
    """The CustomResourceDefinition as a JSON object."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{c.PLURAL}.{c.GROUP}"},
        "spec": {
            "group": c.GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": c.KIND,
                "listKind": f"{c.KIND}List",
                "plural": c.PLURAL,
                "singular": c.SINGULAR,
                "shortNames": [c.SHORT_NAME],
                "categories": [c.CATEGORY],
            },
            "conversion": {"strategy": "None"},
            "versions": [
                {
                    "name": c.VERSION,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema()},
                    "subresources": {
                        "status": {},
                        "scale": {
                            "specReplicasPath": ".spec.worker.replicas",
                            "statusReplicasPath": ".status.workerReplicas",
                            "labelSelectorPath": ".status.workerSelector",
                        },
                    },
                    "selectableFields": [{"jsonPath": ".spec.suspend"}],
                    "additionalPrinterColumns": [
                        {"name": name, "type": kind, "jsonPath": path, "description": text}
                        # The server leaves a priority of 0 out; with it, every `kubectl diff` would show it.
                        | ({"priority": wide} if wide else {})
                        for name, kind, path, text, wide in _COLUMNS
                    ],
                }
            ],
        },
    }


def schema() -> dict[str, Any]:
    """The structural schema of EstimatorJob."""
    root = project(EstimatorJob.model_json_schema(by_alias=True))
    properties = root["properties"]
    # The API server owns these three and allows no schema of metadata.
    properties["metadata"] = {"type": "object"}
    for name, text in (
        ("apiVersion", f"Version of the schema of this object: {c.API_VERSION}."),
        ("kind", f"Kind of this object: {c.KIND}."),
    ):
        properties[name] = {"type": "string", "description": text}
    # kstatus takes an unknown kind without conditions for done; a generation never seen says "not yet looked at".
    properties["status"]["default"] = {"observedGeneration": -1}
    root["required"] = ["spec"]
    _tell_defaults(properties["spec"])
    return root


def _tell_defaults(node: dict[str, Any]) -> None:
    """`kubectl explain` does not show defaults, so the descriptions do."""
    for part in node.get("properties", {}).values():
        default = part.get("default")
        if "description" in part and default is not None and not isinstance(default, dict):
            shown = default if isinstance(default, str) else json.dumps(default)
            part["description"] += f" Default: {shown}."
        _tell_defaults(part)
    if "items" in node:
        _tell_defaults(node["items"])


def text() -> str:
    """The definition as YAML, as it is committed."""
    import yaml

    return f"# {NOTICE}\n" + yaml.safe_dump(definition(), sort_keys=False, width=110, allow_unicode=True)


def main(arguments: Sequence[str] | None = None, *, root: Path = REPOSITORY) -> int:
    """Writes or checks the generated files below `root`; returns the exit status."""
    return keep(
        dict.fromkeys(OUTPUTS, text()),
        arguments,
        module="estimator_api.crd",
        purpose=(__doc__ or "").partition("\n")[0],
        root=root,
    )


if __name__ == "__main__":
    sys.exit(main())
