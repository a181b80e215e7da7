"""Plays of a job whose operators' machines have other clocks than the API server, each another one."""

from __future__ import annotations

import itertools
from datetime import timedelta
from email.utils import format_datetime
from types import SimpleNamespace

import pytest
from job_machine import JobMachine
from job_world import World
from mortal_operator import MortalOperator
from test_job_machine import play

from estimator_operator.control.clock import ClusterClock

OFFSETS = (90, -90, 3600, 0)
"""Seconds by which the clocks of operators are ahead, one after the other."""


class SkewedOperator(MortalOperator):
    """An operator on a machine whose clock is off; it hears the API server's with every answer."""

    def __init__(self, world: World, ahead: float) -> None:
        self.cluster_clock = ClusterClock(
            wall=lambda: world.clock.now() + timedelta(seconds=ahead), monotonic=world.clock.monotonic
        )
        super().__init__(SimpleNamespace(api=world.api, clock=self.cluster_clock))


class SkewedJobMachine(JobMachine):
    """The same job and cluster; every operator that begins has another clock."""

    def __init__(self) -> None:
        self._offsets = itertools.cycle(OFFSETS)
        self.operators: list[MortalOperator] = []
        super().__init__()
        self.world.api.answered.append(self._tell_the_time)

    def _operator(self) -> MortalOperator:
        return SkewedOperator(self.world, next(self._offsets))

    def _tell_the_time(self, status: int) -> None:
        for one in self.operators if status else ():
            one.cluster_clock.heard(format_datetime(self.world.clock.now(), usegmt=True))


@pytest.mark.timeout(300)
def test_operators_with_clocks_of_their_own_keep_every_promise():
    assert play(SkewedJobMachine, plays=60, steps=50) >= 2_000
