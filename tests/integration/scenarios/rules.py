"""spec.runPolicy.failurePolicy: the first rule that matches decides."""

from __future__ import annotations

from fake_kubelet import ends
from live_jobs import condition, restart_sums, restarts

from scenarios.world import Json, World


def _policy(*rules: Json, **more: object) -> Json:
    return {"failurePolicy": {"rules": list(rules)}, **more}


async def fail_job_on_an_exit_code(world: World) -> None:
    """FailJob: the job fails at once, whatever the budget, naming replica, exit code and cause."""
    rule = {"onExitCodes": {"operator": "In", "values": [3, 42]}, "action": "FailJob"}
    await world.train(world.five(run_policy=_policy(rule)))
    await world.end("worker-1", 42, "the data is corrupt")
    state = await world.fails("FailJobRule", "worker-1", "42", "the data is corrupt")
    assert restart_sums(state) == (0, 0)


async def exit_codes_that_are_not(world: World) -> None:
    """NotIn matches every other exit code."""
    rule = {"onExitCodes": {"operator": "NotIn", "values": [1]}, "action": "FailJob"}
    await world.train(world.manifest(worker={}, run_policy=_policy(rule)))
    await world.end("worker-0", 1)
    await world.restarted(1, 1)
    await world.end("worker-0", 2, attempt=1)
    await world.fails("FailJobRule", "worker-0", "exit code 2")


async def fail_job_on_a_reason(world: World) -> None:
    """Reasons are those of status.failures."""
    rule = {"onReasons": ["OOMKilled"], "action": "FailJob"}
    await world.train(world.manifest(worker={}, run_policy=_policy(rule)))
    await world.end("worker-0", 137, reason="OOMKilled")
    await world.fails("FailJobRule", "worker-0", "OOMKilled")


async def rule_for_one_role(world: World) -> None:
    """A rule with roles is about these alone."""
    rule = {"roles": ["ps"], "action": "FailJob"}
    await world.train(world.five(run_policy=_policy(rule)))
    await world.end("worker-0", 1)
    await world.runs("worker-0", 1)
    await world.end("ps-0", 1, "out of memory")
    await world.fails("FailJobRule", "ps-0", "out of memory")


async def ignored_failures(world: World) -> None:
    """Ignore: the replica starts again, nothing is counted."""
    rule = {"onExitCodes": {"values": [9]}, "action": "Ignore"}
    await world.train(world.manifest(worker={}, run_policy=_policy(rule, backoffLimit=0)))
    await world.end("worker-0", 9)
    await world.runs("worker-0", 1)
    await world.restarted(1, 0)


async def restart_replica_beats_the_default(world: World) -> None:
    """RestartReplica on exit code 78, which fails the job by default: it restarts and counts."""
    rule = {"onExitCodes": {"values": [78]}, "action": "RestartReplica"}
    await world.train(world.manifest(run_policy=_policy(rule)))
    await world.end("chief-0", 78)
    await world.runs("chief-0", 1)
    await world.restarted(1, 1)


async def restart_job(world: World) -> None:
    """RestartJob: every replica starts again, counted once."""
    rule = {"roles": ["ps"], "action": "RestartJob"}
    await world.train(world.five(run_policy=_policy(rule)))
    await world.end("ps-0", 1, "lost its variables")
    for replica in ("chief-0", "worker-0", "worker-1", "ps-0", "evaluator-0"):
        await world.runs(replica, 1)
    state = await world.restarted(5, 1)
    assert set(restarts(state).values()) == {1}
    await world.only("chief-0-r1", "worker-0-r1", "worker-1-r1", "ps-0-r1", "evaluator-0-r1")
    await world.reason("Training")


async def restart_job_until_the_budget_is_spent(world: World) -> None:
    """RestartJob counts against backoffLimit."""
    world.plays("ps", ends(1, "lost its variables"))
    await world.create(
        world.five(run_policy=_policy({"roles": ["ps"], "action": "RestartJob"}, backoffLimit=1))
    )
    state = await world.fails("BackoffLimitExceeded", "ps-0", "lost its variables")
    assert state["status"]["restarts"]["counted"] == 1


async def first_match_wins(world: World) -> None:
    """Later rules are not looked at."""
    first = {"onExitCodes": {"values": [5]}, "action": "Ignore"}
    second = {"roles": ["worker"], "action": "FailJob"}
    await world.train(world.manifest(worker={}, run_policy=_policy(first, second)))
    await world.end("worker-0", 5)
    await world.runs("worker-0", 1)
    await world.end("worker-0", 6, attempt=1)
    await world.fails("FailJobRule", "worker-0", "exit code 6")


async def evaluator_that_must_not_fail(world: World) -> None:
    """FailJob for the evaluator fails the job instead of giving the evaluator up."""
    await world.train(world.five(run_policy=_policy({"roles": ["evaluator"], "action": "FailJob"})))
    await world.end("evaluator-0", 1, "no evaluation data")
    state = await world.fails("FailJobRule", "evaluator-0", "no evaluation data")
    assert condition(state, "EvaluatorDegraded") == {}


async def evictions_have_no_exit_code(world: World) -> None:
    """A rule on exit codes does not match pods that were evicted."""
    rule = {"onExitCodes": {"operator": "NotIn", "values": [1]}, "action": "FailJob"}
    await world.train(world.manifest(worker={}, run_policy=_policy(rule)))
    status = {"phase": "Failed", "reason": "Evicted", "containerStatuses": []}
    await world.live.patch("pods", "digits-worker-0", {"status": status}, "status")
    await world.runs("worker-0", 1)
    await world.restarted(1, 0)


async def policy_cannot_change(world: World) -> None:
    """The failure policy of a running job stays as it is."""
    await world.train(world.manifest(run_policy=_policy({"roles": ["ps"], "action": "FailJob"})))
    await world.refused(
        {"spec": {"runPolicy": _policy({"roles": ["ps"], "action": "Ignore"})}}, "failurePolicy"
    )
