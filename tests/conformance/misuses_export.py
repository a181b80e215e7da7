"""What exports, receivers and export outputs refuse."""

import os

import models
import numpy as np
import tensorflow as tf
from catalogue import misuse
from models import v1

MORE = "goes on to say what was given, or may be"
MODES = "says which modes there are"


def exporting(receiver_fn, model_fn=models.linear, **arguments):
    def export(directory):
        estimator = models.estimator(directory, model_fn).train(models.batches, steps=1)
        estimator.export_saved_model(os.path.join(directory, "export"), receiver_fn, **arguments)

    return export


def untrained(directory):
    models.estimator(directory).export_saved_model(os.path.join(directory, "export"), models.raw_receiver)


misuse("export_saved_model: no receiver function", exporting(None))
misuse("export_saved_model: untrained", untrained)
misuse("export_saved_model: the receiver function raises", exporting(lambda: 1 / 0))
misuse(
    "export_saved_model: an asset that is not there",
    exporting(models.raw_receiver, assets_extra={"a": "/nowhere/file"}),
)
misuse(
    "export_saved_model: no outputs",
    exporting(models.raw_receiver, models.linear_in("infer", export_outputs={})),
)
misuse(
    "export_saved_model: an unknown mode",
    exporting(models.raw_receiver, experimental_mode="serve"),
    wording=MODES,
)
misuse(
    "export_saved_model: a checkpoint that is not there",
    exporting(models.raw_receiver, checkpoint_path="/nowhere/model.ckpt-1"),
    wording="goes on to say what a checkpoint's path is",
)


def export_savedmodel_of_v2(directory):
    estimator = models.estimator(directory).train(models.batches, steps=1)
    estimator.export_savedmodel(os.path.join(directory, "export"), models.raw_receiver)


misuse(
    "export_savedmodel: in TensorFlow 2",
    export_savedmodel_of_v2,
    outcome="tf.estimator has it in the other face alone; the document of the Estimator has it, and an export is no harm where a refusal was",
)


def in_graph(make):
    """What `make` refuses when it is given a float and a string placeholder."""

    def run(directory):
        with tf.Graph().as_default():
            make(
                v1.placeholder(tf.float32, [None, 1], name="x"),
                v1.placeholder(tf.string, [None], name="words"),
            )

    return run


def receiver(*arguments):
    return tf.estimator.export.ServingInputReceiver(*arguments)


misuse("ServingInputReceiver: no features", in_graph(lambda x, w: receiver(None, w)))
misuse("ServingInputReceiver: no receivers", in_graph(lambda x, w: receiver(x, None)))
misuse(
    "ServingInputReceiver: a feature is a number", in_graph(lambda x, w: receiver({"a": 1}, w)), wording=MORE
)
misuse("ServingInputReceiver: features are a string", in_graph(lambda x, w: receiver("x", w)), wording=MORE)
misuse("ServingInputReceiver: a feature's key is a float", in_graph(lambda x, w: receiver({1.5: x}, w)))
misuse("ServingInputReceiver: a receiver's key is a number", in_graph(lambda x, w: receiver(x, {1: w})))
misuse(
    "ServingInputReceiver: a receiver is a string",
    in_graph(lambda x, w: receiver(x, {"a": "w"})),
    wording=MORE,
)
misuse("ServingInputReceiver: alternatives are a list", in_graph(lambda x, w: receiver(x, w, [w])))
misuse(
    "ServingInputReceiver: an alternative is a number",
    in_graph(lambda x, w: receiver(x, w, {"a": {"b": 1}})),
    wording=MORE,
)
misuse(
    "TensorServingInputReceiver: no features",
    in_graph(lambda x, w: tf.estimator.export.TensorServingInputReceiver(None, w)),
)
misuse(
    "TensorServingInputReceiver: a dict of features",
    in_graph(lambda x, w: tf.estimator.export.TensorServingInputReceiver({"a": x}, w)),
    wording=MORE,
)
misuse(
    "build_raw_serving_input_receiver_fn: a number",
    in_graph(lambda x, w: tf.estimator.export.build_raw_serving_input_receiver_fn({"a": 1})()),
    wording="names the feature and what was given",
)

misuse(
    "build_raw_supervised_input_receiver_fn: a number",
    in_graph(lambda x, w: tf.estimator.experimental.build_raw_supervised_input_receiver_fn({"a": x}, 1)()),
    wording="names the label and what was given",
)
te_outputs = {
    "ClassificationOutput: nothing": lambda x, w: tf.estimator.export.ClassificationOutput(),
    "ClassificationOutput: scores are strings": lambda x, w: tf.estimator.export.ClassificationOutput(
        scores=w
    ),
    "ClassificationOutput: classes are numbers": lambda x, w: tf.estimator.export.ClassificationOutput(
        classes=x
    ),
    "RegressionOutput: a string": lambda x, w: tf.estimator.export.RegressionOutput(w),
    "RegressionOutput: a number": lambda x, w: tf.estimator.export.RegressionOutput(1.0),
    "PredictOutput: a number": lambda x, w: tf.estimator.export.PredictOutput({"a": 1.0}),
    "PredictOutput: a key that is a number": lambda x, w: tf.estimator.export.PredictOutput({1: x}),
}
for name, make in te_outputs.items():
    misuse(name, in_graph(make))

supervised = lambda x, w, labels: tf.estimator.experimental.build_raw_supervised_input_receiver_fn(  # noqa: E731
    {"a": x}, labels
)
misuse(
    "build_raw_supervised_input_receiver_fn: one key twice", in_graph(lambda x, w: supervised(x, w, {"a": x}))
)


def all_modes(receivers):
    def export(directory):
        estimator = models.estimator(directory).train(models.batches, steps=1)
        estimator.experimental_export_all_saved_models(os.path.join(directory, "export"), receivers)

    return export


misuse("experimental_export_all_saved_models: no mode", all_modes({}), wording=MODES)
misuse(
    "experimental_export_all_saved_models: an unknown mode",
    all_modes({"serve": models.raw_receiver}),
    wording=MODES,
)


def numpy_inputs(*arguments, **named):
    return in_graph(lambda x, w: v1.estimator.inputs.numpy_input_fn(*arguments, **named)())


X = {"x": np.arange(4.0)}
misuse("numpy_input_fn: shuffle is not said", numpy_inputs(X, np.arange(4)))
misuse("numpy_input_fn: an empty dict", numpy_inputs({}, shuffle=False))
misuse("numpy_input_fn: x is a list", numpy_inputs([1.0], shuffle=False))
misuse("numpy_input_fn: unequal lengths", numpy_inputs(X, np.arange(3), shuffle=False))
misuse("numpy_input_fn: an empty dict of labels", numpy_inputs(X, {}, shuffle=False))
misuse("numpy_input_fn: features and labels of one name", numpy_inputs(X, {"x": np.arange(4)}, shuffle=False))


def added(metric_fn):
    return lambda directory: tf.estimator.add_metrics(models.estimator(directory), metric_fn)


misuse("add_metrics: metric_fn of an unknown argument", added(lambda features, colour: {}), wording=MORE)
