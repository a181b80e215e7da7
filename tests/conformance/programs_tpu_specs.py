"""TPUEstimatorSpec: its metrics, host calls, scaffolds and hooks, and the EstimatorSpec that it becomes."""

import functools
import os

import models
import tensorflow as tf
import tpu_models
from attempts import STAND_INS, outcomes
from catalogue import V1, program
from models import Recorder, v1
from tpu_models import batches, features_only, once, tpu

FIELDS = (
    "mode",
    "predictions",
    "loss",
    "train_op",
    "eval_metrics",
    "export_outputs",
    "scaffold_fn",
    "host_call",
    "training_hooks",
    "evaluation_hooks",
    "prediction_hooks",
)


@program("TPUEstimatorSpec")
def fields_of_a_tpu_spec(directory):
    with tf.Graph().as_default():
        y = tf.constant([1.0])
        spec = tpu().TPUEstimatorSpec("infer", {"y": y})
        full = tpu().TPUEstimatorSpec(
            "train",
            {"y": y},
            tf.constant(1.0),
            tf.no_op(),
            (mean, [y]),
            None,
            v1.train.Scaffold,
            (mean, {"values": y}),
            [Recorder("a", [])],
            (Recorder("b", []), Recorder("c", [])),
            iter([Recorder("d", [])]),
        )
        plain = full.as_estimator_spec()
        return {
            "fields": [list(spec._fields) == list(FIELDS), isinstance(spec, tuple)],
            "of a prediction": [
                [spec.mode, sorted(spec.predictions), sorted(spec.export_outputs)],
                [str(value) for value in spec[2:5]],
                [str(value) for value in spec[6:]],
            ],
            "hooks": [[len(hooks), type(hooks).__name__] for hooks in full[-3:]],
            "of a vector": str(tpu().TPUEstimatorSpec("eval", loss=tf.constant([2.0])).loss.shape),
            "as an EstimatorSpec": [
                type(plain).__name__,
                plain.mode,
                sorted(plain.eval_metric_ops),
                type(plain.scaffold).__name__,
                [len(plain.training_hooks), len(plain.evaluation_hooks), len(plain.prediction_hooks)],
                len(plain.training_chief_hooks),
            ],
        }


def mean(values):
    return {"mean": v1.metrics.mean(values)}


@program("TPUEstimatorSpec", "evaluate")
def metrics_of_tpu_specs(directory):
    def by_name(labels, predictions):
        return {"mae": v1.metrics.mean_absolute_error(labels, predictions)}

    def of_any(*values):
        return {f"mean {number}": v1.metrics.mean(value) for number, value in enumerate(values)}

    def of_names(**values):
        return {name: v1.metrics.mean(value) for name, value in values.items()}

    def keras(labels, predictions):
        metric = tf.keras.metrics.MeanSquaredError()
        metric.update_state(labels, predictions)
        return {"mse": metric}

    def no_metrics():
        return {}

    class Bound:
        def method(self, values):
            return mean(values)

        def __call__(self, values):
            return mean(values)

    pairs = {
        "list": lambda mode, y, labels: (by_name, [labels, y]),
        "tuple": lambda mode, y, labels: (by_name, (labels, y)),
        "pair that is a list": lambda mode, y, labels: [by_name, [labels, y]],
        "dict": lambda mode, y, labels: (by_name, {"predictions": y, "labels": labels}),
        "of any": lambda mode, y, labels: (of_any, [y, labels, y]),
        "of names": lambda mode, y, labels: (of_names, {"y": y, "labels": labels}),
        "partial": lambda mode, y, labels: (functools.partial(by_name, labels), [y]),
        "partial by name": lambda mode, y, labels: (functools.partial(by_name, predictions=y), [labels]),
        "method": lambda mode, y, labels: (Bound().method, [y]),
        "object": lambda mode, y, labels: (Bound(), [y]),
        "keras": lambda mode, y, labels: (keras, [labels, y]),
        "without tensors": lambda mode, y, labels: (no_metrics, []),
        "nothing": lambda mode, y, labels: ((lambda: None), []),
        "none": None,
    }

    def result(name):
        estimator = tpu_models.estimator(
            directory,
            tpu_models.linear_with(
                eval_metrics=lambda mode, y, labels: (
                    pairs[name](mode, y, labels) if mode == "eval" and pairs[name] else None
                )
            ),
            name=name,
        )
        estimator.train(batches, steps=1)
        return estimator.evaluate(once)

    return {name: result(name) for name in pairs}


def counted_host_call(mode, y, labels):
    """A host call that adds up what it is given, in a variable that checkpoints hold."""
    total = models.variable("total", trainable=False)
    return (lambda values: v1.assign_add(total, tf.reduce_sum(values)), [tf.ones([2])])


@program("host_call", "TPUEstimatorSpec", repeated={V1: {}})
def host_calls_in_every_step(directory):
    calls = []

    def host_call(mode, y, labels):
        total = models.variable("total", trainable=False)

        def add(**values):
            calls.append([mode, sorted(values)])
            return {"total": v1.assign_add(total, tf.reduce_sum(values["values"])), "none": tf.no_op()}

        return (add, {"values": tf.ones([2])})

    estimator = tpu_models.estimator(
        directory, tpu_models.linear_with(host_call=host_call), tpu_config=tpu().TPUConfig(100)
    )
    estimator.train(batches, steps=7)
    return {
        "total": estimator.get_variable_value("total"),
        "metrics": estimator.evaluate(once),
        "predictions": len(list(estimator.predict(features_only))),
        "calls": calls,
    }


@program("host_call", "summaries")
def summaries_of_host_calls(directory):
    """The program's own writer, as TPU programs have one in their host call; files and values are compared by themselves."""

    def write(step, y):
        with tf.summary.create_file_writer(os.path.join(directory, "host"), max_queue=10).as_default():
            with tf.summary.record_if(True):
                tf.summary.scalar("mean", tf.reduce_mean(y), step=tf.cast(step[0], tf.int64))
        return v1.summary.all_v2_summary_ops()

    def model_fn(features, labels, mode, params):
        y = models.line(features["x"])
        if mode != "train":
            return tpu_models.regression(mode, y, labels)
        host_call = (write, [tf.reshape(v1.train.get_or_create_global_step(), [1]), tf.identity(y)])
        with tf.control_dependencies(host_call[1]):  # what is written is from before the step
            return tpu_models.regression(mode, y, labels, host_call=host_call)

    estimator = tpu_models.estimator(directory, model_fn)
    estimator.train(batches, steps=3)
    estimator.train(batches, steps=2)
    return models.variables(estimator)


@program("host_call")
def host_calls_that_return_other_things(directory):
    returned = {
        "nothing": lambda: None,
        "a tensor": lambda: tf.constant(1.0),
        "an operation": lambda: tf.no_op(name="nothing"),
        "a list": lambda: [tf.constant(1.0), tf.no_op()],
        "a nest": lambda: {"a": (tf.constant(1.0), [tf.constant(2)])},
        "an empty tuple": lambda: (),
        "a name": lambda: tf.constant(1.0, name="named").name,
        "a number": lambda: 3,
    }

    def trained(name):
        model_fn = tpu_models.linear_with(host_call=lambda mode, y, labels: (returned[name], []))
        return models.variables(tpu_models.estimator(directory, model_fn, name=name).train(batches, steps=2))

    return outcomes({name: lambda name=name: trained(name) for name in returned})


@program("TPUEstimatorSpec", "scaffold")
def scaffolds_of_tpu_specs(directory):
    calls = []

    def scaffold_fn(mode, y, labels):
        def make():
            calls.append(mode)
            local = v1.get_local_variable("local", initializer=tf.constant(3.0))
            return v1.train.Scaffold(
                init_fn=lambda scaffold, session: calls.append("init_fn"),
                local_init_op=tf.group(v1.local_variables_initializer(), local.initializer),
                saver=v1.train.Saver(max_to_keep=1, save_relative_paths=True),
            )

        return make

    estimator = tpu_models.estimator(
        directory, tpu_models.linear_with(scaffold_fn=scaffold_fn), export_to_tpu=False
    )
    estimator.train(batches, steps=12)
    estimator.evaluate(once)
    list(estimator.predict(features_only))
    estimator.export_saved_model(os.path.join(directory, "export"), models.raw_receiver)
    none = tpu_models.estimator(
        directory, tpu_models.linear_with(scaffold_fn=lambda *arguments: lambda: None), name="none"
    )
    none.train(batches, steps=1)
    return calls


@program("TPUEstimatorSpec", "train hooks", "evaluate hooks", "predict hooks")
def hooks_of_tpu_specs(directory):
    calls = []

    def hooks(name):
        return lambda mode, y, labels: [Recorder(name, calls)]

    estimator = tpu_models.estimator(
        directory,
        tpu_models.linear_with(
            training_hooks=hooks("training"),
            evaluation_hooks=hooks("evaluation"),
            prediction_hooks=hooks("prediction"),
            host_call=counted_host_call,
        ),
    )
    estimator.train(batches, hooks=[Recorder("given", calls)], steps=2)
    estimator.evaluate(once, hooks=[Recorder("given", calls)])
    list(estimator.predict(features_only, hooks=[Recorder("given", calls)]))
    return {"calls": calls, "total": estimator.get_variable_value("total")}


@program("TPUEstimatorSpec")
def stand_ins_in_tpu_specs(directory):
    """Each field is given each kind of thing that stands in for a tensor, a pair or a function."""
    spec = tpu().TPUEstimatorSpec

    def made(**fields):
        spec("train", **{"loss": tf.constant(1.0), "train_op": tf.no_op(), **fields})
        return "taken"

    def fetched(y):
        return tf.identity(y)

    return {
        field: outcomes(
            {
                name: lambda make=make, wrap=wrap, field=field: made(**{field: wrap(make())})
                for name, make in STAND_INS.items()
            }
        )
        for field, wrap in {
            "loss": lambda value: value,
            "train_op": lambda value: value,
            "predictions": lambda value: {"y": value},
            "eval_metrics": lambda value: value,
            "host_call": lambda value: (fetched, value),
            "scaffold_fn": lambda value: value,
        }.items()
    }


@program("TPUEstimatorSpec")
def pairs_that_are_none(directory):
    def of_two(a, b):
        return {}

    def of_one_or_two(a, b=None):
        return {}

    one = tf.zeros
    pairs = {
        "number": lambda: 3,
        "text": lambda: "ab",
        "alone": lambda: (of_two,),
        "three": lambda: (of_two, [], []),
        "turned": lambda: ([one([])], of_two),
        "number for tensors": lambda: (of_two, 3),
        "tensor for tensors": lambda: (of_two, one([2])),
        "set for tensors": lambda: (of_two, {1, 2}),
        "too few": lambda: (of_two, [one([])]),
        "too many": lambda: (of_two, [one([])] * 3),
        "without the one with a default": lambda: (of_one_or_two, [one([])]),
        "names missing": lambda: (of_two, {"a": one([])}),
        "names too many": lambda: (of_two, {"a": one([]), "b": one([]), "c": one([])}),
        "right": lambda: (of_two, [one([]), one([])]),
    }

    def made(field, pair):
        spec = tpu().TPUEstimatorSpec("train", loss=tf.constant(1.0), train_op=tf.no_op(), **{field: pair})
        return len(spec.as_estimator_spec())

    return {
        field: outcomes({name: lambda p=pair, f=field: made(f, p()) for name, pair in pairs.items()})
        for field in ("eval_metrics", "host_call")
    }
