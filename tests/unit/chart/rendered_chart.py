"""helm template as a function."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml
from helm_program import helm_program

REPOSITORY = Path(__file__).resolve().parents[3]
CHART = REPOSITORY / "charts" / "estimator-operator"
RELEASE = "estimator-operator"
Object = dict[str, Any]
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class RenderError(AssertionError):
    """helm refused; the text is its error."""


def run(*args: str, values: Object | None = None) -> str:
    """Runs helm; returns what it printed.

    Raises:
        RenderError: helm failed.
    """
    answer = subprocess.run(
        [helm_program(), *args, "--values", "-"],
        input=yaml.safe_dump(values or {}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if answer.returncode:
        raise RenderError(answer.stderr)
    return answer.stdout


def render(values: Object | None = None, *flags: str, release: str = RELEASE) -> list[Object]:
    """The objects of the release."""
    printed = run("template", release, str(CHART), "--namespace", RELEASE, *flags, values=values)
    return [one for one in yaml.load_all(printed, _LOADER) if one]


def render_as_dependency(folder: Path, values: Object | None = None, *flags: str) -> list[Object]:
    """The objects of a parent chart that has this one as a dependency with the usual condition."""
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["version"]
    dependency = {"name": CHART.name, "version": version, "condition": f"{CHART.name}.enabled"}
    parent = {"apiVersion": "v2", "name": "platform", "version": "1.0.0", "dependencies": [dependency]}
    (folder / "Chart.yaml").write_text(yaml.safe_dump(parent))
    shutil.copytree(CHART, folder / "charts" / CHART.name)
    printed = run("template", RELEASE, str(folder), "--namespace", RELEASE, *flags, values=values)
    return [one for one in yaml.load_all(printed, _LOADER) if one]


def notes(folder: Path, values: Object | None = None) -> str:
    """What an install prints. helm renders notes only where there is a cluster, hence a copy that has them as a file."""
    copy = folder / CHART.name
    shutil.copytree(CHART, copy)
    (copy / "templates/NOTES.txt").rename(copy / "files/notes.txt")
    (copy / "templates/notes.yaml").write_text('notes: {{ tpl (.Files.Get "files/notes.txt") . | toJson }}\n')
    printed = run("template", RELEASE, str(copy), "-n", RELEASE, "-s", "templates/notes.yaml", values=values)
    return yaml.load(printed, _LOADER)["notes"]


def kinds(objects: list[Object]) -> set[str]:
    """The kinds of objects."""
    return {one["kind"] for one in objects}


def the(kind: str, objects: list[Object], name: str | None = None) -> Object:
    """The one object of a kind (and name)."""
    (found,) = (one for one in objects if one["kind"] == kind and name in (None, one["metadata"]["name"]))
    return found


def is_hook(one: Object) -> bool:
    """The object belongs to `helm test`."""
    return "helm.sh/hook" in one["metadata"].get("annotations", {})
