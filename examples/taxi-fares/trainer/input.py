"""Trips out of CSV files."""

import tensorflow.compat.v1 as tf

COLUMNS = ["pickup", "dropoff", "weekday", "hour", "distance_km", "passengers", "fare"]
DEFAULTS = [[""], [""], [0], [0], [0.0], [1], [0.0]]
LABEL = "fare"


def parse_lines(lines):
    """A batch of lines to features and fares, each [batch]."""
    features = dict(zip(COLUMNS, tf.decode_csv(lines, record_defaults=DEFAULTS)))
    return features, features.pop(LABEL)


def make_input_fn(files, batch_size, shuffle=True, num_epochs=None):
    """The input function of CSV files: shuffled and endless to train, as they stand and once to evaluate."""

    def input_fn():
        dataset = tf.data.TextLineDataset(files)
        if shuffle:
            dataset = dataset.shuffle(10000)
        dataset = dataset.repeat(num_epochs).batch(batch_size)
        return dataset.map(parse_lines, num_parallel_calls=2).prefetch(2)

    return input_fn
