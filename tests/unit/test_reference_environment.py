"""Where the reference is: the three ways in which hack/reference-venv ends."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import reference_environment


def program(folder: Path, text: str) -> Path:
    path = folder / "reference-venv"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_its_last_line_is_the_interpreter(tmp_path):
    assert reference_environment.python(program(tmp_path, "echo /a/bin/python")) == "/a/bin/python"


def test_a_machine_that_cannot_have_it_is_told_apart(tmp_path):
    with pytest.raises(reference_environment.ReferenceUnavailableError, match="cannot be installed"):
        reference_environment.python(program(tmp_path, "exit 69"))


def test_another_failure_is_one(tmp_path):
    with pytest.raises(subprocess.CalledProcessError):
        reference_environment.python(program(tmp_path, "exit 1"))
