"""What hooks and callers see of a loop, written down: by TensorFlow's MonitoredSession and by the one that merges requests."""

import numpy as np
import tensorflow as tf

from estimator_runtime.loop.steps import merging_session

v1 = tf.compat.v1


def described(value):
    """A value that can be compared, with its types."""
    if isinstance(value, float | np.floating) and np.isnan(value):
        return (type(value).__name__, "nan")
    if isinstance(value, np.ndarray | np.generic):
        return (type(value).__name__, str(value.dtype), value.tolist())
    if isinstance(value, dict):
        return (
            type(value).__name__,
            [((type(name).__name__, str(name)), described(part)) for name, part in value.items()],
        )
    if isinstance(value, list | tuple):
        return (type(value).__name__, [described(part) for part in value])
    return (type(value).__name__, str(value))


def fail(coordinator, error):
    """What a thread does in which an error is raised."""
    try:
        raise error
    except Exception as raised:
        coordinator.request_stop(raised)


def said(error):
    operation = getattr(error, "op", None)
    node = getattr(error, "node_def", None)
    return (type(error).__name__, str(error), operation and operation.name, node and node.name)


class Trace(v1.train.SessionRunHook):
    """Writes down every call; asks for `fetches` and does what `acts` says, by the name of the method."""

    def __init__(self, log, name="hook", fetches=None, /, **acts):
        self.log = log
        self.name = name
        self.fetches = fetches
        self.acts = acts
        self.raw = None
        self.coordinator = None
        self.calls = 0

    def note(self, method, *facts):
        self.log.append((self.name, method, *facts))
        self.calls += 1
        act = self.acts.get(method)
        return act and act(self, *facts)

    def begin(self):
        self.note("begin", tf.compat.v1.get_default_graph().finalized)

    def after_create_session(self, session, coord):
        self.raw, self.coordinator = session, coord
        self.note("after_create_session", type(session).__name__, coord.should_stop())

    def before_run(self, run_context):
        self.context = run_context
        arguments = run_context.original_args
        asked = self.note(
            "before_run",
            run_context.session is self.raw,
            type(arguments.fetches).__name__,
            arguments.feed_dict,
            arguments.options,
            run_context.stop_requested,
        )
        if asked is not None:
            return asked
        return None if self.fetches is None else v1.train.SessionRunArgs(self.fetches)

    def after_run(self, run_context, run_values):
        metadata = run_values.run_metadata
        self.note(
            "after_run",
            run_context is self.context,
            type(run_values).__name__,
            described(run_values.results),
            (type(run_values.options).__name__, str(run_values.options)),
            (type(metadata).__name__, len(metadata.step_stats.dev_stats), len(metadata.partition_graphs)),
        )

    def end(self, session):
        self.note("end", session is self.raw)


def stop_after(steps, log):
    """A hook that stops a loop after some steps."""
    made = []

    def act(hook, *facts):
        made.append(facts)
        if len(made) >= steps:
            hook.context.request_stop()

    return Trace(log, "stop", after_run=act)


def tensorflows(creator, hooks):
    return v1.train.MonitoredSession(creator, list(hooks), stop_grace_period_secs=5)


def merging(creator, hooks):
    session = merging_session.session(lambda all_hooks: tensorflows(creator, all_hooks), hooks)
    assert isinstance(session, merging_session.MergingSession)
    return session


def trace(make, scenario, log):
    """Adds to `log` what a scenario shows.

    A scenario builds a graph and returns what its loop fetches and its hooks, and maybe its session creator.
    """
    with tf.Graph().as_default() as graph:
        fetches, hooks, *rest = scenario(log)
        creator = rest[0] if rest else v1.train.ChiefSessionCreator()
        try:
            with make(creator, hooks) as session:
                while not session.should_stop():
                    log.append(("ran", described(session.run(fetches))))
            log.append(("closed", session.should_stop(), graph.finalized))
        except Exception as error:
            log.append(("raised", *said(error), graph.finalized))


def both(scenario):
    """What a scenario shows with TensorFlow's session, and with the merging one."""
    logs = ([], [])
    for make, log in zip((tensorflows, merging), logs, strict=True):
        trace(make, scenario, log)
    return logs
