"""Building something for each replica of this task, in its context."""

import itertools
from collections.abc import Callable
from typing import Any

import tensorflow as tf


def in_each(strategy: Any, build: Callable[[int], Any]) -> list[Any]:
    """What `build` makes of the number of each of this task's replicas, in their order.

    What it returns is kept aside: returned through the strategy, it would be taken to pieces.
    """
    made: dict[int, Any] = {}
    numbers = itertools.count()

    def build_replica() -> None:
        # Replicas begin one after another, in order, and one may begin before the one before it is built: at an all-reduce
        # they wait for each other. Their context knows the number as a Tensor only.
        number = next(numbers)
        made[number] = build(number)

    # Not converted by AutoGraph, as without a strategy: the errors of what is built stay its own.
    strategy.extended.call_for_each_replica(tf.autograph.experimental.do_not_convert(build_replica))
    return [made[number] for number in sorted(made)]
