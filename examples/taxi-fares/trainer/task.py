"""Trains the fares.

python -m trainer.task --job-dir=DIR --train-files data/train.csv --eval-files data/eval.csv
"""

import argparse

import tensorflow.compat.v1 as tf

from trainer import hooks, input, model


def is_better(best_eval_result, current_eval_result):
    """BestExporter keeps the smallest error."""
    return current_eval_result["rmse"] < best_eval_result["rmse"]


def run(args):
    """Trains, evaluates and exports; in a cluster, does this task's part of it."""
    config = tf.estimator.RunConfig(
        model_dir=args.job_dir,
        tf_random_seed=args.seed,
        save_checkpoints_steps=args.save_checkpoints_steps,
        save_summary_steps=100,
        log_step_count_steps=args.log_steps,
        keep_checkpoint_max=3,
        experimental_max_worker_delay_secs=args.worker_delay,
    )
    params = argparse.Namespace(hidden_units=args.hidden_units, learning_rate=args.learning_rate)
    estimator = tf.estimator.Estimator(model_fn=model.model_fn, config=config, params=params)
    train_spec = tf.estimator.TrainSpec(
        input.make_input_fn(args.train_files, args.batch_size),
        max_steps=args.train_steps,
        hooks=[hooks.ThroughputHook(args.batch_size, args.log_steps)],
    )
    eval_spec = tf.estimator.EvalSpec(
        input.make_input_fn(args.eval_files, args.batch_size, shuffle=False, num_epochs=1),
        steps=args.eval_steps,
        exporters=tf.estimator.BestExporter(
            "best",
            model.serving_input_receiver_fn,
            compare_fn=is_better,
            exports_to_keep=2,
        ),
        start_delay_secs=args.eval_start_delay,
        throttle_secs=args.eval_throttle,
    )
    tf.estimator.train_and_evaluate(estimator, train_spec, eval_spec)


def main():
    """Reads the command line."""
    parser = argparse.ArgumentParser(description="Trains the fares.")
    parser.add_argument("--job-dir", required=True, help="where checkpoints and exports go")
    parser.add_argument("--train-files", nargs="+", required=True)
    parser.add_argument("--eval-files", nargs="+", required=True)
    parser.add_argument("--train-steps", type=int, default=3000)
    parser.add_argument("--eval-steps", type=int, help="default: the files once")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--hidden-units", type=int, nargs="*", default=[64, 32])
    parser.add_argument("--learning-rate", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--save-checkpoints-steps", type=int, default=500)
    parser.add_argument("--log-steps", type=int, default=500)
    parser.add_argument("--eval-start-delay", type=int, default=0, help="seconds")
    parser.add_argument("--eval-throttle", type=int, default=5, help="seconds")
    parser.add_argument("--worker-delay", type=int, default=0, help="seconds, longest")
    parser.add_argument("--verbosity", choices=["DEBUG", "INFO", "WARN", "ERROR"], default="INFO")
    args = parser.parse_args()
    tf.logging.set_verbosity(getattr(tf.logging, args.verbosity))
    run(args)


if __name__ == "__main__":
    main()
