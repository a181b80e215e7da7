"""The manifests of `bad_manifests/`, and what a real API server says to them.

They are data, because the unit tests of the models read them too: both sides must agree. All manifests of a kind go
through one kubectl process.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from api_server import ApiServer

FOLDER = Path(__file__).parent / "bad_manifests"
CHANGES = yaml.safe_load((FOLDER / "changes.yaml").read_text())


def read_cases(*topics: str) -> dict[str, dict[str, Any]]:
    """The cases of `bad_manifests/<topic>.yaml`, by name."""
    return {
        name: case
        for topic in topics
        for name, case in yaml.safe_load((FOLDER / f"{topic}.yaml").read_text())["cases"].items()
    }


def manifest(name: str, spec: Any) -> dict[str, Any]:
    """An EstimatorJob."""
    return {
        "apiVersion": "estimator.dev/v1alpha1",
        "kind": "EstimatorJob",
        "metadata": {"name": name},
        "spec": spec,
    }


def answers(
    server: ApiServer, folder: Path, manifests: dict[str, dict[str, Any]], *flags: str
) -> dict[str, str]:
    """What `kubectl apply` says to each manifest that it refuses, by the manifest's key."""
    folder.mkdir()
    for name, document in manifests.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(document))
    answer = server.kubectl("apply", *flags, "-f", str(folder), check=False)
    found = re.findall(
        r'error when (?:creating|patching) "[^"]*/([^"/]+)\.yaml": (.*)$', answer.stderr, re.MULTILINE
    )
    taken = answer.stdout.splitlines()
    assert len(found) + len(taken) == len(manifests), answer.stderr
    return dict(found)


def changed(field: str, value: Any) -> dict[str, Any]:
    """The spec of the running job with one field replaced, or removed when `value` is None."""
    return present(CHANGES["before"] | {field: value})


def present(spec: dict[str, Any]) -> dict[str, Any]:
    """The spec without the fields that are None."""
    return {key: one for key, one in spec.items() if one is not None}
