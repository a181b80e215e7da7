"""Small models and inputs that the programs share: constant first values, a handful of examples, milliseconds."""

import contextlib
import logging
import os

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1

X = np.arange(8, dtype=np.float32).reshape(8, 1) / 4
Y = 2 * X + 0.5
WORDS = np.array([["a"], ["b"], ["c"], ["a"], ["d"], ["b"], ["a"], ["c"]])


# Inputs


def batches():
    """Two batches of four, again and again."""
    return tf.data.Dataset.from_tensor_slices(({"x": X}, Y)).batch(4).repeat()


def once():
    """Two batches of four."""
    return tf.data.Dataset.from_tensor_slices(({"x": X}, Y)).batch(4)


def features_only():
    return tf.data.Dataset.from_tensor_slices({"x": X}).batch(4)


# Models


def variable(name, shape=(), value=0.0, **kwargs):
    return v1.get_variable(name, shape, tf.float32, v1.constant_initializer(value), **kwargs)


def line(x):
    return tf.matmul(x, variable("w", [1, 1], 0.1)) + variable("b", [1])


def regression(mode, y, labels, *, optimizer=None, **fields):
    """The EstimatorSpec of a regression; `fields` replace what it would hold."""
    if mode == "infer":
        return tf.estimator.EstimatorSpec(mode, **{"predictions": {"y": y, "twice": 2 * y}, **fields})
    loss = tf.reduce_mean(tf.square(y - labels))
    made = {"loss": loss, "predictions": {"y": y}}
    if mode == "train":
        optimizer = optimizer or v1.train.GradientDescentOptimizer(0.1)
        made["train_op"] = optimizer.minimize(loss, v1.train.get_global_step())
    else:
        made["eval_metric_ops"] = {"mae": v1.metrics.mean_absolute_error(labels, y)}
    return tf.estimator.EstimatorSpec(mode, **{**made, **fields})


def linear(features, labels, mode):
    return regression(mode, line(features["x"]), labels)


def linear_with(**fields):
    """A model function whose EstimatorSpec has these fields; a callable is called, with the prediction, in the graph."""

    def model_fn(features, labels, mode):
        y = line(features["x"])
        made = {name: value(y) if callable(value) else value for name, value in fields.items()}
        return regression(mode, y, labels, **made)

    return model_fn


def linear_in(only, **fields):
    """As `linear_with`, the fields only in the mode `only`."""
    changed = linear_with(**fields)

    def model_fn(features, labels, mode):
        return (changed if mode == only else linear)(features, labels, mode)

    return model_fn


# Estimators


def config(**kwargs):
    return tf.estimator.RunConfig(**{"save_checkpoints_steps": 5, "tf_random_seed": 1, **kwargs})


def estimator(directory, model_fn=linear, *, params=None, warm_start_from=None, name="model", **run_config):
    return tf.estimator.Estimator(
        model_fn, os.path.join(directory, name), config(**run_config), params, warm_start_from
    )


def variables(estimator):
    return {name: estimator.get_variable_value(name) for name in sorted(estimator.get_variable_names())}


# Exports


def raw_receiver():
    x = v1.placeholder(tf.float32, [None, 1], name="x")
    return tf.estimator.export.ServingInputReceiver({"x": x}, {"x": x})


FEATURE_SPEC = {"x": tf.io.FixedLenFeature([1], tf.float32)}


def parsing_receiver():
    return tf.estimator.export.build_parsing_serving_input_receiver_fn(FEATURE_SPEC)()


def example(x):
    feature = tf.train.Feature(float_list=tf.train.FloatList(value=[x]))
    return tf.train.Example(features=tf.train.Features(feature={"x": feature})).SerializeToString()


REQUESTS = {
    tf.float32: np.array([[0.5], [3.0]], np.float32),
    tf.string: np.array([example(0.5), example(3.0)]),
}


def served(path, tag="serve"):
    """Loads an export as a server does and asks each signature; {signature: {output: value}}."""
    with tf.Graph().as_default(), v1.Session() as session:
        meta_graph = v1.saved_model.load(session, [tag], tf.compat.as_str_any(path))
        answers = {}
        for name, signature in meta_graph.signature_def.items():
            feeds = {
                info.name: REQUESTS[tf.dtypes.as_dtype(info.dtype)] for info in signature.inputs.values()
            }
            fetches = {key: info.name for key, info in signature.outputs.items()}
            answers[name] = session.run(fetches, feeds)
        return answers


# Watching


class Recorder(v1.train.SessionRunHook):
    """Writes down the calls of a hook, in one list with others."""

    def __init__(self, name, calls):
        self.name, self.calls = name, calls

    def begin(self):
        self.calls.append(f"{self.name}.begin")

    def after_create_session(self, session, coord):
        self.calls.append(f"{self.name}.after_create_session")

    def before_run(self, run_context):
        self.calls.append(f"{self.name}.before_run")

    def after_run(self, run_context, run_values):
        self.calls.append(f"{self.name}.after_run")

    def end(self, session):
        self.calls.append(f"{self.name}.end")


class Listener(v1.train.CheckpointSaverListener):
    """Writes down the calls of a saving listener."""

    def __init__(self, name, calls):
        self.name, self.calls = name, calls

    def begin(self):
        self.calls.append(f"{self.name}.begin")

    def before_save(self, session, global_step_value):
        self.calls.append(f"{self.name}.before_save {global_step_value}")

    def after_save(self, session, global_step_value):
        self.calls.append(f"{self.name}.after_save {global_step_value}")

    def end(self, session, global_step_value):
        self.calls.append(f"{self.name}.end {global_step_value}")


@contextlib.contextmanager
def logged(*beginnings):
    """The lines that TensorFlow's logger gets, of those that begin with one of `beginnings`."""
    lines = []

    class Keep(logging.Handler):
        def emit(self, record):
            message = record.getMessage()
            if message.startswith(beginnings):
                lines.append(f"{record.levelname}: {message}")

    logger, handler = logging.getLogger("tensorflow"), Keep()
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


@contextlib.contextmanager
def tf_config(document):
    """TF_CONFIG in the environment; None takes it away."""
    import json

    before = os.environ.pop("TF_CONFIG", None)
    if document is not None:
        os.environ["TF_CONFIG"] = document if isinstance(document, str) else json.dumps(document)
    try:
        yield
    finally:
        os.environ.pop("TF_CONFIG", None)
        if before is not None:
            os.environ["TF_CONFIG"] = before
