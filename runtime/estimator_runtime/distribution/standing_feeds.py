"""What is fed in many steps of a training, the same in each."""

from typing import Any


class StandingFeeds(dict[Any, Any]):
    """Tensor -> a value of its type and shape. Nobody changes it, so what runs a step with it can be made once."""
