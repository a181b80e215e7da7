"""Programs of the bench of the runtime; the same lines on `estimator_runtime` and on tf.estimator 2.15.

    python runtime_programs.py SIDE DATA-DIRECTORY [--small]

SIDE is `ours` or `peer`. Each line of the standard input names a program; its figure is answered as a line of JSON.
"""

import json
import os
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1
DIGITS = os.path.join(os.path.dirname(__file__), "..", "..", "examples", "digits")
EMBEDDING_ROWS = 1_000_000
EXAMPLES = "examples.tfrecord"


def set_up(side):
    """Makes `tf.estimator` what this side measures."""
    v1.logging.set_verbosity(v1.logging.ERROR)
    if side == "ours":
        from estimator_runtime import compat

        compat.install()
    sys.path.insert(0, DIGITS)


def network(features, labels, mode, params):
    """Dense layers of the widths of `params["hidden"]`, a class for each label; without widths one weight."""
    hidden = params["hidden"]
    layer = features["x"]
    for index, width in enumerate([*hidden, params.get("classes", 10 if hidden else 1)]):
        weights = v1.get_variable(
            f"weights_{index}", [layer.shape[-1], width], initializer=v1.glorot_uniform_initializer(seed=1)
        )
        layer = tf.matmul(tf.nn.relu(layer) if index else layer, weights)
    return spec(layer, labels, mode, regression=layer.shape[-1] == 1)


def embedding(features, labels, mode, params):
    """Means of ten rows of a table [rows, 32], and a layer."""
    table = v1.get_variable(
        "table", [params["rows"], 32], initializer=v1.random_uniform_initializer(-0.1, 0.1, seed=1)
    )
    weights = v1.get_variable("weights", [32, 2], initializer=v1.glorot_uniform_initializer(seed=1))
    means = tf.reduce_mean(tf.nn.embedding_lookup(table, features["ids"]), axis=1)
    return spec(tf.matmul(means, weights), labels, mode, regression=False)


def spec(logits, labels, mode, regression):
    """A plain EstimatorSpec over `logits` [batch, n]."""
    modes = tf.estimator.ModeKeys
    predictions = {"value": logits} if regression else {"class": tf.argmax(logits, axis=1), "logits": logits}
    if mode == modes.PREDICT:
        return tf.estimator.EstimatorSpec(mode, predictions=predictions)
    if regression:
        loss = tf.reduce_mean(tf.square(logits - labels))
        metrics = {"mean": v1.metrics.mean(logits)}
    else:
        loss = v1.losses.sparse_softmax_cross_entropy(labels, logits)
        metrics = {"accuracy": v1.metrics.accuracy(labels, predictions["class"])}
    if mode == modes.EVAL:
        return tf.estimator.EstimatorSpec(mode, loss=loss, eval_metric_ops=metrics)
    train_op = v1.train.GradientDescentOptimizer(0.01).minimize(loss, v1.train.get_global_step())
    return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=train_op)


def one_weight_input(batch=1, batches=None):
    dataset = tf.data.Dataset.from_tensor_slices(
        ({"x": np.ones([batch, 1], np.float32)}, np.ones([batch, 1], np.float32))
    )
    return dataset.repeat(batches).batch(batch).prefetch(2)


def network_input(batches=None):
    rng = np.random.default_rng(1)
    images, labels = rng.random([1024, 784], np.float32), rng.integers(0, 10, 1024)
    dataset = tf.data.Dataset.from_tensor_slices(({"x": images}, labels)).repeat().batch(128).prefetch(2)
    return dataset if batches is None else dataset.take(batches)


def write_examples(directory, rows, count):
    """Examples with ten ids and a label each in a TFRecord file, once for all processes."""
    path = os.path.join(directory, EXAMPLES)
    if os.path.exists(path):
        return
    rng = np.random.default_rng(1)
    with tf.io.TFRecordWriter(path + ".part") as writer:
        for ids, label in zip(rng.integers(0, rows, [count, 10]), rng.integers(0, 2, count), strict=True):
            features = {
                name: tf.train.Feature(int64_list=tf.train.Int64List(value=values))
                for name, values in (("ids", ids), ("label", [label]))
            }
            example = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(example.SerializeToString())
    os.rename(path + ".part", path)


def examples_input(directory):
    columns = {"ids": tf.io.FixedLenFeature([10], tf.int64), "label": tf.io.FixedLenFeature([], tf.int64)}

    def parsed(batch):
        features = tf.io.parse_example(batch, columns)
        return features, features.pop("label")

    dataset = tf.data.TFRecordDataset(os.path.join(directory, EXAMPLES)).repeat().batch(256)
    return dataset.map(parsed).prefetch(2)


class Clock(v1.train.CheckpointSaverListener):
    """When the first checkpoint after the beginning is written and when the next is due: no hook looks at a step for it."""

    def __init__(self):
        self.begun = self.ended = None

    def after_save(self, session, step):
        # The checkpoint of the beginning is of step 0, the one after warming up is the first of a later step.
        if step and self.begun is None:
            self.begun = (step, time.perf_counter())

    def before_save(self, session, step):
        if self.begun and self.ended is None:
            self.ended = (step, time.perf_counter())

    def speed(self):
        """Steps per second between the two."""
        (first, start), (last, end) = self.begun, self.ended
        return (last - first) / (end - start)


class Programs:
    """What can be asked for; `small` makes a few steps of each."""

    def __init__(self, data, small):
        self.data = data
        self.small = small
        self.rows = 1000 if small else EMBEDDING_ROWS

    def steps(self, count):
        return max(count // 100, 4) if self.small else count

    def models(self):
        """name -> (model_fn, input_fn, params, steps that are timed)."""
        from digits import data as digits_data
        from digits import model as digits_model

        write_examples(self.data, self.rows, 512 if self.small else 20_000)
        digits = {"hidden": [128, 64], "learning_rate": 0.001, "batch_size": 64}
        return {
            "one weight": (network, one_weight_input, {"hidden": ()}, 2000),
            "network": (network, network_input, {"hidden": (256, 128)}, 250),
            "digits": (digits_model.model_fn, lambda: digits_data.train_input_fn(digits), digits, 1000),
            "embedding": (embedding, lambda: examples_input(self.data), {"rows": self.rows}, 300),
        }

    def train(self, name, steps_per_loop=None):
        """Steps per second of `Estimator.train` with its default hooks."""
        model_fn, input_fn, params, steps = self.models()[name]
        steps = self.steps(steps * (4 if steps_per_loop else 1))
        settings = {"steps_per_loop": steps_per_loop} if steps_per_loop else {}
        clock = Clock()
        with tempfile.TemporaryDirectory() as model_dir:
            config = tf.estimator.RunConfig(
                model_dir, save_checkpoints_steps=steps, keep_checkpoint_max=1, **settings
            )
            estimator = tf.estimator.Estimator(model_fn, config=config, params=params)
            estimator.train(input_fn, steps=2 * steps + 2, saving_listeners=[clock])
        return clock.speed()

    def train_in_loops(self, name):
        """The same with 100 steps a call of the session; None where RunConfig has no such field."""
        if not hasattr(tf.estimator.RunConfig, "steps_per_loop"):
            return None
        return self.train(name, 100)

    def train_bare(self, name, kind):
        """Steps per second of nothing but the step, by `Session.run` (`loop`) or a callable."""
        model_fn, input_fn, params, steps = self.models()[name]
        steps = self.steps(steps)
        with tf.Graph().as_default(), v1.Session() as session:
            v1.train.create_global_step()
            iterator = v1.data.make_initializable_iterator(input_fn())
            built = model_fn(*iterator.get_next(), tf.estimator.ModeKeys.TRAIN, params)
            session.run([v1.global_variables_initializer(), iterator.initializer])
            step = called(session, [built.train_op, built.loss], kind)
            for _ in range(steps // 4):
                step()
            start = time.perf_counter()
            for _ in range(steps):
                step()
            return steps / (time.perf_counter() - start)

    def train_bare_in_loops(self, name, length=100):
        """Steps per second of nothing but the step, `length` of them in a tf.while_loop."""
        model_fn, input_fn, params, steps = self.models()[name]
        loops = self.steps(4 * steps) // length + 1
        with tf.Graph().as_default(), v1.Session() as session:
            v1.train.create_global_step()
            iterator = v1.data.make_initializable_iterator(input_fn())

            def step(number):
                built = model_fn(*iterator.get_next(), tf.estimator.ModeKeys.TRAIN, params)
                with tf.control_dependencies([built.train_op, built.loss]):
                    return number + 1

            with v1.variable_scope(v1.get_variable_scope(), reuse=v1.AUTO_REUSE):
                # Makes the variables, which a loop cannot.
                step(0)
                loop = tf.while_loop(lambda number: number < length, step, [0], parallel_iterations=1)
            session.run([v1.global_variables_initializer(), iterator.initializer])
            run = session.make_callable(loop)
            run()
            start = time.perf_counter()
            for _ in range(loops):
                run()
            return loops * length / (time.perf_counter() - start)

    def evaluate(self, name):
        """Batches per second of a whole `evaluate`, graph, session and checkpoint included."""
        batches = self.steps({"one weight": 1000, "network": 50}[name])
        source = one_weight_input if name == "one weight" else network_input
        model_fn, input_fn, params, _ = self.models()[name]
        with tempfile.TemporaryDirectory() as model_dir:
            estimator = tf.estimator.Estimator(model_fn, model_dir, params=params)
            estimator.train(input_fn, steps=1)
            start = time.perf_counter()
            estimator.evaluate(lambda: source(batches=batches), steps=batches)
            return batches / (time.perf_counter() - start)

    def predict(self, by):
        """Examples per second, by `example` or by `batch` of 32, once the first is there."""
        batches = self.steps(1500)
        with tempfile.TemporaryDirectory() as model_dir:
            estimator = tf.estimator.Estimator(network, model_dir, params={"hidden": ()})
            estimator.train(one_weight_input, steps=1)
            values = estimator.predict(
                lambda: one_weight_input(32, batches), yield_single_examples=by == "example"
            )
            next(values)
            start = time.perf_counter()
            count = sum(1 for _ in values) * (1 if by == "example" else 32)
            return count / (time.perf_counter() - start)

    def without_gradients_bare(self, what, kind):
        """Batches per second of one weight's metrics (`evaluate`) or examples per second of its predictions."""
        count = self.steps(1500)
        mode = tf.estimator.ModeKeys.EVAL if what == "evaluate" else tf.estimator.ModeKeys.PREDICT
        with tf.Graph().as_default(), v1.Session() as session:
            iterator = v1.data.make_initializable_iterator(one_weight_input(1 if what == "evaluate" else 32))
            built = network(*iterator.get_next(), mode, {"hidden": ()})
            wanted = (
                [update for _, update in built.eval_metric_ops.values()]
                if what == "evaluate"
                else list(built.predictions.values())
            )
            session.run(
                [v1.global_variables_initializer(), v1.local_variables_initializer(), iterator.initializer]
            )
            step = called(session, wanted, kind)
            for _ in range(10):
                step()
            start = time.perf_counter()
            for _ in range(count):
                step()
            return count * (1 if what == "evaluate" else 32) / (time.perf_counter() - start)

    def train_and_evaluate(self):
        """Seconds of 500 steps of the network with five evaluations of 8 batches and five exports."""
        steps = self.steps(500)

        def receiver():
            pixels = v1.placeholder(tf.float32, [None, 784], name="x")
            return tf.estimator.export.ServingInputReceiver({"x": pixels}, {"x": pixels})

        with tempfile.TemporaryDirectory() as model_dir:
            config = tf.estimator.RunConfig(model_dir, save_checkpoints_steps=max(steps // 5, 1))
            estimator = tf.estimator.Estimator(network, config=config, params={"hidden": (256, 128)})
            start = time.perf_counter()
            tf.estimator.train_and_evaluate(
                estimator,
                tf.estimator.TrainSpec(network_input, max_steps=steps),
                tf.estimator.EvalSpec(
                    lambda: network_input(8),
                    steps=8,
                    exporters=tf.estimator.LatestExporter("latest", receiver),
                    start_delay_secs=0,
                    throttle_secs=0,
                ),
            )
            return time.perf_counter() - start


def called(session, fetches, kind):
    """What makes a step: `Session.run` for `loop`, a callable for `callable`."""
    return session.make_callable(fetches) if kind == "callable" else lambda: session.run(fetches)


def main(side, data, *options):
    set_up(side)
    programs = Programs(data, "--small" in options)
    print(json.dumps({"tensorflow": tf.__version__}), flush=True)
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        print(json.dumps(getattr(programs, name)(*arguments)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
