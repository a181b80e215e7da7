"""What an optimizer of Keras 3 does every few steps, in a graph: accumulated gradients, averages that are taken over.

Keras asks whether `(iterations + 1) % steps == 0`. Of Tensors that is a Tensor in eager TensorFlow and inside its functions. In
a graph, and in a function that is called from one, `==` asks whether both are one object; so no step would be one of those,
and an optimizer that accumulates gradients would never change a variable. While such a step is traced the number of steps
is an object that compares what is left of a Tensor.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow as tf

_INTERVALS = ("ema_overwrite_frequency", "gradient_accumulation_steps")


class _Interval:
    """A number of steps, of which Keras asks what is left when a count is divided by it, and the mean of as many gradients."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def __rmod__(self, count: Any) -> Any:
        return _Rest(tf.math.floormod(count, tf.cast(self.steps, count.dtype)))

    def __rtruediv__(self, total: Any) -> Any:
        return total / self.steps


class _Rest:
    """What is left of a count, an integer Tensor []; compared it is a bool Tensor []."""

    __hash__ = None  # type: ignore[assignment]  # as of whatever compares to a Tensor

    def __init__(self, rest: Any) -> None:
        self._rest = rest

    def __eq__(self, number: object) -> Any:
        return tf.equal(self._rest, number)


@contextlib.contextmanager
def compared(optimizer: Any) -> Iterator[None]:
    """Surrounds a step of an optimizer of Keras that is built in a graph.

    Raises:
        ValueError: it does something every few steps, and is on the replicas of a strategy, where no step can be left out.
    """
    # Those of an optimizer around another one are that one's.
    given = {name: steps for name in _INTERVALS if (steps := vars(optimizer).get(name)) is not None}
    if given and tf.distribute.has_strategy():
        raise ValueError(
            f"The optimizer {type(optimizer).__name__} of Keras was given {', '.join(given)}, which the replicas of a "
            "strategy cannot do in a graph. Leave it out, or train without train_distribute."
        )
    with _replaced(optimizer, {name: _Interval(steps) for name, steps in given.items()}):
        yield


def counted(optimizer: Any) -> contextlib.AbstractContextManager[None]:
    """Surrounds the reading of an optimizer's count, which Keras divides by the number itself."""
    found = {name: vars(optimizer).get(name) for name in _INTERVALS}
    return _replaced(
        optimizer, {name: value.steps for name, value in found.items() if isinstance(value, _Interval)}
    )


@contextlib.contextmanager
def _replaced(optimizer: Any, values: Mapping[str, Any]) -> Iterator[None]:
    before = {name: getattr(optimizer, name) for name in values}
    for name, value in values.items():
        setattr(optimizer, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(optimizer, name, value)
