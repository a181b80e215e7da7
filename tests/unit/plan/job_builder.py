"""Jobs and pods for tests of the plan, each in one line."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from estimator_api import EstimatorJob, EstimatorJobStatus, parse_job
from estimator_operator.plan import Observed, Plan, Pod, Replica, Settings, plan, pod_name, replicas_of

NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
SETTINGS = Settings()
ESTIMATOR = {
    "modelFn": "digits.model:model_fn",
    "train": {"inputFn": "digits.data:train_input_fn", "maxSteps": 2000},
    "evaluate": {"inputFn": "digits.data:eval_input_fn"},
}


def after(seconds: float) -> datetime:
    """`seconds` after NOW."""
    return NOW + timedelta(seconds=seconds)


def text(moment: datetime) -> str:
    """A moment as the status writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def make_job(
    *, workers: int = 2, ps: int = 1, evaluator: int = 1, status: Any = None, policy: Any = None, **spec: Any
) -> EstimatorJob:
    """A job `digits`: chief, 2 workers, 1 ps, evaluator unless said otherwise; `spec` in the manifest's own names."""
    body = {
        "estimator": ESTIMATOR,
        "modelDir": {"uri": "/models/digits"},
        "worker": {"replicas": workers},
        "ps": {"replicas": ps},
        "evaluator": {"replicas": evaluator},
        "runPolicy": policy or {},
    } | spec
    metadata = {"name": "digits", "namespace": "team", "uid": "job-uid", "generation": 1}
    return parse_job(
        {
            "metadata": metadata,
            "spec": {key: value for key, value in body.items() if value is not None},
            "status": status or {},
        }
    )


def with_status(job: EstimatorJob, status: EstimatorJobStatus | dict[str, Any]) -> EstimatorJob:
    """`job` as it is read back after its status was written."""
    written = status if isinstance(status, dict) else status.to_json()
    return parse_job(job.to_json() | {"status": written})


def with_spec(job: EstimatorJob, **spec: Any) -> EstimatorJob:
    """`job` after its spec was changed."""
    document = job.to_json()
    document["spec"] |= spec
    document["metadata"]["generation"] += 1
    return parse_job(document)


def replica(name: str) -> Replica:
    """`worker-1` as a Replica."""
    role, index = name.rsplit("-", 1)
    return Replica(role, int(index))


def make_pod(name: str, attempt: int = 0, **fields: Any) -> Pod:
    """The pod of one attempt of replica `name`: running and ready unless said otherwise."""
    one = replica(name)
    full = pod_name("digits", one, attempt)
    values = {"phase": "Running", "ready": True, "created_at": NOW} | fields
    return Pod(name=full, uid=f"uid-{full}", replica=one, attempt=attempt, **values)


def failed_pod(name: str, exit_code: int = 1, attempt: int = 0, **fields: Any) -> Pod:
    """A pod whose main container ended with `exit_code`."""
    values = {"phase": "Failed", "ready": False, "exit_code": exit_code, "reason": "Error"} | fields
    return make_pod(name, attempt, **values)


def done_pod(name: str, attempt: int = 0, **fields: Any) -> Pod:
    """A pod that ended with 0."""
    return make_pod(name, attempt, **({"phase": "Succeeded", "ready": False, "exit_code": 0} | fields))


def pods_of(job: EstimatorJob, *changed: Pod, without: tuple[str, ...] = ()) -> tuple[Pod, ...]:
    """A running pod for every replica, `changed` in the place of those of the same replica."""
    taken = {one.replica for one in changed}
    rest = [
        make_pod(str(one)) for one in replicas_of(job.spec) if one not in taken and str(one) not in without
    ]
    return (*rest, *changed)


def seen(*pods: Pod, **fields: Any) -> Observed:
    """An observation of `pods`, Service and claim in place."""
    return Observed(pods=pods, **({"service_exists": True, "claim_exists": True} | fields))


def plan_of(job: EstimatorJob, observed: Observed, now: datetime = NOW) -> Plan:
    """The plan under default settings."""
    return plan(job, observed, now, SETTINGS)


def stored(job: EstimatorJob, observed: Observed, now: datetime = NOW) -> EstimatorJob:
    """`job` with the status that a plan gives it."""
    return with_status(job, plan_of(job, observed, now).status)


def training(job: EstimatorJob) -> EstimatorJob:
    """`job` after all its pods were seen ready."""
    return stored(stored(job, Observed()), seen(*pods_of(job)))


def names(manifests: Iterable[dict[str, Any]]) -> list[str]:
    """Names of manifests."""
    return [one["metadata"]["name"] for one in manifests]


def state(plan_or_job: Plan | EstimatorJob) -> tuple[str, str]:
    """Status and reason of Ready."""
    ready = plan_or_job.status.condition("Ready")
    return (ready.status, ready.reason) if ready is not None else ("", "")


def message(plan_or_job: Plan | EstimatorJob) -> str:
    """Message of Ready."""
    ready = plan_or_job.status.condition("Ready")
    return ready.message if ready is not None else ""


def truths(plan_or_job: Plan | EstimatorJob) -> dict[str, str]:
    """Every condition's status by type."""
    return {one.type: one.status for one in plan_or_job.status.conditions}
