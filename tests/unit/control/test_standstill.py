"""How long the event loop stood still: lately, not ever."""

from __future__ import annotations

import pytest
from fake_clock import FakeClock

from estimator_operator.observe.metrics import Metrics
from estimator_operator.observe.standstill import WINDOW, Standstill


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_the_longest_standstill_is_shown_for_a_window_and_then_forgotten(clock):
    standstill = Standstill(clock.monotonic)
    for late in (0.01, 0.4, 0.02):
        standstill.note(late)
    assert standstill.longest == 0.4
    clock.pass_(WINDOW)
    standstill.note(0.1)
    assert standstill.longest == 0.4, "the window before is shown too"
    clock.pass_(WINDOW)
    assert standstill.longest == 0.1
    clock.pass_(2 * WINDOW)
    assert standstill.longest == 0.0


def test_the_standstill_is_a_metric():
    metrics = Metrics(jobs=list, queue_depth=lambda: 0, standstill=lambda: 0.25)
    assert "estimator_operator_loop_standstill_seconds 0.25" in metrics.text().decode().splitlines()
