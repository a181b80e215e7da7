"""What is done about a failure: the rules of `runPolicy.failurePolicy`, then the default.

The first rule decides of which everything that it names is true. A failure without an exit code (evicted, deleted,
never started) matches no rule about exit codes. A disruption is nobody's fault: only a rule that names its reason
matches it (an exit code of 143 that a drain caused is not the program's), and it is never counted, whatever the rule.

Without a rule exit code 78 fails the job at once, and everything else restarts the replica.
"""

from __future__ import annotations

from dataclasses import dataclass

from estimator_api import EstimatorJob
from estimator_api import constants as c
from estimator_api.failure_policy import Action, ExitCodes, FailureRule
from estimator_api.status import Failure
from estimator_operator.plan.failures import is_disruption, was_killed


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is done about one failure.

    Attributes:
        action: What.
        rule: Number of the rule that decided, 1 for the first; None for the default.
        counted: It counts against the budget.
        backs_off: The replica's next pod waits, longer every time.
    """

    action: Action
    rule: int | None
    counted: bool
    backs_off: bool


def decide(job: EstimatorJob, failure: Failure) -> Decision:
    """What is done about `failure`."""
    action, rule = _action(job, failure)
    return Decision(
        action=action,
        rule=rule,
        counted=action != "Ignore" and not is_disruption(failure),
        backs_off=action == "Ignore" or was_killed(failure),
    )


def matches(rule: FailureRule, failure: Failure) -> bool:
    """Everything that the rule names is true of the failure."""
    if rule.roles is not None and failure.replica.rpartition("-")[0] not in rule.roles:
        return False
    if rule.on_exit_codes is not None and not _has_code(rule.on_exit_codes, failure.exit_code):
        return False
    if rule.on_reasons is not None:
        return failure.reason in rule.on_reasons
    return not is_disruption(failure)


def _action(job: EstimatorJob, failure: Failure) -> tuple[Action, int | None]:
    policy = job.spec.run_policy.failure_policy
    for number, rule in enumerate(policy.rule_list if policy is not None else (), start=1):
        if matches(rule, failure):
            return rule.action, number
    hopeless = failure.exit_code == c.EXIT_CONFIG and not is_disruption(failure)
    return ("FailJob" if hopeless else "RestartReplica"), None


def _has_code(codes: ExitCodes, code: int | None) -> bool:
    return code is not None and (code in codes.values) == (codes.operator == "In")
