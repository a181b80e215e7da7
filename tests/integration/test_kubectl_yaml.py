"""kubectl reads YAML as the table says by which local runs read it."""

from __future__ import annotations

import json
import subprocess

import pytest
from api_server import ApiServer
from kubectl_readings import DOCUMENTS, REFUSED, SCALARS

HEAD = "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: x}\n"


def ask(server: ApiServer, text: str) -> object:
    """What kubectl makes of `spec`; asks no server."""
    answer = subprocess.run(
        [str(server.kubectl_path), "label", "--local", "-f", "-", "a=b", "-o", "json"],
        input=HEAD + text,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    return json.loads(answer.stdout)["spec"] if answer.returncode == 0 else REFUSED


def test_scalars(bare_api_server: ApiServer) -> None:
    told = {name: value for name, value in SCALARS.items() if value != REFUSED}
    lines = [f"  - {scalar}\n" for scalar in told]
    found = ask(bare_api_server, "spec:\n" + "".join(lines))
    assert isinstance(found, list)
    assert {name: json.dumps(one) for name, one in zip(told, found, strict=True)} == {
        name: json.dumps(value) for name, value in told.items()
    }
    for scalar in SCALARS.keys() - told.keys():
        assert ask(bare_api_server, f"spec:\n  - {scalar}\n") == REFUSED, scalar


@pytest.mark.parametrize("text", DOCUMENTS)
def test_documents(bare_api_server: ApiServer, text: str) -> None:
    assert ask(bare_api_server, text) == DOCUMENTS[text]
