"""What a step costs, in counts that are the same on every machine, and who is asked to run it."""

import linear_model
import pytest
import tensorflow as tf
from linear_model import eval_input, train_input, v1
from step_traces import merging

from estimator_runtime.distribution.standing_feeds import StandingFeeds
from estimator_runtime.loop.steps import replaced, requests

SELDOM = {"save_checkpoints_steps": None, "save_checkpoints_secs": 600}


def trained(tmp_path, steps, hooks=()):
    estimator = linear_model.estimator(tmp_path / f"{steps}", **SELDOM)
    return estimator.train(train_input, steps=steps, hooks=hooks)


def test_a_step_is_one_call_of_the_session(tmp_path, counts):
    trained(tmp_path, 20)
    fewer = counts.copy()
    counts.clear()
    trained(tmp_path, 80)
    assert counts["called"] - fewer["called"] == 60
    assert counts["run"] == fewer["run"]
    assert counts["made"] == fewer["made"]


@pytest.mark.filterwarnings("ignore:To make it possible to preserve tf.data options")
@pytest.mark.parametrize("kind", ["OneDeviceStrategy", "MirroredStrategy"])
def test_a_step_of_a_strategy_is_one_call_of_the_session(tmp_path, counts, kind):
    devices = "/cpu:0" if kind == "OneDeviceStrategy" else ["/cpu:0"]
    counted = []
    for steps in (20, 80):
        counts.clear()
        strategy = getattr(tf.distribute, kind)(devices)
        estimator = linear_model.estimator(tmp_path / f"{steps}", train_distribute=strategy, **SELDOM)
        estimator.train(train_input, steps=steps)
        counted.append(counts.copy())
    fewer, more = counted
    assert more["called"] - fewer["called"] == 60
    assert (more["run"], more["made"]) == (fewer["run"], fewer["made"])


def test_checkpoints_by_steps_cost_no_call_between_them(tmp_path, counts):
    runs = {}
    for steps in (20, 80):
        counts.clear()
        estimator = linear_model.estimator(tmp_path / f"{steps}", save_checkpoints_steps=1000)
        estimator.train(train_input, steps=steps)
        runs[steps] = counts["run"]
    assert runs[20] == runs[80]


def test_a_training_makes_a_callable_for_each_set_of_requests(tmp_path, counts):
    trained(tmp_path, 350)
    # Quiet steps, steps with summaries, steps of the log; with both at once.
    assert counts["called"] == 350
    assert counts["made"] <= 4


def test_a_hook_that_feeds_makes_its_own_steps_slower(tmp_path, counts):
    class Feeds(v1.train.SessionRunHook):
        steps = 0

        def begin(self):
            self.fed = v1.placeholder_with_default(0, [])

        def before_run(self, run_context):
            self.steps += 1
            return v1.train.SessionRunArgs(self.fed, {self.fed: 1} if self.steps % 5 == 0 else None)

    trained(tmp_path, 20)
    fewer = counts.copy()
    counts.clear()
    estimator = linear_model.estimator(tmp_path / "feeds", **SELDOM)
    estimator.train(train_input, steps=20, hooks=[Feeds()])
    assert counts["called"] == 16
    assert counts["run"] - fewer["run"] == 4


def test_standing_feeds_are_planned_once(counts):
    with tf.Graph().as_default():
        fed = v1.placeholder(tf.int32, [])
        twice = 2 * fed
        feeds = [StandingFeeds({fed: 1}), StandingFeeds({fed: 2})]

        class Feeds(v1.train.SessionRunHook):
            def before_run(self, run_context):
                return v1.train.SessionRunArgs(fed, feeds[0])

        with merging(v1.train.ChiefSessionCreator(), [Feeds()]) as session:
            counts.clear()
            assert [int(session.run(twice)) for _ in range(3)] == [2, 2, 2]
            feeds.reverse()
            assert int(session.run(twice)) == 4
            assert counts["made"] == 2


def test_an_error_of_a_step_with_standing_feeds_is_said_as_session_run_says_it():
    class Feeds(v1.train.SessionRunHook):
        def __init__(self, kind, fed):
            self.feeds = kind({fed: 0})

        def before_run(self, run_context):
            return v1.train.SessionRunArgs(None, self.feeds)

    said = []
    for kind in (dict, StandingFeeds):
        with tf.Graph().as_default():
            fed = v1.placeholder(tf.int32, [], name="fed")
            quotient = tf.math.floordiv(1, fed, name="quotient")
            with (
                pytest.raises(tf.errors.InvalidArgumentError, match="zero") as raised,
                merging(v1.train.ChiefSessionCreator(), [Feeds(kind, fed)]) as session,
            ):
                session.run(quotient)
            said.append((str(raised.value), raised.value.op))
    (theirs, operation), (ours, own_operation) = said
    assert ours == theirs
    assert own_operation.name == operation.name


class Looks(v1.train.SessionRunHook):
    def after_run(self, run_context, run_values):
        pass


class OnlyEnds(v1.train.SessionRunHook):
    def end(self, session):
        pass


class Through(OnlyEnds):
    def __getattribute__(self, name):
        return super().__getattribute__(name)


def test_hooks_that_override_neither_are_not_asked():
    put_on = OnlyEnds()
    put_on.before_run = lambda run_context: None
    assert [replaced.looks(hook) for hook in (OnlyEnds(), Looks(), put_on, Through(), object())] == [
        False,
        True,
        True,
        True,
        True,
    ]


def test_a_before_run_that_is_put_on_all_hooks_is_called(monkeypatch):
    asked = []
    monkeypatch.setattr(v1.train.SessionRunHook, "before_run", lambda self, context: asked.append(self))
    hook = OnlyEnds()
    with tf.Graph().as_default():
        fetched = tf.constant(1)
        with merging(v1.train.ChiefSessionCreator(), [hook]) as session:
            session.run(fetched)
    assert hook in asked


def test_evaluation_and_prediction_run_a_batch_in_one_call(tmp_path, counts):
    estimator = trained(tmp_path, 5)
    counts.clear()
    estimator.evaluate(eval_input)
    # Two batches, and the call that finds the end of the input.
    assert (counts["called"], counts["made"]) == (3, 1)
    counts.clear()
    assert len(list(estimator.predict(eval_input))) == 8
    assert (counts["called"], counts["made"]) == (3, 1)


def test_requests_that_are_always_new_make_few_callables(counts):
    with tf.Graph().as_default():
        tensors = [tf.constant(number) for number in range(2 * requests.MOST_PLANS)]
        with merging(v1.train.ChiefSessionCreator(), []) as session:
            for _ in range(2):
                assert [int(session.run(tensor)) for tensor in tensors] == list(range(len(tensors)))
        assert counts["made"] == requests.MOST_PLANS
        assert counts["called"] == 2 * requests.MOST_PLANS


# Programs that have replaced what runs a step


def a_step(make=merging):
    with tf.Graph().as_default():
        fetched = tf.constant(7)
        with make(v1.train.ChiefSessionCreator(), []) as session:
            return int(session.run(fetched))


def test_a_replaced_run_of_sessions_is_called(monkeypatch):
    called = []
    run = v1.Session.run

    def own(self, *arguments, **settings):
        called.append(settings)
        return run(self, *arguments, **settings)

    monkeypatch.setattr(v1.Session, "run", own)
    assert a_step() == 7
    assert any("run_metadata" in settings for settings in called)


def test_a_session_of_another_class_runs_its_steps():
    called = []

    class Own(v1.Session):
        def run(self, *arguments, **settings):
            called.append(settings)
            return super().run(*arguments, **settings)

    class Creator(v1.train.SessionCreator):
        def create_session(self):
            return Own()

    with tf.Graph().as_default():
        fetched = tf.constant(7)
        with merging(Creator(), []) as session:
            assert int(session.run(fetched)) == 7
    assert len(called) == 1


@pytest.mark.parametrize("name", ["MonitoredSession", "run"])
def test_a_replaced_monitored_session_runs_the_steps(tmp_path, monkeypatch, name):
    called = []
    theirs = v1.train.MonitoredSession

    class Own(theirs):
        def run(self, *arguments, **settings):
            called.append(arguments)
            return super().run(*arguments, **settings)

    if name == "run":
        run = theirs.run
        monkeypatch.setattr(theirs, "run", lambda self, *a, **s: called.append(a) or run(self, *a, **s))
    else:
        monkeypatch.setattr(v1.train, "MonitoredSession", Own)
    estimator = trained(tmp_path, 5)
    assert len(called) == 5
    estimator.evaluate(eval_input)
    assert len(called) == 8


def with_cost_model():
    config = v1.ConfigProto()
    config.graph_options.build_cost_model = 1
    return config


def with_session_metadata():
    config = v1.ConfigProto()
    config.experimental.session_metadata.name = "model"
    return config


@pytest.mark.parametrize("config", [with_cost_model(), with_session_metadata()])
def test_metadata_of_the_session_options_reach_hooks(tmp_path, config):
    """Such metadata comes with every step, without a hook that asks for options."""
    seen = []

    class Looks(v1.train.SessionRunHook):
        def after_run(self, run_context, run_values):
            seen.append(run_values.run_metadata.ByteSize())

    estimator = linear_model.estimator(tmp_path, session_config=config)
    estimator.train(train_input, steps=3, hooks=[Looks()])
    assert len(seen) == 3
    assert all(seen)


def test_a_closed_session_is_let_go_of():
    with tf.Graph().as_default():
        fetched = tf.constant(7)
        with merging(v1.train.ChiefSessionCreator(), []) as session:
            session.run(fetched)
        assert session.should_stop()
        assert session._made.session is None


def test_a_prediction_that_no_hook_sees_makes_nothing_for_hooks(tmp_path, monkeypatch):
    estimator = trained(tmp_path, 1)
    made = []
    context = v1.train.SessionRunContext
    monkeypatch.setattr(v1.train, "SessionRunContext", lambda *given: made.append(1) or context(*given))

    class Sees(v1.train.SessionRunHook):
        graphs = ()

        def after_run(self, run_context, run_values):
            self.graphs += (v1.get_default_graph() is run_context.session.graph,)

    unseen = list(estimator.predict(eval_input))
    assert not made
    hook = Sees()
    seen = list(estimator.predict(eval_input, hooks=[hook]))
    assert made
    assert hook.graphs == (True, True), "one for each batch"
    assert [one["y"] for one in unseen] == [one["y"] for one in seen]
