"""The environment of a main container: the contract's variables, and the user's over them in the user's own order.

Order matters, because Kubernetes expands `$(NAME)` only from variables listed before: the contract's come first, then
the template's with the role's laid over them in place. What all pods of a job have in common is serialised once: the
`cluster` of TF_CONFIG grows with the number of replicas, and a job of 2,000 would else serialise it 2,000 times.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, Final

from estimator_api import EstimatorJob
from estimator_api import constants as c
from estimator_operator.plan.cluster_spec import address_in_cluster, cluster_of, compact_json, replicas_of
from estimator_operator.plan.observed import Replica, Settings
from estimator_operator.plan.overlay import merged_by_name

_PYTHONPATH: Final = "PYTHONPATH"
_LARGEST: Final = 131_072
"""Bytes of the longest string that Linux takes in an environment, with name, `=` and the zero at its end."""
_REMEDIES: Final = {
    c.ENV_TF_CONFIG: "ask for fewer replicas, or give job and namespace shorter names",
    c.ENV_SPEC: "keep large hyperparameters in a file of the code, and its path in params",
}


class JobEnvironment:
    """The environments of one job's pods.

    Args:
        job: The job.
        settings: What the operator's flags decide.
    """

    def __init__(self, job: EstimatorJob, settings: Settings) -> None:
        self._job = job
        self._settings = settings

    def of(
        self, replica: Replica, attempt: int, template: Iterable[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        """All variables of one pod; `template` are those of its main container in the template."""
        role = self._job.spec.role(replica.role)
        users = merged_by_name(template, (role.env if role is not None else None) or ())
        if self._job.spec.code is not None:
            users = _with_code(users)
        contract = self.contract(replica, attempt)
        own = [{"name": name, "value": value} for name, value in contract.items()]
        return [*own, *(one for one in users if one["name"] not in contract)]

    def contract(self, replica: Replica, attempt: int) -> dict[str, str]:
        """The variables that docs/pod-contract.md promises."""
        variables = {
            c.ENV_JOB_NAME: self._job.metadata.name,
            c.ENV_JOB_UID: self._job.metadata.uid,
            c.ENV_NAMESPACE: self._job.metadata.namespace,
            c.ENV_ROLE: replica.role,
            c.ENV_INDEX: str(replica.index),
            c.ENV_ATTEMPT: str(attempt),
            c.ENV_MODEL_DIR: model_dir_in_pod(self._job),
            c.ENV_PROGRESS_PORT: str(self._job.spec.progress_port),
            c.ENV_TF_CONFIG: self._tf_config(replica),
        }
        if self._spec is not None:
            variables[c.ENV_SPEC] = self._spec
        return variables

    def fault(self) -> str | None:
        """Which variable of the contract no process could be started with, or None: they grow with the job."""
        last = max(replicas_of(self._job.spec), key=lambda one: len(str(one)))
        for name, value in self.contract(last, 0).items():
            size = len(f"{name}={value.replace('$$', '$')}".encode()) + 1
            if size > _LARGEST:
                return (
                    f"spec: the variable {name} of {last} would have {size} bytes, and Linux takes at most {_LARGEST}:"
                    f" {_REMEDIES.get(name, 'make it shorter')}"
                )
        return None

    def _tf_config(self, replica: Replica) -> str:
        if self._cluster is None:
            return f"{{{self._model_dir}}}"
        task = compact_json({"type": replica.role, "index": replica.index})
        return f'{{"cluster":{self._cluster},"task":{task},{self._model_dir}}}'

    @cached_property
    def _cluster(self) -> str | None:
        cluster = cluster_of(self._job.spec, lambda one: address_in_cluster(self._job, one, self._settings))
        return _literal(compact_json(cluster)) if cluster else None

    @cached_property
    def _model_dir(self) -> str:
        return f'"model_dir":{_literal(compact_json(model_dir_in_pod(self._job)))}'

    @cached_property
    def _spec(self) -> str | None:
        estimator = self._job.spec.estimator
        return None if estimator is None else _literal(compact_json(estimator.to_json()))


def model_dir_in_pod(job: EstimatorJob) -> str:
    """The model directory as the pods see it: the mount of the claim, or the uri itself."""
    return job.spec.model_dir.uri or c.MODEL_MOUNT_PATH


def _with_code(users: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The variables with /code first on PYTHONPATH, which keeps its place.

    A value from a reference (valueFrom) cannot be prefixed; it stays as the user wrote it.
    """
    if all(one["name"] != _PYTHONPATH for one in users):
        return [{"name": _PYTHONPATH, "value": c.CODE_MOUNT_PATH}, *users]
    return [_prefixed(one) if one["name"] == _PYTHONPATH else one for one in users]


def _prefixed(path: dict[str, Any]) -> dict[str, Any]:
    if "valueFrom" in path:
        return path
    rest = path.get("value")
    return {**path, "value": f"{c.CODE_MOUNT_PATH}:{rest}" if rest else c.CODE_MOUNT_PATH}


def _literal(text: str) -> str:
    """`text` so that Kubernetes' `$(NAME)` expansion gives it back unchanged ($$ stands for $)."""
    return text.replace("$", "$$")
