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

    def ask(self, times: int = 1, *, off: float = 0, takes: float = 1.3) -> None:
        for _ in range(times):
            self.seconds += takes
            date = (self.server + timedelta(seconds=off)).replace(microsecond=0)
            self.clock.heard(format_datetime(date, usegmt=True))

    @property
    def error(self) -> float:
        """Seconds that the clock is ahead of the API server."""
        return (self.clock.now() - self.server).total_seconds()


@pytest.mark.parametrize("ahead", [-3600, -90, -3, 0, 3, 90, 3600])
def test_the_time_is_the_api_server_s_after_its_first_two_answers(ahead):
    machine = Machine(ahead)
    assert machine.error == ahead
    machine.ask(2, takes=0.01)
    assert abs(machine.error) <= 2
    machine.seconds += 1000
    assert abs(machine.error) <= 2


@pytest.mark.parametrize("off", [-7200, -90, 90, 7200])
@pytest.mark.parametrize("before", [0, 1])
def test_one_odd_answer_at_the_start_sets_nothing(off, before):
    machine = Machine(0)
    machine.ask(before)
    machine.ask(off=off)
    assert abs(machine.error) <= 2
    machine.ask(2)
    assert abs(machine.error) <= 2


def test_odd_answers_at_the_start_that_disagree_set_nothing():
    machine = Machine(0)
    for off in (90, -90, 3600, 20, 40):
        machine.ask(off=off)
        assert machine.error == 0


@pytest.mark.parametrize("ahead", [-90, 90])
def test_an_odd_answer_at_the_start_only_delays_the_api_server_s_time(ahead):
    machine = Machine(ahead)
    machine.ask()
    machine.ask(off=3600)
    machine.ask(2)
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


@pytest.mark.parametrize("off", [-3600, -90, 60, 90])
def test_an_api_server_whose_clock_was_set_is_followed(off):
    machine = Machine(0)
    machine.ask()
    machine.ask(10, off=off)
    assert abs(machine.error - off) <= 2


@pytest.mark.parametrize("off", [-90, 90])
@pytest.mark.parametrize("run", [1, 2, 3, 7])
def test_of_two_api_servers_whose_clocks_are_apart_one_is_believed(off, run):
    machine = Machine(0)
    machine.ask()
    for _ in range(50):
        machine.ask(run, off=off)
        assert abs(machine.error) <= 2
        machine.ask(run)
        assert abs(machine.error) <= 2


def test_a_burst_of_answers_is_one():
    machine = Machine(0)
    machine.ask()
    for _ in range(100):
        machine.ask(off=90, takes=0.05)
    assert abs(machine.error) <= 2


def test_answers_that_disagree_with_one_another_set_nothing():
    machine = Machine(0)
    machine.ask()
    for number in range(100):
        machine.ask(off=60 + 10 * (number % 3))
    assert abs(machine.error) <= 2


def test_a_connection_that_goes_to_and_fro_moves_the_clock_ever_more_rarely():
    machine, moves = Machine(0), 0
    machine.ask()
    for number in range(60):
        before = machine.error
        machine.ask(20, off=90 * (number % 2))
        moves += abs(machine.error - before) > 45
    assert moves <= 2


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize(
    "date",
    [
        "",
        "yesterday",
        "Thu, 99 Jan 2026 12:00:30 GMT",
        "Thu, 01 Jan " + "9" * 30 + " 12:00:30 GMT",
        "Thu, 01 Jan 2026 12:00:30 +" + "9" * 30,
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "9" * 5000,
        "\udcff",
    ],
)
def test_what_is_no_date_changes_nothing(date, known):
    machine = Machine(90)
    if known:
        machine.ask()
    error = machine.error
    for _ in range(30):
        machine.seconds += 1
        machine.clock.heard(date)
    assert machine.error == error


def test_a_large_difference_is_logged_once(caplog):
    machine = Machine(90)
    machine.ask(15)
    machine.ask(15, off=-300)
    assert caplog.text.count("the API server's clock is") == 1
