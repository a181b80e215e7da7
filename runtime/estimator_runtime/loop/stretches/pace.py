"""How long a stretch is, where nobody looks anyhow.

By "auto" it is as long as a call takes that nobody waits for: one step, then twice as many as long as that takes less than
`SHORT_SECS`. By a number it is that. Where the same run is to be made again (a seed is set), time has no say.
"""

import math

SHORT_SECS = 0.05
"""A stretch that took less may be twice as long the next time."""
LONGEST_SECS = 0.1
"""After so long no further step of a stretch begins: signals, timers and logs wait for its end."""
FEWEST_STEPS = 300
"""Of a training, for a loop by "auto": a shorter one is over before it is worth its making."""
SHORTEST_PERIOD = 5
"""Of a hook, likewise."""

MOST_OPERATIONS = 5000
"""Of a step, likewise: one with more takes so long that a call costs nothing beside it, and its copy takes seconds."""


class Pace:
    """The length of stretches.

    Args:
        steps_per_loop: "auto" or how many steps a call makes, with the one that hooks see.
        is_timed: whether a stretch ends after a time.
    """

    def __init__(self, steps_per_loop: str | int, *, is_timed: bool) -> None:
        self._is_auto = isinstance(steps_per_loop, str)
        self._most = 1 if isinstance(steps_per_loop, str) else steps_per_loop - 1
        self._seen_step_secs = 0.0
        self.longest_secs = LONGEST_SECS if is_timed else math.inf

    @property
    def most(self) -> int:
        """The most steps that the next stretch may have."""
        # A step that takes as long as a stretch may gains nothing.
        return 0 if self._is_auto and self._seen_step_secs >= SHORT_SECS else self._most

    def stretched(self, steps: int, secs: float) -> None:
        """Takes how long a stretch was, and how long it took."""
        if self._is_auto and steps == self._most and secs < SHORT_SECS:
            self._most *= 2

    def seen(self, secs: float) -> None:
        """Takes how long a step took that hooks saw."""
        self._seen_step_secs = secs
