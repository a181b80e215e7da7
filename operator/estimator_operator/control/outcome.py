"""How a look at a job can end; what each means for the queue is the table of `reconcile.py`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from estimator_operator.plan import Plan


class Outcome(Enum):
    """How a look at a job ended."""

    GONE = auto()
    """The job does not exist, or another controller runs it."""
    CALM = auto()
    """It is left alone for a while: after many conflicts, or since its status is refused."""
    AT_REST = auto()
    """There is nothing to do for it, and a stub of it is kept."""
    OUTDATED = auto()
    """The job, or a pod, was not what the plan took it for."""
    REFUSAL_CHANGED = auto()
    """Something is refused now, or not any more: the plan must say so."""
    YIELDED = auto()
    """Its pods are made; its status is written by the next look, which knows them, after others that wait."""
    DELETED = auto()
    """Its time to live was over."""
    DONE = auto()
    """What the plan said was done."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a look came to.

    Attributes:
        outcome: How it ended.
        wait: Seconds until the next look, where the outcome itself knows.
        made: The plan that was acted on.
        wrote: The status was written.
        owed: The status has changed and is yet to be written.
    """

    outcome: Outcome
    wait: float | None = None
    made: Plan | None = None
    wrote: bool = False
    owed: bool = False
