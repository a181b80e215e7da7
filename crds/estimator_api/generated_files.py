"""Files that are generated from the models and committed: written, or checked for drift."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[2]
NOTICE: Final = "Generated from crds/estimator_api by `make generate`. Change the models, not this file."
"""First line of every generated file, as a comment."""


def keep(
    files: Mapping[Path, str],
    arguments: Sequence[str] | None = None,
    *,
    module: str,
    purpose: str,
    root: Path = REPOSITORY,
) -> int:
    """The command of a generator: writes the files that are not as they should be, or tells of them with `--check`.

    Args:
        files: Text of each file by its path below `root`.
        arguments: Of the command line; default those of the process.
        module: The module that is run, for the usage.
        purpose: What it makes, in one line.
        root: The checkout.

    Returns:
        The exit status: 1 when a file was checked and has drifted.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=purpose)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    check = parser.parse_args(arguments).check
    drifted = 0
    for name, wanted in files.items():
        path = root / name
        if path.is_file() and path.read_text(encoding="utf-8") == wanted:
            continue
        if check:
            drifted = 1
            fault = "differs from the models" if path.exists() else "is missing"
            sys.stderr.write(f"{name} {fault}: run `make generate` and commit it\n")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted, encoding="utf-8")
            sys.stdout.write(f"wrote {name}\n")
    return drifted
