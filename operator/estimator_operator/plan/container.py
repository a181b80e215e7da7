"""The main container of a pod, `estimator`: image, command, environment, mounts, ports, probe."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from estimator_api import EstimatorJob
from estimator_api import constants as c
from estimator_api.template_rules import main_containers
from estimator_operator.plan.gpu import asks_for_gpu
from estimator_operator.plan.inputs import mounts_of
from estimator_operator.plan.observed import Replica, Settings
from estimator_operator.plan.pod_security import assigns_user, restrict_container

_RUNNER = ["python", "-m", "estimator_runtime.job"]


def main_container(
    pod_spec: Mapping[str, Any],
    job: EstimatorJob,
    replica: Replica,
    settings: Settings,
    *,
    environment: Callable[[Sequence[dict[str, Any]]], list[dict[str, Any]]],
    by_file: bool = False,
) -> dict[str, Any]:
    """The container `estimator`: made, or laid over the one of that name in `pod_spec`.

    Args:
        pod_spec: The pod as the template has it.
        job: The job.
        replica: Whose container.
        settings: What the operator's flags decide.
        environment: From the variables of the template's container to all of them.
        by_file: Some variables are files.
    """
    templates = (one for one in pod_spec.get("containers") or [] if one.get("name") == c.CONTAINER)
    main: dict[str, Any] = {"name": c.CONTAINER, **next(templates, {})}
    _set_resources(main, job, replica)
    # The role's template says more of this replica than the spec does, and the spec more than the shared template.
    of_role = _container_of_role(job, replica)
    main["image"] = (
        of_role.get("image") or job.spec.image or main.get("image") or _default_image(main, settings)
    )
    if job.spec.image_pull_policy is not None and not of_role.get("imagePullPolicy"):
        main["imagePullPolicy"] = job.spec.image_pull_policy
    runs_runner = _set_command(main, job)
    main["env"] = environment(main.get("env") or ())
    _set_mounts(main, job, replica.role, by_file=by_file)
    _set_ports(main, job)
    if runs_runner:
        # /healthz is served as long as the process lives, so ready means "up and serving". The threshold is
        # a minute because a busy TensorFlow process may be slow to answer, and readiness must not flap: every
        # flip is a write to the job's status.
        main.setdefault(
            "readinessProbe",
            {
                "httpGet": {"path": "/healthz", "port": job.spec.progress_port},
                "periodSeconds": 3,
                "timeoutSeconds": 3,
                "failureThreshold": 20,
            },
        )
    main.setdefault("terminationMessagePolicy", "FallbackToLogsOnError")
    restrict_container(main, pod_spec, assign_user=assigns_user(job, settings))
    return main


def _container_of_role(job: EstimatorJob, replica: Replica) -> Mapping[str, Any]:
    """The main container as the role's own template has it."""
    role = job.spec.role(replica.role)
    if role is None or role.template is None:
        return {}
    return next(main_containers({"spec": role.template.spec}), {})


def _default_image(main: Mapping[str, Any], settings: Settings) -> str:
    return settings.runtime_image_gpu if asks_for_gpu(main) else settings.runtime_image


def _set_resources(main: dict[str, Any], job: EstimatorJob, replica: Replica) -> None:
    role = job.spec.role(replica.role)
    if role is None or not role.resources:
        return
    merged = dict(main.get("resources") or {})
    for key, value in role.resources.items():
        merged[key] = {**(merged.get(key) or {}), **value} if isinstance(value, dict) else value
    main["resources"] = merged


def _set_command(main: dict[str, Any], job: EstimatorJob) -> bool:
    """Makes the container run the job runner unless the template has a command; whether it runs the runner."""
    program = job.spec.program
    if main.get("command") or (job.spec.estimator is None and program is None):
        return False
    main["command"] = list(_RUNNER)
    if program is not None:
        what = ["--module", program.module] if program.module is not None else ["--script", program.script]
        main["args"] = [*what, "--", *(program.args or [])]
    return True


def _set_mounts(main: dict[str, Any], job: EstimatorJob, role: str, *, by_file: bool) -> None:
    mounts = mounts_of(job, role)
    if job.spec.model_dir.uri is None:
        mount: dict[str, Any] = {"name": c.MODEL_VOLUME, "mountPath": c.MODEL_MOUNT_PATH}
        claim = job.spec.model_dir.persistent_volume_claim
        if claim is not None and claim.sub_path:
            mount["subPath"] = claim.sub_path
        mounts.append(mount)
    if job.spec.code is not None:
        mounts.append({"name": c.CODE_VOLUME, "mountPath": c.CODE_MOUNT_PATH, "readOnly": True})
    if by_file:
        mount = {"name": c.ENVIRONMENT_VOLUME, "mountPath": c.ENVIRONMENT_MOUNT_PATH, "readOnly": True}
        mounts.append(mount)
    if mounts:
        own = {one["mountPath"] for one in mounts}
        kept = [one for one in main.get("volumeMounts") or [] if one.get("mountPath") not in own]
        main["volumeMounts"] = [*kept, *mounts]


def _set_ports(main: dict[str, Any], job: EstimatorJob) -> None:
    names = {c.GRPC_PORT: c.GRPC_PORT_NAME, job.spec.progress_port: c.PROGRESS_PORT_NAME}
    users = main.get("ports") or []
    kept = [one for one in users if _tcp(one) not in names and one.get("name") not in names.values()]
    own = [
        # What else the template says of the port, a host port for example, is kept.
        {**next((one for one in users if _tcp(one) == number), {}), "name": name, "containerPort": number}
        | {"protocol": "TCP"}
        for number, name in names.items()
    ]
    main["ports"] = [*kept, *own]


def _tcp(port: Mapping[str, Any]) -> Any:
    """Number of a TCP port."""
    return port.get("containerPort") if port.get("protocol", "TCP") == "TCP" else None
