"""What a pod template may not say, because the operator says it: refused, where it would be dropped in silence.

Each check is written for its two readers, as every rule is (see `base.py`): in CEL over the shared template, and in
Python, which asks it of the roles' partial templates too. Those have no schema in the resource, so the API server
cannot ask; a job with such a fault is told InvalidSpec with the path.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from estimator_api import constants as c
from estimator_api.base import Rule

Json = Mapping[str, Any]

_ENV: Final = (
    c.ENV_JOB_NAME,
    c.ENV_JOB_UID,
    c.ENV_NAMESPACE,
    c.ENV_ROLE,
    c.ENV_INDEX,
    c.ENV_ATTEMPT,
    c.ENV_MODEL_DIR,
    c.ENV_MIRROR,
    c.ENV_PROGRESS_PORT,
    c.ENV_ENVIRONMENT_DIR,
    c.ENV_INPUTS,
    c.ENV_TF_CONFIG,
    c.ENV_SPEC,
    c.ENV_STRATEGY,
)
_DOMAIN: Final = f"{c.GROUP}/"
_LABELS: Final = (
    c.LABEL_APP_NAME,
    c.LABEL_APP_INSTANCE,
    c.LABEL_APP_COMPONENT,
    c.LABEL_APP_MANAGED_BY,
)
_VOLUMES: Final = (
    c.MODEL_VOLUME,
    c.CODE_VOLUME,
    c.ENVIRONMENT_VOLUME,
    c.SHARED_MEMORY_VOLUME,
    *c.INPUT_VOLUMES,
)
_FOREIGN: Final = "tensorflow"
"""Name that other operators demand of the container that trains; beside `estimator` it is a sidecar as any other."""
_PORT_NAMES: Final = (c.GRPC_PORT_NAME, c.PROGRESS_PORT_NAME)


def _cel(names: Iterable[str]) -> str:
    return f"[{', '.join(repr(one) for one in names)}]"


_SPEC: Final = "!has(self.template) || !has(self.template.spec)"
_CONTAINERS: Final = f"{_SPEC} || !has(self.template.spec.containers) || self.template.spec.containers"


@dataclass(frozen=True, slots=True)
class _Check:
    """One thing that no template may say.

    Attributes:
        path: Where, below the template.
        message: What the user reads.
        cel: The check of the shared template, over the spec.
        holds: The same in Python, of a template, the spec, and whether the template is the shared one.
    """

    path: str
    message: str
    cel: str
    holds: Callable[[Json, Any, bool], bool]

    def of_shared(self, spec: Any) -> bool:
        """The check of the shared template in Python."""
        return spec.template is None or self.holds(spec.template, spec, True)


def variables_rule() -> Rule:
    """The rule of the variables of a role."""
    return Rule(
        cel=f"!has(self.env) || !self.env.exists(e, e.name in {_cel(_ENV)})",
        message=_VARIABLES,
        holds=lambda role: not any(one.get("name") in _ENV for one in objects_in(role.env)),
        field_path=".env",
        admission=True,
    )


def template_rules() -> tuple[Rule, ...]:
    """The rules of the shared template, over the spec."""
    return tuple(
        Rule(
            cel=check.cel,
            message=check.message,
            holds=check.of_shared,
            field_path=f".template{check.path}",
            admission=True,
        )
        for check in _CHECKS
    )


def faults_of_roles(spec: Any) -> Iterator[Rule]:
    """What is wrong with the roles' partial templates, as rules that are broken."""
    for name in c.ROLES:
        role = spec.role(name)
        if role is None or role.template is None:
            continue
        metadata = role.template.metadata
        template = {
            "metadata": {} if metadata is None else metadata.to_json(),
            "spec": role.template.spec,
        }
        for check in _CHECKS:
            if not check.holds(template, spec, False):
                yield Rule(cel="", message=check.message, field_path=f".{name}.template{check.path}")


def main_containers(template: Json) -> Iterator[Json]:
    """The main container of a template, if it is there."""
    return (one for one in containers(template) if one.get("name") == c.CONTAINER)


def _metadata(template: Json, field: str) -> Json:
    found = (template.get("metadata") or {}).get(field)
    return found if isinstance(found, Mapping) else {}


def _spec(template: Json) -> Json:
    spec = template.get("spec")
    return spec if isinstance(spec, Mapping) else {}


def containers(template: Json) -> Iterator[Json]:
    """The containers of a template."""
    return objects_in(_spec(template).get("containers"))


def objects_in(value: Any) -> Iterator[Json]:
    """The objects of a list; whatever else stands there is the API server's to refuse."""
    return (one for one in (value if isinstance(value, list) else ()) if isinstance(one, Mapping))


def _has_no_command(template: Json, spec: Any, shared: bool) -> bool:
    """A role may run something else in place of the job runner; arguments alone would be dropped."""
    if spec.estimator is None and spec.program is None:
        return True
    return not any(
        (one.get("command") and shared) or (one.get("args") and not (one.get("command") and not shared))
        for one in main_containers(template)
    )


def _ways_to_write(path: str) -> str:
    """Expression that matches a path however it is written: what starts a container cleans it, and fills in the slash."""
    return f"^(.*/[.][.]/+|(/|[.]/)*){path.strip('/')}(/[.]?)*$"


def _mounts_at(path: str) -> str:
    """In CEL: no mount of the main container is there. What the API server can afford: the ways that people write it."""
    ways = (path, f"{path}/", f"/{path}", f"/{path}/", f"{path}/.", f"{path}//", path.strip("/"))
    return (
        f"{_CONTAINERS}.all(c, c.name != 'estimator' || !has(c.volumeMounts)"
        f" || !c.volumeMounts.exists(m, m.mountPath in {_cel(ways)}))"
    )


def _has_free_mounts(template: Json, path: str) -> bool:
    mounts = (mount for one in main_containers(template) for mount in objects_in(one.get("volumeMounts")))
    taken = re.compile(_ways_to_write(path))
    return not any(taken.match(str(one.get("mountPath"))) for one in mounts)


def _has_no_foreign_trainer(template: Json, spec: Any, shared: bool) -> bool:
    names = {one.get("name") for one in containers(template)}
    if shared:
        of_shared = set()
        runs = any(one is not None for one in (spec.estimator, spec.program, spec.image))
    else:
        # Laid over the shared template, in which it may be a sidecar beside `estimator`.
        of_shared = {one.get("name") for one in containers(spec.template or {})}
        runs = True
    return not runs or _FOREIGN not in names - of_shared or c.CONTAINER in names


def _native_sidecars(template: Json) -> Iterator[Json]:
    """Init containers that go on while the others run."""
    every = objects_in(_spec(template).get("initContainers"))
    return (one for one in every if one.get("restartPolicy") == "Always")


def _sidecars_leave_ports(template: Json, spec: Any) -> bool:
    ports = (port for one in _native_sidecars(template) for port in objects_in(one.get("ports")))
    return not any(
        one.get("containerPort") in (c.GRPC_PORT, spec.progress_port) and one.get("protocol", "TCP") == "TCP"
        for one in ports
    )


def _has_no_name_of_the_domain(names: Any) -> bool:
    return not any(str(one).startswith(_DOMAIN) for one in names or ())


def _has_free_ports(template: Json, spec: Any) -> bool:
    own = {c.GRPC_PORT: c.GRPC_PORT_NAME, spec.progress_port: c.PROGRESS_PORT_NAME}
    for container in containers(template):
        main = container.get("name") == c.CONTAINER
        for port in objects_in(container.get("ports")):
            number, name = port.get("containerPort"), port.get("name")
            if port.get("protocol", "TCP") != "TCP":
                continue
            if number in own and not (main and name in (None, own[number])):
                return False
            if number not in own and main and name in _PORT_NAMES:
                return False
    return True


_VARIABLES: Final = (
    "TF_CONFIG and the ESTIMATOR_ variables of the pod contract are the operator's: remove them"
)

_CHECKS: Final = (
    _Check(
        ".spec.restartPolicy",
        "restarts are the job's (see runPolicy.backoffLimit): remove restartPolicy",
        f"{_SPEC} || !has(self.template.spec.restartPolicy) || self.template.spec.restartPolicy == 'Never'",
        lambda template, *_: _spec(template).get("restartPolicy") in (None, "Never"),
    ),
    *(
        _Check(
            f".spec.{field}",
            f"is the replica's address, by which the others find it: remove {field}",
            f"{_SPEC} || !has(self.template.spec.{field})",
            lambda template, *_, field=field: _spec(template).get(field) is None,
        )
        for field in ("hostname", "subdomain")
    ),
    _Check(
        ".metadata.labels",
        "labels that begin with estimator.dev/, and app.kubernetes.io/name, instance, component and managed-by are the"
        " operator's: remove them",
        "!has(self.template) || !has(self.template.metadata) || !has(self.template.metadata.labels)"
        f" || !self.template.metadata.labels.exists(l, l in {_cel(_LABELS)} || l.startsWith('{_DOMAIN}'))",
        lambda template, *_: (
            _has_no_name_of_the_domain(_metadata(template, "labels"))
            and not set(_LABELS) & set(_metadata(template, "labels"))
        ),
    ),
    _Check(
        ".metadata.annotations",
        "annotations that begin with estimator.dev/ are the operator's: remove them",
        "!has(self.template) || !has(self.template.metadata) || !has(self.template.metadata.annotations)"
        f" || !self.template.metadata.annotations.exists(a, a.startsWith('{_DOMAIN}'))",
        lambda template, *_: _has_no_name_of_the_domain(_metadata(template, "annotations")),
    ),
    _Check(
        ".spec.volumes",
        "volumes called estimator-model, estimator-code, estimator-environment, estimator-shared-memory and"
        " estimator-input-... are the operator's: choose other names",
        f"{_SPEC} || !has(self.template.spec.volumes)"
        f" || !self.template.spec.volumes.exists(v, v.name in {_cel(_VOLUMES)})",
        lambda template, *_: all(
            one.get("name") not in _VOLUMES for one in objects_in(_spec(template).get("volumes"))
        ),
    ),
    _Check(
        ".spec.initContainers",
        f"an init container called {c.INPUTS_CONTAINER} is the operator's: choose another name",
        f"{_SPEC} || !has(self.template.spec.initContainers)"
        f" || self.template.spec.initContainers.all(c, c.name != '{c.INPUTS_CONTAINER}')",
        lambda template, *_: all(
            one.get("name") != c.INPUTS_CONTAINER for one in objects_in(_spec(template).get("initContainers"))
        ),
    ),
    _Check(
        ".spec.containers",
        "with estimator or program, container `estimator` runs the job runner: remove its command and args, or"
        " remove that section to run a command of your own",
        f"!(has(self.estimator) || has(self.program)) || {_CONTAINERS}.all(c, c.name != 'estimator'"
        " || !(has(c.command) || has(c.args)))",
        _has_no_command,
    ),
    _Check(
        ".spec.containers",
        _VARIABLES,
        f"{_CONTAINERS}.all(c, c.name != 'estimator' || !has(c.env)"
        f" || !c.env.exists(e, e.name in {_cel(_ENV)}))",
        lambda template, *_: (
            not any(
                one.get("name") in _ENV
                for main in main_containers(template)
                for one in objects_in(main.get("env"))
            )
        ),
    ),
    _Check(
        ".spec.containers",
        "/model is where the claim of the model directory is mounted: mount it elsewhere, or name the path in"
        " modelDir.uri",
        f"has(self.modelDir.uri) || {_mounts_at(c.MODEL_MOUNT_PATH)}",
        lambda template, spec, _: (
            spec.model_dir.uri is not None or _has_free_mounts(template, c.MODEL_MOUNT_PATH)
        ),
    ),
    _Check(
        ".spec.containers",
        "/code is where code from a ConfigMap is mounted: mount it elsewhere, or remove `code`",
        f"!has(self.code) || {_mounts_at(c.CODE_MOUNT_PATH)}",
        lambda template, spec, _: spec.code is None or _has_free_mounts(template, c.CODE_MOUNT_PATH),
    ),
    _Check(
        ".spec.containers",
        "ports 2222 (tf-grpc) and progressPort (progress) are the main container's: choose another port, and other"
        " names for other ports",
        f"{_CONTAINERS}.all(c, !has(c.ports) || c.ports.all(p, p.protocol != 'TCP'"
        f" || (p.containerPort in [{c.GRPC_PORT}, self.progressPort]"
        " ? c.name == 'estimator' && (!has(p.name)"
        f" || p.name == (p.containerPort == {c.GRPC_PORT} ? '{c.GRPC_PORT_NAME}' : '{c.PROGRESS_PORT_NAME}'))"
        f" : c.name != 'estimator' || !has(p.name) || !(p.name in {_cel(_PORT_NAMES)}))))",
        lambda template, spec, _: _has_free_ports(template, spec),
    ),
    _Check(
        ".spec.initContainers",
        "ports 2222 (tf-grpc) and progressPort (progress) are the main container's, and this one runs beside it: choose"
        " another port",
        f"{_SPEC} || !has(self.template.spec.initContainers) || self.template.spec.initContainers.all(c,"
        " !has(c.restartPolicy) || c.restartPolicy != 'Always' || !has(c.ports)"
        f" || !c.ports.exists(p, p.protocol == 'TCP' && p.containerPort in [{c.GRPC_PORT}, self.progressPort]))",
        lambda template, spec, _: _sidecars_leave_ports(template, spec),
    ),
    _Check(
        ".spec.containers",
        "the container that trains is called `estimator`, not `tensorflow`: rename it, or give a sidecar another name",
        "!(has(self.estimator) || has(self.program) || has(self.image))"
        f" || {_CONTAINERS}.all(c, c.name != '{_FOREIGN}')"
        f" || self.template.spec.containers.exists(c, c.name == '{c.CONTAINER}')",
        _has_no_foreign_trainer,
    ),
)
