"""`embedding_config_spec` of a TPUEstimator that trains without a TPU, and what such a spec refuses."""

import os

import models
import numpy as np
import tensorflow as tf
from catalogue import program
from computations import outcome
from models import v1

of_tpu = v1.tpu.experimental
IDS = np.array([0, 2, 1, 3, 3, 0, 1, 2])


def tpu():
    return v1.estimator.tpu


def spec(*given, **named):
    return tpu().experimental.EmbeddingConfigSpec(*given, **named)


def ids(key="ids", size=4):
    return v1.feature_column.categorical_column_with_identity(key, size)


def constant(value=0.25):
    return v1.constant_initializer(value)


def columns():
    return [of_tpu.embedding_column(ids(), 2, initializer=constant())]


def shared():
    return of_tpu.shared_embedding_columns([ids(), ids("more")], 2, initializer=constant())


def rate():
    return of_tpu.StochasticGradientDescentParameters(0.1)


def input_fn(params):
    features = {"ids": IDS, "more": IDS[::-1].copy(), "x": models.X}
    return tf.data.Dataset.from_tensor_slices((features, models.Y)).batch(params["batch_size"]).repeat()


def dense(features, kernel_size):
    return tf.matmul(features, models.variable("kernel", [kernel_size, 1], 0.5))


def by_hand(used, size):
    def model_fn(features, labels, mode, params):
        y = dense(v1.feature_column.input_layer(features, used()), size)
        if mode == "infer":
            return tpu().TPUEstimatorSpec(mode, predictions={"y": y})
        loss = tf.reduce_mean(tf.square(y - labels))
        step = v1.train.GradientDescentOptimizer(0.1).minimize(loss, v1.train.get_global_step())

        def metrics(labels, y):
            return {"mae": v1.metrics.mean_absolute_error(labels, y)}

        return tpu().TPUEstimatorSpec(mode, loss=loss, train_op=step, eval_metrics=(metrics, [labels, y]))

    return model_fn


def estimator(directory, name, used, size, **given):
    return tpu().TPUEstimator(
        by_hand(used, size),
        os.path.join(directory, name),
        tpu().RunConfig(tf_random_seed=1, save_checkpoints_steps=5),
        use_tpu=False,
        train_batch_size=4,
        eval_batch_size=4,
        predict_batch_size=4,
        **given,
    )


@program("TPUEstimator", "feature columns")
def embeddings_without_a_tpu(directory):
    specs = {
        "one column": (columns, 2, lambda: spec(columns(), rate())),
        "shared columns": (shared, 4, lambda: spec(shared(), rate())),
        "other columns": (columns, 2, lambda: spec(shared(), rate())),
        "adagrad": (columns, 2, lambda: spec(columns(), of_tpu.AdagradParameters(0.1))),
        "clipped": (columns, 2, lambda: spec(columns(), rate(), clipping_limit=0.5)),
    }

    def told(name, used, size, make):
        made = estimator(directory, name.replace(" ", "-"), used, size, embedding_config_spec=make())
        made.train(input_fn, steps=3)
        return {
            "variables": models.variables(made),
            "metrics": made.evaluate(input_fn, steps=2),
            "predictions": next(made.predict(input_fn)),
        }

    return {name: outcome(lambda n=name, g=given: told(n, *g)) for name, given in specs.items()}


@program("TPUEstimator", "feature columns")
def specs_of_embeddings(directory):
    plain = v1.feature_column.embedding_column(ids(), 2)
    numeric = v1.feature_column.numeric_column("x")
    given = {
        "nothing": spec,
        "no columns": lambda: spec(None, rate()),
        "empty columns": lambda: spec([], rate()),
        "no parameters": lambda: spec(columns()),
        "parameters of another kind": lambda: spec(columns(), 0.1),
        "an optimizer": lambda: spec(columns(), v1.train.AdamOptimizer(0.1)),
        "a plain column": lambda: spec([plain], rate()),
        "a numeric column": lambda: spec([numeric], rate()),
        "one column": lambda: spec(columns()[0], rate()),
        "a tuple": lambda: spec(tuple(columns()), rate()),
        "a set": lambda: spec(set(columns()), rate()),
        "a word": lambda: spec(["ids"], rate()),
        "the same twice": lambda: spec(columns() * 2, rate()),
        "a mix": lambda: spec([*columns(), plain], rate()),
        "adam": lambda: spec(columns(), of_tpu.AdamParameters(0.1)),
        "negative limit": lambda: spec(columns(), rate(), clipping_limit=-1.0),
        "no limit": lambda: spec(columns(), rate(), clipping_limit="1"),
        "columns and tables": lambda: spec(columns(), rate(), table_to_config_dict={"a": 1}),
        "tables alone": lambda: spec(table_to_config_dict={"a": 1}),
        "tables and features": lambda: spec(table_to_config_dict={"a": 1}, feature_to_config_dict={"b": 1}),
        "empty tables": lambda: spec(table_to_config_dict={}, feature_to_config_dict={}),
        "strategy div": lambda: spec(columns(), rate(), partition_strategy="div"),
        "strategy mod": lambda: spec(columns(), rate(), partition_strategy="mod"),
        "strategy other": lambda: spec(columns(), rate(), partition_strategy="x"),
        "profile": lambda: spec(columns(), rate(), profile_data_directory="/nowhere"),
        "pipelined": lambda: spec(columns(), rate(), pipeline_execution_with_tensor_core=True),
        "gradients": lambda: spec(columns(), rate(), experimental_gradient_multiplier_fn=lambda step: 1.0),
        "gradients of no function": lambda: spec(columns(), rate(), experimental_gradient_multiplier_fn=1.0),
    }

    def told(make):
        made = make()
        return {
            "fields": list(made._fields),
            "sizes": {
                name: len(value)
                for name, value in made._asdict().items()
                if isinstance(value, list | tuple | set | dict)
            },
            "plain": {
                name: value
                for name, value in made._asdict().items()
                if value is None or isinstance(value, bool | str | float)
            },
        }

    return {name: outcome(lambda m=make: told(m)) for name, make in given.items()}


@program("TPUEstimator", "constructor")
def kinds_of_embedding_specs(directory):
    given = {
        "none": None,
        "a word": "embedding",
        "a dict": {"feature_columns": []},
        "false": False,
        "zero": 0,
        "empty": (),
        "a list of columns": columns(),
    }

    def told(name, value):
        made = estimator(directory, name.replace(" ", "-"), columns, 2, embedding_config_spec=value)
        made.train(input_fn, steps=1)
        return made.evaluate(input_fn, steps=1)

    return {name: outcome(lambda n=name, v=value: told(n, v)) for name, value in given.items()}
