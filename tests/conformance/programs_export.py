"""Exports: what is in them, what they are called, what they answer. The traces hold signatures and variables."""

import os

import models
import tensorflow as tf
from catalogue import V1, program
from models import v1


def trained(directory, model_fn=models.linear, **kwargs):
    return models.estimator(directory, model_fn, **kwargs).train(models.batches, steps=5)


KIND_OF_PATH = {
    "result/kind": "the path is a str that can be decoded, as the document of the Estimator has it"
}


def base(directory, name="export"):
    return os.path.join(directory, name)


def all_outputs(y):
    te = tf.estimator.export
    scores = tf.concat([y, -y], axis=1)
    return {
        "serving_default": te.PredictOutput({"y": y, "twice": 2 * y}),
        "single": te.PredictOutput(y),
        "classes": te.ClassificationOutput(scores=scores, classes=tf.strings.as_string(scores)),
        "scores only": te.ClassificationOutput(scores=scores),
        "classes only": te.ClassificationOutput(classes=tf.strings.as_string(scores)),
        "value": te.RegressionOutput(y),
    }


@program(
    "export_saved_model",
    "raw receiver",
    "ServingInputReceiver",
    "signatures",
    "export names",
    differs=KIND_OF_PATH,
    repeated={V1: KIND_OF_PATH},
)
def saved_model(directory):
    estimator = trained(directory)
    path = estimator.export_saved_model(base(directory), models.raw_receiver)
    return {"kind": isinstance(path, bytes), "answers": models.served(path)}


@program("export_savedmodel", "parsing receiver", "checkpoint_path")
def export_savedmodel_of_v1(directory):
    estimator = v1.estimator.Estimator(models.linear, os.path.join(directory, "model"), models.config())
    estimator.train(models.batches, steps=5)
    first = os.path.join(estimator.model_dir, "model.ckpt-0")
    paths = [
        estimator.export_savedmodel(base(directory, "plain"), models.parsing_receiver),
        estimator.export_savedmodel(
            base(directory, "stripped"), models.parsing_receiver, strip_default_attrs=True
        ),
        estimator.export_savedmodel(base(directory, "first"), models.parsing_receiver, checkpoint_path=first),
        estimator.export_saved_model(base(directory, "saved_model"), models.parsing_receiver),
    ]
    return [models.served(path) for path in paths]


@program("export outputs", "signatures", "parsing receiver")
def every_kind_of_output(directory):
    model_fn = models.linear_in("infer", export_outputs=all_outputs)
    estimator = trained(directory, model_fn)
    return models.served(estimator.export_saved_model(base(directory), models.parsing_receiver))


@program("export outputs", "raw receiver")
def outputs_that_a_receiver_cannot_have(directory):
    model_fn = models.linear_in("infer", export_outputs=all_outputs)
    path = trained(directory, model_fn).export_saved_model(base(directory), models.raw_receiver)
    return models.served(path)


@program("export outputs", "signatures")
def one_output_of_another_name(directory):
    def outputs(y):
        return {"mine": tf.estimator.export.PredictOutput({"out": y})}

    model_fn = models.linear_in("infer", export_outputs=outputs)
    path = trained(directory, model_fn).export_saved_model(base(directory), models.parsing_receiver)
    return models.served(path)


@program("ServingInputReceiver", "signatures")
def alternative_receivers(directory):
    def receiver():
        examples = v1.placeholder(tf.string, [None], name="examples")
        features = v1.io.parse_example(examples, models.FEATURE_SPEC)
        alternatives = {"raw": features["x"], "named": {"x": features["x"]}}
        return tf.estimator.export.ServingInputReceiver(features, {"examples": examples}, alternatives)

    estimator = v1.estimator.Estimator(models.linear, os.path.join(directory, "model"), models.config())
    estimator.train(models.batches, steps=5)
    return {
        "savedmodel": models.served(estimator.export_savedmodel(base(directory, "savedmodel"), receiver)),
        "saved_model": models.served(estimator.export_saved_model(base(directory, "saved_model"), receiver)),
    }


@program("TensorServingInputReceiver")
def one_tensor_as_features(directory):
    def model_fn(features, labels, mode):
        x = features["x"] if isinstance(features, dict) else features
        return models.regression(mode, models.line(x), labels)

    def receiver():
        x = v1.placeholder(tf.float32, [None, 1], name="x")
        return tf.estimator.export.TensorServingInputReceiver(x, {"x": x})

    def wrapped():
        x = v1.placeholder(tf.float32, [None, 1], name="x")
        return tf.estimator.export.ServingInputReceiver(x, x)

    def wrapped_model(features, labels, mode):
        return models.linear({"x": features.get("x", features.get("feature"))}, labels, mode)

    estimator = trained(directory, model_fn)
    one = estimator.export_saved_model(base(directory), receiver)
    other = models.estimator(directory, wrapped_model).export_saved_model(base(directory, "dict"), wrapped)
    return [models.served(one), models.served(other)]


@program("ServingInputReceiver", "TensorServingInputReceiver", "raw receiver", "parsing receiver")
def fields_of_receivers(directory):
    te = tf.estimator.export

    def described(receiver):
        return {
            "fields": receiver._fields,
            "features": str(receiver.features),
            "receivers": str(receiver.receiver_tensors),
            "alternatives": str(receiver.receiver_tensors_alternatives),
        }

    with tf.Graph().as_default():
        x, words = (
            v1.placeholder(tf.float32, [None, 2], name="x"),
            v1.placeholder(tf.string, [None], name="words"),
        )
        specs = {"words": tf.io.VarLenFeature(tf.string), "n": tf.io.FixedLenFeature([], tf.int64, 3)}
        return {
            "single": described(te.ServingInputReceiver(x, words)),
            "dict": described(te.ServingInputReceiver({"a": x, 1: words}, {"w": words, "x": x})),
            "alternatives": described(te.ServingInputReceiver(x, words, {"alt": x})),
            "tensor": described(te.TensorServingInputReceiver(x, {"w": words})),
            "raw": described(te.build_raw_serving_input_receiver_fn({"u": x, "v": words})()),
            "raw of a size": described(te.build_raw_serving_input_receiver_fn({"u": x}, 3)()),
            "parsing": described(te.build_parsing_serving_input_receiver_fn(specs)()),
            "parsing of a size": described(te.build_parsing_serving_input_receiver_fn(specs, 2)()),
        }


def with_vocabulary(directory):
    vocabulary = os.path.join(directory, "words.txt")
    with open(vocabulary, "w") as file:
        file.write("a\nb\nc\n")

    def model_fn(features, labels, mode):
        table = tf.lookup.StaticVocabularyTable(
            tf.lookup.TextFileInitializer(
                vocabulary,
                tf.string,
                tf.lookup.TextFileIndex.WHOLE_LINE,
                tf.int64,
                tf.lookup.TextFileIndex.LINE_NUMBER,
            ),
            num_oov_buckets=1,
        )
        ids = table.lookup(tf.strings.as_string(tf.cast(features["x"], tf.int64)))
        return models.regression(mode, models.line(features["x"]) + tf.cast(ids, tf.float32), labels)

    return model_fn


@program("assets", "as_text")
def assets_and_text(directory):
    extra = os.path.join(directory, "extra.txt")
    with open(extra, "w") as file:
        file.write("more")
    estimator = trained(directory, with_vocabulary(directory))
    path = estimator.export_saved_model(
        base(directory),
        models.raw_receiver,
        assets_extra={"some/folder/extra.txt": extra, "other.txt": extra},
        as_text=True,
    )
    return models.served(path)


@program("export names")
def two_exports(directory):
    estimator = trained(directory)
    paths = [estimator.export_saved_model(base(directory), models.raw_receiver) for _ in range(2)]
    names = [os.path.basename(tf.compat.as_str_any(path)) for path in paths]
    return {"digits": [len(name) for name in names], "in order": names == sorted(set(names))}


@program("export_saved_model", "WarmStartSettings")
def export_of_a_warm_start(directory):
    first = trained(directory, name="first")
    estimator = models.estimator(directory, warm_start_from=first.model_dir)
    return models.served(estimator.export_saved_model(base(directory), models.raw_receiver))


def supervised_receiver():
    x = v1.placeholder(tf.float32, [None, 1], name="features")
    y = v1.placeholder(tf.float32, [None, 1], name="labels")
    return tf.estimator.experimental.build_raw_supervised_input_receiver_fn({"x": x}, y)()


@program("all-modes export", "supervised receiver")
def export_of_all_modes(directory):
    estimator = trained(directory)
    estimator.experimental_export_all_saved_models(
        base(directory),
        {"train": supervised_receiver, "eval": supervised_receiver, "infer": models.raw_receiver},
    )


@program("all-modes export", "export_saved_model", "supervised receiver")
def export_of_other_modes(directory):
    estimator = trained(directory)
    for mode in ("train", "eval"):
        estimator.export_saved_model(base(directory, mode), supervised_receiver, experimental_mode=mode)


@program("export_saved_model")
def scaffold_of_an_export(directory):
    def model_fn(features, labels, mode):
        y = models.line(features["x"])
        scaffold = None
        if mode == "infer":
            w = next(v for v in v1.global_variables() if v.op.name == "w")
            scaffold = v1.train.Scaffold(saver=v1.train.Saver({"w": w, "b": v1.global_variables("b")[0]}))
        return models.regression(mode, y, labels, scaffold=scaffold)

    estimator = trained(directory, model_fn)
    return models.served(estimator.export_saved_model(base(directory), models.raw_receiver))
