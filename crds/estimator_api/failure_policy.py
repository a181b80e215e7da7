"""What is done about failures of replicas: `spec.runPolicy.failurePolicy`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from estimator_api.base import ApiModel, Distinct, Rule
from estimator_api.strings import FailureReason

RoleName = Literal["chief", "worker", "ps", "evaluator"]
Action = Literal["FailJob", "RestartReplica", "RestartJob", "Ignore"]


class ExitCodes(ApiModel):
    """Exit codes of the main container."""

    operator: Literal["In", "NotIn"] = "In"
    """In: the exit code is one of the values. NotIn: it is none of them."""
    values: Annotated[
        list[Annotated[int, Field(ge=1, le=255, json_schema_extra={"format": "int32"})]],
        Field(min_length=1, max_length=255),
        Distinct(),
    ]
    """Exit codes, 1 to 255."""


class FailureRule(ApiModel):
    """One rule; it matches a failure of which everything it names is true.

    Disruptions (evictions, preemptions, lost nodes, deleted pods) are matched only by rules that name their reason,
    and are never counted.
    """

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.roles) || has(self.onExitCodes) || has(self.onReasons)",
            message="a rule needs at least one of roles, onExitCodes and onReasons",
            holds=lambda r: any(one is not None for one in (r.roles, r.on_exit_codes, r.on_reasons)),
        ),
    )

    roles: Annotated[list[RoleName], Field(min_length=1, max_length=4), Distinct()] | None = None
    """Roles that it is about; absent: all."""
    on_exit_codes: ExitCodes | None = None
    """Exit codes of the main container. A pod that ended without one (evicted, deleted, never started) does not
    match."""
    on_reasons: Annotated[list[FailureReason], Field(min_length=1, max_length=32), Distinct()] | None = None
    """Reasons as status.failures has them, for example OOMKilled, Error, Evicted, Disrupted, NodeLost, DeletedPod."""
    action: Action
    """FailJob: the job fails. RestartReplica: the replica starts again, counted against backoffLimit. RestartJob:
    all replicas start again from the latest checkpoint, counted once. Ignore: the replica starts again, not counted. With
    strategy MultiWorkerMirrored RestartReplica and Ignore start chief and workers together."""


class FailurePolicy(ApiModel):
    """Rules about failures of replicas."""

    rule_list: Annotated[
        list[FailureRule],
        Field(
            alias="rules", min_length=1, max_length=20, json_schema_extra={"x-kubernetes-list-type": "atomic"}
        ),
    ]
    """The rules, the first that matches decides. A failure that none matches is treated as without a policy."""
