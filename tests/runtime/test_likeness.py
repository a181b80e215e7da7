"""Which graphs are the same, and in which of them nothing lasts that cannot be made anew."""

import pytest
import tensorflow as tf
from linear_model import v1

from estimator_runtime.loop.kept import likeness


def digest_of(build, *parts):
    with tf.Graph().as_default() as graph:
        return likeness.digest(graph, [build()], parts)


def a_constant():
    return tf.constant(1.0)


def another_constant():
    return tf.constant(2.0)


def first_of_two():
    return tf.unstack(tf.constant([1.0, 2.0]))[0]


def second_of_two():
    return tf.unstack(tf.constant([1.0, 2.0]))[1]


def mapped(by):
    dataset = tf.data.Dataset.range(2).map(lambda number: number + by)
    return v1.data.make_initializable_iterator(dataset).initializer


def nested(by):
    """A function in a function."""
    dataset = tf.data.Dataset.range(2).flat_map(
        lambda number: tf.data.Dataset.from_tensors(number).map(lambda one: one + by)
    )
    return v1.data.make_initializable_iterator(dataset).initializer


def two_tables(asked):
    tables = [
        tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(tf.constant([1]), tf.constant([2])), 0)
        for _ in range(2)
    ]
    return tables[asked].lookup(tf.constant([1]))


BUILDS = {
    "a constant": a_constant,
    "another constant": another_constant,
    "first of two": first_of_two,
    "second of two": second_of_two,
    "map": lambda: mapped(1),
    "another map": lambda: mapped(2),
    "map in a function": lambda: nested(1),
    "another map in a function": lambda: nested(2),
    "first table": lambda: two_tables(0),
    "second table": lambda: two_tables(1),
    "variable": lambda: v1.get_variable("v", [2], use_resource=True),
}


def test_the_same_calls_build_the_same_graph_and_others_another():
    digests = {name: digest_of(build) for name, build in BUILDS.items()}
    assert None not in digests.values()
    assert {name: digest_of(build) for name, build in BUILDS.items()} == digests
    assert len(set(digests.values())) == len(BUILDS)


def test_what_else_has_to_be_the_same():
    assert digest_of(a_constant, b"ab", b"c") == digest_of(a_constant, b"ab", b"c")
    assert (
        len({digest_of(a_constant, *parts) for parts in ([], [b"ab", b"c"], [b"a", b"bc"], [b"c", b"ab"])})
        == 4
    )


def in_a_map(function):
    dataset = tf.data.Dataset.range(2).map(function)
    return v1.data.make_initializable_iterator(dataset).initializer


LASTING = {
    "random": lambda: tf.random.uniform([]),
    "shuffled": lambda: v1.random_shuffle(tf.range(3)),
    "dropped out": lambda: v1.nn.dropout(tf.ones([2]), rate=0.5),
    "random in a function": lambda: in_a_map(lambda number: tf.random.uniform([], seed=1)),
    "random where a function calls": lambda: in_a_map(
        tf.function(lambda number: tf.random.shuffle(tf.range(3), seed=1))
    ),
    "Python": lambda: v1.py_func(lambda: 1.0, [], tf.float32),
    "Python in a function": lambda: in_a_map(lambda number: tf.numpy_function(int, [number], tf.int64)),
    "one-shot iterator": lambda: v1.data.make_one_shot_iterator(tf.data.Dataset.range(2)).get_next(),
    "queue": lambda: tf.queue.FIFOQueue(2, tf.float32).size(),
    "ref variable": lambda: v1.get_variable("v", [2], use_resource=False),
    "mutable table": lambda: tf.lookup.experimental.MutableHashTable(tf.int32, tf.int32, 0).size(),
    "generator": lambda: tf.random.Generator.from_seed(1).uniform([]),
}


@pytest.mark.parametrize("name", LASTING)
def test_what_lasts_in_a_session(name):
    assert digest_of(LASTING[name]) is None


def test_what_is_not_run_may_be_random_and_another():
    seeds = iter([1, 2])

    def build():
        tf.random.uniform([], seed=next(seeds))
        return v1.get_variable("v", [2], use_resource=True)

    assert digest_of(build) == digest_of(build) is not None


def test_large_graphs_are_not_compared(monkeypatch):
    monkeypatch.setattr(likeness, "MOST_BYTES", 10)
    assert digest_of(a_constant) is None
