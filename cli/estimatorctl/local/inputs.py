"""Inputs of a local run: brought once into the run's own folder, before the first process; all replicas read them there.

What is there from an earlier run is not brought again, and half of it is continued.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

from estimator_api import EstimatorJob
from estimator_api import constants as c
from estimatorctl.errors import CommandError

_STOPPED_WITHIN_SECS: Final = 5.0


def folders_of(job: EstimatorJob, own: Path) -> dict[str, Path]:
    """The folder of each input that a replica of the job gets, by its path in the pods."""
    roles = [name for name in c.ROLES if job.spec.replicas(name)]
    return {
        one.path: own / "inputs" / quote(one.path[1:], safe="")
        for one in job.spec.inputs or ()
        if any(map(one.is_for, roles))
    }


def stage(job: EstimatorJob, own: Path, environment: Mapping[str, str]) -> None:
    """Brings the inputs; tells on stderr how far it is.

    Args:
        job: The job.
        own: The folder of what the run keeps.
        environment: Of the process that brings them: credentials and regions of stores.

    Raises:
        CommandError: They could not be brought.
        KeyboardInterrupt: The user did not want to wait; what has come is continued by the next run.
    """
    folders = folders_of(job, own)
    said = [one.to_stage(str(folders[one.path])) for one in job.spec.inputs or () if one.path in folders]
    if not said:
        return
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    variables = {
        **environment,
        c.ENV_INPUTS: json.dumps(said),
        c.ENV_TERMINATION_LOG: str(own / "inputs" / "termination"),
    }
    process = subprocess.Popen([sys.executable, "-m", "estimator_runtime.job.staging"], env=variables)
    try:
        code = process.wait()
    except BaseException:
        process.terminate()
        process.wait(_STOPPED_WITHIN_SECS)
        raise
    if code:
        raise CommandError(f"the inputs could not be brought (exit code {code}); the line above says why")
