"""Messages of Ready that tests and documentation rely on, each in one place.

What a replica waits for is told in `waiting.py`, how it failed in `failures.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from estimator_api import EstimatorJob, EstimatorJobStatus
from estimator_operator.plan.cluster_spec import CHIEF_REPLICA

ALL_READY: Final = "all replicas are ready"
EVALUATES: Final = "the checkpoint is being evaluated"
PREDICTS: Final = "predictions are being written"
EXPORTS: Final = "exports are being made"
SUSPENDING: Final = "pods are being deleted; the chief saves a checkpoint first"
REPLACING: Final = "the spec has changed: all pods are replaced; the chief saves a checkpoint first"
EMPTIED: Final = "no pod is left; the job begins again"
SUSPENDED: Final = "no pod is left; the job goes on when spec.suspend is false"
RESUMED: Final = "the job goes on from its last checkpoint"


def only_held(names: Sequence[str]) -> str:
    """Pods that have ended, and whose objects finalizers of others keep."""
    more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
    return (
        f"pod {names[0]}{more} has ended and a finalizer of somebody else keeps it: whoever set it in its"
        " metadata.finalizers has to remove it"
    )


def waiting_for(replicas: int) -> str:
    """The pods start: the same from the first pod to the last, for every change of a message is a write."""
    return (
        "waiting until 1 replica is ready"
        if replicas == 1
        else f"waiting until all {replicas} replicas are ready"
    )


def with_last_failure(message: str, failure: str) -> str:
    """A job at work whose last failure was not long ago."""
    return f"{message}; last failure: {failure}"


def evaluator_awaited(until: str | None) -> str:
    """The chief has ended with success, the evaluator not yet."""
    limit = "" if until is None else f" until {until} at the latest"
    return f"the chief has ended; the evaluator's last evaluation and exports are awaited{limit}"


def elastic_workers(workers: int, most: int) -> str:
    """How many workers of an elastic job there are."""
    return f"{workers} of at most {most} workers take part, so input is not sharded by their number"


def completed(job: EstimatorJob, status: EstimatorJobStatus) -> str:
    """What a job that has completed has done."""
    mode = None if job.spec.estimator is None else job.spec.estimator.mode
    if mode == "Evaluate":
        found = status.evaluation
        return "the evaluation has ended" + ("" if found is None else f" at step {found.global_step}")
    if mode == "Predict":
        written = status.predictions
        if written is None:
            return "the predictions have been written"
        return f"{written.examples} predictions have been written to {written.uri or written.path}"
    if mode == "Export":
        names = ", ".join(one.name for one in status.exports)
        return f"the exports have been made{f': {names}' if names else ''}"
    if trained_nothing(status):
        return _nothing_trained(job, status)
    step = status.progress.global_step if status.progress is not None else None
    return "training has ended" + ("" if step is None else f" at step {step}")


def trained_nothing(status: EstimatorJobStatus) -> bool:
    """The chief found a checkpoint of its last step or a later one, and has made no step since the job began.

    A chief that is restarted after its last step finds one too, but has trained before; and a step leaves a loss or a
    rate in the status. Modes that do not train report no checkpoint that they were restored from.
    """
    restored = None if status.checkpoints is None else status.checkpoints.restored_from
    progress = status.progress
    if restored is None or progress is None or progress.max_steps is None:
        return False
    restarted = any(one.replica == str(CHIEF_REPLICA) and one.count for one in status.restarts.by_replica)
    stepped = progress.loss is not None or progress.steps_per_second is not None
    return (
        not restarted and not stepped and progress.global_step == restored.global_step >= progress.max_steps
    )


def _nothing_trained(job: EstimatorJob, status: EstimatorJobStatus) -> str:
    assert status.checkpoints is not None
    assert status.checkpoints.restored_from is not None
    assert status.progress is not None
    restored = status.checkpoints.restored_from
    # A local run of the same manifest has its model in a folder.
    inside = (restored.uri or "").startswith(
        "pvc://"
    ) and job.spec.model_dir.volume_claim_template is not None
    claim = f", or delete the claim {job.spec.model_dir.claim_name(job.metadata.name)}," if inside else ""
    return (
        f"the model directory was already at step {restored.global_step} of {status.progress.max_steps}:"
        f" nothing was trained; use another modelDir{claim} to start afresh"
    )
