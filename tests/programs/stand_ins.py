"""What Python and TensorFlow dropped before TensorFlow 2.15, and libraries of the catalogue still name.

Both sides get the same, so that a library reaches the Estimator at all; nothing of tf.estimator is among it.
"""

import inspect
from collections.abc import Callable
from typing import Any, Final, NamedTuple


def getargspec() -> None:
    """`inspect.getargspec`, which left Python with 3.11."""
    spec = NamedTuple("ArgSpec", [(name, Any) for name in ("args", "varargs", "keywords", "defaults")])
    vars(inspect)["getargspec"] = lambda function: spec(*inspect.getfullargspec(function)[:4])


ALL: Final[dict[str, Callable[[], None]]] = {"getargspec": getargspec}
