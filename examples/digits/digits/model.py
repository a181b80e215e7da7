"""A small network for the digits as a plain model_fn."""

import tensorflow as tf

v1 = tf.compat.v1


def dense(inputs, units, name, activation=None):
    """A fully connected layer: [batch, n] to [batch, units]."""
    with v1.variable_scope(name):
        kernel = v1.get_variable(
            "kernel", [inputs.shape[-1], units], initializer=v1.glorot_uniform_initializer()
        )
        bias = v1.get_variable("bias", [units], initializer=v1.zeros_initializer())
        outputs = tf.matmul(inputs, kernel) + bias
        return activation(outputs) if activation else outputs


def model_fn(features, labels, mode, params):
    """Pixels [batch, 64] to one of ten digits."""
    net = features["pixels"]
    for layer, units in enumerate(params["hidden"]):
        net = dense(net, units, f"hidden_{layer}", tf.nn.relu)
    logits = dense(net, 10, "logits")
    predictions = {"digit": tf.argmax(logits, axis=1), "probabilities": tf.nn.softmax(logits)}

    if mode == tf.estimator.ModeKeys.PREDICT:
        return tf.estimator.EstimatorSpec(mode, predictions=predictions)

    loss = v1.losses.sparse_softmax_cross_entropy(labels, logits)
    accuracy = v1.metrics.accuracy(labels, predictions["digit"])
    if mode == tf.estimator.ModeKeys.EVAL:
        return tf.estimator.EstimatorSpec(mode, loss=loss, eval_metric_ops={"accuracy": accuracy})

    optimizer = v1.train.AdamOptimizer(params["learning_rate"])
    train_op = optimizer.minimize(loss, global_step=v1.train.get_global_step())
    return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=train_op)


def serving_input_receiver_fn():
    """Requests carry pixels [batch, 64] in 0..1."""
    pixels = v1.placeholder(tf.float32, [None, 64], name="pixels")
    return tf.estimator.export.ServingInputReceiver({"pixels": pixels}, {"pixels": pixels})
