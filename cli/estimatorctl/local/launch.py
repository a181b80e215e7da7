"""From the manifest of a pod to the command of a local process. Pure: no process, file or socket is touched.

Only the main container runs. Cluster names in TF_CONFIG become loopback addresses, mount paths become local
folders, `$(VAR)` is expanded as Kubernetes does, and `python` is the interpreter that runs this command.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from estimator_api import constants as c
from estimator_operator.plan import Replica
from estimatorctl.errors import ManifestError

DEFAULT_GRACE_SECONDS: Final = 30
"""Kubernetes' default for terminationGracePeriodSeconds."""
LOOPBACK: Final = "127.0.0.1"
_PYTHONS: Final = frozenset({"python", "python3", "/usr/bin/python3", "/usr/local/bin/python"})
_VARIABLE: Final = re.compile(r"\$\$|\$\(([A-Za-z_.-][A-Za-z0-9_.-]*)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where on this machine a pod's process lives.

    Attributes:
        folders: Mount path in the pod (or a model URI) -> local folder.
        host: Maps `host:port` of the cluster to a local `host:port`; other addresses stay.
        progress_port: Port of this replica's /progress.
        termination_log: File for the termination message.
        environment: What the process inherits beneath the manifest's variables.
        shared: Variables that go by file, as the job's ConfigMap has them.
        environment_folder: Where this process finds them as files.
    """

    folders: Mapping[str, str] = field(default_factory=dict)
    host: Callable[[str], str] = str
    progress_port: int
    termination_log: str
    environment: Mapping[str, str] = field(default_factory=dict)
    shared: Mapping[str, str] = field(default_factory=dict)
    environment_folder: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """A process to start.

    Attributes:
        pod: Name of the pod it stands for.
        replica: Which replica it is.
        attempt: The attempt the pod was made for.
        argv: Command and arguments.
        environment: The whole environment.
        folder: Working directory, or None for the caller's.
        grace_seconds: Time between SIGTERM and SIGKILL when it is stopped.
        progress_port: Port of its /progress.
        termination_log: File of its termination message.
        serves_progress: It is ready once it answers over HTTP; else as soon as it runs.
        files: Paths and contents of the files that it reads variables from.
    """

    pod: str
    replica: Replica
    attempt: int
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    folder: str | None
    grace_seconds: float
    progress_port: int
    termination_log: str
    serves_progress: bool
    files: Mapping[str, str] = field(default_factory=dict)


def replica_of(manifest: Mapping[str, Any]) -> tuple[Replica, int]:
    """Replica and attempt that the labels of a pod manifest name."""
    labels = manifest["metadata"]["labels"]
    return (
        Replica(role=labels[c.LABEL_ROLE], index=int(labels[c.LABEL_INDEX])),
        int(labels.get(c.LABEL_ATTEMPT, 0)),
    )


def main_container(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """The container called `estimator` of a pod manifest."""
    containers: list[Mapping[str, Any]] = manifest["spec"]["containers"]
    return next(one for one in containers if one["name"] == c.CONTAINER)


def launch_of(manifest: Mapping[str, Any], place: Place) -> Launch:
    """The process that stands for a pod.

    Raises:
        ManifestError: The pod needs what a local run has not: an image's own command, or a variable from a
            Secret or ConfigMap that the caller's environment does not hold either.
    """
    replica, attempt = replica_of(manifest)
    container = main_container(manifest)
    command = [*container.get("command", []), *container.get("args", [])]
    if not container.get("command"):
        fault = (
            "spec.template: a local run has no image, so the main container needs a command:"
            " set estimator, program or template.spec.containers[name=estimator].command"
        )
        raise ManifestError([fault])
    files: dict[str, str] = {}
    variables = _variables(manifest, container, place, files)
    argv = [_relocated(_expanded(word, variables), place.folders) for word in command]
    if argv[0] in _PYTHONS:
        argv[0] = sys.executable
    environment = {**place.environment, **variables}
    if "PYTHONPATH" in variables and place.environment.get("PYTHONPATH"):
        environment["PYTHONPATH"] = variables["PYTHONPATH"] + os.pathsep + place.environment["PYTHONPATH"]
    folder = container.get("workingDir")
    return Launch(
        pod=manifest["metadata"]["name"],
        replica=replica,
        attempt=attempt,
        argv=tuple(argv),
        environment=environment,
        folder=_relocated(folder, place.folders) if folder else place.folders.get(c.CODE_MOUNT_PATH),
        grace_seconds=manifest["spec"].get("terminationGracePeriodSeconds", DEFAULT_GRACE_SECONDS),
        progress_port=place.progress_port,
        termination_log=place.termination_log,
        serves_progress="httpGet" in container.get("readinessProbe", {}),
        files=files,
    )


def not_run_locally(manifest: Mapping[str, Any]) -> list[str]:
    """What the pod has and a local process has not, one line each, for a notice."""
    spec = manifest["spec"]
    names = [one["name"] for one in spec["containers"] if one["name"] != c.CONTAINER]
    inits = [one["name"] for one in spec.get("initContainers", []) if one["name"] != c.INPUTS_CONTAINER]
    lines = [f"init container {name} is not run" for name in inits]
    lines += [f"container {name} is not run" for name in names]
    own = (c.MODEL_MOUNT_PATH, c.CODE_MOUNT_PATH, c.ENVIRONMENT_MOUNT_PATH)
    lines += [
        f"volume {one['name']} is not mounted: {one['mountPath']} is this machine's own"
        for one in main_container(manifest).get("volumeMounts", [])
        if one["mountPath"] not in own
        and one["name"] not in c.INPUT_VOLUMES
        and not one["mountPath"].startswith(("/tmp", "/dev/shm"))  # noqa: S108 - paths inside the pod
    ]
    return lines


def _variables(
    manifest: Mapping[str, Any], container: Mapping[str, Any], place: Place, files: dict[str, str]
) -> dict[str, str]:
    variables: dict[str, str] = {}
    missing: list[str] = []
    for source in container.get("envFrom", []):
        kind, reference = next((k, v) for k, v in source.items() if k != "prefix")
        if not reference.get("optional"):
            missing.append(
                f"envFrom.{kind}: {reference.get('name')} is in the cluster; list the variables in env"
            )
    for one in container.get("env", []):
        name = one["name"]
        if "valueFrom" not in one:
            value = _expanded(one.get("value", ""), {**place.environment, **variables})
            local = _local_value(name, value, place, files)
            if local is not None:
                variables[name] = local
            continue
        kind, reference = next(iter(one["valueFrom"].items()))
        found = _field(manifest, reference) if kind == "fieldRef" else place.environment.get(name)
        if found is not None:
            variables[name] = found
        elif not reference.get("optional"):
            missing.append(
                f"env {name}: its value is in the cluster ({kind}); export {name} before a local run"
            )
    if missing:
        raise ManifestError(missing)
    if c.ENV_SPEC in place.shared:
        _local_value(c.ENV_SPEC, place.shared[c.ENV_SPEC], place, files)
    variables.pop(c.ENV_ENVIRONMENT_DIR, None)
    if files:
        variables[c.ENV_ENVIRONMENT_DIR] = place.environment_folder
    variables[c.ENV_PROGRESS_HOST] = LOOPBACK
    variables[c.ENV_PROGRESS_PORT] = str(place.progress_port)
    variables[c.ENV_TERMINATION_LOG] = place.termination_log
    return variables


def _local_value(name: str, value: str, place: Place, files: dict[str, str]) -> str | None:
    """What a variable is here; None for one that goes by file as a whole, which is added to `files`."""
    if name not in c.ENV_BY_FILE:
        return _relocated(value, place.folders)
    document = json.loads(value)
    if name == c.ENV_TF_CONFIG:
        # Of what all share, what this one does not say itself.
        shared = json.loads(place.shared.get(name, "{}"))
        document |= {key: one for key, one in shared.items() if isinstance(document.get(key), str)}
        document["cluster"] = {
            role: [place.host(address) for address in addresses]
            for role, addresses in document.get("cluster", {}).items()
        }
        if not document["cluster"]:
            del document["cluster"]
    # A path inside JSON is replaced as a string, so that a folder with a quote in its name stays one.
    document = _map_strings(document, lambda text: _relocated(text, place.folders))
    text = json.dumps(document)
    # Paths of this machine may be longer than those in the pod.
    if name not in place.shared and len(f"{name}={text}".encode()) + 1 <= c.LARGEST_VARIABLE:
        return text
    path = os.path.join(place.environment_folder, name)  # noqa: PTH118 - a text
    if name == c.ENV_SPEC:
        files[path] = text
        return None
    files[path] = json.dumps({"cluster": document["cluster"]})
    return json.dumps(document | {"cluster": path})


def _map_strings(document: Any, change: Callable[[str], str]) -> Any:
    if isinstance(document, str):
        return change(document)
    if isinstance(document, list):
        return [_map_strings(one, change) for one in document]
    if isinstance(document, dict):
        return {key: _map_strings(one, change) for key, one in document.items()}
    return document


def _field(manifest: Mapping[str, Any], reference: Mapping[str, Any]) -> str | None:
    path = reference.get("fieldPath", "")
    metadata = manifest["metadata"]
    keyed = re.fullmatch(r"metadata\.(labels|annotations)\['(.+)'\]", path)
    if keyed:
        return str(metadata.get(keyed[1], {}).get(keyed[2], ""))
    simple = {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata.get("namespace", "default"),
        "metadata.uid": metadata["name"],
        "spec.nodeName": "localhost",
        "spec.serviceAccountName": "",
        "status.podIP": LOOPBACK,
        "status.podIPs": LOOPBACK,
        "status.hostIP": LOOPBACK,
    }
    return simple.get(path)


def _expanded(text: str, variables: Mapping[str, str]) -> str:
    """Kubernetes' expansion: $(VAR) of known variables, $$ for $, everything else as it stands."""

    def value(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        return variables.get(match[1], match[0])

    return _VARIABLE.sub(value, text)


def _relocated(text: str, folders: Mapping[str, str]) -> str:
    """`text` with mount paths replaced, where they stand as whole paths or lead one."""
    if not folders:
        return text
    longest_first = sorted(folders, key=len, reverse=True)
    pattern = "|".join(re.escape(path.rstrip("/")) for path in longest_first)
    lookup = {path.rstrip("/"): local for path, local in folders.items()}
    return re.sub(
        rf"(?<![A-Za-z0-9_./-])(?:{pattern})(?![A-Za-z0-9_.-])", lambda match: lookup[match[0]], text
    )
