"""What is staged for a job's input functions before its program begins."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Final

from pydantic import BeforeValidator, Field

from estimator_api import constants as c
from estimator_api.base import ApiModel, Distinct, Rule
from estimator_api.failure_policy import RoleName
from estimator_api.model_dir import QUANTITY, QUANTITY_MESSAGE, whole
from estimator_api.strings import InputPath, InputUri
from estimator_api.template_rules import main_containers, objects_in

DEFAULT_ROLES: Final = (c.CHIEF, c.WORKER, c.EVALUATOR)
"""Roles that call input functions."""
_OWN: Final = (c.MODEL_MOUNT_PATH, c.CODE_MOUNT_PATH, "/var/run/estimator.dev")
_SUFFIXES: Final = {
    "": 1,
    **{f"{letter}i": 1024**power for power, letter in enumerate("KMGTPE", start=1)},
    **{letter: 1000**power for power, letter in enumerate("kMGTPE", start=1)},
    "m": 1e-3,
    "u": 1e-6,
    "n": 1e-9,
}


class Input(ApiModel):
    """Data that is brought into each pod before its program begins, so that input functions read local files."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=" && ".join(f"!(self.path + '/').startsWith('{own}/')" for own in _OWN),
            message=f"{', '.join(_OWN)} are the operator's: choose another path",
            field_path=".path",
            holds=lambda one: not any(f"{one.path}/".startswith(f"{own}/") for own in _OWN),
        ),
        Rule(
            cel="!has(self.sizeLimit) || (type(self.sizeLimit) == string"
            f" ? self.sizeLimit.matches(r'^(?:{QUANTITY})$') : self.sizeLimit > 0)",
            message=QUANTITY_MESSAGE,
            field_path=".sizeLimit",
            holds=lambda one: (
                one.size_limit is None
                or (
                    one.size_limit > 0
                    if isinstance(one.size_limit, int)
                    else re.fullmatch(QUANTITY, one.size_limit) is not None
                )
            ),
        ),
    )

    uri: InputUri
    """Where it comes from: a prefix or an object of `s3://bucket/...`, `gs://bucket/...` or `az://container/...`; an archive
    (tar, tar.gz, tar.bz2, tar.xz, zip) at `https://...`, which is unpacked, and checked when `#sha256=...` follows; or
    `file:///...`, a folder of a volume that container `estimator` mounts. Credentials are those of container `estimator`."""
    path: InputPath
    """Where container `estimator` finds it, read-only."""
    roles: (
        Annotated[
            list[RoleName],
            Field(min_length=1, max_length=4),
            Distinct(),
        ]
        | None
    ) = None
    """Roles whose pods get it. Default: chief, worker and evaluator."""
    size_limit: (
        Annotated[
            int | str,
            BeforeValidator(whole),
            Field(json_schema_extra={"x-kubernetes-int-or-string": True, "maxLength": 32}),
        ]
        | None
    ) = None
    """Most that it may have, for example `10Gi`: the size limit of its emptyDir. More is refused before it is brought. An
    archive needs room for itself and for what is in it."""

    def is_for(self, role: str) -> bool:
        """Whether the pods of a role get it."""
        return role in (self.roles or DEFAULT_ROLES)

    def to_stage(self, folder: str) -> dict[str, Any]:
        """What the container that brings it is told, one object of `ESTIMATOR_INPUTS`."""
        most = self.most_bytes
        return {"uri": self.uri, "folder": folder} | ({} if most is None else {"sizeLimit": most})

    @property
    def most_bytes(self) -> int | None:
        """The size limit in bytes; None for none."""
        if self.size_limit is None or isinstance(self.size_limit, int):
            return self.size_limit
        found = re.fullmatch(r"([+0-9.]+)(?:([eE][-+]?[0-9]+)|([A-Za-z]*))", self.size_limit)
        assert found is not None, "the rule has looked at it"
        return int(float(found[1] + (found[2] or "")) * _SUFFIXES[found[3] or ""])


def nested_rule() -> Rule:
    """No input lies in another one: a rule of the spec."""
    return Rule(
        cel="!has(self.inputs) || self.inputs.all(a, self.inputs.all(b, a.path == b.path"
        " || !b.path.startsWith(a.path + '/')))",
        message="an input cannot lie in the folder of another one: choose another path",
        field_path=".inputs",
        holds=lambda spec: (
            not any(
                one.path.startswith(f"{other.path}/")
                for one in spec.inputs or ()
                for other in spec.inputs or ()
            )
        ),
    )


def taken_paths(spec: Any) -> Iterable[Rule]:
    """Paths of inputs at which, or below which, a template mounts something too, as rules that are broken."""
    paths = {one.path for one in spec.inputs or ()}
    if not paths:
        return
    templates: list[tuple[str, Mapping[str, Any]]] = [("", spec.template or {})]
    for name in c.ROLES:
        role = spec.role(name)
        if role is not None and role.template is not None:
            templates.append((f".{name}", {"spec": role.template.spec}))
    for place, template in templates:
        mounts = [one for main in main_containers(template) for one in objects_in(main.get("volumeMounts"))]
        places = [posixpath.normpath(f"/{one.get('mountPath')}").replace("//", "/") for one in mounts]
        # What is mounted below an input would need a folder in it, and inputs are read-only.
        taken = [path for path in sorted(paths) if any(f"{one}/".startswith(f"{path}/") for one in places)]
        if taken:
            yield Rule(
                cel="",
                message=f"an input is mounted at {taken[0]}: mount this elsewhere, or give the input another path",
                field_path=f"{place}.template.spec.containers",
            )
