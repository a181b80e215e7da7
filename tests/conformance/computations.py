"""Small computations: the values of a graph of its own, or the kind of error that it ends in.

What is refused is compared by the kinds of error alone, those that Python or TensorFlow define: an error here may be of
a more special type, and of several.
"""

import builtins

import comparison
import numpy as np
import tensorflow as tf
from models import v1

# OpError is what all of TensorFlow's have in common.
_OF_ALL = frozenset({"OpError", "Exception", "BaseException", "object"})


def outcome(call):
    """What `call` returns, or the kinds of the error that it raises, as `comparison.REFUSED` and their names."""
    try:
        return call()
    except Exception as error:
        return comparison.REFUSED + ", ".join(kinds(error))


def kinds(error):
    """The names of the classes of an error that every program knows, the nearest first."""
    known = [
        one.__name__
        for one in type(error).__mro__
        if getattr(builtins, one.__name__, None) is one or getattr(tf.errors, one.__name__, None) is one
    ]
    return [name for name in known if name not in _OF_ALL] or ["Exception"]


def values(make):
    """What the tensors that `make` builds are worth, in a graph of their own, or the kind of error.

    The graph's variables begin at 0.1, 0.2, ... in the order of their elements: initialisers depend on the number of
    operations before them.
    """

    def run():
        with tf.Graph().as_default(), v1.Session() as session:
            made = make()
            initialize(session)
            return session.run(made)

    return outcome(run)


def initialize(session):
    """Gives every variable and table of the session's graph its first value; see `values`."""
    session.run(
        [v1.global_variables_initializer(), v1.local_variables_initializer(), v1.tables_initializer()]
    )
    first = []
    for variable in v1.trainable_variables():
        size = variable.shape.num_elements()
        numbers = np.reshape(np.arange(1, size + 1, dtype=np.float32) / 10, variable.shape.as_list())
        first.append(v1.assign(variable, tf.cast(numbers, variable.dtype.base_dtype)))
    session.run(first)


def of_each(make, cases):
    """{name: what `make` of the case makes}, each by `values`; a case that can be called makes it itself, in the graph."""
    return {
        name: values(lambda case=case: make(case() if callable(case) else case))
        for name, case in cases.items()
    }


def evaluated(make):
    """The metrics of `make`, a head's or `eval_metric_ops`, after one update in a graph of their own."""

    def run():
        with tf.Graph().as_default(), v1.Session() as session:
            metrics = make()
            initialize(session)
            session.run([variable.initializer for one in metrics.values() for variable in _variables(one)])
            updates = [update for metric in metrics.values() for update in _parts(metric)[1]]
            session.run(updates)
            return session.run({name: _parts(metric)[0] for name, metric in metrics.items()})

    return outcome(run)


def _parts(metric):
    """(value, updates) of a metric: a pair, or an object with methods."""
    if isinstance(metric, tuple):
        return metric[0], [metric[1]]
    return metric.result(), metric.updates


def _variables(metric):
    """Those that are in no collection: a Keras metric's."""
    return [] if isinstance(metric, tuple) else metric.variables
