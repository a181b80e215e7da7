"""What Python and TensorFlow dropped before TensorFlow 2.15, and libraries of the catalogue still name.

Both sides get the same, so that a library reaches the Estimator at all; nothing of tf.estimator is among it.
"""

import importlib
import inspect
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final, NamedTuple


def getargspec() -> None:
    """`inspect.getargspec`, which left Python with 3.11."""
    spec = NamedTuple("ArgSpec", [(name, Any) for name in ("args", "varargs", "keywords", "defaults")])
    vars(inspect)["getargspec"] = lambda function: spec(*inspect.getfullargspec(function)[:4])


def aliases() -> None:
    """NumPy's `np.float`, which left it with 1.24."""
    import numpy as np

    vars(np)["float"] = float


def tracking() -> None:
    """`tensorflow.python.training.tracking`, which is gone in 2.15 too (its `graph_view` has moved)."""
    moved = importlib.import_module("tensorflow.python.checkpoint.graph_view")
    package = ModuleType("tensorflow.python.training.tracking")
    vars(package)["graph_view"] = moved
    sys.modules |= {package.__name__: package, f"{package.__name__}.graph_view": moved}


def contrib_layers() -> None:
    """`tensorflow.contrib.layers`, which left TensorFlow with 2.0 and is `tf_slim.layers` since."""
    package = ModuleType("tensorflow.contrib")
    vars(package)["layers"] = importlib.import_module("tf_slim").layers
    sys.modules[package.__name__] = package


def element_tree() -> None:
    """`xml.etree.cElementTree`, which left Python with 3.9."""
    sys.modules["xml.etree.cElementTree"] = importlib.import_module("xml.etree.ElementTree")


def tensor_conversion() -> None:
    """`ops.register_tensor_conversion_function` inside TensorFlow, which is `tf.register_tensor_conversion_function`."""
    ops = importlib.import_module("tensorflow.python.framework.ops")
    function = importlib.import_module("tensorflow").register_tensor_conversion_function
    vars(ops)["register_tensor_conversion_function"] = function


ALL: Final[dict[str, Callable[[], None]]] = {
    "aliases": aliases,
    "contrib_layers": contrib_layers,
    "element_tree": element_tree,
    "getargspec": getargspec,
    "tensor_conversion": tensor_conversion,
    "tracking": tracking,
}
