"""Steps per second, over the last few looks at the global step."""

from collections import deque

_LOOKS = 11


class StepRate:
    """Rate of the global step over its last looks; pauses are taken out by starting again."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, int]] = deque(maxlen=_LOOKS)
        self._latest: float | None = None

    def look(self, seconds: float, step: int) -> float | None:
        """Adds a look and returns the rate, the one before the last restart while there is no newer one."""
        self._looks.append((seconds, step))
        first_seconds, first_step = self._looks[0]
        if seconds > first_seconds:
            self._latest = (step - first_step) / (seconds - first_seconds)
        return self._latest

    def restart(self) -> None:
        """Forgets the looks: what lay between them and the next was no training."""
        self._looks.clear()
