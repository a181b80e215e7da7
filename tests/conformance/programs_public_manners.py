"""Manners of public code: what it reads in the log, what it does with checkpoints by hand, and steps and graphs of its own."""

import contextlib
import os
import re

import models
import numpy as np
import tensorflow as tf
from catalogue import V1, program
from models import v1
from programs_canned import COLLECTION, LABELS, FixedValues
from programs_loop import BEST_RESULTS, FINISHED
from programs_stopping import SIGNAL, evaluated

DEFAULT = {
    "exports/*/serving_default*": "predict is the default where the classes or the regression take examples alone"
}
# What depends on time, and what is said of a runtime alone: its configuration, its coordinator, how it makes its steps.
TIMES = re.compile(r" \(\d[\d.]* sec\)|(?<=at )\d{4}-.*|(?<=Time : ).*|(?<=temp-)\d+|/\d{10}")
OF_A_RUNTIME = (
    "Using config",
    "Not using Distribute Coordinator",
    "Training makes",
    "global_step/sec",
    "From ",
    "Signature EXCLUDED",
)


@contextlib.contextmanager
def said():
    """Every line of the log, without what depends on time."""
    kept = []
    with models.logged("") as lines:
        yield kept
    for line in lines:
        level, message = line.split(": ", 1)
        if not message.startswith(OF_A_RUNTIME):
            number = re.sub(
                r"-?\d+\.\d+(e-?\d+)?", lambda found: f"{float(found[0]):.4g}", TIMES.sub("", message)
            )
            kept.append(f"{level}: {number}")


@program("train steps", "evaluate", "predict", "export_saved_model", repeated={V1: {}})
def lines_of_a_models_life(directory):
    estimator = models.estimator(directory, log_step_count_steps=2)
    with said() as lines:
        estimator.train(models.batches, steps=3)
        estimator.train(models.batches, max_steps=3)
        estimator.evaluate(models.once)
        list(estimator.predict(models.features_only))
        estimator.export_saved_model(os.path.join(directory, "export"), models.raw_receiver)
    return lines


@program("local loop", "LatestExporter", differs=FINISHED)
def lines_of_a_loop(directory):
    estimator = models.estimator(directory)
    exporter = tf.estimator.LatestExporter("latest", models.raw_receiver)
    with said() as lines:
        tf.estimator.train_and_evaluate(
            estimator,
            tf.estimator.TrainSpec(models.batches, max_steps=7),
            tf.estimator.EvalSpec(models.once, throttle_secs=0, start_delay_secs=0, exporters=exporter),
        )
    # Of two exports in one second the later one is tried again, with a warning: it depends on the machine.
    return [line for line in lines if "already exists; retrying" not in line]


@program("stop_if hooks", differs=SIGNAL)
def lines_of_early_stopping(directory):
    made = tf.estimator.experimental
    hooks = {
        "lower": lambda e: made.stop_if_lower_hook(e, "a", 0.5, run_every_secs=None, run_every_steps=1),
        "higher": lambda e: made.stop_if_higher_hook(e, "a", 0.2, run_every_secs=None, run_every_steps=1),
        "no increase": lambda e: made.stop_if_no_increase_hook(
            e, "a", 10, run_every_secs=None, run_every_steps=1
        ),
        "no decrease": lambda e: made.stop_if_no_decrease_hook(
            e, "a", 5, run_every_secs=None, run_every_steps=1
        ),
    }
    found = {}
    for name, make in hooks.items():
        estimator = evaluated(os.path.join(directory, name), {0: 0.4, 5: 0.3, 10: 0.35}, "a")
        with said() as lines:
            estimator.train(models.batches, hooks=[make(estimator)], steps=5)
        # When they look for the first time differs (docs/decisions/estimator-differences.md), and so how often they do.
        found[name] = list(dict.fromkeys(line for line in lines if "early stopping." in line))
    return found


@program("heads", "export_saved_model")
def tables_of_exported_words(directory):
    """What tells classes in words has a table, of which the export's collection of initialisers has the initialiser."""
    te = tf.estimator
    kind, sign = (
        lambda: te.MultiClassHead(3, label_vocabulary=["p", "q", "r"], name="kind"),
        lambda: te.BinaryClassHead(label_vocabulary=["n", "y"], name="sign"),
    )
    heads = {
        "sign": sign,
        "both": lambda: te.MultiHead([te.RegressionHead(name="size"), kind(), sign()]),
        "labels": lambda: te.MultiLabelHead(3, label_vocabulary=["p", "q", "r"]),
    }

    def model_with(make):
        def model_fn(features, labels, mode):
            head = make()
            logits = tf.matmul(features["x"], models.variable("w", [1, head.logits_dimension], 0.1))
            return head.create_estimator_spec(
                features,
                mode,
                logits,
                labels,
                train_op_fn=lambda loss: v1.train.GradientDescentOptimizer(0.1).minimize(
                    loss, v1.train.get_global_step()
                ),
            )

        return model_fn

    labels = {
        "size": models.Y,
        "kind": np.array(["p", "q", "r"] * 3)[:8].reshape(8, 1),
        "sign": LABELS["words"],
    }
    given = {"sign": labels["sign"], "both": labels, "labels": np.eye(8, 3, dtype=np.int64)}
    answers = {}
    for name, make in heads.items():
        estimator = te.Estimator(model_with(make), os.path.join(directory, name), models.config())

        def input_fn(name=name):
            data = ({"x": models.X}, given[name])
            return tf.data.Dataset.from_tensor_slices(data).batch(4)

        estimator.train(input_fn, steps=1)
        path = estimator.export_saved_model(
            os.path.join(directory, f"{name} export"), models.parsing_receiver
        )
        answers[name] = models.served(path)
    return answers


@program("all-modes export")
def train_operations_of_every_mode(directory):
    """Programs of one EstimatorSpec for training and evaluation give the train operation in both."""

    def receiver():
        x, y = (v1.placeholder(tf.float32, [None, 1], name=name) for name in ("x", "label"))
        return tf.estimator.experimental.build_raw_supervised_input_receiver_fn({"x": x}, y)()

    def model_with_one_in(only):
        def model_fn(features, labels, mode):
            spec = models.linear(features, labels, mode)
            return spec._replace(train_op=tf.no_op("not_run")) if mode == only else spec

        return model_fn

    for only in ("eval", "infer"):
        estimator = models.estimator(directory, model_with_one_in(only), name=f"{only} model")
        estimator.train(models.batches, steps=1)
        estimator.experimental_export_all_saved_models(
            os.path.join(directory, only), {"train": receiver, "eval": receiver, "infer": models.raw_receiver}
        )


@program("checkpoint_path", "latest_checkpoint", "evaluate")
def a_checkpoint_of_averages(directory):
    """The mean of the last checkpoints, written by hand: it is evaluated by its path, and trained on in a directory of its own."""
    estimator = models.estimator(directory, save_checkpoints_steps=2)
    estimator.train(models.batches, steps=6)
    paths = tf.train.get_checkpoint_state(estimator.model_dir).all_model_checkpoint_paths[-3:]
    names = [name for name, _ in tf.train.list_variables(paths[0]) if name != "global_step"]
    means = {name: np.mean([tf.train.load_variable(path, name) for path in paths], 0) for name in names}
    with tf.Graph().as_default(), v1.Session() as session:
        for name, value in means.items():
            v1.get_variable(name, initializer=value)
        v1.get_variable("global_step", initializer=tf.constant(6, tf.int64), trainable=False)
        session.run(v1.global_variables_initializer())
        os.makedirs(os.path.join(directory, "mean"))
        path = v1.train.Saver().save(session, os.path.join(directory, "mean", "model.ckpt"), global_step=6)
    found = {"by path": estimator.evaluate(models.once, checkpoint_path=path, name="mean")}
    other = models.estimator(directory, name="mean")
    found["by directory"] = other.evaluate(models.once)
    other.train(models.batches, max_steps=8)
    return {**found, "trained on": models.variables(other)}


@program("subclass", "train max_steps", "evaluate")
def a_model_that_grows(directory):
    """A class that trains a part, writes a checkpoint with one variable more by hand, and goes on with a larger graph."""

    class Growing(tf.estimator.Estimator):
        def _assert_members_are_not_overridden(self):
            pass

        def _parts(self):
            path = self.latest_checkpoint()
            return (
                1
                if path is None
                else sum(name.startswith("part") for name, _ in tf.train.list_variables(path))
            )

        def train(self, input_fn, hooks=None, steps=None, max_steps=None, saving_listeners=None):
            while (parts := self._parts()) * 3 < max_steps:
                super().train(input_fn, hooks, max_steps=parts * 3, saving_listeners=saving_listeners)
                reader = tf.train.load_checkpoint(self.model_dir)
                values = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
                values[f"part_{parts}"] = np.full([1, 1], 0.1, np.float32)
                with tf.Graph().as_default(), v1.Session() as session:
                    for name, value in values.items():
                        v1.get_variable(name, initializer=value)
                    session.run(v1.global_variables_initializer())
                    path = os.path.join(self.model_dir, "grown.ckpt")
                    v1.train.Saver().save(session, path, int(values["global_step"]), write_meta_graph=False)
            return super().train(input_fn, hooks, max_steps=max_steps, saving_listeners=saving_listeners)

    def model_fn(features, labels, mode):
        parts = estimator._parts()
        weights = [models.variable(f"part_{n}", [1, 1], 0.1, trainable=n == parts - 1) for n in range(parts)]
        return models.regression(mode, tf.matmul(features["x"], tf.add_n(weights)), labels)

    estimator = Growing(model_fn, os.path.join(directory, "model"), models.config())
    estimator.train(models.batches, max_steps=7)
    return {"metrics": estimator.evaluate(models.once), "variables": models.variables(estimator)}


@program("train hooks", "train steps", repeated={V1: {}})
def steps_that_hooks_make(directory):
    """As two models that train against each other: hooks run their operations, the step of the model only counts."""

    class Runs(v1.train.SessionRunHook):
        def __init__(self, operation, times):
            self._operation, self._times = operation, times

        def before_run(self, run_context):
            for _ in range(self._times):
                run_context.session.run(self._operation)

    def model_fn(features, labels, mode):
        made, judged = models.line(features["x"]), models.variable("judge", [1, 1], 0.5)
        loss = tf.reduce_mean(tf.matmul(made - labels, judged))
        if mode != "train":
            return models.regression(mode, made, labels)
        first, second = (
            v1.train.AdamOptimizer(0.05).minimize(
                sign * loss,
                var_list=[v for v in v1.trainable_variables() if (v.op.name == "judge") == is_judge],
            )
            for sign, is_judge in ((1, False), (-1, True))
        )
        count = v1.assign_add(v1.train.get_global_step(), 1)
        return tf.estimator.EstimatorSpec(
            mode, loss=loss, train_op=count, training_hooks=[Runs(first, 1), Runs(second, 2)]
        )

    estimator = models.estimator(directory, model_fn)
    estimator.train(models.batches, max_steps=6)
    return models.variables(estimator)


@program("train steps", "train max_steps", repeated={V1: {}})
def gradients_of_several_steps(directory):
    """Gradients are gathered over three batches, cut to a norm, and applied in a branch of the third."""

    def model_fn(features, labels, mode):
        y = models.line(features["x"])
        if mode != "train":
            return models.regression(mode, y, labels)
        loss = tf.reduce_mean(tf.square(y - labels))
        step, variables = v1.train.get_global_step(), v1.trainable_variables()
        sums = [models.variable(f"{v.op.name}/sum", v.shape, trainable=False) for v in variables]
        optimizer = v1.train.AdamOptimizer(v1.train.polynomial_decay(0.1, step, 20, 0.0))
        with tf.control_dependencies(
            [v1.assign_add(s, g) for s, g in zip(sums, tf.gradients(loss, variables), strict=True)]
        ):
            gathered = [tf.identity(s.read_value() if hasattr(s, "read_value") else s) for s in sums]

        def apply():
            clipped, _ = tf.clip_by_global_norm([g / 3 for g in gathered], 1.0)
            with tf.control_dependencies([optimizer.apply_gradients(zip(clipped, variables, strict=True))]):
                return tf.group(*[v1.assign(s, tf.zeros_like(s)) for s in sums])

        with tf.control_dependencies(
            [tf.cond(tf.equal((step + 1) % 3, 0), apply, lambda: tf.group(*gathered))]
        ):
            return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=v1.assign_add(step, 1))

    estimator = models.estimator(directory, model_fn)
    estimator.train(models.batches, max_steps=8)
    return {"variables": models.variables(estimator), "metrics": estimator.evaluate(models.once)}


@program(
    "DNNLinearCombined",
    "feature columns",
    "BestExporter",
    "LatestExporter",
    "FinalExporter",
    differs={**FINISHED, **BEST_RESULTS, **DEFAULT, **COLLECTION},
)
def wide_and_deep_to_the_last_export(directory):
    """Census' columns in small, and a server for each of rows of text, features by name, and examples."""
    fc, names = tf.feature_column, ["age", "work", "job"]
    rows = [f"{20 + 5 * n},{'abc'[n % 3]},job{n % 5},{n % 2}" for n in range(12)]
    age = fc.numeric_column("age")
    ages = fc.bucketized_column(age, [30, 45])
    work = fc.categorical_column_with_vocabulary_list("work", ["a", "b"], num_oov_buckets=1)
    job = fc.categorical_column_with_hash_bucket("job", 4)
    wide = [work, job, ages, fc.crossed_column([ages, "work", "job"], 9)]
    deep = [age, fc.indicator_column(work), fc.embedding_column(job, 2)]

    def parsed(lines):
        columns = tf.io.decode_csv(lines, [[0.0], [""], [""], [0]])
        return dict(zip(names, columns[:3], strict=True)), columns[3]

    def input_fn():
        return tf.data.Dataset.from_tensor_slices(rows).batch(4).map(parsed)

    def of_rows():
        lines = v1.placeholder(tf.string, [None], name="rows")
        return tf.estimator.export.ServingInputReceiver(parsed(lines)[0], {"rows": lines})

    def of_features():
        inputs = {
            name: v1.placeholder(tf.float32 if name == "age" else tf.string, [None], name=name)
            for name in names
        }
        return tf.estimator.export.ServingInputReceiver(
            {k: tf.expand_dims(v, -1) for k, v in inputs.items()}, inputs
        )

    of_examples = tf.estimator.export.build_parsing_serving_input_receiver_fn(
        fc.make_parse_example_spec(wide + deep)
    )
    estimator = v1.estimator.DNNLinearCombinedClassifier(
        os.path.join(directory, "model"),
        wide,
        dnn_feature_columns=deep,
        dnn_hidden_units=[3],
        linear_optimizer=v1.train.FtrlOptimizer(0.1, l1_regularization_strength=0.01),
        dnn_optimizer=v1.train.ProximalAdagradOptimizer(0.05),
        config=models.config(save_checkpoints_steps=3),
    )
    exporters = [
        tf.estimator.LatestExporter("latest", of_rows, exports_to_keep=1),
        tf.estimator.BestExporter("best", of_examples),
        tf.estimator.FinalExporter("final", of_features, as_text=True),
    ]
    metrics, paths = tf.estimator.train_and_evaluate(
        estimator,
        tf.estimator.TrainSpec(lambda: input_fn().repeat(), max_steps=3, hooks=[FixedValues()]),
        tf.estimator.EvalSpec(
            input_fn, steps=2, name="census", exporters=exporters, throttle_secs=0, start_delay_secs=0
        ),
    )
    asked = {"rows": rows[:2], "age": [25.0, 50.0], "work": ["a", "z"], "job": ["job1", "other"]}
    answers = {}
    for name, path in (("latest", paths[0]), ("final", paths[2])):
        with tf.Graph().as_default(), v1.Session() as session:
            signatures = v1.saved_model.load(session, ["serve"], tf.compat.as_str_any(path)).signature_def
            inputs, outputs = signatures["predict"].inputs, signatures["predict"].outputs
            answers[name] = session.run(
                {key: info.name for key, info in outputs.items()},
                {info.name: asked[key] for key, info in inputs.items()},
            )
    return {"metrics": metrics, "answers": answers}
