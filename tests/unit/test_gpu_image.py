"""What is checked of the GPU image is all that comes with it."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def contents(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "hack"))
    import gpu_image_contents

    return gpu_image_contents


def test_every_package_of_nvidia_is_looked_at(contents):
    constraints = (ROOT / "constraints.txt").read_text()
    installed = set(re.findall(r"^(nvidia-[a-z0-9-]+)==", constraints, re.MULTILINE))
    assert installed == contents.LIBRARIES.keys() | contents.COMPILER.keys()


def test_what_fails_is_told_and_the_rest_goes_on(contents, monkeypatch, capsys):
    def fails() -> str:
        raise OSError("libcudart.so.12: cannot open shared object file")

    monkeypatch.setattr(contents, "CHECKS", {"one": fails, "two": lambda: "fine"})
    assert contents.main() == 1
    told = capsys.readouterr().out
    assert "one              FAILED" in told
    assert "libcudart.so.12: cannot open" in told
    assert "two              fine" in told


def test_a_machine_without_the_packages_has_them_named_as_missing(contents, monkeypatch):
    monkeypatch.setattr(contents.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(AssertionError, match="NVIDIA"):
        contents.libraries()
