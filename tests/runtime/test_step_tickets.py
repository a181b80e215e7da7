"""The tickets of steps on a parameter server, and a task that waits for one; by a clock that the test moves on."""

import json
import types

import linear_model
import pytest
import tensorflow as tf
from live_servers import Servers

from estimator_runtime import interruption
from estimator_runtime.cluster.last_steps import LastStepsHook, TicketsHook
from estimator_runtime.cluster.tickets import Counts, Tickets
from estimator_runtime.loop.steps import step_count

v1 = tf.compat.v1
LAST = 5
NOBODY = "127.0.0.1:1"


@pytest.fixture(scope="module")
def servers():
    return Servers()


class Training:
    """A chief and two workers with a global step on a parameter server, each with its tickets, in one session."""

    def __init__(self, servers, is_resource):
        with tf.Graph().as_default() as self.graph:
            with tf.device("/job:ps/task:1"):
                self.step = v1.get_variable(
                    "global_step", [], tf.int64, v1.zeros_initializer(), use_resource=is_resource
                )
            self.advance = v1.assign_add(self.step, 1)
            self.tickets = [Tickets(self.step, place=place, places=3) for place in range(3)]
            self.session = v1.Session(servers.chief.target)
            self.session.run(self.step.initializer)
        self.now = 0.0
        self.chief, self.worker, self.other = self.tickets

    def make(self, tickets):
        """Makes a step, as a task that has a ticket; returns the ticket of its next one."""
        _, number = self.session.run([self.advance, tickets.next])
        return int(number)

    def made(self):
        return int(self.session.run(self.step))

    def pause(self, secs):
        self.now += secs

    def hook(self, place, others=(), ended=None):
        watch = None if ended is None else types.SimpleNamespace(ended=ended)
        return LastStepsHook(
            self.tickets[place],
            LAST,
            place=place,
            others=dict(others),
            watch=watch,
            clock=lambda: self.now,
            pause=self.pause,
        )

    def begins(self, hook):
        """Has a hook meet a session; tells whether there is a step to make."""
        coordinator = tf.train.Coordinator()
        hook.after_create_session(self.session, coordinator)
        assert hook.is_over is coordinator.should_stop()
        return not hook.is_over


@pytest.fixture(params=[True, False], ids=["resource", "reference"])
def training(servers, request):
    servers.loses()
    made = Training(servers, request.param)
    TicketsHook(made.chief).after_create_session(made.session, None)
    yield made
    made.session.close()


def test_no_number_is_drawn_twice(training):
    drawn = [tickets.first(training.session) for tickets in (training.worker, training.chief, training.other)]
    drawn += [training.make(training.worker), training.make(training.other)]
    assert drawn == [0, 1, 2, 3, 4]
    assert training.chief.counts(training.session) == Counts(5, (True, True, True), 2)
    training.other.none(training.session)
    assert training.chief.counts(training.session).held == (True, True, False)


def test_tickets_that_are_given_anew_begin_at_the_global_step_and_do_not_follow_it(training):
    for _ in range(3):
        training.worker.first(training.session)
    training.make(training.worker)
    training.chief.renew(training.session)
    training.session.run(training.advance)
    assert training.chief.counts(training.session)[::2] == (1, 2)


def test_a_chief_that_comes_back_goes_on_with_the_counts(training):
    for _ in range(3):
        training.worker.first(training.session)
    training.chief.establish(training.session)
    assert training.chief.counts(training.session) == Counts(3, (False, True, False), 0)


def test_counts_that_an_earlier_training_left_behind_the_global_step_are_brought_up_to_it(training):
    for _ in range(4):
        training.session.run(training.advance)
    assert training.worker.first(training.session) == 4
    training.chief.establish(training.session)
    assert training.chief.counts(training.session)[::2] == (4, 4)


def test_a_global_step_that_somebody_has_set_ends_a_training(training):
    hook = training.hook(0)
    assert training.begins(hook)
    for _ in range(LAST):
        training.session.run(training.advance)
    assert training.make(training.chief) >= LAST


def test_a_chief_gives_tickets_anew_when_nobody_holds_one(training):
    for _ in range(LAST):
        training.other.first(training.session)
    training.other.none(training.session)
    hook = training.hook(0)
    assert training.begins(hook)
    assert training.now == 0, "there is nobody to wait for"
    assert training.chief.counts(training.session).drawn == 1


def test_a_chief_gives_tickets_anew_when_those_who_hold_them_are_gone(training):
    for _ in range(LAST):
        training.other.first(training.session)
    assert training.begins(training.hook(0, {1: NOBODY, 2: NOBODY}))
    assert 2 <= training.now < 3


def test_a_chief_waits_long_for_one_who_is_there(training, servers, tf_log):
    (there,) = servers.cluster["chief"]
    for _ in range(LAST):
        training.other.first(training.session)
    assert training.begins(training.hook(0, {1: NOBODY, 2: there}))
    assert 60 <= training.now < 61
    assert [line for line in tf_log if "have not moved for 60 secs" in line]


def test_a_chief_waits_for_the_last_step_of_another(training, servers):
    (there,) = servers.cluster["chief"]
    for _ in range(LAST):
        training.other.first(training.session)
    hook = training.hook(0, {2: there})
    steps = iter(range(LAST))

    def pause(secs):
        training.pause(secs)
        if next(steps, None) is not None:
            training.session.run(training.advance)

    hook._pause = pause
    assert not training.begins(hook)
    assert training.made() == LAST
    assert training.now < 2


def test_a_task_that_comes_back_holds_no_ticket_of_before(training):
    for _ in range(LAST):
        training.worker.first(training.session)
    assert not training.begins(training.hook(1, ended=lambda: training.now > 0))
    assert not any(training.chief.counts(training.session).held)


def test_a_worker_ends_when_there_is_no_chief_to_give_tickets_anew(training, tf_log):
    for _ in range(LAST):
        training.other.first(training.session)
    assert not training.begins(training.hook(1, ended=lambda: False))
    assert 120 <= training.now < 121
    assert [line for line in tf_log if "no chief has given their tickets anew in 120 secs" in line]


def test_a_worker_that_waits_for_a_ticket_ends_with_its_chief(training):
    for _ in range(LAST):
        training.other.first(training.session)
    assert not training.begins(training.hook(1, ended=lambda: training.now > 3))
    assert 3 < training.now < 4


def test_a_task_that_waits_ends_when_it_is_interrupted(training):
    for _ in range(LAST):
        training.other.first(training.session)
    hook = training.hook(1, ended=lambda: False)
    hook._pause = lambda secs: interruption.request()
    try:
        assert not training.begins(hook)
    finally:
        interruption.clear()


def test_a_worker_waits_for_the_chief_to_make_the_counts(servers):
    servers.loses()
    training = Training(servers, is_resource=True)
    hook = training.hook(1, ended=lambda: False)

    def pause(secs):
        training.pause(secs)
        if training.now > 1:
            training.chief.establish(training.session)

    hook._pause = pause
    assert training.begins(hook)
    assert training.now > 1
    assert training.chief.counts(training.session) == Counts(1, (False, True, False), 0)
    training.session.close()


def test_a_session_that_is_made_in_a_step_has_none_when_no_step_is_left(training):
    for _ in range(LAST):
        training.session.run(training.advance)
    hook = training.hook(0)
    assert not training.begins(hook)
    with pytest.raises(tf.errors.OutOfRangeError, match="The last step, 5, is made"):
        hook.before_run(None)


def test_a_task_that_ends_before_the_last_step_holds_no_ticket(training):
    hook = training.hook(1, ended=lambda: False)
    assert training.begins(hook)
    assert training.chief.counts(training.session).held == (False, True, False)
    hook.end(training.session)
    assert training.chief.counts(training.session).held == (False, False, False)


def test_a_step_with_a_ticket_is_one_call_of_the_session(servers, tmp_path, monkeypatch, counts):
    document = {"cluster": servers.cluster, "task": {"type": "chief", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(document))
    seen = {}
    for steps in (20, 80):
        servers.loses()
        counts.clear()
        estimator = linear_model.estimator(
            tmp_path / f"{steps}", save_checkpoints_steps=None, save_checkpoints_secs=600
        )
        estimator.train(linear_model.train_input, max_steps=steps)
        assert linear_model.global_step(estimator) == steps
        seen[steps] = counts.copy()
    assert seen[80]["called"] - seen[20]["called"] == 60
    assert seen[80]["run"] == seen[20]["run"]
    assert seen[80]["made"] == seen[20]["made"]


# What a ticket stands for


def computed(step):
    return v1.assign_add(step, tf.cast(tf.ones([]) * 1, tf.int64) + v1.py_func(lambda: 0, [], tf.int64))


def in_a_branch(step):
    return tf.cond(tf.greater(step, 0), lambda: v1.assign_add(step, 1), lambda: tf.identity(step))


def in_a_branch_of_tensorflow_1(step):
    v1.disable_control_flow_v2()
    try:
        return in_a_branch(step)
    finally:
        v1.enable_control_flow_v2()


STEPS = {
    "an optimizer": (
        lambda step: v1.train.GradientDescentOptimizer(0.1).minimize(
            tf.square(v1.get_variable("w", [], use_resource=True)), step
        ),
        True,
    ),
    "an addition": (lambda step: v1.assign_add(step, 1), True),
    "a group": (lambda step: tf.group(v1.assign_add(step, 1), tf.no_op()), True),
    "one that reads it": (
        lambda step: tf.group(v1.assign_add(step, 1), tf.sqrt(tf.cast(step, tf.float32))),
        True,
    ),
    "none": (lambda step: tf.no_op(), False),
    "two": (lambda step: v1.assign_add(step, 2), False),
    "twice": (lambda step: tf.group(v1.assign_add(step, 1), v1.assign_add(step, 1)), False),
    "computed": (computed, False),
    "in a branch of TensorFlow 1": (in_a_branch_of_tensorflow_1, False),
    "set": (lambda step: tf.group(v1.assign_add(step, 1), v1.assign(step, 7)), False),
}


@pytest.mark.parametrize("is_resource", [True, False], ids=["resource", "reference"])
@pytest.mark.parametrize("name", STEPS)
def test_which_steps_add_one(name, is_resource):
    make, expected = STEPS[name]
    with tf.Graph().as_default():
        step = v1.get_variable("global_step", [], tf.int64, v1.zeros_initializer(), use_resource=is_resource)
        assert step_count.adds_one(make(step), step) is expected


def test_a_step_that_is_made_in_a_branch_may_not_be_made():
    with tf.Graph().as_default():
        step = v1.get_variable("global_step", [], tf.int64, v1.zeros_initializer(), use_resource=True)
        assert not step_count.adds_one(in_a_branch(step), step)
