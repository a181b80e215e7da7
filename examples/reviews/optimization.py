"""The training operation: Adam with a warm-up and a linear decay, gradients clipped together."""

import tensorflow.compat.v1 as tf


def create_optimizer(loss, rate, steps, warmup_steps, use_tpu):
    """The operation of a step, and the learning rate."""
    step = tf.train.get_or_create_global_step()
    decayed = tf.train.polynomial_decay(rate, step, steps, end_learning_rate=0.0)
    share = tf.cast(step + 1, tf.float32) / max(warmup_steps, 1)
    learning_rate = tf.minimum(share, 1.0) * decayed
    optimizer = tf.train.AdamOptimizer(learning_rate)
    if use_tpu:
        optimizer = tf.tpu.CrossShardOptimizer(optimizer)
    variables = tf.trainable_variables()
    gradients, _ = tf.clip_by_global_norm(tf.gradients(loss, variables), clip_norm=1.0)
    return optimizer.apply_gradients(zip(gradients, variables), global_step=step), learning_rate
