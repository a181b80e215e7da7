"""Fixtures: a world with an API server in memory, and an operator in it."""

from __future__ import annotations

import pytest
import pytest_asyncio
from fake_operator import FakeOperator
from job_world import World


@pytest.fixture
def world() -> World:
    """An empty cluster."""
    return World()


@pytest_asyncio.fixture
async def operator(world: World) -> FakeOperator:
    """An operator that leads since the cluster was empty."""
    operator = world.operator()
    await operator.start()
    world.api.calls.clear()
    return operator
