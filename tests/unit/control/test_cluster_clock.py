"""One clock for what the API server writes: its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from estimator_operator.control.clock import ClusterClock

START = datetime(2026, 1, 1, tzinfo=UTC)


class Machine:
    """A machine whose clock is off from the API server's, which it can ask."""

    def __init__(self, ahead: float) -> None:
        self.seconds = 0.0
        self.ahead = timedelta(seconds=ahead)
        self.clock = ClusterClock(wall=self.wall, monotonic=lambda: self.seconds)

    @property
    def server(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def wall(self) -> datetime:
        return self.server + self.ahead

    def ask(self, times: int = 1, *, off: float = 0) -> None:
        for _ in range(times):
            self.seconds += 1.3
            date = (self.server + timedelta(seconds=off)).replace(microsecond=0)
            self.clock.heard(format_datetime(date, usegmt=True))

    @property
    def error(self) -> float:
        """Seconds that the clock is ahead of the API server."""
        return (self.clock.now() - self.server).total_seconds()


@pytest.mark.parametrize("ahead", [-3600, -90, -3, 0, 3, 90, 3600])
def test_the_time_is_the_api_server_s_after_its_first_answer(ahead):
    machine = Machine(ahead)
    assert machine.error == ahead
    machine.ask()
    assert abs(machine.error) <= 2
    machine.seconds += 1000
    assert abs(machine.error) <= 2


def test_small_differences_are_none():
    machine = Machine(1)
    machine.ask(20)
    assert machine.error == 1


def test_a_step_of_the_local_clock_changes_nothing():
    machine = Machine(0)
    machine.ask()
    machine.ahead = timedelta(hours=1)
    assert abs(machine.error) <= 2


def test_a_single_answer_of_another_clock_changes_nothing():
    machine = Machine(0)
    machine.ask()
    for _ in range(5):
        machine.ask(2, off=60)
        machine.ask()
    assert abs(machine.error) <= 2


def test_an_api_server_whose_clock_was_set_is_followed():
    machine = Machine(0)
    machine.ask()
    machine.ask(3, off=60)
    assert abs(machine.error - 60) <= 2


@pytest.mark.parametrize("date", ["", "yesterday", "Thu, 99 Jan 2026 12:00:30 GMT"])
def test_what_is_no_date_changes_nothing(date):
    machine = Machine(90)
    machine.clock.heard(date)
    assert machine.error == 90


def test_a_large_difference_is_logged_once(caplog):
    machine = Machine(90)
    machine.ask(5)
    machine.ask(5, off=-300)
    assert caplog.text.count("the API server's clock is") == 1
