"""How long the event loop stood still: lately, not ever."""

from __future__ import annotations

import asyncio

import pytest
from fake_clock import FakeClock

from estimator_operator.observe.metrics import Metrics
from estimator_operator.observe.standstill import BEAT, WINDOW, Standstill


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_the_longest_standstill_is_shown_for_a_window_and_then_forgotten(clock):
    standstill = Standstill(clock.monotonic)
    for late in (0.01, 0.4, 0.02):
        standstill.note(late, 1.0)
    assert standstill.longest == 0.4
    clock.pass_(WINDOW)
    standstill.note(0.1, 0.0)
    assert standstill.longest == 0.4, "the window before is shown too"
    clock.pass_(WINDOW)
    assert standstill.longest == 0.1
    clock.pass_(2 * WINDOW)
    assert standstill.longest == 0.0


def test_a_busy_machine_is_told_from_a_busy_loop(clock):
    standstill = Standstill(clock.monotonic)
    standstill.note(2.0, 0.03)
    standstill.note(0.15, 0.2)
    standstill.note(0.0, 0.04)
    assert (standstill.longest, standstill.busiest) == (2.0, 0.15)


async def test_the_task_measures_what_keeps_the_loop_from_it(clock):
    standstill = Standstill(clock.monotonic, lambda: 0.5 * clock.monotonic())
    task = asyncio.create_task(standstill.run())
    await asyncio.sleep(0)
    clock.pass_(BEAT + 3.0)
    while not standstill.longest:
        await asyncio.sleep(0)
    assert standstill.longest == pytest.approx(3.0)
    assert standstill.busiest == pytest.approx((BEAT + 3.0) / 2)
    task.cancel()


async def test_the_standstill_is_a_metric(clock):
    standstill = Standstill(clock.monotonic)
    standstill.note(0.25, 0.125)
    lines = (
        (await Metrics(jobs=list, queue_depth=lambda: 0, standstill=standstill).text()).decode().splitlines()
    )
    assert "estimator_operator_loop_standstill_seconds 0.25" in lines
    assert "estimator_operator_loop_busy_seconds 0.125" in lines
