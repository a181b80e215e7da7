"""Trains the base model on forty shops.

    python pretrain.py --model-dir=DIR

base/ holds what it left after 2,000 steps.
"""

import argparse

import tensorflow as tf
from model import model_fn
from sales import OLD_SHOPS, eval_input_fn, train_input_fn


def main():
    """Reads the command line, trains and evaluates."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model-dir", required=True)
    parser.add_argument("--max-steps", type=int, default=2000)
    args = parser.parse_args()
    tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.INFO)
    config = tf.estimator.RunConfig(args.model_dir, log_step_count_steps=500)
    estimator = tf.estimator.Estimator(model_fn, config=config, params={"learning_rate": 0.003})
    estimator.train(lambda: train_input_fn(OLD_SHOPS, 0, 200, 128), max_steps=args.max_steps)
    result = estimator.evaluate(lambda: eval_input_fn(OLD_SHOPS, 200, 260))
    print(f"mean absolute error on forty shops: {result['mean_absolute_error']:.3f}")


if __name__ == "__main__":
    main()
