"""How many steps may pass without a call of a hook.

A hook that overrides `before_run` or `after_run` is called in every step, unless it is one of the loop's own, whose
periods are known, or its class says `steps_between_looks = n`: then it is called in one of n steps at least, and what it
sees is that step's.
"""

import sys
from collections.abc import Iterable
from typing import Any, ClassVar

from estimator_runtime.loop.steps import replaced

FAR = sys.maxsize
"""So many steps that there is no limit."""
_METHODS = ("before_run", "after_run")
_DECLARATION = "steps_between_looks"


def _methods(kind: Any) -> tuple[Any, ...]:
    return tuple(getattr(kind, name, None) for name in _METHODS)


class Look:
    """What a hook says of itself that need not see every step.

    It knows the global step from what it is told: where a session begins, each step in which it was called, and how many
    steps it was not.
    """

    _own_methods: ClassVar[tuple[Any, ...]] = ()

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        # A class that a program derives has to do what this package's does.
        if cls.__module__.partition(".")[0] == __name__.partition(".")[0]:
            cls._own_methods = _methods(cls)

    @property
    def is_untouched(self) -> bool:
        """Whether nobody has replaced, to look at steps, the methods that are called in them."""
        return _methods(type(self)) == self._own_methods and vars(self).keys().isdisjoint(_METHODS)

    @property
    def most_steps(self) -> int:
        """How many steps there are to make at most, FAR where the hook does not say."""
        return FAR

    @property
    def period(self) -> int:
        """The most steps that there are from one look to the next, FAR where only time counts."""
        raise NotImplementedError

    def began(self, step: int) -> None:
        """Takes the global step at which a session begins."""

    def looked(self, step: int) -> None:
        """Takes the global step after a step in which the hook was called."""

    def quiet_steps(self, step: int) -> int:
        """How many of the steps after global step `step` the hook need not be called in; 0 and less mean none."""
        raise NotImplementedError

    def passed(self, steps: int, step: int, run_context: Any) -> None:
        """Takes that it was not called in `steps` steps, of which the last ended at global step `step`."""


class _Declared(Look):
    """The word of a class of the program's own."""

    def __init__(self, period: int) -> None:
        self._period = period
        self._due: int | None = None

    @property
    def period(self) -> int:
        return self._period

    def looked(self, step: int) -> None:
        self._due = step + self._period

    def quiet_steps(self, step: int) -> int:
        return 0 if self._due is None else self._due - 1 - step


def of(hooks: Iterable[Any]) -> list[Look] | Any:
    """The looks of `hooks`, of which each overrides `before_run` or `after_run`; or the first hook that sees every step.

    Raises:
        ValueError: `steps_between_looks` is no number of steps.
    """
    looks: list[Look] = []
    for hook in hooks:
        if isinstance(hook, Look) and hook.is_untouched:
            looks.append(hook)
            continue
        period = getattr(type(hook), _DECLARATION, 1)
        if not isinstance(period, int) or isinstance(period, bool) or period < 1:
            raise ValueError(
                f"{type(hook).__name__}.{_DECLARATION} must be an integer of at least 1, the number of steps of which the "
                f"hook has to see one; it is {period!r}."
            )
        if period == 1:
            return hook
        looks.append(_Declared(period))
    return looks


def looking(hooks: Iterable[Any]) -> list[Any]:
    """Those of `hooks` that are called in a step at all."""
    return [hook for hook in hooks if replaced.looks(hook)]
