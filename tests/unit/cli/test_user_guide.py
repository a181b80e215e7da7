"""The user guide: every manifest is valid, every command parses, every state is explained, every link leads somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml
from code_blocks import code_blocks

from estimator_api import constants as c
from estimator_api import parse_job
from estimator_api.strict import unknown_fields
from estimatorctl.__main__ import parser

GUIDE = Path(__file__).parents[3] / "docs/user-guide.md"
TEXT = GUIDE.read_text()
BLOCKS = code_blocks(GUIDE)
DOCUMENTS = [document for kind, text in BLOCKS if kind == "yaml" for document in yaml.safe_load_all(text)]
MANIFESTS = [one for one in DOCUMENTS if one.get("kind") == c.KIND]
COMMANDS = [
    line.removeprefix("$ ") for kind, text in BLOCKS if kind == "console" for line in text.splitlines()
]
STATES = [
    value
    for name, value in vars(c).items()
    if name.startswith("REASON_") and name not in {"REASON_RUNNING", "REASON_RESUMED", "REASON_SCALED"}
]
"""Those left out are reasons of other conditions and of events, never of Ready."""


def test_no_kind_of_block_is_left_out():
    assert {kind for kind, _ in BLOCKS} == {"console", "yaml"}
    assert len(MANIFESTS) >= 8


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda one: one["metadata"]["name"])
def test_manifests_are_valid(manifest):
    parse_job(manifest)
    assert list(unknown_fields(manifest)) == []


@pytest.mark.parametrize("mode", ["Evaluate", "Predict", "Export"])
def test_every_mode_has_a_manifest(mode):
    assert mode in [one["spec"].get("estimator", {}).get("mode") for one in MANIFESTS]


@pytest.mark.parametrize("command", COMMANDS)
def test_commands(command):
    program, *arguments = shlex.split(command)
    if program == "estimatorctl":
        parser("estimatorctl").parse_args(arguments)
    else:
        assert program == "kubectl", "each command of the guide is one of the two"


@pytest.mark.parametrize("state", STATES)
def test_every_state_is_explained(state):
    assert f"`{state}`" in TEXT


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#]+)", TEXT))
def test_links(target):
    assert (GUIDE.parent / target).exists()


@pytest.mark.parametrize(
    "promise",
    [
        "Kueue suspends and resumes",
        "the code of a running job does not change under it",
        "Argo CD, Flux and `kubectl wait` judge",
    ],
)
def test_nothing_is_promised_that_is_not_built(promise):
    assert promise not in TEXT


def test_the_container_that_trains_is_named():
    assert f"The container that trains is the one called `{c.CONTAINER}`" in TEXT
