"""A wide and deep regression of the fare, by hand."""

import tensorflow.compat.v1 as tf

ZONES = ["airport", "centre", "harbour", "hills", "market", "old town", "station", "university"]


def feature_columns():
    """What the wide part and the deep part look at."""
    column = tf.feature_column
    pickup = column.categorical_column_with_vocabulary_list("pickup", ZONES)
    dropoff = column.categorical_column_with_vocabulary_list("dropoff", ZONES)
    weekday = column.categorical_column_with_identity("weekday", 7)
    hour = column.bucketized_column(column.numeric_column("hour"), [6, 7, 10, 16, 19, 22])
    distance = column.numeric_column("distance_km", normalizer_fn=lambda km: (km - 8.0) / 6.0)
    passengers = column.numeric_column("passengers")
    wide = [column.crossed_column([pickup, dropoff], 200), weekday, hour]
    deep = [
        column.embedding_column(pickup, 3),
        column.embedding_column(dropoff, 3),
        column.indicator_column(weekday),
        hour,
        distance,
        passengers,
    ]
    return wide, deep


def dense(inputs, units, name, activation=None):
    """A fully connected layer."""
    with tf.variable_scope(name):
        kernel = tf.get_variable(
            "kernel", [inputs.shape[-1], units], initializer=tf.glorot_uniform_initializer()
        )
        bias = tf.get_variable("bias", [units], initializer=tf.zeros_initializer())
        outputs = tf.nn.xw_plus_b(inputs, kernel, bias)
        return activation(outputs) if activation else outputs


def model_fn(features, labels, mode, params):
    """Trips to fares, [batch, 1]."""
    wide, deep = feature_columns()
    net = tf.feature_column.input_layer(features, deep)
    for layer, units in enumerate(params.hidden_units):
        net = dense(net, units, "hidden_%d" % layer, tf.nn.relu)
    fare = dense(net, 1, "fare") + tf.feature_column.linear_model(features, wide)

    if mode == tf.estimator.ModeKeys.PREDICT:
        return tf.estimator.EstimatorSpec(
            mode,
            predictions={"fare": fare},
            export_outputs={
                "serving_default": tf.estimator.export.RegressionOutput(fare),
                "fares": tf.estimator.export.PredictOutput({"fare": fare}),
            },
        )

    labels = tf.expand_dims(labels, -1)
    loss = tf.losses.huber_loss(labels, fare, delta=5.0)
    if mode == tf.estimator.ModeKeys.EVAL:
        metrics = {
            "rmse": tf.metrics.root_mean_squared_error(labels, fare),
            "mae": tf.metrics.mean_absolute_error(labels, fare),
        }
        return tf.estimator.EstimatorSpec(mode, loss=loss, eval_metric_ops=metrics)

    step = tf.train.get_or_create_global_step()
    rate = tf.train.exponential_decay(params.learning_rate, step, 1000, 0.7)
    tf.summary.scalar("learning_rate", rate)
    train_op = tf.train.AdamOptimizer(rate).minimize(loss, global_step=step)
    return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=train_op)


def serving_input_receiver_fn():
    """Requests are serialized tf.Examples."""
    wide, deep = feature_columns()
    spec = tf.feature_column.make_parse_example_spec(wide + deep)
    return tf.estimator.export.build_parsing_serving_input_receiver_fn(spec)()
