"""Plans made by hand, for what the applier does whatever a plan is made from."""

from __future__ import annotations

from typing import Any

from fake_operator import KEY, FakeOperator
from job_world import World

from estimator_api import EstimatorJobStatus
from estimator_operator.control.apply import Applier
from estimator_operator.control.job_record import JobRecord
from estimator_operator.plan import Plan

BOARD = "mnist-tensorboard"


def applier(operator: FakeOperator) -> Applier:
    """The operator's applier."""
    return operator.controller._applier


def record(operator: FakeOperator) -> JobRecord:
    """The job as the operator knows it."""
    operator.watch.tell(operator.controller)
    found = operator.store.job(KEY)
    assert found is not None
    return found


def manifest(world: World, name: str, role: str | None = None, **more: Any) -> dict[str, Any]:
    """An object of the job; a pod when a role is given."""
    labels = {"estimator.dev/job-name": "mnist"}
    if role is not None:
        labels |= {"estimator.dev/role": role}
        if role != "tensorboard":
            labels |= {"estimator.dev/index": name.rpartition("-")[2], "estimator.dev/attempt": "0"}
    owner = {
        "apiVersion": "estimator.dev/v1alpha1",
        "kind": "EstimatorJob",
        "name": "mnist",
        "uid": world.job["metadata"]["uid"],
        "controller": True,
    }
    metadata = {"name": name, "labels": labels, "ownerReferences": [owner]}
    return {"kind": "Pod" if role else "Service", "metadata": metadata, "spec": {}, **more}


def plan_with(**fields: Any) -> Plan:
    """A plan that does only this."""
    return Plan(status=EstimatorJobStatus(), **fields)


def board_plan(world: World, **fields: Any) -> Plan:
    """A plan that makes TensorBoard, and whatever else is said."""
    pod = manifest(world, BOARD, "tensorboard")
    return plan_with(create_tensorboard_service=manifest(world, BOARD), create_tensorboard_pod=pod, **fields)
