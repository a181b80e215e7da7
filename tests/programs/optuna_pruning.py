"""Optuna's pruning hook in the training of an Estimator: it reads the evaluations, reports them and ends trials."""

import numpy as np
import optuna
import tensorflow as tf
from optuna_integration import TensorFlowPruningHook

X = np.linspace(-1, 1, 32, dtype="float32").reshape(-1, 1)


def points():
    return tf.data.Dataset.from_tensor_slices(({"x": X}, 2 * X)).batch(16)


def study_of(directory, pruner):
    """A study of three trials; each evaluates between two trainings, and the hook of the second sees it."""

    def objective(trial):
        rate = trial.suggest_float("rate", 0.01, 0.1)
        estimator = tf.estimator.LinearRegressor(
            [tf.feature_column.numeric_column("x")],
            model_dir=str(directory / str(trial.number)),
            optimizer=lambda: tf.keras.optimizers.legacy.SGD(rate),
        )
        hook = TensorFlowPruningHook(trial, estimator, metric="average_loss", run_every_steps=1)
        estimator.train(lambda: points().repeat(), steps=2, hooks=[hook])
        estimator.evaluate(points)
        estimator.train(lambda: points().repeat(), steps=2, hooks=[hook])
        return float(estimator.evaluate(points)["average_loss"])

    study = optuna.create_study(pruner=pruner, sampler=optuna.samplers.RandomSampler(seed=1))
    study.optimize(objective, n_trials=3)
    return study


def test_evaluations_are_reported(tmp_path):
    study = study_of(tmp_path, optuna.pruners.NopPruner())
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 3
    assert all(list(trial.intermediate_values) == [2] for trial in study.trials)
    assert study.best_value < 2


def test_trials_above_a_bound_are_pruned(tmp_path):
    study = study_of(tmp_path, optuna.pruners.ThresholdPruner(upper=1e-6))
    assert [trial.state.name for trial in study.trials] == ["PRUNED"] * 3
