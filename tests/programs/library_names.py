"""The table of names of tf.estimator that libraries say, library_names.txt: written here, held by tests/runtime.

`make programs` writes it from the sources of the libraries; tests/runtime/test_library_names.py asks this runtime for
each of its names, which needs no library and no network.
"""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
from pathlib import Path

import environments
import imported_names
from libraries import LIBRARIES, READ_ONLY


def of_distribution(site: Path, name: str) -> set[str]:
    """The names that the files of one distribution say; `site` has others beside it."""
    distribution = next(
        found
        for found in importlib.metadata.distributions(path=[str(site)])
        if found.metadata["Name"].replace("_", "-").lower() == name
    )
    found: set[str] = set()
    for path in distribution.files or []:
        if path.suffix == ".py":
            found |= imported_names.of_file(Path(str(distribution.locate_file(path))))
    return found


def lines(python: str) -> list[str]:
    """The table: library, version and a name that tf.estimator 2.15 has.

    Args:
        python: The interpreter of tf.estimator 2.15, which is asked for each name. What it has not is of TensorFlow 1.

    Raises:
        subprocess.CalledProcessError: A library cannot be installed.
    """
    found: dict[tuple[str, str], set[str]] = {}
    catalogue = [
        (each.name, each.version, each.requirements(each.reference)) for each in LIBRARIES if each.version
    ]
    catalogue += [(name, version, (f"{name}=={version}",)) for name, version in READ_ONLY]
    for name, version, requirements in catalogue:
        found[name, version] = of_distribution(environments.packages(python, requirements), name)
    asked = sorted(set().union(*found.values()))
    known = subprocess.run(
        [python, "-P", imported_names.__file__],
        input="\n".join(asked),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    ).stdout.split()
    return [
        f"{name} {version} {path}"
        for (name, version), paths in sorted(found.items())
        for path in sorted(paths & set(known))
    ]


def write(python: str) -> None:
    """Writes the table; see `lines`."""
    imported_names.TABLE.write_text("\n".join([*lines(python), ""]))
