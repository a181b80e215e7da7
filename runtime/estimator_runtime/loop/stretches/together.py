"""The stretches of tasks that make every step together: what each has to do so that all make the same calls.

A task cannot know what another's hooks do. So in each step all say whether one of their own sees the next step
(`distribution/common_end.py`). A step that nobody sees is the first of a stretch, on all tasks. In a stretch each says the
same in each step, and also when its own time is over; so it ends after the same step for all. What is fed in a step that is
made by itself is an input of the loop here.

With `Look.quiet_steps` a hook tells how far its next look is. Whether the step after this one is seen is said before this
one is made, so of each look two steps are made by themselves: that one, and the next.
"""

from collections.abc import Iterable
from typing import Any

import tensorflow as tf

from estimator_runtime.cluster.peers import PeerWatch
from estimator_runtime.distribution import common_end
from estimator_runtime.distribution.common_end import CommonEnd
from estimator_runtime.loop.stretches.step_graph import NotLoopableError


class Together:
    """One task's part in it.

    Args:
        strategy: the strategy.
        end: the agreement of the graph.
        peers: is told when this task waits for the others.
    """

    def __init__(self, strategy: Any, end: CommonEnd, peers: PeerWatch) -> None:
        self._strategy = strategy
        self._end = end
        self._peers = peers

    def check(self) -> None:
        """Refuses what has not been shown to work.

        Raises:
            NotLoopableError: it has not.
        """
        if any("GPU" in device.upper() for device in self._strategy.extended.worker_devices):
            raise NotLoopableError(
                "its replicas are on GPUs, whose collectives have not been tried in a loop"
            )

    def own_step(self, step: Any) -> Any:
        """This task's copy of the variable that counts the steps."""
        return self._strategy.experimental_local_results(step)[0]

    def own_hooks(self, hooks: Iterable[Any]) -> list[Any]:
        """The hooks of a session without what has them wish for an end."""
        return common_end.own_hooks(hooks)

    @property
    def is_unseen(self) -> bool:
        """Whether no hook of any task sees the next step."""
        return self._end.is_unseen

    @property
    def is_to_stop(self) -> bool:
        """Whether a hook of this task wishes that all stop, which is said in the next step that is made by itself."""
        return self._end.is_wished

    @property
    def inputs(self) -> list[Any]:
        """Tensors of a step that the loop has values of its own for."""
        return [self._end.said, *self._end.promises]

    def given(self, sees_next: Any) -> dict[str, Any]:
        """The values of `inputs` in a step of the loop, by their names.

        Args:
            sees_next: bool Tensor, whether this task has to see the next step, or its time is over.
        """
        said = tf.stack([0, 0, tf.cast(sees_next, tf.int32)])
        return {self._end.said.name: said, **{one.name: tf.constant(True) for one in self._end.promises}}

    @property
    def said_by_all(self) -> Any:
        """The Tensor of what all said of a step; a stretch ends where it is not zero."""
        return self._end.said_by_all

    def asks(self, sees_next: Any) -> None:
        """Takes the function that says, before a step, whether this task sees the next."""
        self._end.sees_next = sees_next

    def run(self, call: Any) -> Any:
        """What a call of the session returns in which this task waits for the others."""
        self._peers.waits()
        result = call()
        self._peers.goes_on()
        return result
