"""The environment of a main container: the contract's variables, and the user's over them in the user's own order.

Order matters, because Kubernetes expands `$(NAME)` only from variables listed before: the contract's come first, then
the template's with the role's laid over them in place. What all pods of a job have in common is serialised once: the
`cluster` of TF_CONFIG grows with the number of replicas, and a job of 2,000 would else serialise it 2,000 times.

TF_CONFIG and ESTIMATOR_SPEC go by file where Linux would not take them: the one that is too large by itself, both where
all arguments and variables together are too much. What of TF_CONFIG is the pod's own stays in the variable, with the
path of the file for the cluster: a program that knows of no files must not take its pod for the only one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, Final

from estimator_api import EstimatorJob
from estimator_api import constants as c
from estimator_api.template_rules import main_containers
from estimator_operator.plan.cluster_spec import (
    EVALUATOR_REPLICA,
    address_in_cluster,
    cluster_of,
    compact_json,
)
from estimator_operator.plan.kernel_limits import LARGEST, LARGEST_SUM, Part, parts_of, sum_of
from estimator_operator.plan.observed import Replica, Settings
from estimator_operator.plan.overlay import lay_over, merged_by_name

_PYTHONPATH: Final = "PYTHONPATH"
_OWN_MOST: Final = 8192
"""Bytes of what else the operator says: names of job, namespace and replica, numbers, and the module of the program."""
_ROOM: Final = 131_072
"""Bytes for what image and kubelet add: with less left, variables go by file for the sum of all."""


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
        return self._with_users(replica, self.contract(replica, attempt), template)

    def contract(self, replica: Replica, attempt: int) -> dict[str, str]:
        """The variables that docs/pod-contract.md promises."""
        return self._contract(replica, attempt, self._by_file)

    @cached_property
    def files(self) -> dict[str, str]:
        """The variables that go by file, as their files have them; most jobs have none."""
        return {name: content for name, content in self._contents.items() if name in self._by_file}

    @cached_property
    def roles(self) -> tuple[Replica, ...]:
        """Of each role the last replica: its environment is the largest, as its number has the most digits."""
        sizes = ((role, self._job.spec.replicas(role)) for role in c.ROLES)
        return tuple(Replica(role, size - 1) for role, size in sizes if size)

    def parts(self, replica: Replica) -> list[Part]:
        """The strings that the main container's process is started with."""
        return self._parts(replica, self._by_file)

    @cached_property
    def is_small(self) -> bool:
        """Nobody but the operator has a say in the environment, and all of it is less than Linux takes of one string.

        That is most jobs, of which each plan asks; for the others each string is measured.
        """
        spec = self._job.spec
        roles = (spec.role(role) for role in c.ROLES)
        said = spec.template or any(one is not None and (one.template or one.env) for one in roles)
        refers = "$" in model_dir_in_pod(self._job)
        if said or refers or (spec.program is not None and spec.program.args):
            return False
        # Each `$` is doubled, and TF_CONFIG has the model directory once more.
        texts = (*self._contents.values(), *(2 * [model_dir_in_pod(self._job)]))
        return sum(2 * len(one.encode()) for one in texts) + _OWN_MOST < LARGEST

    def _with_users(
        self, replica: Replica, contract: Mapping[str, str], template: Iterable[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        role = self._job.spec.role(replica.role)
        users = merged_by_name(template, (role.env if role is not None else None) or ())
        if self._job.spec.code is not None:
            users = _with_code(users)
        own = [{"name": name, "value": value} for name, value in contract.items()]
        return [*own, *(one for one in users if one["name"] not in contract)]

    def _contract(self, replica: Replica, attempt: int, by_file: frozenset[str]) -> dict[str, str]:
        variables = {
            c.ENV_JOB_NAME: self._job.metadata.name,
            c.ENV_JOB_UID: self._job.metadata.uid,
            c.ENV_NAMESPACE: self._job.metadata.namespace,
            c.ENV_ROLE: replica.role,
            c.ENV_INDEX: str(replica.index),
            c.ENV_ATTEMPT: str(attempt),
            c.ENV_MODEL_DIR: model_dir_in_pod(self._job),
            c.ENV_PROGRESS_PORT: str(self._job.spec.progress_port),
            c.ENV_TF_CONFIG: self._tf_config(replica, by_file=c.ENV_TF_CONFIG in by_file),
        }
        chosen = self._job.spec.model_dir.mirrored_by_choice
        if chosen is not None:
            variables[c.ENV_MIRROR] = chosen
        if self._spec is not None and c.ENV_SPEC not in by_file:
            variables[c.ENV_SPEC] = self._spec
        if self._strategy is not None:
            variables[c.ENV_STRATEGY] = self._strategy
        if by_file:
            variables[c.ENV_ENVIRONMENT_DIR] = c.ENVIRONMENT_MOUNT_PATH
        return variables

    @cached_property
    def _by_file(self) -> frozenset[str]:
        if self.is_small or not self._contents:
            return frozenset()
        inline = {replica: self._parts(replica, frozenset()) for replica in self.roles}
        large = {
            part.key
            for parts in inline.values()
            for part in parts
            if part.is_variable and part.size > LARGEST
        }
        by_file = frozenset(large & self._contents.keys())
        if any(sum_of(self._parts(one, by_file)) > LARGEST_SUM - _ROOM for one in self.roles):
            return frozenset(self._contents)
        return by_file

    def _parts(self, replica: Replica, by_file: frozenset[str]) -> list[Part]:
        main = dict(next(main_containers(template_of(self._job, replica.role)), {}))
        program = self._job.spec.program
        if program is not None and not main.get("command"):
            main["args"] = list(program.args or ())
        listed = main.get("env")
        users = [one for one in listed if _is_variable(one)] if isinstance(listed, list) else []
        return parts_of(main, self._with_users(replica, self._contract(replica, 0, by_file), users))

    @cached_property
    def _contents(self) -> dict[str, str]:
        """What may go by file."""
        contents = {}
        if self._cluster is not None:
            contents[c.ENV_TF_CONFIG] = f'{{"cluster":{self._cluster}}}'
        if self._job.spec.estimator is not None:
            contents[c.ENV_SPEC] = compact_json(self._job.spec.estimator.to_json())
        return contents

    def _tf_config(self, replica: Replica, *, by_file: bool) -> str:
        if self._cluster is None:
            return f"{{{self._model_dir}}}"
        task = compact_json({"type": replica.role, "index": replica.index})
        if self._job.spec.is_synchronous and replica.role == c.EVALUATOR:
            cluster = self._cluster_of_evaluator(alone=by_file)
        else:
            cluster = _PATH_OF_CLUSTER if by_file else self._literal_cluster
        service = "" if self._job.spec.elastic is None else f'"service":{_SERVICE_OF_ELASTIC},'
        return f'{{"cluster":{cluster},"task":{task},{service}{self._model_dir}}}'

    @cached_property
    def _cluster(self) -> str | None:
        cluster = cluster_of(self._job.spec, self._address)
        return compact_json(cluster) if cluster else None

    def _cluster_of_evaluator(self, *, alone: bool) -> str:
        """The cluster with the evaluator in it: a program may make a MultiWorkerMirroredStrategy at its top in all tasks.

        In a file there is what all pods share, so an evaluator that is `alone` is told of itself and of the chief.
        """
        cluster = cluster_of(self._job.spec, self._address)
        shown = {c.CHIEF: cluster[c.CHIEF]} if alone else cluster
        return _literal(compact_json({**shown, c.EVALUATOR: [self._address(EVALUATOR_REPLICA)]}))

    def _address(self, replica: Replica) -> str:
        return address_in_cluster(self._job, replica, self._settings)

    @cached_property
    def _literal_cluster(self) -> str:
        return _literal(self._cluster or "")

    @cached_property
    def _model_dir(self) -> str:
        return f'"model_dir":{_literal(compact_json(model_dir_in_pod(self._job)))}'

    @cached_property
    def _strategy(self) -> str | None:
        """What the job runner makes; a program makes its own."""
        spec = self._job.spec
        if spec.strategy is None or spec.estimator is None:
            return None
        return _literal(compact_json(spec.strategy.to_json()))

    @cached_property
    def _spec(self) -> str | None:
        spec = self._contents.get(c.ENV_SPEC)
        return None if spec is None else _literal(spec)


def model_dir_in_pod(job: EstimatorJob) -> str:
    """The model directory as the pods see it: the mount of the claim, or the uri itself."""
    return job.spec.model_dir.uri or c.MODEL_MOUNT_PATH


def template_of(job: EstimatorJob, role: str) -> dict[str, Any]:
    """The shared template with the role's laid over it; what is in it may be the job's own."""
    section = job.spec.role(role)
    overlay = section.template.to_json() if section is not None and section.template is not None else {}
    return lay_over(job.spec.template or {}, overlay)


def _is_variable(one: Any) -> bool:
    """It has the form of one; what has not is the API server's to refuse."""
    return isinstance(one, Mapping) and isinstance(one.get("name"), str)


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


_SERVICE_OF_ELASTIC: Final = compact_json({"elastic": True})
"""That not all workers of `cluster` are there: nobody may divide anything by their number."""
_PATH_OF_CLUSTER: Final = compact_json(f"{c.ENVIRONMENT_MOUNT_PATH}/{c.ENV_TF_CONFIG}")
