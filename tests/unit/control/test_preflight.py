"""Whether the operator can work here: patience with a server that starts, none for ever."""

from __future__ import annotations

import pytest
from fake_api import status_error
from job_world import World

from estimator_operator.errors import PreflightError
from estimator_operator.preflight import PATIENCE, RETRY, check_access

MISSING = status_error(404, "NotFound", "the server could not find the requested resource")
FORBIDDEN = status_error(403, "Forbidden", "cannot list resource")
UNKNOWN = status_error(401, "Unauthorized", "no")
AWAY = status_error(0, message="connection refused")
BUSY = status_error(429, "TooManyRequests", "slow down", retry_after=20)


async def check(world: World, *namespaces: str) -> None:
    async def sleep(seconds: float) -> None:
        world.clock.pass_(seconds)

    await check_access(world.api, namespaces, monotonic=world.clock.monotonic, sleep=sleep)


@pytest.mark.parametrize(
    ("error", "times", "seconds"),
    [
        (AWAY, 200, 200 * RETRY),
        (MISSING, 3, 3 * RETRY),
        (FORBIDDEN, 3, 3 * RETRY),
        (UNKNOWN, 3, 3 * RETRY),
        (BUSY, 2, 40),
    ],
    ids=["away", "404", "403", "401", "429"],
)
async def test_a_server_that_starts_is_waited_for(world, error, times, seconds):
    world.api.fail("list", "estimatorjobs", error, times=times)
    await check(world)
    assert world.clock.monotonic() == seconds


@pytest.mark.parametrize(
    ("error", "words"),
    [(MISSING, "install the CRD first"), (FORBIDDEN, "no access"), (UNKNOWN, "no access")],
    ids=["404", "403", "401"],
)
async def test_a_refusal_that_stays_ends_the_operator(world, error, words):
    world.api.fail("list", "estimatorjobs", error, times=10**6)
    with pytest.raises(PreflightError, match=words):
        await check(world)
    assert PATIENCE <= world.clock.monotonic() <= PATIENCE + RETRY


async def test_one_namespace_that_is_forbidden_does_not_keep_the_others(world, caplog):
    world.api.fail("list", "estimatorjobs", FORBIDDEN)
    await check(world, "gone", "team-a")
    assert world.clock.monotonic() == 0
    assert "serving the others" in caplog.text


async def test_all_namespaces_forbidden_is_no_access(world):
    world.api.fail("list", "estimatorjobs", FORBIDDEN, times=10**6)
    with pytest.raises(PreflightError, match="no access"):
        await check(world, "gone", "gone-too")
