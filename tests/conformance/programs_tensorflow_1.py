"""Programs as TensorFlow 1 had them: iterators, readers of files, tf.layers, old variables and loops."""

import os

import models
import numpy as np
import tensorflow as tf
from catalogue import EVERYWHERE, KERAS_2, V1, program
from models import v1


class Initializes(v1.train.SessionRunHook):
    """Runs an iterator's initializer, which input functions left to a hook."""

    initializer, feeds = None, None

    def after_create_session(self, session, coord):
        session.run(self.initializer, self.feeds)


@program("input_fn tensors", "train hooks", "end of input", repeated={V1: {}})
def iterators_of_datasets(directory):
    hook = Initializes()

    def one_shot():
        return v1.data.make_one_shot_iterator(models.batches()).get_next()

    def in_the_tables():
        iterator = v1.data.make_initializable_iterator(models.batches())
        v1.add_to_collection(v1.GraphKeys.TABLE_INITIALIZERS, iterator.initializer)
        return iterator.get_next()

    def by_a_hook():
        fed = v1.placeholder(tf.float32, models.X.shape)
        data = tf.data.Dataset.from_tensor_slices(({"x": fed}, 2 * fed + 0.5)).batch(4).repeat()
        iterator = v1.data.make_initializable_iterator(data)
        hook.initializer, hook.feeds = iterator.initializer, {fed: models.X}
        return iterator.get_next()

    def of_a_structure():
        dataset = models.batches()
        iterator = v1.data.Iterator.from_structure(
            v1.data.get_output_types(dataset), v1.data.get_output_shapes(dataset)
        )
        hook.initializer, hook.feeds = iterator.make_initializer(dataset), None
        return iterator.get_next()

    inputs = {"one shot": (one_shot, []), "in the tables": (in_the_tables, [])}
    inputs |= {"by a hook": (by_a_hook, [hook]), "of a structure": (of_a_structure, [hook])}
    seen = {}
    for name, (input_fn, hooks) in inputs.items():
        estimator = models.estimator(directory, name=name).train(input_fn, hooks=hooks, steps=3)
        seen[name] = {
            "variables": models.variables(estimator),
            "metrics": estimator.evaluate(input_fn, steps=2, hooks=hooks),
        }
    ended = models.estimator(directory, name="ended")
    ended.train(lambda: v1.data.make_one_shot_iterator(models.once()).get_next())
    return {**seen, "ended": models.variables(ended)}


@program("input_fn queues", repeated={V1: {}})
def readers_of_files(directory):
    """Rows of text files by a queue of names, a reader and a queue of batches."""
    path = os.path.join(directory, "rows.csv")
    with open(path, "w") as file:
        file.writelines(f"{x},{y}\n" for x, y in zip(models.X.ravel(), models.Y.ravel(), strict=True))

    def input_fn(epochs=None):
        names = v1.train.string_input_producer([path], num_epochs=epochs, shuffle=False)
        _, line = v1.TextLineReader().read(names)
        x, y = v1.train.batch(v1.decode_csv(line, [[0.0], [0.0]]), 4)
        return {"x": tf.reshape(x, [4, 1])}, tf.reshape(y, [4, 1])

    estimator = models.estimator(directory).train(input_fn, steps=5)
    return {
        "variables": models.variables(estimator),
        "metrics": estimator.evaluate(lambda: input_fn(1)),
    }


@program("variables", "collections", "checkpoint names", repeated={V1: {}})
def variables_and_loops_of_tensorflow_1(directory):
    """Variables in parts and scopes, loops and branches over them, averages, and a rate that falls."""

    def model_fn(features, labels, mode):
        x = features["x"]
        with v1.variable_scope("parts", partitioner=v1.fixed_size_partitioner(2)):
            table = models.variable("table", [4, 2], 0.2)
            ids = tf.cast(tf.reshape(x, [-1]) * 1.5, tf.int32)
            net = v1.nn.embedding_lookup(table, ids, partition_strategy="div")
        with v1.variable_scope("shared", reuse=v1.AUTO_REUSE):
            net = net * models.variable("scale", [2], 1.5) + models.variable("scale", [2], 1.5)
        seen = v1.get_variable("seen", initializer=0, trainable=False)
        _, doubled = tf.while_loop(
            lambda turn, value: turn < 3, lambda turn, value: (turn + 1, value * 1.1), [0, net]
        )
        net = tf.cond(tf.reduce_mean(x) > 0.5, lambda: doubled, lambda: net)
        y = tf.reduce_sum(net, 1, keepdims=True) * models.variable("out", [1], 0.3)
        if mode != "train":
            return models.regression(mode, y, labels)
        loss = v1.losses.mean_squared_error(labels, y) + 0.01 * tf.nn.l2_loss(
            v1.get_collection(v1.GraphKeys.TRAINABLE_VARIABLES, "out")[0]
        )
        step = v1.train.get_global_step()
        optimizer = v1.train.MomentumOptimizer(v1.train.exponential_decay(0.05, step, 2, 0.5), 0.9)
        gradients, variables = zip(*optimizer.compute_gradients(loss), strict=True)
        clipped, _ = tf.clip_by_global_norm(gradients, 0.5)
        trained = optimizer.apply_gradients(zip(clipped, variables, strict=True), step)
        average = v1.train.ExponentialMovingAverage(0.9, step)
        with tf.control_dependencies([trained]):
            train_op = tf.group(
                average.apply(v1.trainable_variables("shared")), v1.assign_add(seen, tf.shape(x)[0])
            )
        return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=train_op)

    estimator = models.estimator(directory, model_fn).train(models.batches, steps=4)
    estimator.train(models.batches, steps=2)
    return {
        "variables": models.variables(estimator),
        "metrics": estimator.evaluate(models.once),
        "predictions": list(estimator.predict(models.features_only)),
    }


@program("Keras layers", repeated=EVERYWHERE)
def cells_of_tensorflow_1(directory):
    """Two cells over sequences of different lengths, and a layer that is called twice."""
    cells, first = v1.nn.rnn_cell, v1.constant_initializer(0.1)
    sequences = np.cos(np.arange(4 * 5 * 2, dtype=np.float32)).reshape(4, 5, 2)
    lengths = np.array([5, 3, 4, 1])

    def model_fn(features, labels, mode):
        kept = cells.DropoutWrapper(cells.LSTMCell(3, initializer=first), output_keep_prob=1.0)
        cell = cells.MultiRNNCell([kept, cells.GRUCell(2, kernel_initializer=first)])
        outputs, state = v1.nn.dynamic_rnn(
            cell, features["x"], sequence_length=features["length"], dtype=tf.float32
        )
        shared = v1.layers.Dense(1, kernel_initializer=first, name="shared")
        y = shared(outputs[:, 0]) + shared(state[1])
        return models.regression(mode, y, labels)

    def batches():
        rows = {"x": sequences, "length": lengths}
        return tf.data.Dataset.from_tensor_slices((rows, np.ones([4, 1], np.float32))).batch(2)

    estimator = models.estimator(directory, model_fn).train(batches)
    return {
        "variables": models.variables(estimator),
        "metrics": estimator.evaluate(batches),
        "predictions": list(estimator.predict(batches)),
    }


@program("Keras layers", "signatures", "export_savedmodel", repeated={KERAS_2: {}})
def convolutions_of_tensorflow_1(directory):
    """The model function of TensorFlow's own tutorial of layers, smaller."""
    layers, first = v1.layers, v1.constant_initializer(0.05)
    images = np.sin(np.arange(8 * 36, dtype=np.float32)).reshape(8, 6, 6)
    digits = np.array([0, 1, 2, 0, 1, 2, 0, 1])

    def cnn_model_fn(features, labels, mode):
        net = tf.reshape(features["x"], [-1, 6, 6, 1])
        net = layers.conv2d(
            inputs=net,
            filters=2,
            kernel_size=[3, 3],
            padding="same",
            activation=tf.nn.relu,
            kernel_initializer=first,
        )
        net = layers.max_pooling2d(inputs=net, pool_size=[2, 2], strides=2)
        net = layers.flatten(net)
        net = layers.dense(inputs=net, units=4, activation=tf.nn.relu, kernel_initializer=first)
        net = layers.dropout(inputs=net, rate=0.0, training=mode == tf.estimator.ModeKeys.TRAIN)
        ramp = v1.constant_initializer([[0.1, 0.2, 0.3]] * 4)
        logits = layers.dense(inputs=net, units=3, kernel_initializer=ramp, name="logits")
        predictions = {
            "classes": tf.argmax(input=logits, axis=1),
            "probabilities": tf.nn.softmax(logits, name="softmax_tensor"),
        }
        if mode == tf.estimator.ModeKeys.PREDICT:
            outputs = {"classify": tf.estimator.export.PredictOutput(predictions)}
            return tf.estimator.EstimatorSpec(mode, predictions=predictions, export_outputs=outputs)
        loss = v1.losses.sparse_softmax_cross_entropy(labels=labels, logits=logits)
        if mode == tf.estimator.ModeKeys.TRAIN:
            optimizer = v1.train.GradientDescentOptimizer(learning_rate=0.1)
            train_op = optimizer.minimize(loss=loss, global_step=v1.train.get_global_step())
            return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=train_op)
        metrics = {"accuracy": v1.metrics.accuracy(labels=labels, predictions=predictions["classes"])}
        return tf.estimator.EstimatorSpec(mode, loss=loss, eval_metric_ops=metrics)

    def input_of(**given):
        return v1.estimator.inputs.numpy_input_fn(
            {"x": images}, **{"shuffle": False, "batch_size": 4, **given}
        )

    def receiver():
        x = v1.placeholder(tf.float32, [None, 6, 6], name="x")
        return tf.estimator.export.ServingInputReceiver({"x": x}, {"x": x})

    estimator = v1.estimator.Estimator(cnn_model_fn, os.path.join(directory, "model"), models.config())
    log = v1.train.LoggingTensorHook({"probabilities": "softmax_tensor"}, every_n_iter=2)
    estimator.train(input_of(y=digits, num_epochs=None), hooks=[log], steps=4)
    estimator.export_savedmodel(os.path.join(directory, "export"), receiver)
    return {
        "variables": models.variables(estimator),
        "metrics": estimator.evaluate(input_of(y=digits, num_epochs=1)),
        "predictions": list(estimator.predict(input_of())),
    }
