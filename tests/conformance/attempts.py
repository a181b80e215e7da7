"""Calls of which only the outcome is compared: a value, or the kind of error that a program would catch."""

import numpy as np
import tensorflow as tf
from computations import outcome
from models import v1


def in_graph(call):
    """As `outcome`, in a fresh graph with a global step."""
    with tf.Graph().as_default():
        v1.train.create_global_step()
        return outcome(call)


def outcomes(calls):
    """{name: what `in_graph` makes of the call}."""
    return {name: in_graph(call) for name, call in calls.items()}


def kind(value):
    """The name of a value's type; TensorFlow's tensors and variables have one for each of their classes."""
    if isinstance(value, tf.Operation):
        return "operation"
    if isinstance(value, tf.Variable | v1.Variable):
        return "variable"
    if isinstance(value, tf.SparseTensor | tf.RaggedTensor | tf.IndexedSlices):
        return type(value).__name__
    return "tensor" if tf.is_tensor(value) else type(value).__name__


class Wrapper:
    """An object that TensorFlow can convert to a tensor, and that has one."""

    def __init__(self):
        self.tensor = tf.constant(1.0)


tf.register_tensor_conversion_function(
    Wrapper, lambda value, dtype=None, name=None, as_ref=False: value.tensor
)

# What people hand over where a tensor is due; made in the graph of the call.
STAND_INS = {
    "tensor": lambda: tf.constant(1.0),
    "operation": tf.no_op,
    "resource variable": lambda: v1.get_variable("v", [], use_resource=True),
    "reference variable": lambda: v1.get_variable("v", [], use_resource=False),
    "SparseTensor": lambda: tf.SparseTensor([[0, 0]], [1.0], [1, 1]),
    "RaggedTensor": lambda: tf.RaggedTensor.from_row_lengths([1.0], [1]),
    "IndexedSlices": lambda: tf.IndexedSlices(tf.constant([1.0]), tf.constant([0])),
    "wrapped tensor": Wrapper,
    "number": lambda: 1.0,
    "bool": lambda: True,
    "numpy scalar": lambda: np.float32(1.0),
    "numpy array": lambda: np.ones([1], np.float32),
    "string": lambda: "x",
    "list": lambda: [tf.constant(1.0)],
    "tuple": lambda: (tf.constant(1.0),),
    "dict in a dict": lambda: {"a": {"b": tf.constant(1.0)}},
    "empty dict": dict,
    "TensorArray": lambda: tf.TensorArray(tf.float32, 1),
    "dataset": lambda: tf.data.Dataset.range(1),
    "function": lambda: lambda: tf.constant(1.0),
}
