"""The EstimatorJob API: models of spec, status and the progress document, and the names all rooms agree on.

The models are imported when the first of them is asked for: making them takes most of a second, and a training program
that only wants a constant does without.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from estimator_api import constants

if TYPE_CHECKING:
    from estimator_api.estimator import (
        EstimatorSection,
        EvaluateSection,
        Export,
        RunConfigSection,
        TrainSection,
    )
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

_MODULES: Final = {
    "estimator": ("EstimatorSection", "EvaluateSection", "Export", "RunConfigSection", "TrainSection"),
    "job": ("EstimatorJob", "InvalidJobError", "Metadata", "parse_job"),
    "model_dir": ("ModelDir",),
    "program": ("Program",),
    "progress": ("MalformedProgressError", "Progress", "parse_progress"),
    "spec": ("EstimatorJobSpec", "RunPolicy"),
    "status": ("EstimatorJobStatus",),
}
_MODULE_OF: Final = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Imports what is asked for."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
