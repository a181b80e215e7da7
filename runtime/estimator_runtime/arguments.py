"""Which arguments a user's function takes, so that it is called with those it declares and no others.

Functions, bound methods, `functools.partial` objects and instances with `__call__` are all understood. Arguments that
a partial has bound, and the `self` of a method, are not the caller's to pass.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def declared(function: Callable[..., Any]) -> tuple[str, ...]:
    """Names of the arguments that can be passed to `function` by keyword, in order of declaration."""
    bound: set[str] = set()
    inner: Any = function
    while isinstance(inner, functools.partial):
        bound |= set(inner.keywords)
        inner = inner.func
    parameters = inspect.signature(function).parameters.values()
    return tuple(p.name for p in parameters if p.kind in _NAMED and p.name not in bound)


def check_input_fn(input_fn: object) -> None:
    """Refuses what an input function returns in place of the function.

    Raises:
        TypeError: `input_fn` cannot be called.
    """
    if not callable(input_fn):
        given = " ".join(str(input_fn).split())
        raise TypeError(
            f"`input_fn` must be callable, given: {given[:100]}{'...' if len(given) > 100 else ''} (a "
            f"{type(input_fn).__name__}). It is a function that makes the dataset, or the tensors, each time it is called: "
            "put what makes them inside it."
        )
