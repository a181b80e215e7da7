"""How a loop with merged requests ends, fails and goes on after a lost server, held against TensorFlow's MonitoredSession."""

import pytest
import tensorflow as tf
from step_traces import Trace, both, fail, merging, stop_after, tensorflows, v1

ERRORS = {
    "ValueError": lambda: ValueError("of the hook"),
    "StopIteration": StopIteration,
    "OutOfRangeError": lambda: tf.errors.OutOfRangeError(None, None, "of the hook"),
    "AbortedError": lambda: tf.errors.AbortedError(None, None, "of the hook"),
    "UnavailableError": lambda: tf.errors.UnavailableError(None, None, "of the hook"),
    "KeyboardInterrupt": KeyboardInterrupt,
}


def counter():
    return v1.assign_add(v1.train.create_global_step(), 1, name="add")


def once(error, at=1):
    """Raises an error at one of its calls."""
    calls = []

    def act(hook, *facts):
        calls.append(facts)
        if len(calls) == at:
            raise error()

    return act


@pytest.mark.parametrize("method", ["begin", "after_create_session", "before_run", "after_run", "end"])
@pytest.mark.parametrize("error", ERRORS)
def test_an_error_in_a_hook(method, error):
    def scenario(log):
        add = counter()
        fails = Trace(log, "fails", **{method: once(ERRORS[error])})
        return add, [Trace(log, "before"), fails, Trace(log, "after"), stop_after(3, log)]

    if error == "KeyboardInterrupt":
        with pytest.raises(KeyboardInterrupt):
            both(scenario)
        return
    theirs, ours = both(scenario)
    assert ours == theirs
    assert theirs[-1][0] in ("closed", "raised")


@pytest.mark.parametrize("method", ["after_create_session", "before_run", "after_run"])
@pytest.mark.parametrize("error", ["ValueError", "OutOfRangeError", "AbortedError"])
def test_a_thread_that_fails(method, error):
    def scenario(log):
        failed = []

        def act(hook, *facts):
            if not failed:
                failed.append(True)
                fail(hook.coordinator, ERRORS[error]())

        return counter(), [Trace(log, "thread", **{method: act}), stop_after(3, log)]

    theirs, ours = both(scenario)
    assert ours == theirs


@pytest.mark.parametrize("of_thread", ["ValueError", "AbortedError"])
def test_a_step_that_fails_for_a_thread_has_failed(of_thread):
    def scenario(log):
        failed = []

        def act(hook, *facts):
            if not failed:
                failed.append(True)
                fail(hook.coordinator, ERRORS[of_thread]())
                raise RuntimeError("of the step")

        return counter(), [Trace(log, "thread", after_run=act), stop_after(3, log)]

    theirs, ours = both(scenario)
    assert ours == theirs
    created = [entry for entry in theirs if entry[:2] == ("thread", "after_create_session")]
    assert len(created) == (2 if of_thread == "AbortedError" else 1)


def test_a_coordinator_that_is_asked_to_stop():
    def scenario(log):
        stops = Trace(log, "stops", after_run=lambda hook, *_: hook.coordinator.request_stop())
        return counter(), [stops]

    theirs, ours = both(scenario)
    assert ours == theirs
    assert theirs[-1][0] == "closed"


@pytest.mark.parametrize("steps_before", [1, 3])
def test_a_lost_server(steps_before):
    """The server forgets the session: the next step, of a callable or not, is aborted."""
    server = tf.distribute.Server.create_local_server()

    def scenario(log):
        add = counter()
        lost = []

        def lose(hook, *facts):
            lost.append(facts)
            if len(lost) == steps_before:
                v1.Session.reset(server.target)

        hooks = [Trace(log, "loses", add, after_run=lose), Trace(log), stop_after(6, log)]
        return add, hooks, v1.train.ChiefSessionCreator(master=server.target)

    theirs, ours = both(scenario)
    assert ours == theirs
    assert len([entry for entry in theirs if entry[:2] == ("loses", "after_create_session")]) == 2
    assert theirs[-1][0] == "closed"


CANCELLED_FOR = """Graph execution error:

=====================
CANCELLED: From /job:worker/replica:0/task:0:
RecvFromRemoteAsync is cancelled.
{}
====================="""


@pytest.mark.parametrize(
    ("beside", "sessions"),
    [
        ("ABORTED: From /job:ps/replica:0/task:1:\nSession handle is not found.", 2),
        ("UNAVAILABLE: From /job:ps/replica:0/task:1:\nfailed to connect.", 2),
        ("INTERNAL: From /job:ps/replica:0/task:1:\nABORTED: From here.", 1),
    ],
)
def test_a_step_that_is_cancelled_for_a_lost_server(beside, sessions):
    made = []

    class Fails(v1.train.SessionRunHook):
        calls = 0

        def after_create_session(self, session, coord):
            made.append(session)

        def before_run(self, run_context):
            self.calls += 1
            if self.calls == 2:
                raise tf.errors.CancelledError(None, None, CANCELLED_FOR.format(beside))

    def steps():
        with tf.Graph().as_default():
            fetched = tf.constant(7)
            with merging(v1.train.ChiefSessionCreator(), [Fails()]) as session:
                return [int(session.run(fetched)) for _ in range(3)]

    if sessions == 1:
        with pytest.raises(tf.errors.CancelledError):
            steps()
    else:
        assert steps() == [7, 7, 7]
    assert len(made) == sessions


def test_a_stop_is_forgotten_with_a_session_that_is_lost():
    def scenario(log):
        lost = []

        def act(hook, *facts):
            hook.context.request_stop()
            if not lost:
                lost.append(True)
                fail(hook.coordinator, ERRORS["AbortedError"]())

        return counter(), [Trace(log, "stops", after_run=act)]

    theirs, ours = both(scenario)
    assert ours == theirs
    assert len([entry for entry in theirs if entry[0] == "ran"]) == 2


def failing_assertion(number):
    with tf.control_dependencies([v1.assert_less(number, tf.constant(3, number.dtype), message="too many")]):
        return tf.identity(number)


@tf.function
def checked(number):
    return tf.debugging.check_numerics(tf.math.log(3.0 - tf.cast(number, tf.float32)), "of a function")


def failing_python(number):
    def call(value):
        if value >= 3:
            raise KeyError("of Python")
        return value

    return v1.py_func(call, [number], tf.int64)


FAILING = {
    "assertion": failing_assertion,
    "numerics": lambda number: tf.debugging.check_numerics(
        tf.math.log(3.0 - tf.cast(number, tf.float32)), "of the step"
    ),
    "function": lambda number: tf.identity(checked(number)),
    "python": failing_python,
    "shapes": lambda number: tf.reshape(tf.range(6), [tf.where(number < 3, number, 4), -1]),
    "uninitialized": lambda number: v1.get_variable("own", [], collections=["own"]) + 1.0,
    "input": lambda number: v1.data.make_one_shot_iterator(tf.data.Dataset.range(2)).get_next(),
    "two nodes": lambda number: [failing_assertion(number), failing_python(number)][0],
}


@pytest.mark.parametrize("kind", FAILING)
def test_a_step_that_fails(kind):
    """The error names the operation and the line of the program that made it, as Session.run's does."""

    def scenario(log):
        number = counter()
        return [FAILING[kind](number), number], [Trace(log), stop_after(9, log)]

    theirs, ours = both(scenario)
    assert ours == theirs
    assert theirs[-1][0] == ("closed" if kind == "input" else "raised")


def test_the_error_of_a_step_tells_where_its_operation_was_made():
    def scenario(log):
        return failing_python(counter()), []

    _, ours = both(scenario)
    kind, text, operation, node = ours[-1][1:5]
    assert (kind, operation) == ("UnknownError", node)
    assert "Detected at node" in text
    assert "in failing_python" in text


def test_queues():
    def scenario(log):
        number = v1.train.input_producer([1, 2, 3], num_epochs=1, shuffle=False).dequeue()
        return {"number": number}, [Trace(log, "asks", [number])]

    theirs, ours = both(scenario)
    assert ours == theirs
    assert len([entry for entry in theirs if entry[0] == "ran"]) == 3


def test_hooks_of_tensorflow():
    def scenario(log):
        step = v1.train.get_or_create_global_step()
        add = v1.assign_add(step, 1)
        loss = tf.math.log(6.5 - tf.cast(add, tf.float32))
        hooks = [
            v1.train.NanTensorHook(loss),
            v1.train.LoggingTensorHook({"loss": loss}, every_n_iter=2),
            v1.train.FeedFnHook(lambda: {"fed:0": 1}),
            v1.train.FinalOpsHook({"step": step}),
            v1.train.StopAtStepHook(last_step=9),
        ]
        v1.placeholder_with_default(0, [], name="fed")
        return [add, loss], [Trace(log, "first", loss), *hooks, Trace(log, "last")]

    theirs, ours = both(scenario)
    assert ours == theirs
    assert theirs[-1][1] == "NanLossDuringTrainingError"


def test_a_run_after_a_stop_is_refused():
    def scenario(log):
        add = counter()

        def again(hook, *facts):
            hook.context.request_stop()

        return add, [Trace(log, "stops", after_run=again)]

    logs = ([], [])
    for make, log in zip((tensorflows, merging), logs, strict=True):
        with tf.Graph().as_default():
            add, hooks = scenario(log)
            with make(v1.train.ChiefSessionCreator(), hooks) as session:
                session.run(add)
                with pytest.raises(RuntimeError, match="Run called even after should_stop requested"):
                    session.run(add)
    assert logs[0] == logs[1]
