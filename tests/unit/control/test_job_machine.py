"""Plays of thousands of steps with one job: it always converges, and never loses or doubles anything."""

from __future__ import annotations

from typing import ClassVar

import pytest
from hostile_machine import HostileJobMachine
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test
from job_machine import JobMachine

from estimator_operator.kube.resources import JOBS


def play(machine: type[JobMachine], *, plays: int, steps: int) -> int:
    """Plays; returns how many steps were made in all."""
    machine.steps = 0
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=plays,
            stateful_step_count=steps,
            derandomize=True,
            database=None,
            deadline=None,
            # Which others are found and told within ten seconds after the first failure depends on the machine.
            report_multiple_bugs=False,
            # Plays are the same each time. Shrinking one takes minutes: add Phase.shrink to find the short form.
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    return machine.steps


@pytest.mark.timeout(300)
def test_a_job_in_a_cluster_that_misbehaves():
    assert play(JobMachine, plays=310, steps=50) >= 10_000


@pytest.mark.timeout(300)
def test_a_job_whose_labels_finalizers_and_spec_are_edited_by_others():
    assert play(HostileJobMachine, plays=100, steps=50) >= 3_500


class ElasticJobMachine(JobMachine):
    """The same with a number of workers that changes."""

    extra = {"elastic": {"minReplicas": 0, "maxReplicas": 3}, "worker": {"replicas": 2}}
    most = {**JobMachine.most, "worker": 3}

    @rule(workers=st.integers(0, 3))
    def somebody_scales(self, workers: int) -> None:
        self._count()
        if self.world.api.names(JOBS):
            self.world.set_spec(worker={"replicas": workers})


@pytest.mark.timeout(300)
def test_an_elastic_job_in_a_cluster_that_misbehaves():
    assert play(ElasticJobMachine, plays=68, steps=50) >= 2_500


class TracedJobMachine(JobMachine):
    """Notes every call."""

    trace: ClassVar[list[tuple[str, ...]]] = []

    def _before(self, *call: str) -> None:
        self.trace.append(call[:2])
        super()._before(*call)


def test_plays_are_the_same_each_time():
    """A play that depends on what ran before it in the same process is a failure that nobody can repeat."""
    traces = []
    for _ in range(2):
        TracedJobMachine.trace = []
        play(TracedJobMachine, plays=4, steps=20)
        traces.append(TracedJobMachine.trace)
    assert traces[0]
    assert traces[0] == traces[1]
