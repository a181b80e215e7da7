"""A job, its pods, its operators and everything that can happen to them, for hypothesis to play with.

Rules change the world or let operators work; a crash ends an operator at any call and a new one begins with a survey.
After every step, and before every call to the API server, the invariants are checked. At the end of each play the
faults stop, kubelets do as they are told, and the job must come to rest: with all its pods, or suspended, or ended;
from there to its end; and looking at it again must write nothing.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from fake_operator import KEY
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from job_invariants import JobInvariants, is_deleting, replica_of
from job_shapes import LOSSES, POLICIES, SHAPES
from job_world import World
from mortal_operator import CALLS, FAULTS, CrashError, MortalOperator

from estimator_operator.kube.lease import LeaseTiming
from estimator_operator.kube.resources import JOBS, NODES, PODS

Json = dict[str, Any]
AT_REST = ("Training", "Evaluating", "Suspended")


class JobMachine(RuleBasedStateMachine):
    """One job in a cluster that misbehaves."""

    steps: ClassVar[int] = 0
    extra: ClassVar[Json] = {}
    most: ClassVar[dict[str, int]] = {"chief": 1, "worker": 2, "ps": 1, "evaluator": 1}

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.world = World()
        self.stuck: set[str] = set()
        self.calls_left: int | None = None
        self.frozen_at = 0.0
        self.laws = JobInvariants(self.world, self.most)
        self.world.api.before = self._before
        self.operators = [self._operator()]
        self.spec: Json = {}
        self.own_steps = 0

    def _operator(self) -> MortalOperator:
        return MortalOperator(self.world)

    # The cluster --------------------------------------------------------------------------------------------
    @initialize(
        shape=st.sampled_from(sorted(SHAPES)), policy=st.sampled_from(sorted(POLICIES)), two=st.booleans()
    )
    def submit(self, shape: str, policy: str, two: bool) -> None:
        self.spec = {**SHAPES[shape], **self.extra, "runPolicy": POLICIES[policy]}
        self.world.submit(**self.spec)
        if two:
            self.operators.append(self._operator())
        self._work_all()

    def pods(self, *phases: str) -> list[str]:
        return [name for name in self.world.pods if self._pod(name)["status"]["phase"] in phases]

    def _pod(self, name: str) -> Json:
        return self.world.api.objects["pods", "default", name]

    def _pick(self, data: st.DataObject, *phases: str) -> str | None:
        names = self.pods(*phases)
        return data.draw(st.sampled_from(names)) if names else None

    @rule()
    def all_pods_run(self) -> None:
        self._count()
        self._run_all()

    def _run_all(self) -> None:
        for name in self.pods("Pending"):
            self._run(name)

    def _run(self, name: str) -> None:
        """A pod runs, on a node of its own unless it has one."""
        pod = self._pod(name)
        if "nodeName" not in pod["spec"]:
            pod["spec"]["nodeName"] = node = f"node-of-{pod['metadata']['uid']}"
            self.world.api.put(NODES, None, {"metadata": {"name": node}, "spec": {"taints": []}})
        self.world.run(name)

    @rule(data=st.data())
    def a_pod_runs(self, data: st.DataObject) -> None:
        self._count()
        name = self._pick(data, "Pending")
        if name is not None:
            self._run(name)

    @rule(data=st.data(), code=st.sampled_from([0, 1, 1, 78, 137, 143]))
    def a_pod_ends(self, data: st.DataObject, code: int) -> None:
        self._count()
        name = self._pick(data, "Running")
        if name is not None and (code != 78 or data.draw(st.booleans())):
            self.world.finish(name, code, "boom" if code else "")

    @rule(data=st.data())
    def a_pod_is_killed_for_memory(self, data: st.DataObject) -> None:
        self._count()
        name = self._pick(data, "Running")
        if name is not None:
            self.world.finish(name, 137, "")
            ended = self._pod(name)["status"]["containerStatuses"][0]["state"]["terminated"]
            self.world.api.edit(PODS, name, lambda _: ended.update(reason="OOMKilled"))

    @rule(data=st.data())
    def a_pod_is_evicted(self, data: st.DataObject) -> None:
        self._count()
        name = self._pick(data, "Pending", "Running")
        if name is not None:
            status = {"phase": "Failed", "reason": "Evicted", "message": "node was low on memory"}
            self.world.api.edit(PODS, name, lambda pod: pod["status"].update(status))

    @rule(data=st.data(), now=st.booleans())
    def a_pod_is_deleted(self, data: st.DataObject, now: bool) -> None:
        self._count()
        name = self._pick(data, "Pending", "Running", "Succeeded", "Failed")
        if name is not None:
            self.world.api.remove(PODS, "default", name, now=now)

    @rule(data=st.data(), loss=st.sampled_from(LOSSES))
    def a_node_is_lost(self, data: st.DataObject, loss: str | None) -> None:
        """Nobody confirms the end of its pod any more; that the node is gone is known, or not."""
        self._count()
        name = self._pick(data, "Running")
        if name is None:
            return
        pod = self._pod(name)
        self.stuck.add(pod["metadata"]["uid"])
        self.world.api.remove(PODS, "default", name)
        node = pod["spec"]["nodeName"]
        if loss is None:
            self.world.api.objects.pop(("nodes", None, node), None)
        elif loss != "silent" and ("nodes", None, node) in self.world.api.objects:
            taints = [{"key": loss, "effect": "NoExecute"}]
            self.world.api.edit(NODES, node, lambda one: one["spec"].update(taints=taints), namespace=None)

    @rule()
    def silent_nodes_answer(self) -> None:
        """Kubelets that were cut off confirm what they were told."""
        self._count()
        self.stuck.clear()
        self._collect(lost=False)

    @rule()
    def kubelets_collect(self) -> None:
        self._count()
        self._collect(lost=False)

    def _collect(self, *, lost: bool) -> None:
        for name in self.world.pods:
            metadata = self._pod(name)["metadata"]
            if "deletionTimestamp" in metadata and (lost or metadata["uid"] not in self.stuck):
                self.world.api.remove(PODS, "default", name, now=True)

    # The API server and the watch ---------------------------------------------------------------------------
    @rule(call=st.sampled_from(sorted(CALLS)), data=st.data(), times=st.integers(1, 4), after=st.booleans())
    def calls_fail(self, call: str, data: st.DataObject, times: int, after: bool) -> None:
        self._count()
        kind = data.draw(st.sampled_from(CALLS[call]))
        # Only what the server does and then does not get across has an effect all the same.
        after = after and kind in ("away", "no answer", "broken") and not call.startswith(("list", "get"))
        verb, resource = call.split()
        self.world.api.fail(verb, resource, FAULTS[kind], times=times, after=after)

    @rule(seconds=st.sampled_from([2, 20, 200]))
    def the_server_is_away(self, seconds: int) -> None:
        self._count()
        self.world.api.down = True
        self._work_all()
        self.world.clock.pass_(seconds)
        self._work_all()
        self.world.api.down = False

    @rule()
    def the_server_heals(self) -> None:
        self._count()
        self.world.api.heal()

    @rule(data=st.data())
    def a_watch_is_interrupted(self, data: st.DataObject) -> None:
        self._count()  # What happened meanwhile is never told; the watch lists anew.
        operator = data.draw(st.sampled_from(self.operators))
        operator.watch.events.clear()
        operator.interrupted = True

    @rule(data=st.data())
    def a_watch_stutters(self, data: st.DataObject) -> None:
        self._count()
        events = data.draw(st.sampled_from(self.operators)).watch.events
        events += events[:]

    @rule()
    def somebody_labels_the_job(self) -> None:
        self._count()
        if self.world.api.names(JOBS):
            label = {"n": str(self.world.api.calls.total())}
            self.world.api.edit(JOBS, "mnist", lambda job: job["metadata"].update(labels=label))

    # People -------------------------------------------------------------------------------------------------
    @rule(suspend=st.sampled_from([True, False, False, False]))
    def suspension_changes(self, suspend: bool) -> None:
        self._count()
        if self.world.api.names(JOBS):
            self.world.set_spec(suspend=suspend)

    @precondition(lambda self: self.final)
    @rule()
    def the_job_is_made_anew(self) -> None:
        self._count()
        self.world.api.remove(JOBS, "default", "mnist")
        self.world.submit(**self.spec)

    # Operators ----------------------------------------------------------------------------------------------
    @rule()
    def operators_work(self) -> None:
        self._count()
        self._work_all()

    @rule(data=st.data())
    def one_operator_works(self, data: st.DataObject) -> None:
        self._count()
        self._work([data.draw(st.sampled_from(self.operators))])

    @precondition(lambda self: len(self.operators) == 2)
    @rule(looks=st.integers(1, 4))
    def an_operator_freezes_or_thaws(self, looks: int) -> None:
        """A process that stood still acts on what it knew, however long ago that was, before it hears of more."""
        self._count()
        operator = self.operators[-1]
        operator.frozen = not operator.frozen
        if operator.frozen:
            self.frozen_at = self.world.clock.monotonic()
            return
        operator.leads = self.world.clock.monotonic() < self.frozen_at + LeaseTiming().lease_duration
        pods = self.world.api.calls["create pods"]

        async def look() -> None:
            for _ in range(looks):
                operator.queue.add(KEY)
                await operator.controller.step()

        self.loop.run_until_complete(look())
        if not operator.leads:
            assert self.world.api.calls["create pods"] == pods, "another replica may lead"
            self._end(operator)

    @rule(seconds=st.sampled_from([1, 6, 15, 61, 400]))
    def time_passes(self, seconds: int) -> None:
        self._count()
        self.world.clock.pass_(seconds)
        self._work_all()

    @rule(calls=st.integers(1, 6))
    def an_operator_ends_at_a_call(self, calls: int) -> None:
        self._count()
        self.calls_left = calls
        self._work_all()
        self.calls_left = None

    @rule()
    def a_second_operator_comes_or_goes(self) -> None:
        """Two that both believe to lead."""
        self._count()
        if len(self.operators) == 1:
            self.operators.append(self._operator())
        else:
            self._end(self.operators[0])

    def _work_all(self) -> None:
        self._work(self.operators)

    def _work(self, operators: list[MortalOperator]) -> None:
        async def work() -> list[Any]:
            return await asyncio.gather(*(one.work() for one in operators), return_exceptions=True)

        operators = [one for one in operators if not one.frozen]
        working = list(operators)
        for operator, result in zip(working, self.loop.run_until_complete(work()), strict=True):
            if isinstance(result, CrashError):
                self._end(operator)
                self.operators.append(self._operator())
            elif isinstance(result, BaseException):
                raise result
            self.laws.check()
            assert operator.results["crash"] == 0

    def _end(self, operator: MortalOperator) -> None:
        self.operators.remove(operator)
        self.world.api.unwatch(operator.watch)
        self.world.api.answered.remove(operator.outage.answered)

    def _before(self, *call: str) -> None:
        verb, resource, name = call
        if (verb, resource) == ("force", "pods"):
            self.laws.check_forced(name)
        self.laws.rivals = len(self.operators) > 1
        self.laws.check()
        if self.calls_left is not None:
            self.calls_left -= 1
            if self.calls_left == 0:
                raise CrashError

    def _count(self) -> None:
        """A step begins. Between every few of them kubelets and operators get on: trouble alone comes to nothing."""
        type(self).steps += 1
        self.own_steps += 1
        if self.own_steps % 3 == 0:
            self._collect(lost=False)
            self._run_all()
            self._work_all()
            self.world.clock.pass_(12)
            self._work_all()

    # What must hold -----------------------------------------------------------------------------------------
    @property
    def final(self) -> bool:
        exists = bool(self.world.api.names(JOBS))
        return exists and any(
            one["status"] == "True" for one in map(self.world.condition, ("Complete", "Failed")) if one
        )

    @invariant()
    def everything_holds(self) -> None:
        self.laws.check()

    def teardown(self) -> None:
        try:
            if self.spec:
                self._come_to_rest()
        finally:
            self.loop.close()

    def _come_to_rest(self) -> None:
        self.world.api.heal()
        self.stuck.clear()
        for one in self.operators:
            one.frozen = False
        for _ in range(60):
            self._cooperate()
            if self.final or (self.world.state in AT_REST and not self._due()):
                break
        assert self.final or self.world.state in AT_REST, self.world.status
        self._look_again()
        if self.world.job["spec"].get("suspend"):
            self.world.set_spec(suspend=False)
        for _ in range(60):
            self._cooperate()
            for name in self.pods("Running"):
                if not is_deleting(self._pod(name)) and "-worker-" not in name and "-ps-" not in name:
                    self.world.finish(name)
            if self.final:
                break
        assert self.final, self.world.status
        self._cooperate()
        self._look_again()

    def _due(self) -> bool:
        """A job whose suspension is to change has not come to rest."""
        return (self.world.state == "Suspended") != bool(self.world.job["spec"].get("suspend"))

    def _cooperate(self) -> None:
        self._collect(lost=True)
        self._run_all()
        self._work_all()
        self.world.clock.pass_(30)
        self._work_all()
        self.everything_holds()

    def _look_again(self) -> None:
        """A reconcile that follows another writes nothing, and nobody is left over."""
        self._collect(lost=True)
        self._work_all()
        self.world.clock.pass_(15)
        self._work_all()
        writes = self.world.api.writes()
        for one in self.operators:
            one.queue.add(KEY)
        self._work_all()
        assert self.world.api.writes() == writes, dict(self.world.api.calls)
        wanted = {role: self.world.job["spec"].get(role, {}).get("replicas", 0) for role in self.most} | {
            "chief": 1
        }
        for pod in self.laws.live_pods():
            role, _ = replica_of(pod)
            if not is_deleting(pod):
                wanted[role] -= 1
        assert min(wanted.values()) >= 0, f"more pods than wanted: {wanted}"
