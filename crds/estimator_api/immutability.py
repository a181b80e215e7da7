"""What of a job's spec stays as it was created.

Replicas of one job must agree on cluster, code and model, so these cannot change under running pods. A suspended job
has no pods, and everything in it may change; also in the very update that suspends or resumes it, because queueing
systems rewrite a job's scheduling constraints in the update that flips `suspend`. The operator carries a suspension
through to the last pod before it starts new ones.

Always mutable are `suspend` itself and what does not reach the pods: deadlines and times to live of runPolicy; and,
in an elastic job, the number of workers.
"""

from __future__ import annotations

from typing import Final

from pydantic.alias_generators import to_camel

from estimator_api.base import Rule
from estimator_api.roles import WorkerRole
from estimator_api.strategy import MULTI_WORKER

IMMUTABLE = "cannot change while the job runs: suspend the job first (spec.suspend: true), or delete it and create it anew"
"""What the user reads; the API server puts the field before it."""

IMMUTABLE_FIELDS: Final = (
    "estimator",
    "program",
    "strategy",
    "code",
    "image",
    "imagePullPolicy",
    "imagePullSecrets",
    "modelDir",
    "chief",
    "elastic",
    "ps",
    "evaluator",
    "template",
    "podSecurity",
    "progressPort",
    "tensorBoard",
    "inputs",
    "runPolicy.backoffLimit",
    "runPolicy.cleanPodPolicy",
    "runPolicy.failurePolicy",
)
"""Paths below spec, beside the section `worker`, which has rules of its own."""


_TOGETHER: Final = f"(has(self.strategy) && self.strategy.kind == '{MULTI_WORKER}')"


def immutable(*fields: str) -> tuple[Rule, ...]:
    """One transition rule of the spec for each field, given by its path in JSON, e.g. `runPolicy.backoffLimit`."""
    return tuple(
        Rule(
            cel=f"self.suspend || oldSelf.suspend || (has(self.{field}) == has(oldSelf.{field})"
            f" && (!has(self.{field}) || self.{field} == oldSelf.{field}))",
            message=IMMUTABLE,
            field_path=f".{field}",
            reason="FieldValueForbidden",
        )
        for field in fields
    )


def immutable_worker() -> tuple[Rule, ...]:
    """The rules of the section `worker`, of which only `replicas` may change, and only in an elastic job."""
    kept = [to_camel(name) for name in WorkerRole.model_fields if name != "replicas"]
    below = " && ".join(
        f"has(self.worker.{field}) == has(oldSelf.worker.{field})"
        f" && (!has(self.worker.{field}) || self.worker.{field} == oldSelf.worker.{field})"
        for field in kept
    )
    return (
        Rule(
            cel="self.suspend || oldSelf.suspend || (has(self.worker) == has(oldSelf.worker)"
            f" && (!has(self.worker) || ({below})))",
            message=IMMUTABLE,
            field_path=".worker",
            reason="FieldValueForbidden",
        ),
        Rule(
            cel=f"self.suspend || oldSelf.suspend || has(self.elastic) || {_TOGETHER} || !has(self.worker)"
            " || !has(oldSelf.worker) || self.worker.replicas == oldSelf.worker.replicas",
            message="cannot change while the job runs unless it is elastic: suspend the job first"
            " (spec.suspend: true), or create it anew with `elastic`",
            field_path=".worker.replicas",
            reason="FieldValueForbidden",
        ),
        Rule(
            cel=f"self.suspend || oldSelf.suspend || !({_TOGETHER}) || !has(self.worker) || !has(oldSelf.worker)"
            " || self.worker.replicas == oldSelf.worker.replicas",
            message="cannot change while the job runs, for all its tasks make every step together: suspend the job first"
            " (spec.suspend: true); resumed, it goes on from the newest checkpoint with the new number",
            field_path=".worker.replicas",
            reason="FieldValueForbidden",
        ),
    )
