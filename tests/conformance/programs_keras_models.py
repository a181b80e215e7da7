"""Models of Keras 2 as Estimators: what is trained, evaluated, predicted and written, by kinds of models."""

import os
import shutil

import keras_models
import models
import numpy as np
import tensorflow as tf
from catalogue import KERAS_2, program
from computations import outcome
from keras_models import (
    CLASS,
    SIZE,
    X,
    batches,
    dense,
    functional,
    keras,
    layers,
    legacy,
    once,
    plain,
    told,
)
from programs_loop import FINISHED

FIRST = {
    "states/*/keras/*": "that directory can be moved: its checkpoint is named by a relative path, as the others are",
}
OF_TF_KERAS = "a path is read by what tf.keras is, and this one was saved by Keras 2"


@program(
    "constructor", "Keras layers", "variables", "checkpoint names", differs=FIRST, repeated={KERAS_2: FIRST}
)
def model_of_inputs_and_outputs(directory):
    return told(keras_models.estimator(directory, functional()))


@program("constructor", "Keras layers", "variables", differs=FIRST)
def model_of_layers_in_a_row(directory):
    keras.backend.clear_session()
    model = keras.Sequential(
        [
            dense(4, activation="relu", input_shape=(4,), name="first"),
            layers.BatchNormalization(),
            layers.Dropout(0.25, seed=3),
            dense(3),
        ]
    )
    model.compile("rmsprop", keras_models.cross_entropy(), metrics=["accuracy"])
    inputs = {"first_input": X}
    return told(
        keras_models.estimator(directory, model),
        batches(inputs),
        once(inputs),
        keras_models.features_only(inputs),
    )


@program("constructor", "Keras layers", "variables")
def model_whose_input_is_seen_late(directory):
    keras.backend.clear_session()
    model = keras.Sequential([dense(4, activation="tanh"), dense(3)])
    model.compile(legacy.SGD(0.1), keras_models.cross_entropy(), metrics=["accuracy"])
    return told(keras_models.estimator(directory, model), batches(X), once(X), keras_models.features_only(X))


class Own(keras.Model):
    """A model of a program's own class."""

    def __init__(self, units=4, **given):
        super().__init__(**given)
        self.units = units
        self.hidden = dense(units, activation="tanh")
        self.normal = layers.BatchNormalization(momentum=0.7)
        self.out = dense(3)

    def call(self, x, training=None):
        return self.out(self.normal(self.hidden(x), training=training))

    def get_config(self):
        return {"units": self.units}


@program("constructor", "Keras layers", "variables")
def model_of_an_own_class(directory):
    keras.backend.clear_session()
    model = Own()
    model.compile(legacy.Adam(0.05), keras_models.cross_entropy(), metrics=["accuracy"])
    return told(keras_models.estimator(directory, model), batches(X), once(X), keras_models.features_only(X))


class Scaled(layers.Layer):
    """A layer of a program's own, with a weight and a loss."""

    def __init__(self, by=1.0, **given):
        super().__init__(**given)
        self.by = by

    def build(self, shape):
        self.scale = self.add_weight(name="scale", shape=[shape[-1]], initializer="ones")

    def call(self, x):
        self.add_loss(0.1 * tf.reduce_sum(tf.square(self.scale)))
        return x * self.scale * self.by

    def get_config(self):
        return {**super().get_config(), "by": self.by}


def absolute(labels, y):
    return tf.reduce_mean(tf.abs(labels - y), -1)


@program("constructor", "Keras layers", "variables", differs=FIRST)
def model_with_custom_objects(directory):
    keras.backend.clear_session()
    x = keras.Input((4,), name="x")
    model = keras.Model(x, dense(1)(Scaled(0.5)(x)))
    model.compile(legacy.SGD(0.1), loss=absolute, metrics=[absolute])
    made = keras_models.estimator(directory, model, custom_objects={"Scaled": Scaled, "absolute": absolute})
    return told(made, batches(labels=SIZE), once(labels=SIZE))


@program("constructor", "variables", "evaluate untrained", "predict untrained", differs=FIRST)
def model_that_has_its_weights(directory):
    """The Estimator begins with them, before and after the first step."""
    model = plain(legacy.SGD(0.01))
    model.set_weights([0.3 * value + 0.1 for value in model.get_weights()])
    made = keras_models.estimator(directory, model)
    untrained = {
        "predictions": list(made.predict(keras_models.features_only())),
        "loss": made.evaluate(once())["loss"],
    }
    path = made.export_saved_model(os.path.join(directory, "export"), keras_models.receiver())
    return {"untrained": untrained, "served": keras_models.served(path), "trained": told(made, steps=1)}


AVERAGES = "moving averages begin with the model's, as its other weights do; tf.estimator takes over what is trained alone"


@program("variables", "predict untrained", differs={**FIRST, "result/predictions/*": AVERAGES})
def model_that_has_its_averages(directory):
    model = functional()
    model.set_weights([0.3 * value + 0.1 for value in model.get_weights()])
    made = keras_models.estimator(directory, model)
    return {"predictions": list(made.predict(keras_models.features_only()))}


@program("constructor", "Keras layers", "variables", differs=FIRST)
def model_with_models_and_shared_layers(directory):
    keras.backend.clear_session()
    inner = keras.Sequential([dense(3, activation="tanh", input_shape=(4,)), dense(2)], name="inner")
    x = keras.Input((4,), name="x")
    shared = dense(4, name="shared")
    net = layers.Concatenate()([inner(shared(x)), inner(shared(shared(x)))])
    model = keras.Model(x, dense(1)(net))
    model.compile(legacy.SGD(0.05, momentum=0.9), "mse")
    return told(keras_models.estimator(directory, model), batches(labels=SIZE), once(labels=SIZE))


@program("constructor", "Keras layers", "variables", differs=FIRST)
def model_of_which_some_layers_are_frozen(directory):
    keras.backend.clear_session()
    x = keras.Input((4,), name="x")
    net = dense(4, trainable=False, name="frozen")(x)
    normal = layers.BatchNormalization(name="normal")
    normal.trainable = False
    model = keras.Model(x, dense(1)(normal(net)))
    model.compile(legacy.Adam(0.05), "mse")
    return told(keras_models.estimator(directory, model), batches(labels=SIZE), once(labels=SIZE))


@program("Keras layers", "variables", differs=FIRST)
def model_of_words_and_sequences(directory):
    keras.backend.clear_session()
    words = (np.arange(48) % 7).reshape(16, 3)
    x = keras.Input((3,), name="words", dtype="int64")
    net = layers.Embedding(7, 4, mask_zero=True, embeddings_initializer=keras_models.ramp())(x)
    net = layers.LSTM(
        3, kernel_initializer=keras_models.ramp(), recurrent_initializer=keras_models.ramp(0.5)
    )(net)
    model = keras.Model(x, dense(3)(net))
    model.compile(legacy.Adam(0.05), keras_models.cross_entropy(), metrics=["accuracy"])
    inputs = {"words": words}
    return told(
        keras_models.estimator(directory, model),
        batches(inputs),
        once(inputs),
        keras_models.features_only(inputs),
    )


OPTIMIZERS = {
    "Adadelta": lambda: legacy.Adadelta(0.5),
    "Adagrad": lambda: legacy.Adagrad(0.1),
    "Adam, amsgrad": lambda: legacy.Adam(0.05, amsgrad=True),
    "Adamax": lambda: legacy.Adamax(0.05),
    "Ftrl": lambda: legacy.Ftrl(0.1, l1_regularization_strength=0.001),
    "Nadam": lambda: legacy.Nadam(0.05),
    "RMSprop, centered": lambda: legacy.RMSprop(0.01, momentum=0.5, centered=True),
    "SGD, momentum and clipping": lambda: legacy.SGD(0.1, momentum=0.9, nesterov=True, clipnorm=0.5),
    "SGD, decay": lambda: legacy.SGD(0.1, decay=0.1),
    "schedule": lambda: legacy.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)),
    "new Adam": lambda: keras.optimizers.Adam(0.05),
    "new SGD with a schedule": lambda: keras.optimizers.SGD(
        keras.optimizers.schedules.PiecewiseConstantDecay([3], [0.1, 0.01]), momentum=0.9
    ),
    "new Adagrad, clipping": lambda: keras.optimizers.Adagrad(0.1, clipvalue=0.1),
    "adam": lambda: "adam",
    "of TensorFlow 1": lambda: tf.compat.v1.train.AdamOptimizer(0.05),
    "of TensorFlow 1, momentum": lambda: tf.compat.v1.train.MomentumOptimizer(0.05, 0.9),
}


@program("constructor", "variables", "train steps", differs=FIRST)
def models_with_each_optimizer(directory):
    seen = {}
    for number, (name, make) in enumerate(OPTIMIZERS.items()):

        def run(number=number, make=make):
            made = keras_models.estimator(directory, functional(make()), name=f"model {number}")
            made.train(batches(), steps=3)
            made.train(batches(), steps=3)
            return {"variables": models.variables(made), "loss": made.evaluate(once())["loss"]}

        seen[name] = outcome(run)
    return seen


@program("constructor", "variables", "train steps")
def models_with_ftrl_by_its_name(directory):
    """All but the values of slots that hold weights over the rate, 0.001, and so how machines round."""
    made = keras_models.estimator(directory, functional("ftrl"))
    made.train(batches(), steps=3)
    made.train(batches(), steps=3)
    variables = {
        name: None if name.endswith("/linear") else value for name, value in models.variables(made).items()
    }
    loss = made.evaluate(once())["loss"]
    shutil.rmtree(made.model_dir)
    return {"variables": variables, "loss": loss}


@program("train max_steps", "train steps", "checkpoint names", "variables", differs=FIRST)
def training_goes_on_with_a_new_model(directory):
    """A program that is started again makes the model anew; its weights are those of the checkpoint."""
    keras_models.estimator(directory, functional()).train(batches(), max_steps=4)
    again = keras_models.estimator(directory, functional())
    before = again.evaluate(once())
    again.train(batches(), max_steps=7)
    return {"before": before, "after": again.evaluate(once()), "variables": models.variables(again)}


@program(
    "TrainSpec", "EvalSpec", "local loop", "final export", "LatestExporter", differs={**FIRST, **FINISHED}
)
def model_in_train_and_evaluate(directory):
    made = keras_models.estimator(directory, functional(), config={"save_checkpoints_steps": 3})
    exporters = [
        tf.estimator.FinalExporter("final", keras_models.receiver()),
        tf.estimator.LatestExporter("latest", keras_models.receiver(), exports_to_keep=1),
    ]
    metrics, exports = tf.estimator.train_and_evaluate(
        made,
        tf.estimator.TrainSpec(batches(), max_steps=6),
        tf.estimator.EvalSpec(once(), steps=None, throttle_secs=0, exporters=exporters),
    )
    return {"metrics": metrics, "exports": len(exports), "variables": models.variables(made)}


def saved(directory, model):
    path = os.path.join(directory, "model.h5")
    model.save(path)
    keras.backend.clear_session()
    return path


CUSTOM = {"Ramp": keras_models.Ramp}


@program("variables", "checkpoint names", differs=FIRST)
def model_saved_by_keras(directory):
    model = keras.models.load_model(saved(directory, functional(legacy.Adam(0.02))), custom_objects=CUSTOM)
    return told(keras_models.estimator(directory, model))


@program("variables", "checkpoint names", differs={"*": OF_TF_KERAS}, repeated={KERAS_2: FIRST})
def model_by_its_path(directory):
    keras.backend.clear_session()
    x = keras.Input((4,), name="x")
    model = keras.Model(x, layers.Dense(3, kernel_initializer=keras.initializers.Constant(0.1))(x))
    model.compile(legacy.Adam(0.02), "mse")
    labels = np.concatenate([SIZE, -SIZE, X[:, :1]], 1)
    made = keras_models.estimator(directory, keras_model_path=saved(directory, model))
    return told(made, batches(labels=labels), once(labels=labels))


@program("constructor", "RunConfig model_dir")
def arguments_of_a_model(directory):
    """What is taken in place of the arguments that are meant."""
    config = models.config()

    def made(model=None, **given):
        model = functional() if model is None else model
        return tf.keras.estimator.model_to_estimator(model, **given)

    cases = {
        "model_dir of the config": lambda: (
            made(config=config.replace(model_dir=os.path.join(directory, "a"))).model_dir
        ),
        "model_dir twice": lambda: (
            made(
                config=config.replace(model_dir=os.path.join(directory, "a")),
                model_dir=os.path.join(directory, "b"),
            ).model_dir
        ),
        "is an Estimator": lambda: isinstance(
            made(model_dir=os.path.join(directory, "c")), tf.estimator.Estimator
        ),
        "params": lambda: dict(made(model_dir=os.path.join(directory, "d")).params or {}),
        "config of another kind": lambda: made(config=7, model_dir=os.path.join(directory, "e")),
        "format of another kind": lambda: made(checkpoint_format="h5"),
        "custom_objects of another kind": lambda: made(custom_objects=7),
        "a class": lambda: made(keras.Model),
        "a layer": lambda: made(dense(1)),
        "a name": lambda: made("model"),
        "not compiled": lambda: made(functional(compiled=False)),
    }
    return {name: outcome(case) for name, case in cases.items()}


@program(
    "predict keys",
    "predict batches",
    "checkpoint_path",
    "evaluate steps",
    "evaluate name",
    "eval_dir",
    differs=FIRST,
)
def calls_of_a_model(directory):
    made = keras_models.estimator(directory, functional())
    made.train(batches(), steps=5).train(batches(), steps=5)
    first = os.path.join(directory, "model", "model.ckpt-5")
    given = keras_models.features_only()
    return {
        "keys": next(made.predict(given, predict_keys=["classes"])),
        "batch": next(made.predict(given, yield_single_examples=False)),
        "first": next(made.predict(given, checkpoint_path=first)),
        "steps": made.evaluate(once(), steps=2, name="two"),
        "first evaluated": made.evaluate(once(), checkpoint_path=first, name="first"),
        "dir": made.eval_dir("two"),
        "shape": CLASS.shape,
    }
