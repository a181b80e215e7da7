"""Inputs of a job in its pods: a volume for each, an init container that fills them, and where the main container sees them.

The init container is the runtime's, for the job's own image need not have it, and reaches stores as the main container
does: with its variables, its service account and its mounts. It is the last one, so that sidecars which reach the
network for it (init containers with restartPolicy Always) run by then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from estimator_api import EstimatorJob
from estimator_api import constants as c
from estimator_api.inputs import Input
from estimator_operator.plan.cluster_spec import compact_json
from estimator_operator.plan.observed import Replica, Settings
from estimator_operator.plan.pod_security import assigns_user, restrict_container
from estimator_operator.plan.runtime_container import runtime_container

_COMMAND: Final = ("python", "-m", "estimator_runtime.job.staging")
_OF_THE_PROGRAM: Final = (c.ENV_TF_CONFIG, c.ENV_SPEC, c.ENV_ENVIRONMENT_DIR, c.ENV_INPUTS)
"""Variables of the main container that are long, or say what is no business of the staging."""


def inputs_of(job: EstimatorJob, role: str) -> list[tuple[str, Input]]:
    """The inputs that the pods of a role get, each with the name of its volume."""
    named = zip(c.INPUT_VOLUMES, job.spec.inputs or (), strict=False)
    return [(name, one) for name, one in named if one.is_for(role)]


def volumes_of(job: EstimatorJob, role: str) -> list[dict[str, Any]]:
    """The volumes of a pod's inputs."""
    return [
        {"name": name, "emptyDir": {} if one.size_limit is None else {"sizeLimit": str(one.size_limit)}}
        for name, one in inputs_of(job, role)
    ]


def mounts_of(job: EstimatorJob, role: str) -> list[dict[str, Any]]:
    """Where the main container sees them."""
    return [
        {"name": name, "mountPath": one.path, "subPath": c.INPUTS_DATA, "readOnly": True}
        for name, one in inputs_of(job, role)
    ]


def staging_container(
    pod_spec: Mapping[str, Any],
    main: Mapping[str, Any],
    job: EstimatorJob,
    replica: Replica,
    settings: Settings,
) -> dict[str, Any] | None:
    """The init container of a pod, or None for one without inputs.

    Args:
        pod_spec: The pod as the template has it.
        main: Its main container, complete.
        job: The job.
        replica: Whose pod it is.
        settings: What the operator's flags decide.
    """
    inputs = inputs_of(job, replica.role)
    if not inputs:
        return None
    own = {name for name, _ in inputs}
    folders = {name: f"{c.INPUTS_MOUNT_PATH}/{name}" for name, _ in inputs}
    said = [one.to_stage(folders[name]) for name, one in inputs]
    container = runtime_container(
        main,
        settings,
        name=c.INPUTS_CONTAINER,
        command=_COMMAND,
        env=[
            *(one for one in main.get("env") or () if one["name"] not in _OF_THE_PROGRAM),
            # Kubernetes expands `$(NAME)`, and gives `$` back for `$$`.
            {"name": c.ENV_INPUTS, "value": compact_json(said).replace("$", "$$")},
        ],
        mounts=[
            *(one for one in main.get("volumeMounts") or () if one.get("name") not in own),
            *({"name": name, "mountPath": folder} for name, folder in folders.items()),
        ],
        resources=main.get("resources"),
    )
    container["terminationMessagePolicy"] = "FallbackToLogsOnError"
    restrict_container(container, pod_spec, assign_user=assigns_user(job, settings))
    return container
