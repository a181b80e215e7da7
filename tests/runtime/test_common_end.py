"""What tasks that make every step together ask each other in a step, where the others' answers are in queues."""

import pytest
import tensorflow as tf

from estimator_runtime import interruption
from estimator_runtime.distribution.common_end import CommonEnd
from estimator_runtime.loop.stretches.default_hooks import StopHook

v1 = tf.compat.v1
TASKS = 3


class Others:
    """The other tasks of a strategy: an all-reduce, of batches first and then of the loss, waits for their answers."""

    num_replicas_in_sync = TASKS

    def __init__(self):
        self.batches = v1.FIFOQueue(9, [tf.int32], [[]])
        self.losses = v1.FIFOQueue(9, [tf.float32], [[4]])
        self._queues = iter([self.batches, self.losses])

    def all_reduce(self, op, own):
        assert op == tf.distribute.ReduceOp.SUM
        return own + next(self._queues).dequeue()


class Task:
    """The graph of this task. A run that asks for what the others do not answer ends with DeadlineExceededError."""

    def __init__(self, monkeypatch):
        self._others = Others()
        monkeypatch.setattr(tf.distribute, "get_replica_context", lambda: self._others)
        self.end = CommonEnd(self._others, None)
        self._all_have = self.end.all_have(0, tf.constant(True))
        self._loss = self.end.loss_of_all(0, tf.constant(0.5))
        self._number, self._sums = v1.placeholder(tf.int32, []), v1.placeholder(tf.float32, [4])
        self._say_batches = self._others.batches.enqueue([self._number])
        self._say_loss = self._others.losses.enqueue([self._sums])
        self.session = v1.Session(config=v1.ConfigProto(operation_timeout_in_ms=5000))
        (self._hook,) = self.end.hooks([])

    def others_have(self, batches):
        self.session.run(self._say_batches, {self._number: batches})

    def step(self, *, wishes=0, interrupted=0, see_next=0):
        """Whether all have a batch, the loss of all, and whether the task stops after the step."""
        self.session.run(self._say_loss, {self._sums: [1.0, wishes, interrupted, see_next]})
        request = self._hook.before_run(None)
        *seen, results = self.session.run([self._all_have, self._loss, request.fetches], request.feed_dict)
        context = v1.train.SessionRunContext(None, self.session)
        self._hook.after_run(context, v1.train.SessionRunValues(results, None, None))
        return [*seen, context.stop_requested]


@pytest.fixture
def task(monkeypatch):
    monkeypatch.setattr(
        interruption, "request", lambda: monkeypatch.setattr(interruption, "requested", lambda: True)
    )
    monkeypatch.setattr(interruption, "requested", lambda: False)
    with tf.Graph().as_default():
        made = Task(monkeypatch)
        with made.session:
            yield made


def test_tasks_with_endless_inputs_ask_for_a_batch_in_the_first_step_only(task):
    task.end.begin(is_endless=True)
    task.others_have(TASKS - 1)
    for _ in range(3):
        assert task.step() == [True, 1.5, False]


def test_an_endless_input_with_nothing_to_repeat_ends_that_of_all_before_the_first_step(task):
    task.end.begin(is_endless=True)
    task.others_have(TASKS - 2)
    assert task.step() == [False, 1.5, False]


def test_tasks_ask_in_every_step_where_one_input_may_end(task):
    task.end.begin(is_endless=False)
    for batches, all_have in [(TASKS - 1, True), (TASKS - 1, True), (TASKS - 2, False)]:
        task.others_have(batches)
        assert task.step() == [all_have, 1.5, False]


@pytest.mark.parametrize("is_endless", [True, False])
def test_a_wish_goes_along_with_the_loss_and_stops_after_its_step(task, is_endless):
    task.end.begin(is_endless=is_endless)
    for _ in range(3):
        task.others_have(TASKS - 1)
    assert task.step() == [True, 1.5, False]
    assert task.step(wishes=1) == [True, 1.5, True]
    assert not interruption.requested()
    assert task.step(wishes=1, interrupted=1) == [True, 1.5, True]
    assert interruption.requested()


def test_the_own_wish_is_among_those_of_all(task):
    task.end.begin(is_endless=True)
    task.others_have(TASKS - 1)
    assert task.step() == [True, 1.5, False]
    task.end.wish()
    assert task.step() == [True, 1.5, True]


class Likewise(v1.train.StopAtStepHook):
    """A program's own class of it."""


class AtOnce(v1.train.StopAtStepHook):
    """Stops when it likes."""

    def after_run(self, run_context, run_values):
        run_context.request_stop()


def begun(task, hook):
    """The hook in a session, at step 3."""
    step = v1.train.get_or_create_global_step()
    _, wishing = task.end.hooks([hook])
    wishing.begin()
    task.session.run(step.assign(3))
    wishing.after_create_session(task.session, None)
    return wishing


def stepped(task, wishing):
    """Makes a step with the hook."""
    context = v1.train.SessionRunContext(None, task.session)
    request = wishing.before_run(context)
    results = None if request is None else task.session.run(request.fetches)
    task.session.run(v1.train.get_global_step().assign_add(1))
    wishing.after_run(context, v1.train.SessionRunValues(results, None, None))
    assert not context.stop_requested, "no task leaves alone"


@pytest.mark.parametrize("made", [v1.train.StopAtStepHook, Likewise])
@pytest.mark.parametrize("given", [{"last_step": 6}, {"num_steps": 3}])
def test_a_hook_that_knows_its_last_step_wishes_in_time_for_it(task, made, given):
    wishing = begun(task, made(**given))
    wished = [task.end.is_wished]
    for _ in range(2):
        stepped(task, wishing)
        wished.append(task.end.is_wished)
    assert wished == [False, False, True], "said in the third step, after which all stop"


@pytest.mark.parametrize("given", [{"last_step": 4}, {"last_step": 2}, {"num_steps": 1}])
def test_a_hook_whose_last_step_is_the_next_one_wishes_when_the_session_begins(task, given):
    begun(task, v1.train.StopAtStepHook(**given))
    assert task.end.is_wished


def test_a_hook_that_stops_in_its_own_way_wishes_when_it_does(task):
    wishing = begun(task, AtOnce(last_step=4))
    assert not task.end.is_wished
    stepped(task, wishing)
    assert task.end.is_wished


def test_what_all_tasks_have_alike_stops_without_asking(task):
    hook = StopHook(None, 6, most_steps=3)
    assert task.end.hooks([hook], of_all=(StopHook,))[1] is hook


@pytest.mark.parametrize(("own", "others"), [(True, 0), (False, 1), (False, 0)])
def test_the_next_step_is_unseen_where_no_task_sees_it(task, own, others):
    task.end.begin(is_endless=True)
    task.end.sees_next = lambda: own
    task.others_have(TASKS - 1)
    task.step()
    assert not task.end.is_unseen, "of the first step nobody knows that there is another one"
    assert task.step(see_next=others) == [True, 1.5, False]
    assert task.end.is_unseen == (not (own or others))


def test_no_step_is_unseen_where_an_input_may_end_or_a_task_stops(task):
    task.end.sees_next = lambda: False
    task.end.begin(is_endless=False)
    task.others_have(TASKS - 1)
    task.others_have(TASKS - 1)
    task.step()
    task.step()
    assert not task.end.is_unseen
    task.end.begin(is_endless=True)
    task.end.wish()
    task.step()
    assert not task.end.is_unseen


@pytest.mark.parametrize(
    ("dataset", "is_endless"),
    [
        (lambda: tf.data.Dataset.range(3).repeat().batch(2), True),
        (lambda: tf.data.Dataset.range(3).batch(2), False),
        (lambda: tf.data.Dataset.range(3).repeat().filter(lambda x: x < 2), False),
    ],
)
def test_what_tf_data_says_of_the_inputs(dataset, is_endless):
    strategy = tf.distribute.MirroredStrategy(["/cpu:0"])
    with tf.Graph().as_default(), strategy.scope(), v1.Session() as session:
        assert session.run(CommonEnd(strategy, dataset()).all_endless()) == is_endless
