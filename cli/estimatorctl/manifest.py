"""Reading a job from a file as strictly as `kubectl apply` would: unknown fields, wrong types, broken rules.

A file may hold several documents. One of them is the job; ConfigMaps beside it are kept for the job's code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from estimator_api import EstimatorJob, InvalidJobError, parse_job
from estimator_api import constants as c
from estimator_api.strict import unknown_fields
from estimatorctl.errors import ManifestError
from estimatorctl.kubernetes_yaml import load_documents

Document = Mapping[str, Any]
_TFJOB: Final = f'holds a TFJob and no {c.KIND}; "From a TFJob" in docs/migration.md says, field by field, how one becomes the other'


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A job as it stands in a file.

    Attributes:
        path: The file.
        job: The job, defaults filled in.
        config_maps: ConfigMaps of the same file by name.
    """

    path: Path
    job: EstimatorJob
    config_maps: Mapping[str, Document]


def read_manifest(path: Path, *, name: str | None = None, namespace: str | None = None) -> Manifest:
    """Reads the EstimatorJob of a YAML or JSON file.

    Args:
        path: The file.
        name: Which job, when the file holds several.
        namespace: Overrides the manifest's namespace when that is not set.

    Raises:
        ManifestError: The file cannot be read, or the job in it is not valid; one line per fault.
    """
    documents = list(read_documents(path))
    jobs = [one for one in documents if one.get("kind") == c.KIND]
    if not jobs and any(one.get("kind") == "TFJob" for one in documents):
        raise ManifestError([_TFJOB], str(path))
    job = _validated(_chosen(jobs, name, path), path, namespace)
    return Manifest(
        path=path,
        job=job,
        config_maps={
            str((one.get("metadata") or {}).get("name")): one
            for one in documents
            if one.get("kind") == "ConfigMap"
        },
    )


def read_documents(path: Path) -> Iterator[Document]:
    """The objects of a YAML file, those of a List one by one.

    Raises:
        ManifestError: The file cannot be read or is no YAML.
    """
    try:
        documents = list(load_documents(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(
            [f"cannot be read: {getattr(error, 'strerror', None) or error}"], str(path)
        ) from error
    except yaml.YAMLError as error:
        raise ManifestError([f"is no YAML: {' '.join(str(error).split())}"], str(path)) from error
    for document in documents:
        if not isinstance(document, Mapping):
            if document is not None:
                raise ManifestError(["holds a document that is no object"], str(path))
            continue
        items = document.get("items")
        if str(document.get("kind", "")).endswith("List") and isinstance(items, list):
            yield from (one for one in items if isinstance(one, Mapping))
        else:
            yield document


def _chosen(jobs: Sequence[Document], name: str | None, path: Path) -> Document:
    names = [str((one.get("metadata") or {}).get("name")) for one in jobs]
    if name is not None:
        jobs = [one for one, its in zip(jobs, names, strict=True) if its == name]
    if len(jobs) == 1:
        return jobs[0]
    if len(jobs) > 1:
        raise ManifestError([f"holds several jobs ({', '.join(names)}): choose one with --name"], str(path))
    found = f"holds no {c.KIND}" + (f" called {name}" if name is not None else "")
    raise ManifestError([f"{found} (apiVersion {c.API_VERSION})"], str(path))


def _validated(document: Document, path: Path, namespace: str | None) -> EstimatorJob:
    metadata = document.get("metadata")
    known = {**metadata} if isinstance(metadata, Mapping) else {}
    if namespace is not None and known.setdefault("namespace", namespace) != namespace:
        raise ManifestError(
            [f"metadata.namespace: is {known['namespace']}, --namespace says {namespace}"], str(path)
        )
    faults = [f"{field}: unknown field" for field in unknown_fields(document)]
    faults += [f"{name}: is required" for name in ("apiVersion", "kind") if name not in document]
    try:
        job = parse_job({**document, "metadata": known, "status": {}})
    except InvalidJobError as error:
        faults += str(error).splitlines()
    if faults:
        raise ManifestError(faults, str(path))
    return job
