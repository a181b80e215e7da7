"""A program as it was written for TensorFlow 1: the job's tests run it as it stands."""

import argparse
import sys

import tensorflow.compat.v1 as tf
import tensorflow_estimator as tfe
from linear_model import X, Y
from tensorflow import estimator


def model_fn(features, labels, mode):
    weight = tf.get_variable("w", [1, 1], initializer=tf.zeros_initializer())
    y = tf.matmul(features["x"], weight)
    if mode == tf.estimator.ModeKeys.PREDICT:
        return tf.estimator.EstimatorSpec(mode, predictions={"y": y})
    loss = tf.reduce_mean(tf.square(y - labels))
    train_op = tf.train.GradientDescentOptimizer(0.1).minimize(loss, tf.train.get_global_step())
    return estimator.EstimatorSpec(mode, loss=loss, train_op=train_op)


def input_fn():
    return tf.data.Dataset.from_tensor_slices(({"x": X}, Y)).batch(4).repeat()


def receiver_fn():
    x = tf.placeholder(tf.float32, [None, 1])
    return tf.estimator.export.ServingInputReceiver({"x": x}, {"x": x})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--max-steps", type=int, required=True)
    parser.add_argument("--exit-code", type=int)
    parser.add_argument("--complain")
    arguments = parser.parse_args()
    trained = tfe.estimator.Estimator(model_fn, config=estimator.RunConfig(save_checkpoints_steps=5))
    tf.estimator.train_and_evaluate(
        trained,
        tf.estimator.TrainSpec(input_fn, max_steps=arguments.max_steps),
        tf.estimator.EvalSpec(
            input_fn, steps=2, throttle_secs=0, exporters=tf.estimator.FinalExporter("end", receiver_fn)
        ),
    )
    sys.exit(arguments.complain or arguments.exit_code)


if __name__ == "__main__":
    main()
