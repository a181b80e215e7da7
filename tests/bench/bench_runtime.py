"""What the Estimator costs over bare TensorFlow: steps per second, time to the first step, memory.

Both sides run the same input function and the same model function, one through `Estimator.train`, the other written
out by hand. Repetitions alternate between the two, so what else happens on the machine meets both, and medians are
taken. Prints a table of ratios and exits 1 when a target is missed.

    python tests/bench/bench_runtime.py [--repetitions N]
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

WARM_UP_STEPS = 100
FIRST_STEP = "first step"
PEAK = "peak"
MIB = 1024.0
# Layers and steps of a repetition: the smallest model shows the cost per step best, the network is what people train.
# Repetitions are short and many, so that the two of a pair meet the same load of a shared machine.
MODELS = {"one weight": ((), 700), "network 784-256-128-10": ((256, 128), 150)}


def data(hidden):
    rng = np.random.default_rng(1)
    if not hidden:
        return np.ones([1, 1], np.float32), np.ones([1, 1], np.float32), 1
    return rng.random([1024, 784], np.float32), rng.integers(0, 10, 1024), 128


def input_fn(hidden):
    import tensorflow as tf

    features, labels, batch = data(hidden)
    return tf.data.Dataset.from_tensor_slices(({"x": features}, labels)).repeat().batch(batch).prefetch(2)


def loss_and_train_op(features, labels, hidden):
    import tensorflow as tf

    v1 = tf.compat.v1
    layer = features["x"]
    for index, width in enumerate([*hidden, 10 if hidden else 1]):
        shape = [layer.shape[-1], width]
        weights = v1.get_variable(
            f"weights_{index}", shape, initializer=v1.glorot_uniform_initializer(seed=1)
        )
        layer = tf.matmul(tf.nn.relu(layer) if index else layer, weights)
    if hidden:
        loss = v1.losses.sparse_softmax_cross_entropy(labels, layer)
    else:
        loss = tf.reduce_mean(tf.square(layer - labels))
    return loss, v1.train.GradientDescentOptimizer(0.01).minimize(loss, v1.train.get_global_step())


def model_fn(features, labels, mode, params):
    import estimator_runtime

    loss, train_op = loss_and_train_op(features, labels, params["hidden"])
    return estimator_runtime.EstimatorSpec(mode, loss=loss, train_op=train_op)


def train_with_estimator(hidden, steps, hook, model_dir):
    import estimator_runtime

    estimator = estimator_runtime.Estimator(model_fn, model_dir, params={"hidden": hidden})
    estimator.train(lambda: input_fn(hidden), hooks=[hook], steps=steps)


def train_by_hand(hidden, steps, hook, model_dir):
    """The same graph and the hooks that Estimator.train adds, in a MonitoredTrainingSession."""
    import tensorflow as tf

    v1 = tf.compat.v1

    class InitializeIterator(v1.train.SessionRunHook):
        def after_create_session(self, session, coord):
            session.run(iterator.initializer)

    with tf.Graph().as_default():
        step = v1.train.create_global_step()
        iterator = v1.data.make_initializable_iterator(input_fn(hidden))
        loss, train_op = loss_and_train_op(*iterator.get_next(), hidden)
        v1.summary.scalar("loss", loss)
        scaffold = v1.train.Scaffold(
            saver=v1.train.Saver(sharded=True, save_relative_paths=True, defer_build=True)
        )
        with v1.train.MonitoredTrainingSession(
            checkpoint_dir=model_dir,
            scaffold=scaffold,
            hooks=[
                InitializeIterator(),
                hook,
                v1.train.StopAtStepHook(num_steps=steps),
                v1.train.NanTensorHook(loss),
                v1.train.LoggingTensorHook({"loss": loss, "step": step}, every_n_iter=100),
            ],
            chief_only_hooks=[v1.train.CheckpointSaverHook(model_dir, save_secs=600, scaffold=scaffold)],
            save_checkpoint_secs=0,
            save_summaries_steps=100,
            log_step_count_steps=100,
        ) as session:
            while not session.should_stop():
                session.run([train_op, loss])


def train_in_bare_session(hidden, steps, report):
    """The least that TensorFlow needs to train: no hooks, no checkpoint, no summaries."""
    import tensorflow as tf

    v1 = tf.compat.v1
    with tf.Graph().as_default():
        v1.train.create_global_step()
        iterator = v1.data.make_initializable_iterator(input_fn(hidden))
        loss, train_op = loss_and_train_op(*iterator.get_next(), hidden)
        with v1.Session() as session:
            session.run([v1.global_variables_initializer(), iterator.initializer])
            for step in range(steps):
                session.run([train_op, loss])
                if step == 0:
                    report()


def make_hook(after_run):
    import tensorflow as tf

    class AfterRun(tf.compat.v1.train.SessionRunHook):
        def after_run(self, run_context, run_values):
            after_run()

    return AfterRun()


def steps_per_second(train, hidden, steps):
    """Speed between the first steps, which warm up, and the last."""
    times = []
    with tempfile.TemporaryDirectory() as model_dir:
        train(hidden, WARM_UP_STEPS + steps, make_hook(lambda: times.append(time.perf_counter())), model_dir)
    return steps / (times[-1] - times[-1 - steps])


def compare_speed(hidden, steps, repetitions):
    """Median speeds of both sides and the median of the ratios within the repetitions."""
    speeds = {train_with_estimator: [], train_by_hand: []}
    for repetition in range(repetitions):
        order = list(speeds) if repetition % 2 else list(reversed(speeds))
        for train in order:
            speeds[train].append(steps_per_second(train, hidden, steps))
    ours, bare = speeds.values()
    ratios = [mine / other for mine, other in zip(ours, bare, strict=True)]
    return statistics.median(ours), statistics.median(bare), statistics.median(ratios)


def run_child(kind, hidden, steps):
    """Trains in this process; prints when the first step is done and what memory it took at most."""
    reported = []

    def report():
        if not reported:
            reported.append(True)
            print(FIRST_STEP, flush=True)

    if kind == "bare":
        train_in_bare_session(hidden, steps, report)
    else:
        with tempfile.TemporaryDirectory() as model_dir:
            train_with_estimator(hidden, steps, make_hook(report), model_dir)
    with open("/proc/self/status") as status:
        (peak,) = (line.split()[1] for line in status if line.startswith("VmHWM"))
    print(PEAK, peak, flush=True)


def measure_child(kind, model):
    """Seconds to the first step of a new process and its peak memory in MiB."""
    start = time.perf_counter()
    command = [sys.executable, __file__, "--child", kind, "--model", model]
    with (
        tempfile.TemporaryFile("w+") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as child,
    ):
        for line in child.stdout:
            if line.startswith(FIRST_STEP):
                seconds = time.perf_counter() - start
            elif line.startswith(PEAK):
                peak = int(line.split()[1]) / MIB
        if child.wait():
            log.seek(0)
            raise SystemExit(f"the {kind} child failed with exit code {child.returncode}:\n{log.read()}")
    return seconds, peak


def compare_processes(model, repetitions):
    """Medians of (seconds to the first step, peak MiB) of both sides, and of the ratios of the seconds in pairs."""
    measured = {"estimator": [], "bare": []}
    for repetition in range(repetitions):
        order = list(measured) if repetition % 2 else list(reversed(measured))
        for kind in order:
            measured[kind].append(measure_child(kind, model))
    ours, bare = measured.values()
    ratios = [mine[0] / other[0] for mine, other in zip(ours, bare, strict=True)]
    medians = [
        tuple(statistics.median(column) for column in zip(*values, strict=True)) for values in (ours, bare)
    ]
    return *medians, statistics.median(ratios)


def print_row(what, detail, measured, comparison, target):
    fulfilled = measured >= target if comparison == ">=" else measured <= target
    print(
        f"{what:<58} {detail:<26} {measured:>8.2f}  {comparison} {target:<6g} {'ok' if fulfilled else 'MISSED'}"
    )
    sys.stdout.flush()
    return fulfilled


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=31, help="of each measurement; medians are taken")
    parser.add_argument("--child", choices=["estimator", "bare"], help=argparse.SUPPRESS)
    parser.add_argument("--model", choices=MODELS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        run_child(arguments.child, *MODELS[arguments.model])
        return 0

    print(f"{'measure':<58} {'Estimator : TensorFlow':<26} {'measured':>8}  target")
    fulfilled = []
    for model, (hidden, steps) in MODELS.items():
        ours, bare, ratio = compare_speed(hidden, steps, arguments.repetitions)
        fulfilled.append(
            print_row(f"steps/s, {model} (ratio)", f"{ours:.0f} : {bare:.0f}", ratio, ">=", 0.95)
        )
    for model in MODELS:
        (ours, our_peak), (bare, bare_peak), ratio = compare_processes(model, arguments.repetitions // 6 + 1)
        fulfilled += [
            print_row(
                f"seconds to the first step, {model} (ratio)",
                f"{ours:.2f} : {bare:.2f}",
                ratio,
                "<=",
                1.2,
            ),
            print_row(
                f"peak memory, {model} (MiB more)",
                f"{our_peak:.0f} : {bare_peak:.0f}",
                our_peak - bare_peak,
                "<=",
                100,
            ),
        ]
    return 0 if all(fulfilled) else 1


if __name__ == "__main__":
    sys.exit(main())
