"""References: `package.module:attribute` in the job's specification, and the Python objects that they name."""

import functools
import importlib
from typing import Any

from estimator_runtime.job.settings.errors import JobConfigError


def resolve(reference: str, *, field: str) -> Any:
    """Imports what `reference` names.

    Args:
        reference: `package.module:attribute`, the attribute dotted when it is one of a class.
        field: path of the field that holds the reference, for the error.

    Raises:
        JobConfigError: the module cannot be imported, for whatever reason, or has no such attribute.
    """
    module_name, _, attribute = reference.partition(":")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise JobConfigError(
            f"{field}: {reference} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    try:
        return functools.reduce(getattr, attribute.split("."), module)
    except AttributeError as error:
        raise JobConfigError(f"{field}: {reference} cannot be imported: {error}") from error


def resolve_callable(reference: str, *, field: str) -> Any:
    """Imports a function (or another callable).

    Raises:
        JobConfigError: it cannot be imported or is not callable.
    """
    found = resolve(reference, field=field)
    if not callable(found):
        raise JobConfigError(f"{field}: {reference} is not callable but of type {type(found).__name__}")
    return found
