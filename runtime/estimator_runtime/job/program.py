"""The program form: a program of the user's own, run as `python -m` or `python` would run it, with `tf.estimator`."""

import importlib.util
import os
import runpy
import sys
from collections.abc import Sequence

from estimator_runtime import compat
from estimator_runtime.job.settings.errors import JobConfigError


def run_module(name: str, arguments: Sequence[str]) -> None:
    """Runs a module, or the `__main__` of a package.

    Raises:
        JobConfigError: there is no such module, or its package cannot be imported.
        SystemExit: the program ended by it.
    """
    compat.install()
    if os.getcwd() not in sys.path:  # noqa: PTH109 - sys.path holds strings
        sys.path.insert(0, os.getcwd())  # noqa: PTH109 - as above
    try:
        found = importlib.util.find_spec(name)
        if found is not None and found.submodule_search_locations is not None:
            found = importlib.util.find_spec(f"{name}.__main__")
    except Exception as error:
        raise JobConfigError(
            f"program.module: {name} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    if found is None:
        raise JobConfigError(f"program.module: {name} cannot be imported: there is no such module to run")
    sys.argv[:] = [found.origin or name, *arguments]
    runpy.run_module(name, run_name="__main__", alter_sys=True)


def run_script(path: str, arguments: Sequence[str]) -> None:
    """Runs a file.

    Raises:
        JobConfigError: there is no such file.
        SystemExit: the program ended by it.
    """
    compat.install()
    if not os.path.exists(path):  # noqa: PTH110 - the path is passed on as it is
        raise JobConfigError(f"program.script: there is no file {path} in {os.getcwd()}")  # noqa: PTH109 - for people
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))  # noqa: PTH100, PTH120 - sys.path holds strings
    sys.argv[:] = [path, *arguments]
    runpy.run_path(path, run_name="__main__")
