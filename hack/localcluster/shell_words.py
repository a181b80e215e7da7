"""Results for shells: `eval "$(hack/cluster apiserver env)"`."""

import shlex
from collections.abc import Mapping
from pathlib import Path


def assignments(values: Mapping[str, object]) -> str:
    """One quoted `export NAME=value` a line."""
    return "\n".join(f"export {name}={shlex.quote(str(value))}" for name, value in values.items())


def search_path(folder: Path) -> str:
    """An assignment that puts a folder in front of the shell's own PATH."""
    return f'export PATH={shlex.quote(str(folder))}:"$PATH"'
