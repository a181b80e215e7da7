"""What holds whatever happens: pods fail, vanish and are evicted, the operator dies between two calls, news is late."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from job_builder import make_job, plan_of, state, truths, with_status
from simulated_cluster import SimulatedCluster

from estimator_operator.plan import replicas_of
from estimator_operator.plan.cleanup import SETTLES_WITHIN
from estimator_operator.plan.roster import runs
from estimator_operator.plan.tensorboard import TENSORBOARD
from estimator_operator.plan.timestamps import from_text

# A limit that is reached in the middle of a play is told as a play that is another one each time.
pytestmark = pytest.mark.timeout(300)
EXIT_CODES = st.sampled_from([0, 1, 1, 1, 1, 3, 5, 9, 9, 78, 137, 137, 143])
RULES = [
    {"action": "RestartJob", "onExitCodes": {"values": [3]}},
    {"action": "FailJob", "onExitCodes": {"values": [5]}, "roles": ["worker", "evaluator"]},
    {"action": "Ignore", "onExitCodes": {"values": [9]}},
    {"action": "RestartJob", "onReasons": ["Evicted"], "roles": ["ps"]},
]
MOST_WORKERS = 4
PENDING, STALL, ACTIVE = 1000, 1500, 6000


class AnyLife(RuleBasedStateMachine):
    """A job under everything that can befall it."""

    @initialize(
        workers=st.integers(0, 2),
        ps=st.integers(0, 1),
        evaluator=st.booleans(),
        limit=st.integers(0, 3),
        clean=st.sampled_from(["Running", "All", "None"]),
        beginning=st.sampled_from(["new", "running", "running", "running", "suspended"]),
        rules=st.booleans(),
        kind=st.sampled_from(["alone", "elastic", "together"]),
        board=st.booleans(),
        deadlines=st.sampled_from(
            [(), ("pending",), ("stall",), ("active",), ("pending", "stall", "active")]
        ),
    )
    def create(self, workers, ps, evaluator, limit, clean, beginning, rules, kind, board, deadlines):
        elastic, self.together = kind == "elastic", kind == "together"
        ps = 0 if self.together else ps
        limits = {"pending": PENDING, "stall": STALL, "active": ACTIVE}
        names = {one: f"{one}{'Timeout' if one == 'stall' else 'Deadline'}Seconds" for one in limits}
        policy = {"backoffLimit": limit, "cleanPodPolicy": clean}
        policy |= {names[one]: limits[one] for one in deadlines}
        policy |= {"failurePolicy": {"rules": RULES}} if rules else {}
        self.deadlines = deadlines
        self.elastic = elastic
        self.cluster = SimulatedCluster(
            make_job(
                workers=workers,
                ps=ps,
                evaluator=1 if evaluator or workers or ps or elastic else 0,
                policy=policy,
                suspend=beginning == "suspended",
                strategy={"kind": "MultiWorkerMirrored"} if self.together else None,
                elastic={"minReplicas": 0, "maxReplicas": MOST_WORKERS} if elastic else None,
                tensorBoard={"ttlSecondsAfterFinished": 60} if board else None,
            )
        )
        self.final = None
        self.counters = (0, 0)
        self.completed = set()
        self.creations_at_completion = {}
        if beginning == "running":
            self.cluster.settle()
            self.all_pods_run()
            self.cluster.settle()

    # The operator -------------------------------------------------------------------------------------------
    @rule(informed=st.booleans(), defers=st.booleans())
    def operator_works(self, informed, defers):
        if informed:
            self.cluster.deliver()
        self.cluster.reconcile(defers=defers)

    @rule(calls=st.integers(0, 6))
    def operator_dies(self, calls):
        self.cluster.reconcile(dies_after=calls)

    @rule()
    def everything_is_delivered_and_done(self):
        made = self.cluster.settle()
        self.nothing_is_overdue(made)
        self.nobody_is_there_who_is_not_wanted()

    @rule()
    def the_moment_comes_that_the_plan_named(self):
        made = self.cluster.settle()
        if made.requeue_after:
            self.cluster.now += timedelta(seconds=made.requeue_after)
            self.everything_is_delivered_and_done()

    def nothing_is_overdue(self, made):
        """Deadlines have fired, and those to come are awaited with no event."""
        cluster, status = self.cluster, self.cluster.job.status
        if not self.is_active():
            return
        moments = []
        if "active" in self.deadlines and status.start_time is not None:
            moments.append(from_text(status.start_time) + timedelta(seconds=ACTIVE))
        if "pending" in self.deadlines and not self.elastic:
            needed = [one for one in cluster.pods.values() if self.is_awaited(one)]
            moments += [one.created_at + timedelta(seconds=PENDING) for one in needed]
        chief = [one for one in cluster.pods.values() if one.replica.role == "chief" and runs(one)]
        if "stall" in self.deadlines and chief:
            known = (from_text(status.progress.last_update_time), chief[0].created_at, cluster.watched_since)
            moments.append(max(known) + timedelta(seconds=STALL))
        for moment in moments:
            assert cluster.now < moment
            assert made.requeue_after is not None
            assert cluster.now + timedelta(seconds=made.requeue_after) <= moment

    def is_active(self):
        """The job is to run, and has not ended."""
        job = self.cluster.job
        idle = job.spec.suspend or state(job)[1] in ("Suspending", "Suspended")
        return not (idle or job.status.is_true("Complete") or job.status.is_true("Failed"))

    def is_awaited(self, pod):
        """A pod that must get to run for training to go on."""
        status = self.cluster.job.status
        counts = {one.replica: one.count for one in status.restarts.by_replica}
        return (
            pod.phase == "Pending"
            and not pod.deleting
            and pod.attempt == counts.get(str(pod.replica), 0)
            and pod.replica.role not in ("tensorboard", "evaluator")
            and not {"chief-0", str(pod.replica)} & set(status.completed_replicas)
        )

    def nobody_is_there_who_is_not_wanted(self):
        cluster = self.cluster
        wanted = {*replicas_of(cluster.job.spec), TENSORBOARD}
        if self.is_active():
            assert {one.replica for one in cluster.pods.values() if not one.deleting} <= wanted

    # The world ----------------------------------------------------------------------------------------------
    def running(self):
        return sorted(name for name, one in self.cluster.pods.items() if one.phase == "Running")

    @precondition(lambda self: self.cluster.pods)
    @rule(data=st.data())
    def news_of_one_pod(self, data):
        self.cluster.deliver(data.draw(st.sampled_from(sorted(self.cluster.pods))))

    @rule()
    def all_pods_run(self):
        for name in self.cluster.pods:
            self.cluster.run(name)

    @precondition(lambda self: self.running())
    @rule(data=st.data(), exit_code=EXIT_CODES, sidecar=st.sampled_from([False, False, True]))
    def pod_ends(self, data, exit_code, sidecar):
        self.cluster.end(data.draw(st.sampled_from(self.running())), exit_code, sidecar=sidecar)

    @precondition(lambda self: self.running())
    @rule(data=st.data())
    def pod_is_evicted(self, data):
        name = data.draw(st.sampled_from(self.running()))
        self.cluster.end(name, 137, reason="Evicted", disrupted=True)

    @precondition(lambda self: self.cluster.pods)
    @rule(data=st.data(), gracefully=st.booleans())
    def pod_is_deleted(self, data, gracefully):
        name = data.draw(st.sampled_from(sorted(self.cluster.pods)))
        if gracefully:
            self.cluster.delete(name)
        else:
            self.cluster.remove(name)

    @precondition(lambda self: self.running())
    @rule(data=st.data())
    def node_is_lost(self, data):
        self.cluster.lose_node(data.draw(st.sampled_from(self.running())))

    @rule()
    def training_goes_on(self):
        self.cluster.train()

    @precondition(lambda self: self.elastic)
    @rule(workers=st.integers(0, MOST_WORKERS))
    def user_scales(self, workers):
        self.cluster.scale(workers)

    @rule()
    def deletions_finish(self):
        self.cluster.finish_deletions()

    @precondition(lambda self: not self.cluster.job.spec.suspend)
    @rule(really=st.sampled_from([False, False, True]))
    def user_suspends(self, really):
        self.cluster.suspend(really)

    @precondition(lambda self: self.cluster.job.spec.suspend)
    @rule()
    def user_resumes(self):
        self.cluster.suspend(False)

    @rule(seconds=st.sampled_from([1, 15, 400]))
    def time_passes(self, seconds):
        self.cluster.now += timedelta(seconds=seconds)

    # What holds ---------------------------------------------------------------------------------------------
    @invariant()
    def no_replica_runs_twice(self):
        assert all(count == 1 for count in Counter(self.cluster.live()).values())

    @invariant()
    def those_that_make_every_step_together_are_of_one_attempt(self):
        if self.together:
            roles = ("chief", "worker")
            live = [
                one for one in self.cluster.pods.values() if not one.finished and one.replica.role in roles
            ]
            assert len({one.attempt for one in live}) <= 1

    @invariant()
    def counters_never_go_back(self):
        restarts = self.cluster.job.status.restarts
        before, self.counters = self.counters, (restarts.total, restarts.counted)
        assert restarts.total >= before[0]
        assert restarts.counted >= before[1]
        assert restarts.counted <= self.cluster.job.spec.run_policy.backoff_limit
        assert restarts.total == sum(one.count for one in restarts.by_replica)

    @invariant()
    def ends_at_most_once(self):
        status = self.cluster.job.status
        assert not (status.is_true("Complete") and status.is_true("Failed"))
        if self.final is not None:
            assert (truths(self.cluster.job), state(self.cluster.job)) == self.final
        elif status.is_true("Complete") or status.is_true("Failed"):
            self.final = (truths(self.cluster.job), state(self.cluster.job))
            self.creations_at_end = len(self.cluster.created)

    @invariant()
    def nothing_is_created_after_the_end(self):
        if self.final is not None:
            assert len(self.cluster.created) == self.creations_at_end

    @invariant()
    def completed_replicas_are_not_run_again(self):
        """Unless the whole job or a group starts again, or an elastic worker comes back."""
        created = Counter(name.split("-r")[0] for name in self.cluster.created)
        completed = set(self.cluster.job.status.completed_replicas)
        for name in completed:
            known = self.creations_at_completion.setdefault(name, created[f"digits-{name}"])
            assert created[f"digits-{name}"] == known
        left = self.completed - completed
        self.creations_at_completion = {
            name: count for name, count in self.creations_at_completion.items() if name in completed
        }
        assert "chief-0" not in left
        if self.cluster.job.spec.run_policy.failure_policy is None:
            assert all((self.elastic or self.together) and name.startswith("worker") for name in left)
        self.completed = completed

    @invariant()
    def creations_are_bounded(self):
        cluster = self.cluster
        others = sum(one.role != "worker" for one in replicas_of(cluster.job.spec))
        wanted = others + (MOST_WORKERS if self.elastic else cluster.job.spec.replicas("worker"))
        restarts = cluster.job.status.restarts.total
        most = wanted * (1 + cluster.resumes) + restarts + cluster.removed + cluster.joined
        assert len(cluster.created) <= most

    @invariant()
    def the_same_plan_twice_is_no_change(self):
        cluster = self.cluster
        observed = cluster.observe()
        first = plan_of(cluster.job, observed, cluster.now)
        if not first.status_first:
            again = plan_of(with_status(cluster.job, first.status), observed, cluster.now)
            assert again.status == with_status(cluster.job, first.status).status
            assert again.create_pods == first.create_pods
            assert again.delete_pods == first.delete_pods
            assert not again.events
            assert again.requeue_after == first.requeue_after

    def teardown(self):
        """Left in peace, the job ends."""
        if not hasattr(self, "cluster"):
            return
        cluster = self.cluster
        cluster.suspend(False)
        for _ in range(60):
            cluster.settle()
            if cluster.job.status.is_true("Complete") or cluster.job.status.is_true("Failed"):
                break
            cluster.finish_deletions()
            self.all_pods_run()
            for name in sorted(cluster.pods):
                if name in cluster.pods:
                    cluster.end(name, 0)
                cluster.settle()
            cluster.now += timedelta(seconds=100)
        else:
            raise AssertionError(f"the job does not end: {cluster.job.status}")
        for _ in range(4):  # the ps go after the others, and after those on lost nodes
            cluster.finish_deletions()
            cluster.now += SETTLES_WITHIN
            cluster.settle()
        cluster.finish_deletions()
        if cluster.job.spec.run_policy.clean_pod_policy != "None":
            assert not cluster.live()
        self.ends_at_most_once()
        assert all(count == 1 for count in Counter(cluster.live()).values())


class TwoLeaders(AnyLife):
    """The same with a second operator that acts on what it saw some time ago.

    It can make a pod that is no longer wanted, but lose no counter and change no end; the first one puts it right.
    """

    @rule()
    def other_leader_looks(self):
        self.seen_by_other = self.cluster.snapshot()

    @precondition(lambda self: hasattr(self, "seen_by_other"))
    @rule()
    def other_leader_acts(self):
        self.cluster.act_on(self.seen_by_other)

    no_replica_runs_twice = None
    those_that_make_every_step_together_are_of_one_attempt = None
    nothing_is_created_after_the_end = None
    completed_replicas_are_not_run_again = None
    creations_are_bounded = None


TestAnyLife = AnyLife.TestCase
TestAnyLife.settings = settings(
    max_examples=130,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate, Phase.shrink],
)
TestTwoLeaders = TwoLeaders.TestCase
TestTwoLeaders.settings = TestAnyLife.settings
