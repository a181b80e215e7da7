"""Models of Keras 2 and what is fed to them: constant first weights, a handful of rows.

In 2.15 `tf.keras` is Keras 2; here it is in tf_keras, and `model_to_estimator` tells by the model.
"""

import os

import models
import numpy as np
import tensorflow as tf

try:
    import tf_keras as keras
except ImportError:
    keras = tf.keras

FORMAT = "saver"
X = np.sin(np.arange(64, dtype=np.float32)).reshape(16, 4)
CLASS = (np.arange(16) % 3).astype(np.int64)
SIZE = (X[:, :1] * 2 + 0.5).astype(np.float32)
WEIGHTS = np.linspace(0, 2, 16, dtype=np.float32)

layers = keras.layers
legacy = keras.optimizers.legacy


def ramp(scale=1.0):
    """First weights that differ and depend on the shape alone; Keras can write it down, for it is registered."""
    return Ramp(scale)


@keras.utils.register_keras_serializable("conformance")
class Ramp(keras.initializers.Initializer):
    def __init__(self, scale=1.0):
        self.scale = scale

    def __call__(self, shape, dtype=None, **kwargs):
        size = int(np.prod(shape))
        return tf.constant(self.scale * np.cos(np.arange(size)).reshape(shape) / 2, dtype or tf.float32)

    def get_config(self):
        return {"scale": self.scale}


def dense(units, **given):
    return layers.Dense(units, **{"kernel_initializer": ramp(), **given})


def cross_entropy(**given):
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True, **given)


def functional(optimizer=None, *, compiled=True, **given):
    """Three classes from the input x, with a hidden layer, an L2 and a BatchNormalization."""
    keras.backend.clear_session()
    x = keras.Input((4,), name="x")
    net = dense(5, activation="tanh", kernel_regularizer=keras.regularizers.L2(0.01))(x)
    net = layers.BatchNormalization(momentum=0.8)(net)
    model = keras.Model(x, dense(3, name="classes")(net))
    if compiled:
        given = {"loss": cross_entropy(), "metrics": ["accuracy"], **given}
        model.compile(optimizer or legacy.Adam(0.05), **given)
    return model


def plain(optimizer=None, **given):
    """Three classes from the input x, without a state that is not trained."""
    keras.backend.clear_session()
    x = keras.Input((4,), name="x")
    model = keras.Model(x, dense(3, name="classes")(dense(5, activation="tanh")(x)))
    given = {"loss": cross_entropy(), "metrics": ["accuracy"], **given}
    model.compile(optimizer or legacy.Adam(0.05), **given)
    return model


def line(optimizer=None, **given):
    """One number from the input x."""
    keras.backend.clear_session()
    model = keras.Sequential([dense(1, input_shape=(4,), name="line")])
    model.compile(optimizer or legacy.SGD(0.1), **{"loss": "mse", **given})
    return model


def batches(features=None, labels=CLASS, size=4):
    """An input function: batches of four, in order, again and again."""

    def input_fn():
        given = {"x": X} if features is None else features
        return tf.data.Dataset.from_tensor_slices((given, labels)).batch(size).repeat()

    return input_fn


def once(features=None, labels=CLASS, size=4):
    return lambda: batches(features, labels, size)().take(len(X) // size)


def features_only(features=None):
    def input_fn():
        return tf.data.Dataset.from_tensor_slices({"x": X} if features is None else features).batch(4)

    return input_fn


def estimator(directory, model=None, *, name="model", config=None, checkpoint_format=FORMAT, **given):
    return tf.keras.estimator.model_to_estimator(
        model,
        model_dir=os.path.join(directory, name),
        config=models.config(**(config or {})),
        checkpoint_format=checkpoint_format,
        **given,
    )


def told(made, train_input=None, eval_input=None, predict_input=None, steps=6):
    """What an Estimator says of itself after some steps."""
    made.train(train_input or batches(), steps=steps)
    return {
        "metrics": made.evaluate(eval_input or once()),
        "predictions": list(made.predict(predict_input or features_only())),
        "variables": models.variables(made),
    }


def receiver(names=("x",)):
    def serving():
        inputs = {name: tf.compat.v1.placeholder(tf.float32, [None, 4], name=name) for name in names}
        return tf.estimator.export.ServingInputReceiver(inputs, inputs)

    return serving


def served(path, names=("x",)):
    """The answers of each signature of an export."""
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        meta_graph = v1.saved_model.load(session, ["serve"], tf.compat.as_str_any(path))
        return {
            key: session.run(
                {name: info.name for name, info in signature.outputs.items()},
                {signature.inputs[name].name: X[:3] for name in names if name in signature.inputs},
            )
            for key, signature in meta_graph.signature_def.items()
        }
