"""Tells which of three cultivars a wine was made of: Keras layers in a model_fn, tf.data, an Estimator.

python wine.py --model_dir=DIR
"""

import pathlib
import sys

import tensorflow as tf
from absl import flags

FLAGS = flags.FLAGS
flags.DEFINE_string("model_dir", None, "Where checkpoints and exports go.", required=True)
flags.DEFINE_integer("max_steps", 1200, "Global step at which training ends.")
flags.DEFINE_integer("batch_size", 32, "Wines in a step.")
flags.DEFINE_float("learning_rate", 3e-3, "Step size of Adam.")
flags.DEFINE_integer("eval_seconds", 5, "Least time between two evaluations.")

WINES = str(pathlib.Path(__file__).with_name("wine.csv"))
HELD_OUT_EVERY = 5
# Name, mean and standard deviation of each measurement.
MEASUREMENTS = {
    "alcohol": (13.0, 0.81),
    "malic_acid": (2.34, 1.12),
    "ash": (2.37, 0.27),
    "alcalinity_of_ash": (19.5, 3.34),
    "magnesium": (99.7, 14.3),
    "total_phenols": (2.3, 0.63),
    "flavanoids": (2.03, 1.0),
    "nonflavanoid_phenols": (0.36, 0.12),
    "proanthocyanins": (1.59, 0.57),
    "color_intensity": (5.06, 2.32),
    "hue": (0.96, 0.23),
    "od280_od315": (2.61, 0.71),
    "proline": (747.0, 315.0),
}


def wines():
    """One element per wine: the measurements by name, and the cultivar (0 to 2)."""
    columns = [tf.float32] * len(MEASUREMENTS) + [tf.int32]
    rows = tf.data.experimental.CsvDataset(WINES, columns, header=True)
    return rows.map(lambda *row: (dict(zip(MEASUREMENTS, row[:-1])), row[-1]))


def train_input_fn(params):
    """Endless shuffled batches of four fifths of the wines."""
    train = wines().enumerate().filter(lambda number, wine: number % HELD_OUT_EVERY != 0)
    train = train.map(lambda number, wine: wine).cache().shuffle(200).repeat()
    return train.batch(params["batch_size"]).prefetch(tf.data.AUTOTUNE)


def eval_input_fn():
    """Every fifth wine, once."""
    return wines().shard(HELD_OUT_EVERY, 0).batch(64)


def serving_input_receiver_fn():
    """Requests carry the measurements by name, each [batch]."""
    features = {name: tf.compat.v1.placeholder(tf.float32, [None], name=name) for name in MEASUREMENTS}
    return tf.estimator.export.build_raw_serving_input_receiver_fn(features)()


def model_fn(features, labels, mode, params):
    """Measurements to one of three cultivars."""
    columns = [(features[name] - mean) / deviation for name, (mean, deviation) in MEASUREMENTS.items()]
    net = tf.stack(columns, axis=1)
    for units in params["hidden"]:
        net = tf.keras.layers.Dense(units, activation="relu", kernel_initializer="he_normal")(net)
        net = tf.keras.layers.Dropout(params["dropout"])(net, training=mode == tf.estimator.ModeKeys.TRAIN)
    logits = tf.keras.layers.Dense(3, name="logits")(net)
    predictions = {"cultivar": tf.argmax(logits, axis=1), "probabilities": tf.nn.softmax(logits)}

    if mode == tf.estimator.ModeKeys.PREDICT:
        return tf.estimator.EstimatorSpec(mode, predictions=predictions)

    losses = tf.keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
    loss = tf.reduce_mean(losses)
    if mode == tf.estimator.ModeKeys.EVAL:
        accuracy = tf.compat.v1.metrics.accuracy(labels, predictions["cultivar"])
        return tf.estimator.EstimatorSpec(mode, loss=loss, eval_metric_ops={"accuracy": accuracy})

    optimizer = tf.compat.v1.train.AdamOptimizer(params["learning_rate"])
    train_op = optimizer.minimize(loss, global_step=tf.compat.v1.train.get_global_step())
    return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=train_op)


def main():
    """Trains, evaluates and exports; in a cluster, does this task's part of it."""
    tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.INFO)
    config = tf.estimator.RunConfig(
        model_dir=FLAGS.model_dir,
        save_checkpoints_steps=200,
        keep_checkpoint_max=2,
        log_step_count_steps=200,
        experimental_max_worker_delay_secs=0,
    )
    params = {
        "hidden": [32, 16],
        "dropout": 0.1,
        "learning_rate": FLAGS.learning_rate,
        "batch_size": FLAGS.batch_size,
    }
    estimator = tf.estimator.Estimator(model_fn, config=config, params=params)
    exporters = [
        tf.estimator.LatestExporter("latest", serving_input_receiver_fn, exports_to_keep=2),
        tf.estimator.FinalExporter("final", serving_input_receiver_fn),
    ]
    results = tf.estimator.train_and_evaluate(
        estimator,
        tf.estimator.TrainSpec(train_input_fn, max_steps=FLAGS.max_steps),
        tf.estimator.EvalSpec(
            eval_input_fn,
            steps=None,
            exporters=exporters,
            start_delay_secs=0,
            throttle_secs=FLAGS.eval_seconds,
        ),
    )
    if results:
        metrics, _ = results
        print(f"accuracy on the held-out wines: {metrics['accuracy']:.3f}")


if __name__ == "__main__":
    FLAGS(sys.argv)
    main()
