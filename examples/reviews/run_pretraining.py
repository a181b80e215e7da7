"""Pre-trains the encoder on reviews without labels: words are hidden, and it learns to tell which they were.

python run_pretraining.py --output_dir=/tmp/pretrained
"""

import random

import modeling
import run_classifier
import tensorflow.compat.v1 as tf

flags = tf.flags
FLAGS = flags.FLAGS
flags.DEFINE_string("input_file", "data/unlabelled.tsv", "Reviews, one a line.")
flags.DEFINE_integer("pretraining_steps", 1500, "Number of steps.")


def input_fn_builder(texts, tokenizer):
    """Batches of reviews in each of which one word is hidden."""
    rng = random.Random(1)
    rows = {"input_ids": [], "input_mask": [], "position": [], "word": []}
    for text in texts:
        ids, mask = tokenizer.encoded(text)
        position = rng.randrange(1, sum(mask) - 1)
        rows["position"].append(position)
        rows["word"].append(ids[position])
        rows["input_ids"].append([tokenizer.mask if i == position else one for i, one in enumerate(ids)])
        rows["input_mask"].append(mask)

    def input_fn(params):
        data = tf.data.Dataset.from_tensor_slices(
            {name: tf.constant(of, tf.int32) for name, of in rows.items()}
        )
        return data.shuffle(len(texts), seed=1).repeat().batch(params["batch_size"], drop_remainder=True)

    return input_fn


def model_fn_builder(vocabulary_size, rate, steps):
    """The model function of the hidden words."""

    def model_fn(features, labels, mode, params):
        del labels, params
        hidden, table = modeling.encoded(features["input_ids"], features["input_mask"], vocabulary_size, True)
        asked = tf.gather(hidden, features["position"], batch_dims=1)
        logits = tf.matmul(modeling.dense(asked, modeling.HIDDEN, "transform"), table, transpose_b=True)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=features["word"], logits=logits)
        loss = tf.reduce_mean(losses)
        step = tf.train.get_or_create_global_step()
        train_op = tf.train.AdamOptimizer(tf.train.polynomial_decay(rate, step, steps)).minimize(loss, step)
        # Without the optimizer's own variables: a fine-tuning begins with the weights alone.
        saver = tf.train.Saver([*tf.trainable_variables(), step])
        return tf.estimator.tpu.TPUEstimatorSpec(
            mode, loss=loss, train_op=train_op, scaffold_fn=lambda: tf.train.Scaffold(saver=saver)
        )

    return model_fn


def main(_):
    """Writes a checkpoint to output_dir."""
    tokenizer = run_classifier.Tokenizer(FLAGS.vocab_file, FLAGS.max_seq_length)
    with tf.gfile.GFile(FLAGS.input_file) as file:
        texts = file.read().splitlines()
    steps = FLAGS.pretraining_steps
    estimator = tf.estimator.tpu.TPUEstimator(
        use_tpu=FLAGS.use_tpu,
        model_fn=model_fn_builder(len(tokenizer.words), 3e-3, steps),
        config=tf.estimator.tpu.RunConfig(
            model_dir=FLAGS.output_dir, tf_random_seed=1, save_checkpoints_steps=steps, keep_checkpoint_max=1
        ),
        train_batch_size=64,
    )
    estimator.train(input_fn_builder(texts, tokenizer), max_steps=steps)


if __name__ == "__main__":
    tf.app.run()
