"""Runs the scenarios side by side against one operator, and reports each as a test of its own."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest
from api_server import ApiServer
from connections import all_closed
from operator_process import OperatorProcess
from scenarios import (
    boards,
    budgets,
    deadlines,
    evidence,
    failures,
    lifecycle,
    modes,
    progress,
    rules,
    scaling,
    success,
    tenancy,
    together,
    wiring,
)
from scenarios.world import World

Scenario = Callable[[World], Awaitable[None]]

MODULES: Final = (
    boards, budgets, deadlines, evidence, failures, lifecycle, modes, progress, rules, scaling, success, tenancy,
    together, wiring,
)  # fmt: skip
AT_ONCE: Final = 10
"""More would wait for the two cores that the API server, etcd, the operator and the kubelets share."""
ALONE: Final = frozenset({"wiring.a_thousand_workers"})
"""Keeps the operator busy for so long that deadlines of seconds beside it would measure the machine."""
LONGEST: Final = 240.0

pytestmark = pytest.mark.timeout(840)


def scenarios_of(modules: Iterable[ModuleType]) -> dict[str, Scenario]:
    """All scenarios by `module.name`: the coroutine functions that a module defines and does not hide."""
    return {
        f"{module.__name__.rpartition('.')[2]}.{name}": found
        for module in modules
        for name, found in vars(module).items()
        if asyncio.iscoroutinefunction(found) and found.__module__ == module.__name__ and name[0] != "_"
    }


SCENARIOS: Final = scenarios_of(MODULES)


@pytest.fixture(scope="module")
def outcomes(
    api_server: ApiServer, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, str]:
    """What went wrong in each scenario that is to be run; empty for those that went well."""
    wanted = [
        item.callspec.params["title"]
        for item in request.session.items
        if item.module is request.module and item.originalname == "test_scenario"
    ]
    return asyncio.run(_run_all(api_server, wanted, tmp_path_factory.mktemp("scenarios") / "operator.log"))


@pytest.mark.parametrize("title", SCENARIOS)
def test_scenario(outcomes: Mapping[str, str], title: str) -> None:
    if outcomes[title]:
        pytest.fail(f"{SCENARIOS[title].__doc__}\n{outcomes[title]}", pytrace=False)


def test_there_are_many_and_all_say_what_they_are() -> None:
    assert len(SCENARIOS) >= 80
    assert [title for title, one in SCENARIOS.items() if not one.__doc__] == []


async def _run_all(server: ApiServer, titles: Collection[str], log: Path) -> Mapping[str, str]:
    operator = await OperatorProcess.start(
        "--no-leader-elect", "--progress-interval=0.3", kubeconfig=server.kubeconfig, log=log
    )
    at_once = asyncio.Semaphore(AT_ONCE)
    try:
        await operator.ready()
        together = [title for title in titles if title not in ALONE]
        results = await asyncio.gather(*(_run(server, title, at_once) for title in together))
        found = dict(zip(together, results, strict=True))
        for title in ALONE.intersection(titles):
            found[title] = await _run(server, title, at_once)
        assert operator.running, operator.text()
    finally:
        await operator.kill()
        await all_closed()
    print(operator.text())
    return found


async def _run(server: ApiServer, title: str, at_once: asyncio.Semaphore) -> str:
    async with at_once:
        try:
            async with asyncio.timeout(LONGEST), World.make(server, title.rpartition(".")[2]) as world:
                await SCENARIOS[title](world)
        except Exception:
            return traceback.format_exc()
    return ""
