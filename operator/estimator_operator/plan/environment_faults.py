"""What of a job's spec no process could be started with: refused before a pod is made, for it would fail every time.

The path is where the spec says it, the role's template before the shared one. What the operator itself sets goes by
file (see `environment.py`), up to what a ConfigMap takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from estimator_api import EstimatorJob
from estimator_api import constants as c
from estimator_operator.plan.environment import JobEnvironment, template_of
from estimator_operator.plan.environment_file import LARGEST_CONFIG_MAP
from estimator_operator.plan.kernel_limits import LARGEST, LARGEST_SUM, Part, parts_of, sum_of
from estimator_operator.plan.observed import Replica

_LISTS: Final = ("initContainers", "containers")
_FILES_REMEDIES: Final = {
    c.ENV_TF_CONFIG: "ask for fewer replicas, or give job and namespace shorter names",
    c.ENV_SPEC: "keep large hyperparameters in a file of the code, and its path in params",
}
_REMEDY: Final = "keep it in a file of a volume that the template mounts, and name the path"


def fault_of(job: EstimatorJob, environment: JobEnvironment) -> str | None:
    """The first of them: path, size, limit, and what to do; None when processes can be started."""
    return None if environment.is_small else next(_faults(job, environment), None)


def _faults(job: EstimatorJob, environment: JobEnvironment) -> Iterator[str]:
    sizes = {name: len(content.encode()) for name, content in environment.files.items()}
    if sum(sizes.values()) > LARGEST_CONFIG_MAP:
        largest = max(sizes, key=lambda one: sizes[one])
        told = " and ".join(f"{name} of {size} bytes" for name, size in sizes.items())
        yield (
            f"spec: {told} would go by file, and a ConfigMap takes at most {LARGEST_CONFIG_MAP} bytes:"
            f" {_FILES_REMEDIES[largest]}"
        )
    for replica in environment.roles:
        template = template_of(job, replica.role)
        yield from _too_large(job, replica, ("containers", c.CONTAINER), environment.parts(replica))
        for place, container in _containers(template):
            if place != ("containers", c.CONTAINER):
                env = container.get("env")
                parts = parts_of(container, env if isinstance(env, list) else ())
                yield from _too_large(job, replica, place, parts)
            elif environment.files and c.ENVIRONMENT_MOUNT_PATH in _mount_paths(container):
                yield (
                    f"{_path(job, replica.role, place, 'volumeMounts')}: {c.ENVIRONMENT_MOUNT_PATH} is where variables"
                    " are files that are too large for an environment: mount it elsewhere"
                )


def _too_large(
    job: EstimatorJob, replica: Replica, place: tuple[str, str], parts: Sequence[Part]
) -> Iterator[str]:
    for part in parts:
        if part.size > LARGEST:
            yield (
                f"{_path(job, replica.role, place, part)}: would have {part.size} bytes in {replica}, and Linux starts no"
                f" process with more than {LARGEST}: {_REMEDY}"
            )
    if sum_of(parts) > LARGEST_SUM:
        largest = max(parts, key=lambda one: one.size)
        yield (
            f"{_path(job, replica.role, place, largest)}: is the largest of arguments and variables that would have"
            f" {sum_of(parts)} bytes together in {replica}, and Linux starts no process with more than {LARGEST_SUM}:"
            f" {_REMEDY}"
        )


def _path(job: EstimatorJob, role: str, place: tuple[str, str], part: Part | str) -> str:
    """Where the spec says it."""
    section, program = job.spec.role(role), job.spec.program
    field = part if isinstance(part, str) else part.field
    if place == ("containers", c.CONTAINER) and isinstance(part, Part):
        variables = section.env if section is not None else None
        if part.is_variable and part.key in _values(variables or (), "name"):
            return f"spec.{role}.{part}"
        own_command = _says(template_of(job, role), place, "command")
        if field == "args" and program is not None and not own_command:
            return f"spec.program.{part}"
    own = section.template.to_json() if section is not None and section.template is not None else None
    name = part.key if isinstance(part, Part) and part.is_variable else None
    where = f"spec.{role}.template" if _says(own, place, field, name) else "spec.template"
    return f"{where}.spec.{place[0]}[{place[1]}].{part}"


def _says(
    template: Mapping[str, Any] | None, place: tuple[str, str], field: str, name: str | None = None
) -> bool:
    """A template has the field of a container; with `name`, an item of that name in it."""
    for where, container in _containers(template or {}):
        found = container.get(field)
        if where == place and found:
            return name is None or (isinstance(found, list) and name in _values(found, "name"))
    return False


def _containers(template: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], Mapping[str, Any]]]:
    spec = template.get("spec")
    if not isinstance(spec, Mapping):
        return
    for field in _LISTS:
        listed = spec.get(field)
        for one in listed if isinstance(listed, list) else ():
            if isinstance(one, Mapping):
                yield (field, str(one.get("name"))), one


def _mount_paths(container: Mapping[str, Any]) -> set[str]:
    mounts = container.get("volumeMounts")
    paths = _values(mounts, "mountPath") if isinstance(mounts, list) else []
    return {one.rstrip("/") for one in paths if isinstance(one, str)}


def _values(items: Iterable[Any], key: str) -> list[Any]:
    return [one.get(key) for one in items if isinstance(one, Mapping)]
