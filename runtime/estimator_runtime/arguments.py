"""Which arguments a user's function takes, so that it is called with those it declares and no others.

Functions, bound methods, `functools.partial` objects and instances with `__call__` are all understood. Arguments that
a partial has bound, and the `self` of a method, are not the caller's to pass; of a decorated function it is the
decorator's arguments that count, unless it hands on whatever it is given (`**kwargs`).
"""

import functools
import inspect
from collections.abc import Callable, Collection
from typing import Any

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def declared(function: Callable[..., Any]) -> tuple[str, ...]:
    """Names of the arguments that can be passed to `function` by keyword, in order of declaration."""
    bound: set[str] = set()
    inner: Any = function
    while isinstance(inner, functools.partial):
        bound |= set(inner.keywords)
        inner = inner.func
    return tuple(p.name for p in _parameters(function) if p.kind in _NAMED and p.name not in bound)


def required(function: Callable[..., Any]) -> tuple[str, ...]:
    """Those of the `declared` arguments that have no default."""
    with_default = {p.name for p in _parameters(function) if p.default is not p.empty}
    return tuple(name for name in declared(function) if name not in with_default)


def unexpected(function: Callable[..., Any], known: Collection[str]) -> list[str]:
    """Names of the arguments of `function` that a caller who passes those that are `known` leaves without a word.

    Keyword-only arguments with a default are the function's own affair, as in tf.estimator.
    """
    inner: Any = function
    while isinstance(inner, functools.partial):
        inner = inner.func
    own = [p.name for p in _parameters(inner) if p.kind is p.KEYWORD_ONLY and p.default is not p.empty]
    return [name for name in declared(function) if name not in known and name not in own]


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    parameters = list(inspect.signature(function, follow_wrapped=False).parameters.values())
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return list(inspect.signature(function).parameters.values())
    return parameters


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
