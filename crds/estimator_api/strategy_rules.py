"""What a strategy asks of the rest of the spec: which roles and modes go with it."""

from __future__ import annotations

from estimator_api import constants as c
from estimator_api.base import Rule
from estimator_api.strategy import MULTI_WORKER, ONE_TASK


def strategy_rules() -> tuple[Rule, ...]:
    """The rules of the spec."""
    return (
        _without(c.PS, MULTI_WORKER, "chief and workers hold the variables and make every step together"),
        _without_elastic(MULTI_WORKER, "all tasks make every step together, so workers cannot come and go"),
        _without(c.PS, ONE_TASK, "the devices of the chief's pod hold the variables"),
        _without(
            c.WORKER, ONE_TASK, "the chief's pod trains alone", f"for several pods use kind {MULTI_WORKER}"
        ),
        _without_elastic(ONE_TASK, "the chief's pod trains alone"),
        Rule(
            cel="!has(self.strategy) || !has(self.estimator)"
            " || self.estimator.mode in ['TrainAndEvaluate', 'Train']",
            message="belongs to mode TrainAndEvaluate or Train: other modes run on one device; remove it",
            field_path=".strategy",
            holds=lambda s: s.strategy is None or s.estimator is None or s.estimator.trains,
            reason="FieldValueForbidden",
        ),
        Rule(
            cel="!has(self.strategy) || !has(self.strategy.communication) || has(self.estimator)",
            message="belongs to declarative jobs: a program gives its own strategy communication_options; remove it",
            field_path=".strategy.communication",
            holds=lambda s: s.strategy is None or s.strategy.communication is None or s.estimator is not None,
            reason="FieldValueForbidden",
        ),
    )


def _without(role: str, kind: str, why: str, instead: str = "use kind ParameterServer") -> Rule:
    """No replicas of `role` with strategies of `kind`."""
    return Rule(
        cel=f"!has(self.strategy) || self.strategy.kind != '{kind}' || !has(self.{role})"
        f" || self.{role}.replicas == 0",
        message=f"strategy {kind} has no `{role}`, for {why}: remove `{role}`, or {instead}",
        field_path=f".{role}",
        holds=lambda s: s.strategy is None or s.strategy.kind != kind or not s.replicas(role),
        reason="FieldValueForbidden",
    )


def _without_elastic(kind: str, why: str) -> Rule:
    """No elastic workers with strategies of `kind`."""
    return Rule(
        cel=f"!has(self.strategy) || self.strategy.kind != '{kind}' || !has(self.elastic)",
        message=f"strategy {kind} is not elastic, for {why}: remove `elastic`, or use kind ParameterServer",
        field_path=".elastic",
        holds=lambda s: s.strategy is None or s.strategy.kind != kind or s.elastic is None,
        reason="FieldValueForbidden",
    )
