"""Where a local run keeps things: the model directory, and beneath it (`.estimatorctl/`) logs, code and messages.

    <model dir>/.estimatorctl/lock                  held while a run lasts
                             /code/                 the job's code as the pods see it under /code
                             /inputs/               what the job's inputs are, kept from run to run
                             /<time of the run>/    <pod>.log, <pod>.termination, <pod>.environment/ of a job with large variables

A model directory that is a URI (gs://...) stays where it is; the rest then lies in the user's cache, in a folder
that is named after the URI, so that the lock holds for it too.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote

from estimator_api import EstimatorJob
from estimator_api import constants as c
from estimator_operator.plan import Replica, pod_name
from estimatorctl.errors import ManifestError
from estimatorctl.local.inputs import folders_of
from estimatorctl.local.launch import Launch, Place
from estimatorctl.local.ports import Ports

_OWN: Final = ".estimatorctl"
_OF_ANOTHER_RUN: Final = ("ESTIMATOR_", c.ENV_TF_CONFIG)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """The places of one run.

    Attributes:
        job_name: Name of the job.
        model_dir: The model directory: an absolute path, or a URI.
        mounted: Path or URI of the model directory as the manifest's pods see it.
        own: Folder of what the run itself keeps.
        run: Folder of this run's logs.
        code: Folder that stands for /code, or None.
        inputs: Folders of inputs by their paths in the pods.
        ports: Ports of the replicas.
        environment: What the processes inherit.
    """

    job_name: str
    model_dir: str
    mounted: str
    own: Path
    run: Path
    code: Path | None
    ports: Ports
    inputs: Mapping[str, Path] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=lambda: inherited(os.environ))

    def place(self, replica: Replica, attempt: int, shared: Mapping[str, str] | None = None) -> Place:
        """Where one attempt of a replica lives; `shared` are variables that go by file."""
        folders = {self.mounted: self.model_dir}
        if self.code is not None:
            folders[c.CODE_MOUNT_PATH] = str(self.code)
        folders |= {path: str(folder / c.INPUTS_DATA) for path, folder in self.inputs.items()}
        pod = pod_name(self.job_name, replica, attempt)
        return Place(
            folders=folders,
            host=self.ports.local_address,
            progress_port=self.ports.progress(replica),
            termination_log=str(self.run / f"{pod}.termination"),
            environment=self.environment,
            shared=shared or {},
            environment_folder=str(self.run / f"{pod}.environment"),
        )

    def log(self, pod: str) -> Path:
        """File of a process's output."""
        return self.run / f"{pod}.log"

    def prepare(self, launch: Launch) -> None:
        """Sees to it that `launch` can be started.

        Raises:
            ManifestError: Its program or its folder does not exist on this machine.
        """
        self.run.mkdir(parents=True, exist_ok=True)
        for name, content in launch.files.items():
            file = Path(name)
            file.parent.mkdir(exist_ok=True)
            file.write_text(content, encoding="utf-8")
        if launch.folder is not None and not Path(launch.folder).is_dir():
            raise ManifestError(
                [f"{launch.replica}: workingDir {launch.folder} does not exist on this machine"]
            )
        path = launch.environment.get("PATH", os.defpath)
        if shutil.which(launch.argv[0], path=path) is None and os.sep not in launch.argv[0]:
            raise ManifestError([f"{launch.replica}: command {launch.argv[0]} is not found on this machine"])
        if os.sep in launch.argv[0] and not os.access(Path(launch.folder or ".") / launch.argv[0], os.X_OK):
            raise ManifestError([f"{launch.replica}: command {launch.argv[0]} cannot be run on this machine"])


def workplace_of(job: EstimatorJob, *, model_dir: str | None, code: Path | None, here: Path) -> Workplace:
    """The places of a run that begins now.

    Args:
        job: The job.
        model_dir: Where the user wants the model; None: in `here` under its claim's or the job's name, or at its URI.
        code: Folder with the job's code, None when it names none or its files are yet to be laid out.
        here: The current folder.
    """
    name, wanted = job.metadata.name, job.spec.model_dir
    mounted = wanted.uri or c.MODEL_MOUNT_PATH
    if model_dir is None:
        if wanted.uri is not None and "://" in wanted.uri:
            model_dir = wanted.uri
        else:
            claim = wanted.persistent_volume_claim
            sub_path = claim.sub_path if claim is not None and claim.sub_path else ""
            model_dir = os.path.join(wanted.claim_name(name) or f"{name}-model", sub_path)  # noqa: PTH118 - a text
    if "://" in model_dir:
        own = _cache() / "local-runs" / quote(model_dir, safe="")
    else:
        model_dir = str((here / Path(model_dir).expanduser()).resolve())
        own = Path(model_dir) / _OWN
    needs_code = job.spec.code is not None
    return Workplace(
        job_name=name,
        model_dir=model_dir,
        mounted=mounted,
        own=own,
        run=own / datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ"),
        code=(code.resolve() if code is not None else own / "code")
        if needs_code or code is not None
        else None,
        ports=Ports(job=name),
        inputs=folders_of(job, own),
    )


def inherited(variables: Mapping[str, str]) -> dict[str, str]:
    """What of the caller's environment the processes get: all but what describes another replica.

    `python` is this command's own interpreter also where a shell script looks for it, and output reaches the logs
    at once.
    """
    kept = {name: value for name, value in variables.items() if not name.startswith(_OF_ANOTHER_RUN)}
    folder = str(Path(sys.executable).parent)
    kept["PATH"] = os.pathsep.join([folder, *filter(None, [kept.get("PATH", os.defpath)])])
    kept.setdefault("PYTHONUNBUFFERED", "1")
    return kept


def _cache() -> Path:
    folder = os.environ.get("XDG_CACHE_HOME")
    return (Path(folder) if folder else Path.home() / ".cache") / "estimator-operator"
