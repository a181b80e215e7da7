"""How long the operator takes to work again, with fifty jobs running, and that they lose nothing meanwhile.

`make bench` runs this with an outage of the API server of five minutes; `--outage SECONDS` is another length.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))

import termination  # noqa: E402  (the path above has to come first)
from api_server import ApiServer  # noqa: E402
from live_namespace import LiveNamespace  # noqa: E402
from recovery import Recovery  # noqa: E402

JOBS: Final = 50
OUTAGE: Final = 300.0


async def run(server: ApiServer, outage: float) -> None:
    """Prints a line for each loss."""
    server.call("POST", "/api/v1/namespaces", {"metadata": {"name": "recovery"}})
    with tempfile.TemporaryDirectory() as folder:
        async with LiveNamespace.connect(server, "recovery") as live:
            await live.until("serviceaccounts", "default", lambda _: True, "the default account")
            async with Recovery.begin(server, live, Path(folder), jobs=JOBS) as recovery:
                show("the leader is killed", await recovery.leader_lost())
                show("all operators are killed", await recovery.operators_lost())
                show(f"the API server is away for {outage:g} s", await recovery.server_lost(outage))
                await recovery.finish()
    print(f"{JOBS} jobs completed with the pods and the counters they had")


def show(what: str, seconds: float) -> None:
    """One line."""
    print(f"{what:45} working again after {seconds:6.1f} s", flush=True)


def main() -> None:
    """Brings an API server up for the bench."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--outage", type=float, default=OUTAGE, help="seconds without API server (default 300)"
    )
    outage = parser.parse_args().outage
    server = ApiServer.up()
    try:
        server.install_crd()
        asyncio.run(run(server, outage))
    finally:
        server.down()


if __name__ == "__main__":
    termination.closes_what_runs()
    main()
