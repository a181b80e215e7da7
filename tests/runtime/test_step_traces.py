"""A step with merged requests, held against TensorFlow's own MonitoredSession: whatever a hook can see is the same."""

import collections
import dataclasses
import itertools
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from step_traces import Trace, both, stop_after, v1


class Point(NamedTuple):
    x: object
    y: object


class OwnList(list):
    pass


class Graph:
    """Things to fetch, in the default graph."""

    def __init__(self):
        self.step = v1.train.create_global_step()
        self.vector = tf.constant([1.5, 2.5], name="vector")
        self.words = tf.constant([b"a", b"bc"], name="words")
        self.scalar = tf.constant(7, tf.int64, name="scalar")
        self.sparse = tf.SparseTensor([[0, 1]], [3.0], [1, 2])
        self.slices = tf.IndexedSlices(self.vector, tf.constant([0, 1]))
        self.add = v1.assign_add(self.step, 1, name="add")
        self.noop = tf.group(self.add)
        self.fed = v1.placeholder_with_default(tf.constant(0), [], name="fed")
        self.also_fed = v1.placeholder_with_default(tf.constant(0), [], name="also_fed")


FETCHES = {
    "tensor": lambda g: g.vector,
    "list": lambda g: [g.vector, g.scalar],
    "tuple": lambda g: (g.vector, g.scalar),
    "dict": lambda g: {"a": g.vector, "b": g.scalar},
    "dict of odd keys": lambda g: {1: g.vector, ("a", "b"): g.scalar, "c": g.words},
    "dict of pairs": lambda g: {("a", "b"): g.scalar},
    "ordered dict": lambda g: collections.OrderedDict(b=g.vector, a=g.scalar),
    "default dict": lambda g: collections.defaultdict(list, b=g.vector, a=g.scalar),
    "own list": lambda g: OwnList([g.vector, g.scalar]),
    "named tuple": lambda g: Point(g.vector, [g.scalar]),
    "nested": lambda g: {"a": [g.vector, {"b": (g.scalar, g.noop)}], "c": g.vector, "d": []},
    "operation": lambda g: g.noop,
    "operations": lambda g: [g.noop, {"again": g.noop}],
    "strings": lambda g: g.words,
    "sparse": lambda g: [g.sparse, g.vector],
    "slices": lambda g: {"slices": g.slices},
    "variable": lambda g: [g.step, v1.global_variables()[0]],
    "name": lambda g: ["vector:0", g.vector, "scalar:0", "add"],
    "twice": lambda g: [g.vector, g.vector],
    "nothing": lambda g: [],
    "nothing in a dict": lambda g: {"a": []},
    "none": lambda g: None,
    "none inside": lambda g: [g.vector, None],
    "number": lambda g: 3,
    "unknown name": lambda g: "nowhere:0",
    "ill-formed name": lambda g: "not a name:x",
    "a type": lambda g: Point,
    "ragged": lambda g: [tf.RaggedTensor.from_row_splits(g.vector, [0, 2])],
    "eager": lambda g: eager(),
    "of another graph": lambda g: of_another_graph(),
}


def eager():
    with tf.init_scope():
        return tf.constant(1.0)


def of_another_graph():
    with tf.Graph().as_default():
        return tf.constant(1.0)


@pytest.mark.parametrize("kind", FETCHES)
def test_what_the_loop_and_a_hook_fetch(kind):
    def by_caller(log):
        graph = Graph()
        return FETCHES[kind](graph), [stop_after(2, log)]

    def by_hook(log):
        graph = Graph()
        return graph.add, [Trace(log, "asks", FETCHES[kind](graph)), Trace(log), stop_after(2, log)]

    for scenario in (by_caller, by_hook):
        theirs, ours = both(scenario)
        assert ours == theirs
        assert theirs[-1][0] in ("closed", "raised")


def test_two_hooks_get_the_same_array():
    def scenario(log):
        graph = Graph()
        hooks = [Keeper(log, "one", graph.vector), Keeper(log, "two", {"v": graph.vector})]
        return graph.vector, [*hooks, Same(log, hooks), stop_after(2, log)]

    theirs, ours = both(scenario)
    assert ours == theirs
    assert ("same", True) in theirs


class Keeper(Trace):
    def after_run(self, run_context, run_values):
        self.results = run_values.results
        super().after_run(run_context, run_values)


class Same(v1.train.SessionRunHook):
    def __init__(self, log, keepers):
        self.log, self.keepers = log, keepers

    def after_run(self, run_context, run_values):
        one, two = (keeper.results for keeper in self.keepers)
        self.log.append(("same", one is two["v"]))


def test_requests_that_change_from_step_to_step():
    def scenario(log):
        graph = Graph()
        kept = {"a": graph.vector}
        requests = itertools.cycle(
            [
                lambda: {"a": graph.vector},
                lambda: {"a": graph.scalar},
                lambda: {"b": graph.vector},
                lambda: [graph.vector],
                lambda: (graph.vector,),
                lambda: kept,
                lambda: kept.update(b=graph.scalar) or kept,
                lambda: kept.pop("a") is None or kept,
                lambda: kept.update(a=graph.scalar) or kept,
                lambda: None,
            ]
        )
        asks = Trace(log, "asks", before_run=lambda *_: v1.train.SessionRunArgs(next(requests)()))
        return [graph.add, graph.scalar], [asks, stop_after(25, log)]

    theirs, ours = both(scenario)
    assert ours == theirs


def feeding(feeds):
    return lambda hook, *facts: v1.train.SessionRunArgs(None, feed_dict=feeds)


def test_feeds_of_hooks():
    def scenario(log):
        graph = Graph()
        one = Trace(log, "one", before_run=feeding({graph.fed: 3}))
        two = Trace(
            log,
            "two",
            before_run=lambda *_: v1.train.SessionRunArgs([graph.fed, graph.also_fed], {"also_fed:0": 4}),
        )
        return [graph.fed, graph.also_fed, graph.sparse], [one, two, Trace(log), stop_after(2, log)]

    theirs, ours = both(scenario)
    assert ours == theirs
    assert [entry[1][1][0][-1] for entry in theirs if entry[0] == "ran"] == [3, 3]


def test_two_hooks_that_feed_the_same():
    def scenario(log):
        graph = Graph()
        feeds = feeding({graph.fed: 3})
        hooks = [Trace(log, name, before_run=feeds) for name in ("one", "two", "three")]
        return graph.add, [*hooks, stop_after(2, log)]

    theirs, ours = both(scenario)
    assert ours == theirs
    assert theirs[-1][1] == "RuntimeError"


@pytest.mark.parametrize("always", [True, False])
def test_options_of_hooks(always):
    def scenario(log):
        graph = Graph()
        steps = itertools.count()

        def options(**fields):
            def act(hook, *facts):
                if always or next(steps) % 3 == 0:
                    return v1.train.SessionRunArgs(graph.vector, options=v1.RunOptions(**fields))
                return None

            return act

        hooks = [
            Trace(log, "trace", before_run=options(trace_level=v1.RunOptions.FULL_TRACE, timeout_in_ms=9000)),
            Trace(
                log,
                "graphs",
                before_run=options(
                    trace_level=v1.RunOptions.SOFTWARE_TRACE,
                    output_partition_graphs=True,
                    report_tensor_allocations_upon_oom=True,
                    timeout_in_ms=20000,
                ),
            ),
            Trace(log, "empty", before_run=options()),
        ]
        return graph.add, [*hooks, stop_after(5, log)]

    theirs, ours = both(scenario)
    assert ours == theirs
    assert any(entry[1] == "after_run" and entry[-1][1] > 0 for entry in theirs if entry[0] == "trace")


def test_options_and_metadata_are_those_of_one_step():
    def scenario(log):
        graph = Graph()

        class Mutates(Trace):
            def after_run(self, run_context, run_values):
                super().after_run(run_context, run_values)
                run_values.options.timeout_in_ms += 5
                run_values.run_metadata.partition_graphs.add()

        return graph.add, [Mutates(log, "mutates"), Trace(log, "next"), stop_after(2, log)]

    theirs, ours = both(scenario)
    assert ours == theirs
    assert [entry[-1][2] for entry in theirs if entry[:2] == ("next", "after_run")] == [1, 1]


@pytest.mark.parametrize("method", ["before_run", "after_run"])
def test_a_stop(method):
    def scenario(log):
        graph = Graph()
        stop = Trace(log, "stop", **{method: lambda hook, *_: hook.context.request_stop()})
        return graph.add, [Trace(log, "before"), stop, Trace(log, "after")]

    theirs, ours = both(scenario)
    assert ours == theirs
    assert theirs[-1][0] == "closed"


def test_a_hook_that_is_there_twice_or_equal_to_another():
    @dataclasses.dataclass(frozen=True)
    class Equal(v1.train.SessionRunHook):
        log: list = dataclasses.field(compare=False)
        fetches: object = dataclasses.field(compare=False)

        def before_run(self, run_context):
            return v1.train.SessionRunArgs(self.fetches)

        def after_run(self, run_context, run_values):
            self.log.append(run_values.results)

    def scenario(log):
        graph = Graph()
        twice = Trace(log, "twice", graph.scalar)
        return graph.add, [twice, Equal(log, graph.scalar), Equal(log, "words:0"), twice, stop_after(2, log)]

    theirs, ours = both(scenario)
    assert str(ours) == str(theirs)


def test_a_hook_that_cannot_be_a_key():
    def scenario(log):
        graph = Graph()

        class Unhashable(Trace):
            __hash__ = None

        return graph.add, [
            Unhashable(log, "silent"),
            Unhashable(log, "asks", graph.vector),
            stop_after(2, log),
        ]

    theirs, ours = both(scenario)
    assert ours == theirs
    assert theirs[-1][1] == "TypeError"


def test_methods_that_are_put_on_a_hook():
    def scenario(log):
        graph = Graph()

        class Bare(v1.train.SessionRunHook):
            def after_create_session(self, session, coord):
                self.after_run = lambda run_context, run_values: log.append(("put on", run_values.results))

        plain = v1.train.SessionRunHook()
        plain.before_run = lambda run_context: log.append("asked")
        return graph.add, [plain, Bare(), stop_after(2, log)]

    theirs, ours = both(scenario)
    assert ours == theirs
    assert theirs.count(("put on", None)) == theirs.count("asked") == 2


def test_a_hook_uses_the_raw_session():
    def scenario(log):
        graph = Graph()

        def act(hook, *facts):
            session = hook.context.session
            log.append(np.asarray(session.run([graph.step, graph.fed], {graph.fed: 9})).tolist())
            log.append(session.run("add:0", options=v1.RunOptions()).tolist())

        return graph.add, [Trace(log, "uses", before_run=act, after_run=act), stop_after(3, log)]

    theirs, ours = both(scenario)
    assert ours == theirs


@pytest.mark.parametrize("method", ["before_run", "after_run"])
def test_a_hook_closes_the_raw_session(method):
    def scenario(log):
        graph = Graph()
        closes = Trace(log, "closes", **{method: lambda hook, *_: hook.context.session.close()})
        return graph.add, [closes]

    theirs, ours = both(scenario)
    assert ours == theirs
    assert theirs[-1][1] == "RuntimeError"


def test_a_run_put_on_the_raw_session_is_used():
    def scenario(log):
        graph = Graph()

        def put(hook, *facts):
            own = hook.raw.run

            def run(*arguments, **settings):
                log.append(("own run", sorted(settings)))
                return own(*arguments, **settings)

            hook.raw.run = run

        return graph.add, [Trace(log, "puts", after_create_session=put), stop_after(2, log)]

    theirs, ours = both(scenario)
    assert ours == theirs
    assert any(entry[0] == "own run" for entry in theirs)
