"""Processes of the bench of the runtime that make one training each.

    python runtime_processes.py SIDE first-step DATA-DIRECTORY
    python runtime_processes.py SIDE bare-first-step DATA-DIRECTORY
    python runtime_processes.py SIDE cluster DIRECTORY STEPS     a task of the cluster in TF_CONFIG
    python runtime_processes.py SIDE bare-cluster DIRECTORY STEPS
    python runtime_processes.py SIDE synchronous DIRECTORY STEPS    a task of one that makes every step together
    python runtime_processes.py SIDE bare-synchronous DIRECTORY STEPS

The figures are lines of JSON on the standard output.
"""

import json
import os
import pathlib
import sys
import tempfile
import time

import runtime_programs
import sockets
import tensorflow as tf

v1 = tf.compat.v1
WARM_UP = 0.2


class Steps(v1.train.SessionRunHook):
    """Calls `see` with the global step after each step, and `created` once there is a session."""

    def __init__(self, see, created=lambda: None):
        self.see = see
        self.created = created

    def begin(self):
        self.step = v1.train.get_global_step()

    def after_create_session(self, session, coord):
        self.created()

    def before_run(self, run_context):
        return v1.train.SessionRunArgs(self.step)

    def after_run(self, run_context, run_values):
        self.see(int(run_values.results))


class OwnSteps(v1.train.SessionRunHook):
    """Calls `see` with the global step after steps, and at the end `ended`.

    The step is read from this task's own copy, for another read would ask the other tasks. tf.estimator calls this after each
    step, ours as seldom as `steps_between_looks` lets it.
    """

    steps_between_looks = 50

    def __init__(self, see, ended):
        self.see = see
        self.ended = ended

    def begin(self):
        strategy = tf.distribute.get_strategy()
        (own,) = strategy.experimental_local_results(v1.train.get_global_step())
        self.step = own.read_value()

    def before_run(self, run_context):
        return v1.train.SessionRunArgs(self.step)

    def after_run(self, run_context, run_values):
        self.see(int(run_values.results))

    def end(self, session):
        self.ended(int(session.run(self.step)))


class Speed:
    """Global steps per second once `WARM_UP` of them are made."""

    def __init__(self, steps):
        self.first = int(steps * WARM_UP)
        self.begun = self.last = None

    def see(self, step):
        self.last = (step, time.perf_counter())
        if self.begun is None and step >= self.first:
            self.begun = self.last

    def value(self):
        return (self.last[0] - self.begun[0]) / (self.last[1] - self.begun[1])


class Sent:
    """Bytes that this process sends for a step, once `WARM_UP` of `steps` are made and until the last one.

    All tasks make a step together, so that they are ahead of each other by a part of one at most.
    """

    def __init__(self, steps):
        self.first = int(steps * WARM_UP)
        self.begun = self.last = None

    def see(self, step):
        if self.begun is None and step >= self.first:
            self.begun = (step, sockets.sent())

    def ended(self, step):
        self.last = (step, sockets.sent())

    def value(self):
        (first, before), (last, after) = self.begun, self.last
        return sockets.sent_between(before, after) / (last - first)


class Meeting:
    """Files by which all tasks begin together: tf.estimator starts its workers 5 seconds one after the other."""

    def __init__(self, directory, task, workers):
        self.directory = pathlib.Path(directory)
        self.task = task
        self.workers = workers

    def before_session(self):
        """A worker that is there before the chief's variables would wait for 30 seconds."""
        if self.task != "chief":
            self._wait("chief")

    def created(self):
        """Nobody makes a step before all can: the first worker alone would make most of them."""
        (self.directory / self.task).touch()
        for task in ("chief", *(f"worker{index}" for index in range(self.workers))):
            self._wait(task)

    def _wait(self, task):
        while not (self.directory / task).exists():
            time.sleep(0.02)


def first_step(data):
    """Says when the first step is made, and at the end the most memory of this process in MiB."""
    model_fn, input_fn, params, _ = runtime_programs.Programs(data, small=False).models()["network"]
    reported = []

    def report(step):
        if not reported:
            reported.append(step)
            print(json.dumps({"step": step}), flush=True)

    with tempfile.TemporaryDirectory() as model_dir:
        estimator = tf.estimator.Estimator(model_fn, model_dir, params=params)
        estimator.train(input_fn, hooks=[Steps(report)], steps=200)
    _say_peak()


def bare_first_step(data):
    """The same by nothing but `Session.run`."""
    model_fn, input_fn, params, _ = runtime_programs.Programs(data, small=False).models()["network"]
    with tf.Graph().as_default(), v1.Session() as session:
        v1.train.create_global_step()
        iterator = v1.data.make_initializable_iterator(input_fn())
        built = model_fn(*iterator.get_next(), tf.estimator.ModeKeys.TRAIN, params)
        session.run([v1.global_variables_initializer(), iterator.initializer])
        for step in range(200):
            session.run([built.train_op, built.loss])
            if step == 0:
                print(json.dumps({"step": step}), flush=True)
    _say_peak()


def _say_peak():
    with open("/proc/self/status") as status:
        (peak,) = (line.split()[1] for line in status if line.startswith("VmHWM"))
    print(json.dumps({"peak": int(peak) / 1024}), flush=True)


def _cluster():
    told = json.loads(os.environ["TF_CONFIG"])
    kind, index = told["task"]["type"], told["task"]["index"]
    name = "chief" if kind == "chief" else f"{kind}{index}"
    return told["cluster"], kind, index, name


def cluster(directory, steps):
    """Trains the network as a task of a cluster; the chief says its global steps per second."""
    tasks, kind, _, name = _cluster()
    model_fn, input_fn, params = (
        runtime_programs.network,
        runtime_programs.network_input,
        {"hidden": (256, 128)},
    )
    speed = Speed(int(steps))
    meeting = Meeting(directory, name, len(tasks["worker"]))

    def meeting_input():
        meeting.before_session()
        return input_fn()

    estimator = tf.estimator.Estimator(
        model_fn, config=tf.estimator.RunConfig(os.path.join(directory, "model")), params=params
    )
    tf.estimator.train_and_evaluate(
        estimator,
        tf.estimator.TrainSpec(meeting_input, int(steps), hooks=[Steps(speed.see, meeting.created)]),
        tf.estimator.EvalSpec(input_fn, steps=1),
    )
    if kind == "chief":
        print(json.dumps({"speed": speed.value()}), flush=True)


def bare_cluster(directory, steps):
    """The same in a MonitoredTrainingSession without hooks, checkpoints and summaries."""
    tasks, kind, index, name = _cluster()
    server = tf.distribute.Server(tasks, job_name=kind, task_index=index)
    if kind == "ps":
        server.join()
    speed = Speed(int(steps))
    meeting = Meeting(directory, name, len(tasks["worker"]))
    meeting.before_session()
    with tf.Graph().as_default():
        with v1.device(
            v1.train.replica_device_setter(cluster=tasks, worker_device=f"/job:{kind}/task:{index}")
        ):
            step = v1.train.get_or_create_global_step()
            iterator = v1.data.make_initializable_iterator(runtime_programs.network_input())
            built = runtime_programs.network(
                *iterator.get_next(), tf.estimator.ModeKeys.TRAIN, {"hidden": (256, 128)}
            )
        filters = ["/job:ps", f"/job:{kind}/task:{index}"]
        with v1.train.MonitoredTrainingSession(
            server.target,
            is_chief=kind == "chief",
            config=v1.ConfigProto(device_filters=filters),
            scaffold=v1.train.Scaffold(
                local_init_op=tf.group(v1.train.Scaffold.default_local_init_op(), iterator.initializer)
            ),
            save_checkpoint_secs=None,
            save_checkpoint_steps=None,
            save_summaries_steps=None,
            save_summaries_secs=None,
            log_step_count_steps=None,
        ) as session:
            meeting.created()
            made = 0
            while made < int(steps):
                made = int(session.run([step, built.train_op, built.loss])[0])
                speed.see(made)
    if kind == "chief":
        print(json.dumps({"speed": speed.value()}), flush=True)


def synchronous(directory, steps):
    """Trains the network as a task of those that make every step together; each says its speed and what it sends.

    Figures: `speed`, steps per second; `sent`, bytes a step; `model`, bytes of the variables that are trained.
    """
    steps = int(steps)
    # As programs make it: eagerly, which starts the server and waits for the other tasks.
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    speed, sent, sizes = Speed(steps), Sent(steps), []

    def see(step):
        # First the sockets, for the time that it takes to look at them is not measured.
        sent.see(step)
        speed.see(step)

    def model_fn(features, labels, mode, params):
        made = runtime_programs.network(features, labels, mode, params)
        if not sizes:
            sizes.extend(4 * variable.shape.num_elements() for variable in v1.trainable_variables())
        return made

    config = tf.estimator.RunConfig(
        os.path.join(directory, "model"), save_checkpoints_steps=2 * steps, train_distribute=strategy
    )
    tf.estimator.train_and_evaluate(
        tf.estimator.Estimator(model_fn, config=config, params={"hidden": (256, 128)}),
        tf.estimator.TrainSpec(runtime_programs.network_input, steps, hooks=[OwnSteps(see, sent.ended)]),
        tf.estimator.EvalSpec(runtime_programs.network_input, steps=1),
    )
    print(json.dumps({"speed": speed.value(), "sent": sent.value(), "model": sum(sizes)}), flush=True)


def bare_synchronous(directory, steps):
    """The same by a callable of nothing but the train_op and the task's own loss, without an Estimator and its agreements."""
    del directory
    tasks, kind, index, _ = _cluster()
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    speed = Speed(int(steps))

    def replica(batch):
        made = runtime_programs.network(*batch, tf.estimator.ModeKeys.TRAIN, {"hidden": (256, 128)})
        return made.train_op, made.loss

    with tf.Graph().as_default(), strategy.scope():
        v1.train.get_or_create_global_step()
        iterator = v1.data.make_initializable_iterator(runtime_programs.network_input())
        made = strategy.extended.call_for_each_replica(replica, args=(iterator.get_next(),))
        fetches = [strategy.experimental_local_results(one)[0] for one in made]
        config = strategy.update_config_proto(v1.ConfigProto())
        with v1.Session(f"grpc://{tasks[kind][index]}", config=config) as session:
            # One after the other: each variable's first value is the chief's, by a collective.
            for variable in v1.global_variables():
                session.run(strategy.experimental_local_results(variable)[0].initializer)
            session.run(iterator.initializer)
            step = session.make_callable(fetches)
            for number in range(1, int(steps) + 1):
                step()
                speed.see(number)
    print(json.dumps({"speed": speed.value()}), flush=True)


if __name__ == "__main__":
    runtime_programs.set_up(sys.argv[1])
    {
        "first-step": first_step,
        "bare-first-step": bare_first_step,
        "cluster": cluster,
        "bare-cluster": bare_cluster,
        "synchronous": synchronous,
        "bare-synchronous": bare_synchronous,
    }[sys.argv[2]](*sys.argv[3:])
