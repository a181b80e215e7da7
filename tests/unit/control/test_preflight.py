"""Whether the operator can work here: patience with a server that starts, none for ever."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from fake_api import status_error
from job_world import World

from estimator_api import constants as c
from estimator_operator.errors import PreflightError
from estimator_operator.preflight import PATIENCE, RETRY, check_access

CRD = Path(__file__).resolve().parents[3] / "crds/estimatorjobs.yaml"
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


def served(world: World, *dropped: str) -> None:
    """The API server serves the schema of the CRD, without some fields of the status."""
    document = yaml.safe_load(CRD.read_text())
    schema = document["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for path in dropped:
        *parents, last = path.split(".")
        parent = schema["properties"]["status"]
        for name in parents:
            parent = parent["properties"][name]
            parent = parent.get("items", parent)
        del parent["properties"][last]
    kind = {"group": c.GROUP, "version": c.VERSION, "kind": c.KIND}
    schema["x-kubernetes-group-version-kind"] = [kind]
    found = {"components": {"schemas": {"dev.estimator.v1alpha1.EstimatorJob": schema}}}
    world.api.objects["openapi", None, ""] = found


async def test_a_crd_that_is_older_is_told_with_the_fields_that_it_lacks(world, caplog):
    served(world, "pinned", "restarts.evaluator", "restarts.byReplica.quick")
    await check(world)
    assert (
        "does not know status.pinned, status.restarts.byReplica[].quick, status.restarts.evaluator:"
        in caplog.text
    )


async def test_a_crd_of_the_operator_s_version_is_not_remarked_upon(world, caplog):
    served(world)
    await check(world)
    assert caplog.text == ""


@pytest.mark.parametrize("answer", [FORBIDDEN, MISSING, AWAY], ids=["403", "404", "away"])
async def test_a_schema_that_cannot_be_read_holds_nobody_up(world, caplog, answer):
    world.api.fail("get", "openapi", answer)
    await check(world)
    assert caplog.text == ""


@pytest.mark.parametrize("document", [{}, {"components": {"schemas": {"x": []}}}, {"components": 1}])
async def test_a_schema_that_is_none_holds_nobody_up(world, document):
    world.api.objects["openapi", None, ""] = document
    await check(world)
