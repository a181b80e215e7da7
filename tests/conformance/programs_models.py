"""Model functions as people write them, and where their first values come from."""

import os

import models
import tensorflow as tf
from catalogue import EVERYWHERE, V1, program
from models import v1


def everything(estimator, directory):
    """Trains, evaluates, predicts, exports and serves."""
    estimator.train(models.batches, steps=5)
    path = estimator.export_saved_model(os.path.join(directory, "export"), models.parsing_receiver)
    return {
        "variables": models.variables(estimator),
        "metrics": estimator.evaluate(models.once),
        "predictions": list(estimator.predict(models.features_only)),
        "served": models.served(path),
    }


@program("Keras layers", repeated=EVERYWHERE)
def keras_layers(directory):
    def model_fn(features, labels, mode):
        constant = tf.keras.initializers.Constant
        hidden = tf.keras.layers.Dense(3, activation="relu", kernel_initializer=constant(0.2))(features["x"])
        y = tf.keras.layers.Dense(1, kernel_initializer=constant(0.3), name="out")(hidden)
        return models.regression(mode, y, labels, optimizer=v1.train.AdamOptimizer(0.01))

    return everything(models.estimator(directory, model_fn), directory)


def of_layers(make):
    return lambda features, labels, mode: models.regression(mode, make(features["x"]), labels)


@program("Keras layers", repeated=EVERYWHERE)
def keras_layers_of_many_kinds(directory):
    layers, constant = tf.keras.layers, tf.keras.initializers.Constant

    def dense(units):
        return layers.Dense(units, kernel_initializer=constant(0.2))

    def plain(x):
        return dense(1)(dense(2)(dense(3)(x)))

    def shared(x):
        layer = dense(1)
        return dense(1)(layer(layer(x)))

    def scoped(x):
        with v1.variable_scope("outer"):
            hidden = dense(2)(x)
        with tf.name_scope("inner"):
            return dense(1)(hidden)

    def sequential(x):
        return tf.keras.Sequential([dense(2), dense(1)])(x)

    def functional(x):
        inputs = tf.keras.Input([1])
        return dense(1)(tf.keras.Model(inputs, dense(2)(dense(3)(inputs)))(x))

    def embedding(x):
        ids = tf.cast(tf.reshape(x, [-1]), tf.int64)
        return dense(1)(layers.Embedding(3, 2, embeddings_initializer=constant(0.1))(ids))

    def normalized(x):
        return dense(1)(layers.LayerNormalization()(dense(2)(x)))

    seen = {}
    for make in (plain, shared, scoped, sequential, functional, embedding, normalized):
        model_fn = of_layers(make)
        estimator = models.estimator(directory, model_fn, name=make.__name__).train(models.batches, steps=2)
        estimator.train(models.batches, steps=1)
        seen[make.__name__] = {
            "variables": models.variables(estimator),
            "metrics": estimator.evaluate(models.once),
        }
    return seen


@program("feature columns", repeated=EVERYWHERE)
def feature_columns(directory):
    fc = tf.feature_column
    x = fc.numeric_column("x")
    buckets = fc.bucketized_column(x, [0.5, 1.0])
    ids = fc.categorical_column_with_identity("id", 4)
    words = fc.categorical_column_with_vocabulary_list("word", ["a", "b", "c"])
    embedded = fc.embedding_column(words, 2, initializer=v1.constant_initializer(0.5))

    def input_fn():
        data = {"x": models.X, "id": [[i % 4] for i in range(8)], "word": models.WORDS}
        return tf.data.Dataset.from_tensor_slices((data, models.Y)).batch(4)

    def model_fn(features, labels, mode):
        dense = v1.feature_column.input_layer(features, [x, buckets, fc.indicator_column(ids), embedded])
        y = tf.matmul(dense, models.variable("w", [dense.shape[1], 1], 0.1))
        y += v1.feature_column.linear_model(features, [ids, words])
        return models.regression(mode, y, labels)

    estimator = models.estimator(directory, model_fn).train(lambda: input_fn().repeat(), steps=6)
    return {
        "variables": models.variables(estimator),
        "metrics": estimator.evaluate(input_fn),
        "spec": str(fc.make_parse_example_spec([x, buckets, embedded]))
        if hasattr(fc, "make_parse_example_spec")
        else "",
    }


@program("add_metrics", repeated={V1: {}})
def added_metrics(directory):
    def metric_fn(features, labels, predictions):
        return {
            "mean x": v1.metrics.mean(features["x"]),
            "mae": v1.metrics.mean(labels - predictions["y"]),
        }

    def of_config(config):
        return {"seed": v1.metrics.mean(config.tf_random_seed)}

    estimator = models.estimator(directory).train(models.batches, steps=5)
    added = tf.estimator.add_metrics(tf.estimator.add_metrics(estimator, metric_fn), of_config)
    added.train(models.batches, steps=1)
    return {"before": estimator.evaluate(models.once), "added": added.evaluate(models.once, name="added")}


def source(directory):
    estimator = models.estimator(directory, name="source").train(models.batches, steps=5)
    return estimator, estimator.export_saved_model(os.path.join(directory, "export"), models.raw_receiver)


def renamed(features, labels, mode):
    x = features["x"]
    y = tf.matmul(x, models.variable("weight", [1, 1], 0.1)) + models.variable("b", [1], 9.0)
    return models.regression(mode, y, labels)


@program("WarmStartSettings", repeated={V1: {}})
def warm_starts(directory):
    trained, export = source(directory)
    settings = tf.estimator.WarmStartSettings
    forms = {
        "directory": (models.linear, trained.model_dir),
        "checkpoint": (models.linear, os.path.join(trained.model_dir, "model.ckpt-0")),
        "saved model": (models.linear, tf.compat.as_str_any(export)),
        "regular expression": (models.linear, settings(trained.model_dir, vars_to_warm_start="w")),
        "list": (models.linear, settings(trained.model_dir, vars_to_warm_start=["b"])),
        "other name": (renamed, settings(trained.model_dir, ".*", None, {"weight": "w"})),
        "nothing": (models.linear, settings(trained.model_dir, vars_to_warm_start=None)),
    }
    results = {}
    for name, (model_fn, start) in forms.items():
        estimator = models.estimator(directory, model_fn, warm_start_from=start, name=name)
        estimator.train(models.batches, steps=1)
        first = tf.train.load_checkpoint(os.path.join(estimator.model_dir, "model.ckpt-0"))
        results[name] = {v: first.get_tensor(v) for v in first.get_variable_to_shape_map()}
    again = models.estimator(directory, warm_start_from=trained.model_dir, name="directory")
    again.train(models.batches, steps=1)
    return {"first values": results, "a second call goes on": models.variables(again)}


@program("WarmStartSettings", "evaluate untrained", "predict untrained")
def warm_start_without_training(directory):
    trained, _ = source(directory)
    estimator = models.estimator(directory, warm_start_from=trained.model_dir)
    return {
        "metrics": estimator.evaluate(models.once),
        "predictions": list(estimator.predict(models.features_only)),
    }


@program("VocabInfo", "WarmStartSettings", repeated={V1: {}})
def warm_start_with_another_vocabulary(directory):
    def vocabulary(name, words):
        path = os.path.join(directory, name)
        with open(path, "w") as file:
            file.write("\n".join(words) + "\n")
        return path

    old, new = vocabulary("old.txt", "abc"), vocabulary("new.txt", "cadb")

    def model_with(path, size):
        def model_fn(features, labels, mode):
            initializer = tf.lookup.TextFileInitializer(
                path,
                tf.string,
                tf.lookup.TextFileIndex.WHOLE_LINE,
                tf.int64,
                tf.lookup.TextFileIndex.LINE_NUMBER,
            )
            table = tf.lookup.StaticHashTable(initializer, 0)
            rows = models.variable("embedding", [size, 1], 0.25)
            y = tf.gather(rows, tf.reshape(table.lookup(features["word"]), [-1]))
            return models.regression(mode, y, labels)

        return model_fn

    def words():
        return tf.data.Dataset.from_tensor_slices(({"word": models.WORDS}, models.Y)).batch(8).repeat()

    first = models.estimator(directory, model_with(old, 3), name="old").train(words, steps=5)
    info = tf.estimator.VocabInfo(
        new_vocab=new,
        new_vocab_size=4,
        num_oov_buckets=0,
        old_vocab=old,
        old_vocab_size=3,
        backup_initializer=v1.ones_initializer(),
    )
    settings = tf.estimator.WarmStartSettings(first.model_dir, var_name_to_vocab_info={"embedding": info})
    second = models.estimator(directory, model_with(new, 4), name="new", warm_start_from=settings)
    second.train(words, steps=2)
    return models.variables(second)


@program("call_logit_fn")
def logit_functions(directory):
    def logit_fn(features, mode, params, config):
        return features["x"] * params["factor"] + (1.0 if mode == "train" else 0.0)

    with tf.Graph().as_default(), v1.Session() as session:
        call = tf.estimator.experimental.call_logit_fn
        features = {"x": tf.constant(models.X)}
        return session.run(call(logit_fn, features, "train", {"factor": 3.0}, models.config()))


@program("train_distribute", repeated={V1: {}})
def mirrored_on_one_device(directory):
    strategy = tf.distribute.MirroredStrategy(["/cpu:0"])
    config = tf.estimator.RunConfig(
        train_distribute=strategy, eval_distribute=strategy, save_checkpoints_steps=5, tf_random_seed=1
    )
    estimator = tf.estimator.Estimator(models.linear, os.path.join(directory, "model"), config)
    estimator.train(models.batches, steps=6)
    return {"variables": models.variables(estimator), "metrics": estimator.evaluate(models.once)}
