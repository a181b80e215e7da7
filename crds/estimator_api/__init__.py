"""The EstimatorJob API: models of spec, status and the progress document, and the names all rooms agree on."""

from __future__ import annotations

from estimator_api import constants
from estimator_api.estimator import EstimatorSection, EvaluateSection, Export, RunConfigSection, TrainSection
from estimator_api.job import EstimatorJob, InvalidJobError, Metadata, parse_job
from estimator_api.model_dir import ModelDir
from estimator_api.program import Program
from estimator_api.progress import MalformedProgressError, Progress, parse_progress
from estimator_api.spec import EstimatorJobSpec, RunPolicy
from estimator_api.status import EstimatorJobStatus

__all__ = [
    "EstimatorJob",
    "EstimatorJobSpec",
    "EstimatorJobStatus",
    "EstimatorSection",
    "EvaluateSection",
    "Export",
    "InvalidJobError",
    "MalformedProgressError",
    "Metadata",
    "ModelDir",
    "Program",
    "Progress",
    "RunConfigSection",
    "RunPolicy",
    "TrainSection",
    "constants",
    "parse_job",
    "parse_progress",
]
