"""Fifty running jobs lose nothing when leaders, operators and the API server are lost. `make bench` takes longer."""

from __future__ import annotations

from pathlib import Path

import pytest
from api_server import ApiServer
from live_namespace import LiveNamespace
from recovery import Recovery


@pytest.mark.timeout(400)
async def test_fifty_jobs_lose_nothing(api_server: ApiServer, live: LiveNamespace, tmp_path: Path) -> None:
    async with Recovery.begin(api_server, live, tmp_path, jobs=50) as recovery:
        await recovery.leader_lost()
        await recovery.operators_lost()
        await recovery.server_lost(5)
        await recovery.finish()
