"""A loop in the graph over a copy of the training step.

The copy uses the step's own variables, iterators and tables. Between two of its steps the loop looks whether it is to go
on: not after the number of steps that it is given, not when its time is over, and in a training not after a loss that is
not a number. Tasks that make every step together go on by what all of them have said of it.

Invariants:

* a step of the loop begins when the one before has ended, with all that it does;
* no step is made when the number of steps is not what the caller takes it for. Where all tasks make the steps together,
  one is, and it is the last: the others make it too;
* how many steps were made, and the loss of the last, can be read afterwards also when a step failed.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

import tensorflow as tf

from estimator_runtime.loop.stretches.looped_graph import LoopedGraph
from estimator_runtime.loop.stretches.step_graph import StepGraph
from estimator_runtime.loop.stretches.together import Together

NOT_BEGUN: Final = -1
"""What `StepLoop.made` is before a loop has begun to run in a session."""
_SCOPE = "quiet_steps"
_STEP = "copied_step"
_INTERPOLATED = re.compile(r"\AGraph execution error:\n\n(?:.*\nNode: '[^']*'\n)?", re.DOTALL)
_COPIED = re.compile(rf"(?:[\w.\-/]*/)?{_STEP}/")


@dataclass(frozen=True, slots=True)
class StepLoop:
    """A loop, ready to run.

    Attributes:
        length: placeholder of the most steps, int64.
        expected: placeholder of the number of the step from which they are made, int64.
        secs: placeholder of the seconds after which no further step begins, float64.
        results: the number of steps, the loss of the last (0 of none), and what had counted them before the first.
        made: Tensor of the number of steps that the last run made.
        loss: Tensor of the loss of the last of them.
        step: Tensor of what counts the steps.
        forget: operation that makes `made` NOT_BEGUN.
    """

    length: Any
    expected: Any
    secs: Any
    results: tuple[Any, ...]
    made: Any
    loss: Any
    step: Any
    forget: Any


def build(
    graph: LoopedGraph,
    step_graph: StepGraph,
    step: Any,
    *,
    ends_at_nan: bool = True,
    together: Together | None = None,
) -> StepLoop:
    """Adds a loop to a graph, in a part of it that is hidden.

    Args:
        graph: the training's or the evaluation's.
        step_graph: what a step runs.
        step: the variable that counts the steps.
        ends_at_nan: whether the loop ends after a loss that is not a number.
        together: this task's part, where all tasks make the steps together.
    """
    with (
        graph.as_default(),
        tf.control_dependencies(None),
        graph.device(None),
        graph.device(None if together is None else step.device),
        tf.compat.v1.name_scope(None),
        tf.compat.v1.name_scope(_SCOPE) as scope,
    ):
        graph.hide(scope)
        dtype = step_graph.loss.dtype
        length = tf.compat.v1.placeholder(tf.int64, [], "length")
        expected = tf.compat.v1.placeholder(tf.int64, [], "expected")
        secs = tf.compat.v1.placeholder(tf.float64, [], "secs")
        with graph.device("/device:CPU:0"):
            made = tf.raw_ops.VarHandleOp(dtype=tf.int64, shape=[], shared_name=f"{scope}made", name="made")
            last = tf.raw_ops.VarHandleOp(dtype=dtype, shape=[], shared_name=f"{scope}loss", name="loss")
        before = tf.raw_ops.ReadVariableOp(resource=step.handle, dtype=step.dtype)
        is_expected = tf.equal(tf.cast(before, tf.int64), expected)
        limit = tf.where(is_expected, length, tf.zeros([], tf.int64))
        with tf.control_dependencies([_assign(made, tf.zeros([], tf.int64))]):
            started = tf.timestamp()
        with tf.control_dependencies([started]):
            first = [tf.identity(tf.zeros([], tf.int64)), tf.identity(tf.zeros([], dtype))]
            if together is not None:
                first.append(tf.zeros(together.said_by_all.shape, together.said_by_all.dtype))

        def is_late(number: Any) -> Any:
            with tf.control_dependencies([number]):
                return tf.timestamp() - started >= secs

        def goes_on(number: Any, loss: Any, *said: Any) -> Any:
            if together is None:
                is_over = is_late(number)
                is_left = number < limit
            else:
                # By what all know. The first step is everybody's, whatever this task knows.
                is_over = tf.reduce_any(tf.not_equal(said[0], 0))
                is_left = True
            if ends_at_nan:
                is_over = tf.logical_or(tf.math.is_nan(loss), is_over)
            return tf.logical_and(is_left, tf.logical_not(is_over))

        def body(number: Any, loss: Any, *said: Any) -> Any:
            del loss, said
            given = {}
            if together is not None:
                given = together.given(tf.logical_or(number + 1 >= limit, is_late(number)))
            done, *answers = tf.graph_util.import_graph_def(
                step_graph.definition,
                input_map={
                    **{f"{name}:0": tf.identity(tensor) for name, tensor in step_graph.handles.items()},
                    **given,
                },
                return_elements=[
                    step_graph.train,
                    step_graph.loss.name,
                    *([] if together is None else [together.said_by_all.name]),
                ],
                name=_STEP,
            )
            answers[0].set_shape([])
            with tf.control_dependencies([done, *answers]):
                number = number + 1
                noted = [_assign(made, number), _assign(last, answers[0])]
            with tf.control_dependencies(noted):
                return [tf.identity(number), *[tf.identity(answer) for answer in answers]]

        made_now, loss_now, *_ = tf.while_loop(goes_on, body, first, parallel_iterations=1)
        graph.hide(scope, _functions_in(graph, scope))
        return StepLoop(
            length=length,
            expected=expected,
            secs=secs,
            results=(made_now, loss_now, before),
            made=tf.raw_ops.ReadVariableOp(resource=made, dtype=tf.int64),
            loss=tf.raw_ops.ReadVariableOp(resource=last, dtype=dtype),
            step=tf.raw_ops.ReadVariableOp(resource=step.handle, dtype=step.dtype),
            forget=_assign(made, tf.constant(NOT_BEGUN, tf.int64)),
        )


def raw_message(error: tf.errors.OpError) -> str:
    """What an error of a run of the loop says, with the model's own names for the operations of the copy."""
    text = _INTERPOLATED.sub("", tf.compat.as_text(error.message))
    return _COPIED.sub("", text)


def _assign(handle: Any, value: Any) -> Any:
    return tf.raw_ops.AssignVariableOp(resource=handle, value=value)


def _functions_in(graph: Any, scope: str) -> list[str]:
    """The names of the functions that a loop in a scope is made of."""
    loops = [
        operation
        for operation in graph.get_operations()
        if operation.name.startswith(scope) and operation.type in ("While", "StatelessWhile")
    ]
    return [loop.get_attr(part).name for loop in loops for part in ("cond", "body")]
