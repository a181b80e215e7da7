"""EstimatorSpec, field by field: what may stand there, what becomes of it, and what each mode needs."""

import collections
import copy
from typing import NamedTuple

import models
import numpy as np
import tensorflow as tf
from attempts import STAND_INS, in_graph, kind, outcomes
from catalogue import program
from models import Recorder, v1


def spec(mode, **fields):
    """An EstimatorSpec of a mode, with what the mode needs."""
    needed = {
        "train": {"loss": tf.constant(1.0), "train_op": tf.no_op()},
        "eval": {"loss": tf.constant(1.0)},
        "infer": {"predictions": tf.constant([1.0])},
    }.get(mode, {})
    return tf.estimator.EstimatorSpec(mode, **{**needed, **fields})


def stand_ins(use):
    """What `use` makes of each stand-in."""
    return outcomes({name: lambda make=make: use(make()) for name, make in STAND_INS.items()})


@program("EstimatorSpec")
def stand_ins_for_a_loss(directory):
    return stand_ins(lambda value: kind(spec("eval", loss=value).loss))


@program("EstimatorSpec")
def stand_ins_for_a_train_op(directory):
    return stand_ins(lambda value: kind(spec("train", train_op=value).train_op))


@program("EstimatorSpec")
def stand_ins_for_predictions(directory):
    return stand_ins(lambda value: kind(spec("infer", predictions=value, export_outputs={}).predictions))


@program("EstimatorSpec")
def stand_ins_for_one_prediction(directory):
    return stand_ins(
        lambda value: kind(spec("infer", predictions={"a": value}, export_outputs={}).predictions["a"])
    )


@program(
    "EstimatorSpec",
    differs={
        "result/*variable*": "a variable is exported by what it reads: it needs no export_outputs to be a prediction"
    },
)
def stand_ins_for_predictions_that_are_exported(directory):
    return stand_ins(lambda value: sorted(spec("infer", predictions={"a": value}).export_outputs))


@program("EstimatorSpec")
def stand_ins_for_the_value_of_a_metric(directory):
    return stand_ins(
        lambda value: kind(spec("eval", eval_metric_ops={"m": (value, tf.no_op())}).eval_metric_ops["m"][0])
    )


@program("EstimatorSpec")
def stand_ins_for_the_update_of_a_metric(directory):
    return stand_ins(
        lambda value: kind(
            spec("eval", eval_metric_ops={"m": (tf.constant(1.0), value)}).eval_metric_ops["m"][1]
        )
    )


@program("EstimatorSpec")
def forms_of_metrics(directory):
    class Pair(NamedTuple):
        value: object
        update: object

    def one(metrics):
        return lambda: {
            str(name): [kind(part) for part in pair]
            for name, pair in spec("eval", eval_metric_ops=metrics()).eval_metric_ops.items()
        }

    value, update = lambda: tf.constant(1.0), tf.no_op
    return outcomes(
        {
            "pair": one(lambda: {"m": (value(), update())}),
            "named pair": one(lambda: {"m": Pair(value(), update())}),
            "list of two": one(lambda: {"m": [value(), update()]}),
            "update is None": one(lambda: {"m": (value(), None)}),
            "value is None": one(lambda: {"m": (None, update())}),
            "values in a dict": one(lambda: {"m": ({"a": value(), "b": value()}, update())}),
            "updates in a list": one(lambda: {"m": (value(), [update(), update()])}),
            "empty value": one(lambda: {"m": ((), update())}),
            "ordered": one(lambda: collections.OrderedDict(b=(value(), update()), a=(value(), update()))),
            "number as a name": one(lambda: {1: (value(), update())}),
            "tuple as a name": one(lambda: {("a", "b"): (value(), update())}),
            "empty dict": one(dict),
            "empty list": one(list),
            "empty tuple": one(tuple),
            "a list of pairs": one(lambda: [("m", (value(), update()))]),
            "a metric is None": one(lambda: {"m": None}),
        }
    )


@program("EstimatorSpec")
def shapes_of_losses(directory):
    def shape(make):
        return lambda: str(spec("eval", loss=make()).loss.shape)

    def placeholder(shape_of_it):
        return shape(lambda: v1.placeholder(tf.float32, shape_of_it))

    return outcomes(
        {
            "scalar": placeholder([]),
            "one": placeholder([1]),
            "one by one": placeholder([1, 1]),
            "none": placeholder([0]),
            "two": placeholder([2]),
            "some": placeholder([None]),
            "one by some": placeholder([1, None]),
            "unknown": placeholder(None),
            "integer": shape(lambda: tf.constant(3)),
            "bool": shape(lambda: tf.constant(True)),
            "text": shape(lambda: tf.constant("a")),
            "complex": shape(lambda: tf.constant(1j)),
        }
    )


@program("EstimatorSpec")
def forms_of_hooks_in_a_spec(directory):
    def hooks(made):
        return lambda: [type(hook).__name__ for hook in spec("train", training_hooks=made).training_hooks]

    hook = Recorder("a", [])
    return outcomes(
        {
            "list": hooks([hook]),
            "tuple": hooks((hook, hook)),
            "generator": hooks(one for one in [hook, hook]),
            "set": hooks({hook}),
            "dict": hooks({hook: 1}),
            "one alone": hooks(hook),
            "a class": hooks([Recorder]),
            "None among them": hooks([hook, None]),
            "empty text": hooks(""),
            "zero": hooks(0),
            "one": hooks(1),
            "false": hooks(False),
        }
    )


@program("EstimatorSpec", "scaffold")
def forms_of_scaffolds_in_a_spec(directory):
    class Mine(v1.train.Scaffold):
        pass

    def scaffold(made):
        return lambda: type(spec("infer", scaffold=made()).scaffold).__name__

    return outcomes(
        {
            "none": scaffold(lambda: None),
            "own class": scaffold(Mine),
            "plain": scaffold(v1.train.Scaffold),
            "the class": scaffold(lambda: v1.train.Scaffold),
            "false": scaffold(lambda: False),
            "zero": scaffold(lambda: 0),
            "empty list": scaffold(list),
        }
    )


@program("EstimatorSpec", "ModeKeys")
def what_each_mode_needs(directory):
    def made(mode, *names):
        fields = {
            "loss": lambda: tf.constant(1.0),
            "train_op": tf.no_op,
            "predictions": lambda: tf.constant([1.0]),
        }

        def make():
            s = tf.estimator.EstimatorSpec(mode, **{name: fields[name]() for name in names})
            return [str(s.mode), kind(s.loss), kind(s.train_op), kind(s.predictions), kind(s.export_outputs)]

        return make

    modes = [tf.estimator.ModeKeys.TRAIN, tf.estimator.ModeKeys.EVAL, tf.estimator.ModeKeys.PREDICT, None]
    needs = [
        (),
        ("loss",),
        ("train_op",),
        ("predictions",),
        ("loss", "train_op"),
        ("loss", "train_op", "predictions"),
    ]
    return outcomes({f"{mode} {names}": made(mode, *names) for mode in modes for names in needs})


@program("EstimatorSpec", "export outputs")
def export_outputs_of_a_spec(directory):
    def outputs(mode, made):
        def make():
            found = spec(mode, export_outputs=made()).export_outputs
            return None if found is None else sorted(map(str, found))

        return make

    def predict():
        return tf.estimator.export.PredictOutput(tf.constant([1.0]))

    return outcomes(
        {
            "none": outputs("infer", lambda: None),
            "empty": outputs("infer", dict),
            "one": outputs("infer", lambda: {"a": predict()}),
            "the default": outputs("infer", lambda: {"serving_default": predict()}),
            "the default and more": outputs("infer", lambda: {"serving_default": predict(), "a": predict()}),
            "two": outputs("infer", lambda: {"a": predict(), "b": predict()}),
            "ordered": outputs("infer", lambda: collections.OrderedDict(a=predict())),
            "one alone": outputs("infer", predict),
            "name is None": outputs("infer", lambda: {None: predict()}),
            "name is a number": outputs("infer", lambda: {1: predict()}),
            "list in training": outputs("train", lambda: ["a"]),
            "text in evaluation": outputs("eval", lambda: "a"),
            "two in training": outputs("train", lambda: {"a": predict(), "b": predict()}),
        }
    )


@program("EstimatorSpec")
def a_spec_is_a_tuple(directory):
    def look():
        loss = tf.constant(1.0)
        made = tf.estimator.EstimatorSpec("eval", None, loss)
        mode, predictions, third, *_ = made
        return {
            "length": len(made),
            "fields": made._fields,
            "unpacked": [mode, predictions, third is loss],
            "as a dict": sorted(made._asdict()),
            "is a tuple": isinstance(made, tuple),
            "equals itself": made == copy.copy(made),
            "positional": kind(
                tf.estimator.EstimatorSpec("train", {}, loss, tf.no_op(), {}, None, None, [], None, (), ())
            ),
            "hash": in_graph(lambda: isinstance(hash(made), int)),
        }

    return in_graph(look)


@program("EstimatorSpec")
def replacing_in_a_spec(directory):
    class Mine(tf.estimator.EstimatorSpec):
        pass

    def replaced(mode="infer", **changes):
        def make():
            made = spec(mode)
            changed = made._replace(**{k: v() if callable(v) else v for k, v in changes.items()})
            return [
                changed.mode,
                kind(changed.predictions),
                sorted(changed.export_outputs or []),
                kind(changed.loss),
            ]

        return make

    return outcomes(
        {
            "nothing": replaced(),
            "same mode": replaced(mode="infer"),
            "predictions": replaced(predictions=lambda: {"a": tf.constant([1.0])}),
            "predictions away": replaced(predictions=None),
            "outputs": replaced(
                export_outputs=lambda: {"b": tf.estimator.export.PredictOutput(tf.constant([1.0]))}
            ),
            "loss away in evaluation": replaced("eval", loss=None),
            "loss of three": replaced("eval", loss=lambda: tf.constant([1.0, 2.0, 3.0])),
            "hooks": replaced(prediction_hooks=["a"]),
            "scaffold": replaced(scaffold="s"),
        }
    )


@program("EstimatorSpec")
def tensors_made_elsewhere(directory):
    """Made before, in another graph, or eagerly: a spec takes none of them."""
    other = tf.Graph()
    with other.as_default():
        foreign, operation = tf.constant([1.0]), tf.no_op()
    eager = tf.constant([1.0]) if tf.executing_eagerly() else None
    calls = {}
    for name, value in {"foreign": foreign, "eager": eager}.items():
        calls[f"{name} loss"] = lambda value=value: kind(spec("eval", loss=value).loss)
        calls[f"{name} predictions"] = lambda value=value: kind(spec("infer", predictions=value).predictions)
        calls[f"{name} prediction"] = lambda value=value: kind(spec("infer", predictions={"a": value}))
        calls[f"{name} train_op"] = lambda value=value: kind(spec("train", train_op=value).train_op)
        calls[f"{name} metric"] = lambda value=value: kind(
            spec("eval", eval_metric_ops={"m": (value, tf.no_op())})
        )
    calls["foreign operation"] = lambda: kind(spec("train", train_op=operation).train_op)
    calls["foreign update"] = lambda: kind(
        spec("eval", eval_metric_ops={"m": (tf.constant(1.0), operation)}).eval_metric_ops["m"][1]
    )
    return outcomes(calls)


@program("ModeKeys")
def keys_of_modes(directory):
    class More(tf.estimator.ModeKeys):
        OTHER = "other"

    return {
        "names": sorted(name for name in dir(tf.estimator.ModeKeys) if not name.startswith("_")),
        "values": [tf.estimator.ModeKeys.TRAIN, tf.estimator.ModeKeys.EVAL, tf.estimator.ModeKeys.PREDICT],
        "an instance": tf.estimator.ModeKeys().TRAIN,
        "a subclass": [More.PREDICT, More.OTHER],
        "one class in both faces": tf.estimator.ModeKeys is v1.estimator.ModeKeys,
        "texts": tf.estimator.ModeKeys.PREDICT == "infer",
    }


@program("EstimatorSpec", "predict")
def predictions_of_every_mode(directory):
    """What a mode does not need is kept as it was given."""

    def look():
        y = models.line(tf.constant(models.X))
        given = {"predictions": {"y": y}, "loss": tf.reduce_mean(y), "train_op": tf.no_op()}
        seen = {}
        for mode in ("train", "eval", "infer"):
            made = tf.estimator.EstimatorSpec(mode, **given)
            seen[mode] = [
                made.predictions is given["predictions"],
                made.loss is given["loss"],
                made.train_op is given["train_op"],
                made.eval_metric_ops,
            ]
        return seen

    return in_graph(look)


@program("EstimatorSpec")
def numpy_values_in_a_spec(directory):
    return outcomes(
        {
            "loss": lambda: kind(spec("eval", loss=np.float64(1.0)).loss),
            "loss of one": lambda: kind(spec("eval", loss=np.ones([1])).loss),
            "predictions": lambda: kind(spec("infer", predictions=np.ones([2])).predictions),
            "mode": lambda: str(spec(np.str_("infer"), predictions=tf.constant([1.0])).mode),
            "mode in bytes": lambda: str(tf.estimator.EstimatorSpec(b"infer").mode),
        }
    )
