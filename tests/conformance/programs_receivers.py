"""Receivers and export outputs: what they take, what they hold, what an export makes of them."""

import collections
import os
from typing import NamedTuple

import models
import numpy as np
import tensorflow as tf
from attempts import STAND_INS, in_graph, kind, outcomes
from catalogue import program
from computations import outcome
from models import v1

VARIABLES = {"result/*variable*": "a variable is exported by what it reads"}


def x():
    return v1.placeholder(tf.float32, [None, 1], name="x")


def stand_ins(use):
    return outcomes({name: lambda make=make: use(make()) for name, make in STAND_INS.items()})


@program("ServingInputReceiver")
def stand_ins_for_features(directory):
    return stand_ins(
        lambda value: {
            k: kind(v) for k, v in tf.estimator.export.ServingInputReceiver(value, x()).features.items()
        }
    )


@program("ServingInputReceiver")
def stand_ins_for_one_feature(directory):
    return stand_ins(
        lambda value: kind(tf.estimator.export.ServingInputReceiver({"a": value}, x()).features["a"])
    )


@program("ServingInputReceiver")
def stand_ins_for_receiver_tensors(directory):
    return stand_ins(
        lambda value: {
            k: kind(v)
            for k, v in tf.estimator.export.ServingInputReceiver(x(), value).receiver_tensors.items()
        }
    )


@program("ServingInputReceiver")
def stand_ins_for_alternatives(directory):
    return stand_ins(
        lambda value: {
            name: sorted(tensors)
            for name, tensors in tf.estimator.export.ServingInputReceiver(
                x(), x(), {"a": value}
            ).receiver_tensors_alternatives.items()
        }
    )


@program("TensorServingInputReceiver")
def stand_ins_for_the_tensor_of_a_receiver(directory):
    return stand_ins(lambda value: kind(tf.estimator.export.TensorServingInputReceiver(value, x()).features))


@program("export outputs", differs=VARIABLES)
def stand_ins_for_a_predict_output(directory):
    return {
        "alone": stand_ins(
            lambda value: {k: kind(v) for k, v in tf.estimator.export.PredictOutput(value).outputs.items()}
        ),
        "named": stand_ins(lambda value: kind(tf.estimator.export.PredictOutput({"a": value}).outputs["a"])),
    }


@program("export outputs", differs=VARIABLES)
def stand_ins_for_a_regression_output(directory):
    return stand_ins(lambda value: kind(tf.estimator.export.RegressionOutput(value).value))


@program(
    "export outputs",
    differs={
        f"result/scores/{kind} variable": VARIABLES["result/*variable*"] for kind in ("resource", "reference")
    },
)
def stand_ins_for_a_classification_output(directory):
    return {
        "scores": stand_ins(
            lambda value: kind(tf.estimator.export.ClassificationOutput(scores=value).scores)
        ),
        "classes": stand_ins(
            lambda value: kind(tf.estimator.export.ClassificationOutput(classes=value).classes)
        ),
    }


@program(
    "export outputs",
    differs={
        f"result/{part}/*variable*": VARIABLES["result/*variable*"]
        for part in ("loss", "predictions", "value of a metric")
    },
)
def stand_ins_for_an_evaluation_output(directory):
    def parts(**fields):
        made = tf.estimator.export.EvalOutput(**fields)
        return [
            None if part is None else {str(k): kind(v) for k, v in part.items()}
            for part in (made.loss, made.predictions, made.metrics)
        ]

    return {
        "loss": stand_ins(lambda value: parts(loss=value)),
        "predictions": stand_ins(lambda value: parts(predictions=value)),
        "value of a metric": stand_ins(lambda value: parts(metrics={"m": (value, tf.no_op())})),
        "update of a metric": stand_ins(lambda value: parts(metrics={"m": (tf.constant(1.0), value)})),
    }


@program("export outputs")
def dtypes_of_outputs(directory):
    dtypes = [tf.float16, tf.float64, tf.bfloat16, tf.int32, tf.string, tf.bool]

    def of(make):
        return {
            dtype.name: in_graph(lambda dtype=dtype: make(v1.placeholder(dtype, [None])) and "taken")
            for dtype in dtypes
        }

    return {
        "regression": of(tf.estimator.export.RegressionOutput),
        "scores": of(lambda tensor: tf.estimator.export.ClassificationOutput(scores=tensor)),
        "classes": of(lambda tensor: tf.estimator.export.ClassificationOutput(classes=tensor)),
        "predict": of(tf.estimator.export.PredictOutput),
    }


@program("export outputs")
def names_of_predict_outputs(directory):
    def names(key):
        return lambda: sorted(tf.estimator.export.PredictOutput({key: tf.constant([1.0])}).outputs)

    return outcomes(
        {
            "text": names("a"),
            "tuple": names(("a", "b")),
            "number": names(1),
            "bytes": names(b"a"),
            "None": names(None),
            "list": lambda: sorted(tf.estimator.export.PredictOutput([tf.constant([1.0])]).outputs),
            "none": lambda: sorted(tf.estimator.export.PredictOutput({}).outputs),
            "ordered": lambda: list(
                tf.estimator.export.PredictOutput(
                    collections.OrderedDict(b=tf.constant(1.0), a=tf.constant(1.0))
                ).outputs
            ),
        }
    )


@program("ServingInputReceiver")
def names_of_features_and_receivers(directory):
    def features(key):
        return lambda: list(map(str, tf.estimator.export.ServingInputReceiver({key: x()}, x()).features))

    def receivers(key):
        return lambda: list(
            map(str, tf.estimator.export.ServingInputReceiver(x(), {key: x()}).receiver_tensors)
        )

    keys = {
        "text": "a",
        "number": 1,
        "bytes": b"a",
        "tuple": ("a", "b"),
        "float": 1.5,
        "None": None,
        "bool": True,
    }
    return {
        "features": outcomes({name: features(key) for name, key in keys.items()}),
        "receivers": outcomes({name: receivers(key) for name, key in keys.items()}),
    }


@program("ServingInputReceiver", "TensorServingInputReceiver")
def receivers_are_tuples(directory):
    def look():
        made = tf.estimator.export.ServingInputReceiver(x(), {"a": x()})
        tensor = tf.estimator.export.TensorServingInputReceiver(x(), x(), {"b": x()})
        features, receivers, alternatives = made
        return {
            "fields": made._fields,
            "tensor's fields": tensor._fields,
            "unpacked": [sorted(features), sorted(receivers), alternatives],
            "replaced": outcome(lambda: kind(made._replace(features=1).features)),
            "alternatives": {
                name: sorted(part) for name, part in tensor.receiver_tensors_alternatives.items()
            },
            "by name": sorted(
                tf.estimator.export.ServingInputReceiver(
                    features={}, receiver_tensors={}, receiver_tensors_alternatives={}
                ).features
            ),
            "lengths": [len(made), len(tensor)],
            "empty": outcome(lambda: tf.estimator.export.ServingInputReceiver({}, {}).receiver_tensors),
        }

    return in_graph(look)


@program("raw receiver")
def raw_receivers_of_everything(directory):
    def described(make, size=None):
        def call():
            receiver = tf.estimator.export.build_raw_serving_input_receiver_fn(make(), size)()
            return {
                str(key): [kind(tensor), tensor.dtype.name, str(tensor.shape), tensor.name]
                for key, tensor in receiver.receiver_tensors.items()
            }

        return call

    return outcomes(
        {
            "placeholder": described(lambda: {"a": x()}),
            "constant": described(lambda: {"a": tf.constant([[1.0, 2.0]])}),
            "scalar": described(lambda: {"a": tf.constant(1.0)}),
            "scalar of a size": described(lambda: {"a": tf.constant(1.0)}, 2),
            "unknown rank": described(lambda: {"a": v1.placeholder(tf.float32, name="a")}),
            "unknown rank of a size": described(lambda: {"a": v1.placeholder(tf.float32, name="a")}, 2),
            "size 0": described(lambda: {"a": x()}, 0),
            "two of a name": described(lambda: {"a": x(), "b": x()}),
            "output of an operation": described(
                lambda: {"a": tf.split(tf.zeros([2, 2]), 2, name="parts")[1]}
            ),
            "empty": described(dict),
            "number as a key": described(lambda: {1: x()}),
        }
    )


@program("parsing receiver")
def parsing_receivers_of_everything(directory):
    def described(spec, size=None):
        def call():
            receiver = tf.estimator.export.build_parsing_serving_input_receiver_fn(spec, size)()
            return {
                "features": {k: [kind(v), v.dtype.name, str(v.shape)] for k, v in receiver.features.items()},
                "receivers": {k: [v.name, str(v.shape)] for k, v in receiver.receiver_tensors.items()},
                "alternatives": receiver.receiver_tensors_alternatives,
            }

        return call

    return outcomes(
        {
            "fixed": described({"a": tf.io.FixedLenFeature([2], tf.float32)}),
            "scalar": described({"a": tf.io.FixedLenFeature([], tf.int64)}),
            "default": described({"a": tf.io.FixedLenFeature([], tf.string, "x")}),
            "sequence": described({"a": tf.io.FixedLenSequenceFeature([], tf.float32, allow_missing=True)}),
            "variable": described({"a": tf.io.VarLenFeature(tf.string)}),
            "sparse": described({"a": tf.io.SparseFeature("i", "v", tf.float32, 4)}),
            "ragged": described({"a": tf.io.RaggedFeature(tf.float32)}),
            "of a size": described({"a": tf.io.FixedLenFeature([], tf.int64)}, 3),
            "none": described({}),
            "no spec": described(None),
            "no feature": described({"a": 1}),
        }
    )


@program("supervised receiver")
def supervised_receivers_of_everything(directory):
    build = tf.estimator.experimental.build_raw_supervised_input_receiver_fn

    def described(features, labels, size=None):
        def call():
            made = build(features(), labels(), size)()
            return [
                type(made).__name__,
                made._fields,
                kind(made.features),
                kind(made.labels),
                {str(k): [v.dtype.name, str(v.shape), v.name] for k, v in made.receiver_tensors.items()},
            ]

        return call

    tensor = lambda: tf.constant([1.0, 2.0], name="given")  # noqa: E731 - one of a table
    return outcomes(
        {
            "two tensors": described(tensor, tensor),
            "dict and tensor": described(lambda: {"a": tensor()}, tensor),
            "tensor and dict": described(tensor, lambda: {"b": tensor()}),
            "dicts of a size": described(lambda: {"a": tensor()}, lambda: {"b": tensor()}, 4),
            "a feature called label": described(lambda: {"label": tensor()}, tensor),
            "a label called input": described(tensor, lambda: {"input": tensor()}),
            "empty labels": described(lambda: {"a": tensor()}, dict),
        }
    )


def exported(directory, name, receiver_fn, model_fn=models.linear, **arguments):
    """What a server finds in an export, or the kind of error."""
    estimator = models.estimator(directory, model_fn)
    if estimator.latest_checkpoint() is None:
        estimator.train(models.batches, steps=1)
    path = os.path.join(directory, name)
    return outcome(
        lambda: sorted(models.served(estimator.export_saved_model(path, receiver_fn, **arguments)))
    )


@program("ServingInputReceiver", "signatures")
def alternatives_in_an_export(directory):
    def receiver_fn():
        words = v1.placeholder(tf.string, [None], name="words")
        parsed = tf.strings.to_number(words)
        number = v1.placeholder_with_default(tf.reshape(parsed, [-1, 1]), [None, 1], name="number")
        return tf.estimator.export.ServingInputReceiver(
            {"x": number}, {"words": words}, {"number": {"number": number}}
        )

    estimator = models.estimator(directory).train(models.batches, steps=1)
    path = estimator.export_saved_model(os.path.join(directory, "export"), receiver_fn)
    with tf.Graph().as_default(), v1.Session() as session:
        meta_graph = v1.saved_model.load(session, ["serve"], tf.compat.as_str_any(path))
        return sorted(meta_graph.signature_def)


@program("TensorServingInputReceiver", "export_saved_model")
def a_model_of_one_tensor(directory):
    def model_fn(features, labels, mode):
        features = features["x"] if isinstance(features, dict) else features
        return models.regression(mode, models.line(features), labels)

    def tensor_receiver():
        placeholder = x()
        return tf.estimator.export.TensorServingInputReceiver(placeholder, placeholder)

    def single_receiver():
        placeholder = x()
        return tf.estimator.export.ServingInputReceiver(placeholder, placeholder)

    return {
        "tensor": exported(directory, "tensor", tensor_receiver, model_fn),
        "single": exported(directory, "single", single_receiver, model_fn),
    }


@program("ServingInputReceiver", "export_saved_model")
def receivers_of_ones_own(directory):
    """What only looks like a receiver is taken where it has what is needed."""

    class Two(NamedTuple):
        features: object
        receiver_tensors: object

    class Four(NamedTuple):
        features: object
        receiver_tensors: object
        receiver_tensors_alternatives: object
        labels: object

    def plain():
        placeholder = x()
        return {"x": placeholder}, {"x": placeholder}, None

    def two():
        return Two(*plain()[:2])

    def four():
        return Four(*plain(), None)

    forms = {"plain tuple": plain, "two fields": two, "four fields": four}
    return {name: exported(directory, name, form) for name, form in forms.items()}


@program("export outputs", "export_saved_model")
def numpy_requests(directory):
    def model_fn(features, labels, mode):
        made = models.linear(features, labels, mode)
        if mode != "infer":
            return made
        total = {"sum": tf.reduce_sum(made.predictions["y"])}
        outputs = {"serving_default": tf.estimator.export.PredictOutput(total)}
        return made._replace(export_outputs=outputs)

    estimator = models.estimator(directory, model_fn).train(models.batches, steps=2)
    path = estimator.export_saved_model(os.path.join(directory, "export"), models.parsing_receiver)
    answer = models.served(path)["serving_default"]["sum"]
    return {"shape": list(np.shape(answer)), "answer": answer}
