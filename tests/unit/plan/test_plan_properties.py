"""What holds whatever happens: pods fail, vanish and are evicted, the operator dies between two calls, news is late."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from job_builder import make_job, plan_of, state, truths, with_status
from simulated_cluster import SimulatedCluster

from estimator_operator.plan import Observed, replicas_of
from estimator_operator.plan.cleanup import SETTLES_WITHIN

EXIT_CODES = st.sampled_from([0, 1, 1, 1, 1, 78, 137, 137, 143])


class AnyLife(RuleBasedStateMachine):
    """A job under everything that can befall it."""

    @initialize(
        workers=st.integers(0, 2),
        ps=st.integers(0, 1),
        evaluator=st.booleans(),
        limit=st.integers(0, 3),
        clean=st.sampled_from(["Running", "All", "None"]),
        beginning=st.sampled_from(["new", "running", "running", "running", "suspended"]),
    )
    def create(self, workers, ps, evaluator, limit, clean, beginning):
        needs_evaluator = evaluator or workers or ps
        self.cluster = SimulatedCluster(
            make_job(
                workers=workers,
                ps=ps,
                evaluator=1 if needs_evaluator else 0,
                policy={"backoffLimit": limit, "cleanPodPolicy": clean},
                suspend=beginning == "suspended",
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
        self.cluster.settle()

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
        created = Counter(name.split("-r")[0] for name in self.cluster.created)
        for name in self.cluster.job.status.completed_replicas:
            known = self.creations_at_completion.setdefault(name, created[f"digits-{name}"])
            assert created[f"digits-{name}"] == known
        assert self.completed <= set(self.cluster.job.status.completed_replicas)
        self.completed = set(self.cluster.job.status.completed_replicas)

    @invariant()
    def creations_are_bounded(self):
        cluster = self.cluster
        wanted = len(replicas_of(cluster.job.spec))
        most = wanted * (1 + cluster.resumes) + cluster.job.status.restarts.total + cluster.removed
        assert len(cluster.created) <= most

    @invariant()
    def the_same_plan_twice_is_no_change(self):
        cluster = self.cluster
        observed = Observed(pods=tuple(cluster.known.values()), service_exists=cluster.service)
        first = plan_of(cluster.job, observed, cluster.now)
        if not first.status_first:
            again = plan_of(with_status(cluster.job, first.status), observed, cluster.now)
            assert again.status == with_status(cluster.job, first.status).status
            assert again.create_pods == first.create_pods
            assert again.delete_pods == first.delete_pods
            assert not again.events

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
        for _ in range(2):  # the ps go after the others
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
    nothing_is_created_after_the_end = None
    completed_replicas_are_not_run_again = None
    creations_are_bounded = None


TestAnyLife = AnyLife.TestCase
TestAnyLife.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate, Phase.shrink],
)
TestTwoLeaders = TwoLeaders.TestCase
TestTwoLeaders.settings = TestAnyLife.settings
