"""What a job runs: a program of the user's own, and code that is mounted beside it."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from estimator_api.base import ApiModel, Rule
from estimator_api.strings import ConfigMapKey, ModuleName, ObjectName, RelativePath, ScriptPath

_ATOMIC = {"x-kubernetes-list-type": "atomic"}


class Program(ApiModel):
    """A program of one's own, run with tf.estimator present."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.module) != has(self.script)",
            message="program needs exactly one of module and script",
            holds=lambda p: (p.module is None) != (p.script is None),
        ),
    )

    module: ModuleName | None = None
    """Python module, run as `python -m` would."""
    script: ScriptPath | None = None
    """Path of a Python file in the image or under /code."""
    args: (
        Annotated[
            list[Annotated[str, Field(max_length=4096)]], Field(max_length=256, json_schema_extra=_ATOMIC)
        ]
        | None
    ) = None
    """Arguments; may use $(ESTIMATOR_MODEL_DIR), $(ESTIMATOR_JOB_NAME), $(ESTIMATOR_ROLE), $(ESTIMATOR_INDEX)."""


class CodeFile(ApiModel):
    """Where one key of the ConfigMap goes below /code."""

    key: ConfigMapKey
    """Key in the ConfigMap."""
    path: RelativePath
    """Relative path of the file, for example `digits/model.py`."""


class CodeConfigMap(ApiModel):
    """A ConfigMap in the job's namespace that holds Python code."""

    name: ObjectName
    """Name of the ConfigMap."""
    items: (
        Annotated[
            list[CodeFile],
            Field(max_length=256, json_schema_extra=_ATOMIC),
        ]
        | None
    ) = None
    """Paths of the files, so that a flat ConfigMap can hold a package; default every key as a file of its name."""


class Code(ApiModel):
    """Where the code comes from when the image does not hold it."""

    config_map: CodeConfigMap
    """A ConfigMap, mounted at /code and first on PYTHONPATH."""
