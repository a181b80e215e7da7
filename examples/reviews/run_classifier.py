"""Fine-tunes the encoder to tell praise from blame, in the manner of BERT's run_classifier.py.

python run_classifier.py --do_train --do_eval --do_predict --data_dir=data --init_checkpoint=base/model.ckpt-1500 \
    --output_dir=/tmp/reviews
"""

import collections
import csv
import os

import modeling
import optimization
import tensorflow.compat.v1 as tf

flags = tf.flags
FLAGS = flags.FLAGS
flags.DEFINE_string("data_dir", "data", "The folder with train.tsv, dev.tsv and test.tsv.")
flags.DEFINE_string("vocab_file", "vocab.txt", "The words, one a line.")
flags.DEFINE_string("output_dir", None, "Where checkpoints, examples and answers go.")
flags.DEFINE_string("init_checkpoint", None, "A checkpoint of run_pretraining.py to begin with.")
flags.DEFINE_integer("max_seq_length", 16, "Words of a review; longer ones are cut, shorter ones filled up.")
flags.DEFINE_bool("do_train", False, "Whether to train.")
flags.DEFINE_bool("do_eval", False, "Whether to evaluate on dev.tsv.")
flags.DEFINE_bool("do_predict", False, "Whether to answer test.tsv.")
flags.DEFINE_integer("train_batch_size", 32, "Reviews of a step.")
flags.DEFINE_integer("eval_batch_size", 8, "Reviews of a batch in the evaluation.")
flags.DEFINE_integer("predict_batch_size", 8, "Reviews of a batch in the prediction.")
flags.DEFINE_float("learning_rate", 3e-3, "The rate after the warm-up.")
flags.DEFINE_integer("num_train_epochs", 12, "How often train.tsv is read.")
flags.DEFINE_float("warmup_proportion", 0.1, "Part of the training in which the rate grows.")
flags.DEFINE_integer("save_checkpoints_steps", 100, "Steps between two checkpoints.")
flags.DEFINE_integer("iterations_per_loop", 100, "Steps of a call on a TPU.")
flags.DEFINE_bool("use_tpu", False, "Whether to train on a TPU.")


class Tokenizer:
    """Words to numbers."""

    def __init__(self, vocab_file, length):
        with tf.gfile.GFile(vocab_file) as file:
            self.words = {word: number for number, word in enumerate(file.read().splitlines())}
        self.mask = self.words["[MASK]"]
        self.length = length

    def encoded(self, text):
        """(ids, mask), lists of `length` numbers."""
        words = ["[CLS]", *text.lower().split()[: self.length - 2], "[SEP]"]
        ids = [self.words.get(word, self.words["[UNK]"]) for word in words]
        empty = [0] * (self.length - len(ids))
        return ids + empty, [1] * len(ids) + empty


def read_reviews(name):
    """(text, label) of each row of a file in data_dir."""
    with tf.gfile.GFile(os.path.join(FLAGS.data_dir, name)) as file:
        return [(text, int(label)) for text, label in csv.reader(file, delimiter="\t")]


def write_examples(reviews, tokenizer, path, multiple_of=1):
    """Writes a TFRecord file; filled up with examples that do not count, where batches have to be whole."""
    with tf.python_io.TFRecordWriter(path) as writer:
        missing = -len(reviews) % multiple_of
        for number, (text, label) in enumerate([*reviews, *[("", 0)] * missing]):
            ids, mask = tokenizer.encoded(text)
            values = collections.OrderedDict(
                input_ids=ids, input_mask=mask, label_id=[label], is_real=[int(number < len(reviews))]
            )
            features = {
                key: tf.train.Feature(int64_list=tf.train.Int64List(value=value))
                for key, value in values.items()
            }
            writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())


def input_fn_builder(path, length, is_training):
    """Batches of `params["batch_size"]` reviews of a TFRecord file."""
    columns = {
        "input_ids": tf.FixedLenFeature([length], tf.int64),
        "input_mask": tf.FixedLenFeature([length], tf.int64),
        "label_id": tf.FixedLenFeature([], tf.int64),
        "is_real": tf.FixedLenFeature([], tf.int64),
    }

    def parsed(record):
        example = tf.parse_single_example(record, columns)
        # TPUs have no int64.
        return {name: tf.to_int32(value) for name, value in example.items()}

    def input_fn(params):
        data = tf.data.TFRecordDataset(path)
        if is_training:
            data = data.repeat().shuffle(1000, seed=1)
        return data.map(parsed).batch(params["batch_size"], drop_remainder=is_training)

    return input_fn


def model_fn_builder(vocabulary_size, init_checkpoint, steps, warmup_steps, directory):
    """The model function of the classifier."""

    def model_fn(features, labels, mode, params):
        del labels
        is_training = mode == tf.estimator.ModeKeys.TRAIN
        hidden, _ = modeling.encoded(
            features["input_ids"], features["input_mask"], vocabulary_size, is_training
        )
        pooled = tf.tanh(modeling.dense(hidden[:, 0], modeling.HIDDEN, "pooler"))
        logits = modeling.dense(modeling.dropped(pooled, is_training), 2, "classifier")
        if init_checkpoint:
            assignments = modeling.assignment_map(init_checkpoint)
            tf.train.init_from_checkpoint(init_checkpoint, assignments)
            tf.logging.info(
                "%d of %d variables begin with the checkpoint's values",
                len(assignments),
                len(tf.trainable_variables()),
            )
        spec = tf.estimator.tpu.TPUEstimatorSpec
        if mode == tf.estimator.ModeKeys.PREDICT:
            return spec(mode, predictions={"probabilities": tf.nn.softmax(logits)})

        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=features["label_id"], logits=logits)
        loss = tf.reduce_mean(losses)
        if is_training:
            train_op, rate = optimization.create_optimizer(
                loss, FLAGS.learning_rate, steps, warmup_steps, params["use_tpu"]
            )

            def host_call_fn(step, loss, rate):
                """Writes what a TPU cannot."""
                with tf.compat.v2.summary.create_file_writer(directory).as_default():
                    with tf.compat.v2.summary.record_if(tf.equal(step[0] % 25, 0)):
                        tf.compat.v2.summary.scalar("fine_tuning/loss", loss[0], step=step[0])
                        tf.compat.v2.summary.scalar("fine_tuning/learning_rate", rate[0], step=step[0])
                        return tf.summary.all_v2_summary_ops()

            told = [tf.reshape(one, [1]) for one in (tf.train.get_global_step(), loss, rate)]
            return spec(mode, loss=loss, train_op=train_op, host_call=(host_call_fn, told))

        def metric_fn(losses, labels, logits, is_real):
            return {
                "eval_accuracy": tf.metrics.accuracy(labels, tf.argmax(logits, axis=-1), weights=is_real),
                "eval_loss": tf.metrics.mean(losses, weights=is_real),
            }

        return spec(
            mode,
            loss=loss,
            eval_metrics=(metric_fn, [losses, features["label_id"], logits, features["is_real"]]),
        )

    return model_fn


def write_lines(name, lines):
    """Writes a text file to output_dir."""
    with tf.gfile.GFile(os.path.join(FLAGS.output_dir, name), "w") as file:
        file.write("".join(f"{line}\n" for line in lines))


def main(_):
    """Trains, evaluates and predicts, as asked."""
    tf.logging.set_verbosity(tf.logging.INFO)
    if not (FLAGS.do_train or FLAGS.do_eval or FLAGS.do_predict):
        raise ValueError("At least one of --do_train, --do_eval and --do_predict must be given.")
    tf.gfile.MakeDirs(FLAGS.output_dir)
    tokenizer = Tokenizer(FLAGS.vocab_file, FLAGS.max_seq_length)
    training = read_reviews("train.tsv")
    steps = len(training) * FLAGS.num_train_epochs // FLAGS.train_batch_size
    config = tf.estimator.tpu.RunConfig(
        cluster=None,
        master=None,
        model_dir=FLAGS.output_dir,
        tf_random_seed=1,
        save_checkpoints_steps=FLAGS.save_checkpoints_steps,
        tpu_config=tf.estimator.tpu.TPUConfig(
            iterations_per_loop=FLAGS.iterations_per_loop,
            per_host_input_for_training=tf.estimator.tpu.InputPipelineConfig.PER_HOST_V2,
        ),
    )
    estimator = tf.estimator.tpu.TPUEstimator(
        use_tpu=FLAGS.use_tpu,
        model_fn=model_fn_builder(
            len(tokenizer.words),
            FLAGS.init_checkpoint,
            steps,
            int(steps * FLAGS.warmup_proportion),
            os.path.join(FLAGS.output_dir, "host"),
        ),
        config=config,
        train_batch_size=FLAGS.train_batch_size,
        eval_batch_size=FLAGS.eval_batch_size,
        predict_batch_size=FLAGS.predict_batch_size,
    )

    def examples(name, reviews, multiple_of=1):
        path = os.path.join(FLAGS.output_dir, f"{name}.tf_record")
        write_examples(reviews, tokenizer, path, multiple_of)
        return input_fn_builder(path, FLAGS.max_seq_length, is_training=name == "train")

    if FLAGS.do_train:
        estimator.train(examples("train", training), max_steps=steps)
    if FLAGS.do_eval:
        result = estimator.evaluate(examples("eval", read_reviews("dev.tsv"), FLAGS.eval_batch_size))
        write_lines("eval_results.txt", [f"{key} = {result[key]}" for key in sorted(result)])
    if FLAGS.do_predict:
        asked = read_reviews("test.tsv")
        answers = estimator.predict(examples("predict", asked, FLAGS.predict_batch_size))
        rows = [answer["probabilities"] for _, answer in zip(asked, answers)]
        write_lines("test_results.tsv", ["\t".join(str(share) for share in row) for row in rows])


if __name__ == "__main__":
    flags.mark_flag_as_required("output_dir")
    tf.app.run()
