"""What is asked for in a step, run by a callable that is made once for all steps that ask for the same.

`Session.run` takes the structure of its fetches apart and puts it together again in every step. A training asks for the
same few things always, so here that is done once: `Session.make_callable` of the flat list of what is asked for, kept
under the identity of each tensor and the shape of the structures around them. What is fed is known beforehand too, where it
says so (`StandingFeeds`).

Invariants:

* a result has the structure, the types and the values that `Session.run` gives it, and what is asked for twice is the
  same array in both places;
* a structure is remembered as it was when it was asked for: who changes its own list or dict asks for something else;
* what has no fixed meaning in the graph (objects of the program's own, subclasses of containers) is left to
  `Session.run`, and so is whatever is new once there are many callables.
"""

import collections
import functools
import operator
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

import tensorflow as tf

from estimator_runtime.distribution.standing_feeds import StandingFeeds

MOST_PLANS = 32

_ELEMENTS = (tf.Tensor, tf.Operation, tf.Variable, tf.SparseTensor, tf.IndexedSlices)
_DICTS = (dict, collections.OrderedDict)


class _Unplanned(Exception):  # noqa: N818 - a way back, not an error
    """What is asked for is left to `Session.run`."""


class _Plan:
    """One list of requests, ready to run.

    Args:
        session: the session.
        requests: the structures that are asked for.
        elements: all that is in them, in order.
        feeds: what is fed.

    Raises:
        TypeError, ValueError: an element is none of the session's graph.
    """

    def __init__(
        self, session: Any, requests: Iterable[Any], elements: Sequence[Any], feeds: StandingFeeds | None
    ) -> None:
        # Kept, for they are known by their ids.
        self._elements = elements
        self._feeds = feeds
        places: dict[Hashable, int] = {}
        unique: list[Any] = []
        for element in elements:
            if places.setdefault(_identity(element), len(unique)) == len(unique):
                unique.append(element)
        self._run: Callable[[], Any] = (
            session.make_callable(unique)
            if feeds is None
            else functools.partial(session.make_callable(unique, list(feeds)), *feeds.values())
        )
        self._parts = [_part(request, places) for request in requests]

    def results(self) -> list[Any]:
        """Runs the step; returns what each request is answered with."""
        values = self._run()
        return [part(values) for part in self._parts]


class Plans:
    """The plans of one session.

    Args:
        session: the session, whose graph gets no operation from here.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        self._plans: dict[Hashable, _Plan] = {}

    def plan(self, requests: Iterable[Any], feeds: StandingFeeds | None = None) -> _Plan | None:
        """The plan of these requests, each any structure that `Session.run` takes; None leaves them to that.

        Args:
            requests: the structures.
            feeds: what is fed with them.

        Raises:
            TypeError, ValueError: an element is none of the session's graph, as `Session.run` raises it.
        """
        elements: list[Any] = []
        try:
            key = id(feeds), tuple([_key(request, elements) for request in requests])
        except _Unplanned:
            return None
        found = self._plans.get(key)
        # `Session.run` of nothing does nothing, a callable of nothing is an error.
        if found is None and elements and len(self._plans) < MOST_PLANS:
            found = self._plans[key] = _Plan(self._session, requests, elements, feeds)
        return found


@functools.cache
def _is_element(kind: type) -> bool:
    return issubclass(kind, _ELEMENTS)


@functools.cache
def _is_named_tuple(kind: type) -> bool:
    return issubclass(kind, tuple) and hasattr(kind, "_fields")


def _identity(element: Any) -> Hashable:
    """What two elements have in common when they are the same."""
    return element if type(element) is str else id(element)


def _key(request: Any, elements: list[Any]) -> Hashable:
    """What two requests have in common that one plan serves; adds what is in the request to `elements`."""
    kind: Any = type(request)
    if _is_element(kind):
        elements.append(request)
        return id(request)
    if kind is list or kind is tuple or _is_named_tuple(kind):
        return kind, tuple([_key(part, elements) for part in request])
    if kind in _DICTS:
        # Keys that are equal and not the same (1 and True) would come back as each other.
        if not all(type(name) is str or _is_of_str(name) for name in request):
            raise _Unplanned
        return kind, tuple(request), tuple([_key(part, elements) for part in request.values()])
    if kind is str:
        elements.append(request)
        return request  # type: ignore[no-any-return]  # it is a str
    raise _Unplanned


def _is_of_str(name: Any) -> bool:
    """Whether a key of a dict is a tuple of str, as the predictions of several heads have it."""
    return type(name) is tuple and all(type(part) is str for part in name)


def _part(request: Any, places: dict[Hashable, int]) -> Callable[[Sequence[Any]], Any]:
    """Makes the answer to a request from the values of all elements."""
    kind: Any = type(request)
    if _is_element(kind) or kind is str:
        return operator.itemgetter(places[_identity(request)])
    if kind in _DICTS:
        names = tuple(request)
        parts = [_part(part, places) for part in request.values()]
        return lambda values: kind(zip(names, [part(values) for part in parts], strict=True))
    parts = [_part(part, places) for part in request]
    if kind is list:
        return lambda values: [part(values) for part in parts]
    if kind is tuple:
        return lambda values: tuple([part(values) for part in parts])
    return lambda values: kind(*[part(values) for part in parts])
