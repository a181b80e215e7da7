"""A program with an RNNClassifier; run by the job runner as chief, worker, ps and evaluator."""

import argparse

import rnn_data
import tensorflow as tf


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model-dir")
    args = parser.parse_args()
    columns = [rnn_data.numbers(), tf.feature_column.embedding_column(rnn_data.words(), 2)]
    estimator = tf.estimator.experimental.RNNClassifier(
        columns,
        units=[8],
        cell_type="lstm",
        optimizer=lambda: tf.compat.v1.train.AdamOptimizer(0.03),
        label_vocabulary=["no", "yes"],
        model_dir=args.model_dir,
        config=tf.estimator.RunConfig(save_checkpoints_steps=60, tf_random_seed=3),
    )
    spec = tf.feature_column.make_parse_example_spec(columns)
    receiver = tf.estimator.export.build_parsing_serving_input_receiver_fn(spec)
    tf.estimator.train_and_evaluate(
        estimator,
        tf.estimator.TrainSpec(rnn_data.input_of("words"), max_steps=240),
        tf.estimator.EvalSpec(
            rnn_data.input_of("words", epochs=1),
            steps=None,
            exporters=tf.estimator.FinalExporter("final", receiver),
            start_delay_secs=0,
            throttle_secs=1,
        ),
    )


if __name__ == "__main__":
    main()
