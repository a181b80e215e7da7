"""What the environment tells a replica: which one it is, where its model is, where it reports."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from estimator_api import constants as c
from estimator_runtime.cluster import environment_files
from estimator_runtime.job.settings.errors import JobConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """The pod contract's variables.

    Attributes:
        role: chief, worker, ps or evaluator.
        index: index of the replica within its role.
        attempt: how often the replica was restarted before.
        job: namespace and name of the job, as `namespace/name`.
        model_dir: where checkpoints go, or None when neither TF_CONFIG nor the contract's variable has it.
        mirrored: URI of the store for which `model_dir` is the local directory; None where there is no store.
        model_dir_in_tf_config: whether RunConfig finds it by itself.
        spec: the declarative section as JSON text, or None.
        strategy: how the tasks of a declared training work together, as JSON text, or None.
        progress_host: address to bind, "" for all interfaces.
        progress_port: port to bind, None for no endpoint.
        termination_log: file for the final progress document, None when nobody asks for one.
    """

    role: str
    index: int
    attempt: int
    job: str
    model_dir: str | None
    model_dir_in_tf_config: bool
    spec: str | None
    progress_host: str
    progress_port: int | None
    termination_log: str | None
    mirrored: str | None = None
    strategy: str | None = None

    def local(self, arguments: Sequence[str]) -> list[str]:
        """A program's arguments, with the local model directory where they name the store that it stands for.

        Kubernetes has put the URI there before this process began: `--model-dir=$(ESTIMATOR_MODEL_DIR)`.
        """
        if self.mirrored is None or self.model_dir is None:
            return list(arguments)
        uri = re.compile(re.escape(self.mirrored.rstrip("/")) + r"(?=$|[/,;\s\"'])")
        return [uri.sub(lambda _: str(self.model_dir), one) for one in arguments]


def load() -> None:
    """Puts variables that are too large for an environment into `os.environ`, before anything reads them.

    Raises:
        JobConfigError: one of their files cannot be read.
    """
    try:
        environment_files.load()
    except (OSError, ValueError) as error:
        raise JobConfigError(f"{c.ENV_ENVIRONMENT_DIR}: {error}") from error


def read(variables: Mapping[str, str] = os.environ) -> Environment:
    """Reads the environment.

    Raises:
        JobConfigError: a variable holds what it must not.
    """
    tf_config = _tf_config(variables)
    task: Mapping[str, Any] = tf_config.get("task") or {}
    in_cluster = bool(tf_config.get("cluster"))
    model_dir = tf_config.get("model_dir")
    return Environment(
        role=variables.get(c.ENV_ROLE) or (task.get("type") if in_cluster else None) or c.CHIEF,
        index=_number(variables, c.ENV_INDEX, int(task.get("index") or 0) if in_cluster else 0),
        attempt=_number(variables, c.ENV_ATTEMPT, 0),
        job=f"{variables.get(c.ENV_NAMESPACE, '')}/{variables.get(c.ENV_JOB_NAME, '')}",
        model_dir=model_dir or variables.get(c.ENV_MODEL_DIR) or None,
        model_dir_in_tf_config=bool(model_dir),
        spec=variables.get(c.ENV_SPEC) or None,
        strategy=variables.get(c.ENV_STRATEGY) or None,
        progress_host=variables.get(c.ENV_PROGRESS_HOST, ""),
        progress_port=_number(variables, c.ENV_PROGRESS_PORT, 0) or None,
        termination_log=termination_log(variables),
    )


def termination_log(variables: Mapping[str, str]) -> str | None:
    """The file for the final report: the one that is named, or the default where a kubelet has made it."""
    named = variables.get(c.ENV_TERMINATION_LOG)
    if named:
        return named
    return c.DEFAULT_TERMINATION_LOG if os.path.exists(c.DEFAULT_TERMINATION_LOG) else None  # noqa: PTH110 - a plain question


def _tf_config(variables: Mapping[str, str]) -> dict[str, Any]:
    text = variables.get(c.ENV_TF_CONFIG) or "{}"
    try:
        document = json.loads(text)
    except ValueError as error:
        raise JobConfigError(f"{c.ENV_TF_CONFIG} is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise JobConfigError(f"{c.ENV_TF_CONFIG} must be a JSON object, not {type(document).__name__}")
    return document


def _number(variables: Mapping[str, str], name: str, default: int) -> int:
    text = variables.get(name)
    if not text:
        return default
    if not (text.isascii() and text.isdigit()):
        raise JobConfigError(f"{name} must be a number, not {text!r}")
    return int(text)
