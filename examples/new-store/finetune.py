"""Fits the base model to a new shop that has been open for three months, and stops when that helps no more.

python finetune.py --model-dir=DIR
"""

import argparse
import pathlib

import tensorflow as tf
from model import model_fn, serving_input_receiver_fn
from sales import NEW_SHOP, eval_input_fn, train_input_fn

BASE = str(pathlib.Path(__file__).with_name("base") / "model.ckpt-2000")
OPENED, TODAY, LATER = 0, 90, 150


def main():
    """Reads the command line and fine-tunes; in a cluster, does this task's part of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model-dir", required=True)
    parser.add_argument("--base", default=BASE, help="checkpoint of the model to begin with")
    parser.add_argument("--max-steps", type=int, default=50000)
    parser.add_argument("--patience", type=int, default=1000, help="steps without a smaller loss")
    parser.add_argument("--eval-seconds", type=int, default=1, help="least time between evaluations")
    args = parser.parse_args()
    tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.INFO)

    config = tf.estimator.RunConfig(
        args.model_dir,
        save_checkpoints_steps=250,
        log_step_count_steps=250,
        experimental_max_worker_delay_secs=0,
    )
    estimator = tf.estimator.Estimator(
        model_fn,
        config=config,
        params={"learning_rate": 0.001},
        # The head begins anew: it is what differs most between shops.
        warm_start_from=tf.estimator.WarmStartSettings(args.base, vars_to_warm_start="(weekday|hidden_).*"),
    )
    stop = tf.estimator.experimental.stop_if_no_decrease_hook(
        estimator, "loss", max_steps_without_decrease=args.patience, run_every_secs=1
    )
    result = tf.estimator.train_and_evaluate(
        estimator,
        tf.estimator.TrainSpec(
            lambda: train_input_fn([NEW_SHOP], OPENED, TODAY, 16), max_steps=args.max_steps, hooks=[stop]
        ),
        tf.estimator.EvalSpec(
            lambda: eval_input_fn([NEW_SHOP], TODAY, LATER),
            steps=None,
            exporters=tf.estimator.BestExporter("best", serving_input_receiver_fn, exports_to_keep=1),
            start_delay_secs=0,
            throttle_secs=args.eval_seconds,
        ),
    )
    if result:
        metrics, _ = result
        print(
            f"stopped at step {metrics['global_step']},"
            f" mean absolute error {metrics['mean_absolute_error']:.3f}"
        )


if __name__ == "__main__":
    main()
