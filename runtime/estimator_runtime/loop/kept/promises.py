"""What a program may say of its input_fn, and nobody could find out."""

import functools
from collections.abc import Callable
from typing import Any

_MARK = "_has_the_same_graph_each_time"


def same_graph_each_time(input_fn: Callable[..., Any]) -> Callable[..., Any]:
    """Promises that evaluations with this input_fn build the same graph each time.

    tf.estimator calls input_fn and model_fn for each evaluation, which is half of what a short one costs, and a program may
    have them count, list files, draw numbers or print. With this promise train_and_evaluate calls both for the first
    evaluation of `EvalSpec.input_fn`, and those after it run in the same graph, where that can be done. What is read in the
    graph, files and words for example, is read anew each time all the same.

    It can be used as a decorator. tf.estimator has no such function.

    Args:
        input_fn: the function. That the model function, in mode EVAL, builds the same graph too is part of the promise.

    Returns:
        The function, or one that calls it where it cannot be marked.
    """
    try:
        setattr(input_fn, _MARK, True)
    except AttributeError:  # a method, which is made anew whenever it is asked for
        input_fn = functools.partial(input_fn)
        setattr(input_fn, _MARK, True)
    return input_fn


def is_made(input_fn: Any) -> bool:
    """Whether that was promised."""
    return getattr(input_fn, _MARK, False) is True
