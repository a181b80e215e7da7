"""A small encoder of the kind that BERT is: embeddings, self-attention, feed-forward layers, on tf.compat.v1 alone."""

import tensorflow.compat.v1 as tf

HIDDEN = 32
LAYERS = 2
HEADS = 4


def variable(name, shape):
    """A weight of the encoder."""
    return tf.get_variable(name, shape, initializer=tf.truncated_normal_initializer(stddev=0.1, seed=1))


def dense(inputs, size, name):
    """A layer over the last dimension."""
    with tf.variable_scope(name):
        kernel = variable("kernel", [inputs.shape[-1], size])
        bias = tf.get_variable("bias", [size], initializer=tf.zeros_initializer())
        return tf.einsum("...i,ij->...j", inputs, kernel) + bias


def normalized(inputs, name):
    """Layer normalization."""
    with tf.variable_scope(name):
        size = inputs.shape[-1]
        gamma = tf.get_variable("gamma", [size], initializer=tf.ones_initializer())
        beta = tf.get_variable("beta", [size], initializer=tf.zeros_initializer())
        mean, variance = tf.nn.moments(inputs, [-1], keepdims=True)
        return (inputs - mean) * tf.rsqrt(variance + 1e-6) * gamma + beta


def dropped(inputs, is_training, rate=0.1):
    """Dropout, in training."""
    return tf.nn.dropout(inputs, rate=rate) if is_training else inputs


def attention(inputs, mask):
    """Self-attention over the words that are there."""

    def heads(name):
        return tf.reshape(dense(inputs, HIDDEN, name), [-1, inputs.shape[1], HEADS, HIDDEN // HEADS])

    scores = tf.einsum("bqhd,bkhd->bhqk", heads("query"), heads("key")) / (HIDDEN // HEADS) ** 0.5
    scores += (1.0 - tf.cast(mask[:, None, None, :], tf.float32)) * -10000.0
    read = tf.einsum("bhqk,bkhd->bqhd", tf.nn.softmax(scores), heads("value"))
    return dense(tf.reshape(read, [-1, inputs.shape[1], HIDDEN]), HIDDEN, "output")


def encoded(ids, mask, vocabulary_size, is_training):
    """The words of a batch in their context.

    Args:
        ids: int32 [batch, length].
        mask: int32 [batch, length], 1 where there is a word.
        vocabulary_size: number of words.
        is_training: whether dropout is on.

    Returns:
        float32 [batch, length, HIDDEN], and the table of words [vocabulary_size, HIDDEN].
    """
    with tf.variable_scope("encoder"):
        table = variable("word_embeddings", [vocabulary_size, HIDDEN])
        places = variable("position_embeddings", [ids.shape[1], HIDDEN])
        hidden = normalized(tf.nn.embedding_lookup(table, ids) + places, "embeddings_norm")
        for layer in range(LAYERS):
            with tf.variable_scope(f"layer_{layer}"):
                with tf.variable_scope("attention"):
                    seen = dropped(attention(hidden, mask), is_training)
                    hidden = normalized(hidden + seen, "norm")
                inner = tf.nn.relu(dense(hidden, 2 * HIDDEN, "intermediate"))
                hidden = normalized(hidden + dropped(dense(inner, HIDDEN, "outer"), is_training), "norm")
        return hidden, table


def assignment_map(checkpoint):
    """What tf.train.init_from_checkpoint gives the trainable variables of a checkpoint: {its name: its variable}."""
    saved = {name for name, _ in tf.train.list_variables(checkpoint)}
    names = [one.op.name for one in tf.trainable_variables()]
    return {name: name for name in names if name in saved}
