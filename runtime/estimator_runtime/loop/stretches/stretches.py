"""The quiet stretches of a training or an evaluation: before each step that hooks see, as many steps as no hook looks at, in one call.

The hooks say how many these are (`looks`), `pace` how many at most, and `step_loop` makes them. One that cannot have any is
said to make single steps, with the reason, in one line of the log; it goes on as if this was not here. The steps of an
evaluation are its batches.
"""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from estimator_runtime.config.run_config import RunConfig
from estimator_runtime.loop.steps import replaced, run_errors
from estimator_runtime.loop.stretches import looks, pace, run_options, step_graph, step_loop
from estimator_runtime.loop.stretches.default_hooks import NanHook
from estimator_runtime.loop.stretches.looks import Look
from estimator_runtime.loop.stretches.looped_graph import LoopedGraph
from estimator_runtime.loop.stretches.pace import Pace
from estimator_runtime.loop.stretches.step_graph import NotLoopableError
from estimator_runtime.loop.stretches.step_loop import StepLoop
from estimator_runtime.loop.stretches.together import Together

_SINGLE = 1


class Stretches:
    """The quiet stretches of one training or evaluation.

    Args:
        config: the Estimator's.
        graph: the graph.
        train_op: what a step runs, with all that belongs to it.
        loss: scalar Tensor.
        step: the variable that counts the steps: the global step of a training.
        is_training: whether it is a training, which ends at a loss that is not a number.
        together: this task's part, where all tasks of a cluster make every step together.

    Attributes:
        made: number of steps that stretches have made.
        loss: the loss of the last step, where that was one of a stretch and no hook has seen one since.
    """

    def __init__(
        self,
        config: RunConfig,
        graph: LoopedGraph,
        train_op: Any,
        loss: Any,
        step: Any,
        *,
        is_training: bool = True,
        together: Together | None = None,
    ) -> None:
        self.made = 0
        self.loss: Any = None
        self._config = config
        self._graph = graph
        self._train_op = train_op
        self._loss = loss
        self._step_variable = step if together is None else together.own_step(step)
        self._is_training = is_training
        self._together = together
        self._step = 0
        self._loop: StepLoop | None = None
        self._is_tried = False
        self._pace = Pace(_SINGLE, is_timed=True)
        self._looks: list[Look] = []
        self._nan: NanHook | None = None
        self._session: Any = None
        self._since = 0.0

    def begin(self, hooks: Sequence[Any]) -> None:
        """Adds the loop to the graph, which is not finalized yet, if there are going to be stretches.

        Args:
            hooks: the hooks of the session, which have begun.

        Raises:
            ValueError: a hook's `steps_between_looks` is no number of steps.
        """
        self._loop = None
        asked = self._config.steps_per_loop
        found = self._found(hooks)
        if asked == _SINGLE or not self._pays(asked, hooks, found):
            return
        try:
            self._loop = self._built(asked, found)
        except NotLoopableError as reason:
            self._say(f"{reason}")
        except Exception as error:  # noqa: BLE001 - nothing fails for want of a loop
            self._say(f"the step could not be copied ({type(error).__name__}: {error})")

    def created(self, session: Any, hooks: Sequence[Any]) -> None:
        """Takes a new session, and those of its hooks that are called in a step."""
        self._session = None
        if self._loop is None:
            return
        found = self._found(hooks)
        if not isinstance(found, list):
            return
        nan = next((look for look in found if isinstance(look, NanHook)), None)
        if self._is_training and nan is None:
            return
        _, step = session.run([self._loop.forget, self._loop.step])
        self._session, self._looks, self._nan = session, found, nan
        self._is_tried = False
        self._step = int(step)
        for look in found:
            look.began(self._step)
        self._since = time.monotonic()
        if self._together is not None:
            self._together.asks(self._sees_next)

    def forget(self) -> None:
        """Lets go of the session, which is closed."""
        self._session = None

    def run(self, run_context: Any) -> None:
        """Makes the steps that nobody looks at, maybe none, before a step that hooks see.

        Args:
            run_context: SessionRunContext of that step.

        Raises:
            NanLossDuringTrainingError: the loss became NaN.
            tf.errors.OpError: a step failed; the input's end is OutOfRangeError. Those before it are made.
        """
        if self._session is None or self._loop is None:
            return
        steps = self._quiet_steps()
        started = time.monotonic()
        # Where no task sees the next step all make it so, also one that has found since that it would.
        is_quiet = (
            steps > 0 and not replaced.run_of(self._session)
            if self._together is None
            else self._together.is_unseen
        )
        if is_quiet:
            made = self._stretch(self._loop, steps, run_context)
            self._since = time.monotonic()
            self._pace.stretched(steps if self._together is None else made, self._since - started)
        else:
            self._since = started

    def stepped(self) -> None:
        """Takes that a step was made that hooks saw."""
        if self._session is None:
            return
        self.loss = None
        self._step += 1
        for look in self._looks:
            look.looked(self._step)
        self._pace.seen(time.monotonic() - self._since)

    def _found(self, hooks: Sequence[Any]) -> list[Look] | Any:
        """As `looks.of`, of those that are called in a step."""
        return looks.of(looks.looking(hooks if self._together is None else self._together.own_hooks(hooks)))

    def _quiet_steps(self) -> int:
        if self._together is not None and self._together.is_to_stop:
            return 0
        return min([self._pace.most, *(look.quiet_steps(self._step) for look in self._looks)])

    def _sees_next(self) -> bool:
        """Whether this task's hooks see the step after the one that is about to be made."""
        if self._session is None or not self._pace.most or replaced.run_of(self._session):
            return True
        return any(look.quiet_steps(self._step) <= 1 for look in self._looks)

    def _pays(self, asked: str | int, hooks: Sequence[Any], found: Any) -> bool:
        """Whether stretches are worth a loop, or were asked for."""
        most_steps = min((hook.most_steps for hook in hooks if isinstance(hook, Look)), default=looks.FAR)
        if most_steps == looks.FAR and isinstance(asked, str) and not self._is_training:
            # An evaluation to the end of its input is over soon, as a rule.
            return False
        period = (
            min((look.period for look in found), default=looks.FAR) if isinstance(found, list) else looks.FAR
        )
        if isinstance(asked, str):
            return bool(most_steps >= pace.FEWEST_STEPS and period >= pace.SHORTEST_PERIOD)
        return bool(most_steps > 1 and period > 1)

    def _built(self, asked: str | int, found: Any) -> StepLoop:
        together = self._together
        run_options.check(self._config, self._graph, is_together=together is not None)
        if together is not None:
            together.check()
        is_auto = isinstance(asked, str)
        is_repeatable = self._graph.seed is not None
        if is_auto and is_repeatable and self._is_training:
            raise NotLoopableError("a seed is set, and how many steps a call makes by 'auto' depends on time")
        if not isinstance(found, list):
            raise NotLoopableError(f"the hook {type(found).__name__} looks at each of them")
        made_of = step_graph.of(
            self._train_op,
            self._loss,
            self._step_variable,
            more=() if together is None else (together.said_by_all,),
            inputs=() if together is None else together.inputs,
            is_together=together is not None,
        )
        if is_auto and made_of.is_seeded:
            raise NotLoopableError("its random numbers have a seed")
        if is_auto and len(made_of.definition.node) > pace.MOST_OPERATIONS:
            raise NotLoopableError(f"it has more than {pace.MOST_OPERATIONS} operations")
        loop = step_loop.build(
            self._graph, made_of, self._step_variable, ends_at_nan=self._is_training, together=together
        )
        self._pace = Pace(asked, is_timed=not (is_repeatable or made_of.is_seeded))
        return loop

    def _call(self, loop: StepLoop, steps: int) -> Any:
        fed = {loop.length: steps, loop.expected: self._step, loop.secs: self._pace.longest_secs}
        if self._together is None:
            return self._session.run(loop.results, fed)
        return self._together.run(lambda: self._session.run(loop.results, fed))

    def _stretch(self, loop: StepLoop, steps: int, run_context: Any) -> int:
        """Makes steps; returns how many."""
        try:
            made, loss, before = self._call(loop, steps)
        except tf.errors.OpError as error:
            # One that made single steps from here on would wait for the others' loop.
            may_go_on = self._together is None and not self._is_tried
            if may_go_on and self._made(loop) == step_loop.NOT_BEGUN:
                self._session = None
                self._say(f"the loop over them cannot be run ({type(error).__name__}: {error.message})")
                return 0
            self._note(loop)
            said = type(error)(None, None, step_loop.raw_message(error))
            raise run_errors.explained(said, self._graph) from error
        self._is_tried = True
        if before != self._step:
            # Somebody has set the number of steps; nothing was made, or one with the others.
            self._step = int(before)
        if not made:
            return 0
        self._step += int(made)
        self.made += int(made)
        self.loss = loss
        for look in self._looks:
            look.passed(int(made), self._step, run_context)
        if self._nan is not None and np.isnan(loss):
            self._nan.see(loss, run_context)
        return int(made)

    def _made(self, loop: StepLoop) -> int:
        try:
            return int(self._session.run(loop.made))
        except tf.errors.OpError:
            return 0

    def _note(self, loop: StepLoop) -> None:
        """Takes what was made before a step failed."""
        made = self._made(loop)
        if made > 0:
            self.made += made
            self.loss = self._session.run(loop.loss)

    def _say(self, reason: str) -> None:
        what = "Training makes one step" if self._is_training else "Evaluation runs one batch"
        tf.compat.v1.logging.info("%s in a call of the session: %s.", what, reason)
