"""A program for tf.estimator as people have it: a canned Estimator, feature columns, exporters; run by the job runner."""

import argparse

import numpy as np
import tensorflow as tf

X = np.linspace(-1, 1, 64, dtype=np.float32).reshape(64, 1)


def input_fn():
    features = {"x": X, "word": np.where(X > 0.5, "high", "low")}
    labels = np.where(X > 0, "yes", "no")
    return tf.data.Dataset.from_tensor_slices((features, labels)).repeat().batch(32)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model-dir")
    args = parser.parse_args()
    x = tf.feature_column.numeric_column("x")
    word = tf.feature_column.categorical_column_with_vocabulary_list("word", ["low", "high"])
    # The second hidden layer has a megabyte: the first form of the Estimator divides it between the ps tasks.
    estimator = tf.compat.v1.estimator.DNNLinearCombinedClassifier(
        model_dir=args.model_dir,
        linear_feature_columns=[word],
        dnn_feature_columns=[x, tf.feature_column.embedding_column(word, 2)],
        dnn_hidden_units=[512, 512],
        dnn_optimizer="Adam",
        label_vocabulary=["no", "yes"],
        config=tf.estimator.RunConfig(save_checkpoints_steps=40, tf_random_seed=3),
    )
    spec = tf.feature_column.make_parse_example_spec([x, word])
    receiver = tf.estimator.export.build_parsing_serving_input_receiver_fn(spec)
    tf.estimator.train_and_evaluate(
        estimator,
        tf.estimator.TrainSpec(input_fn, max_steps=120),
        tf.estimator.EvalSpec(
            input_fn,
            steps=2,
            exporters=tf.estimator.FinalExporter("final", receiver),
            start_delay_secs=0,
            throttle_secs=1,
        ),
    )


if __name__ == "__main__":
    main()
