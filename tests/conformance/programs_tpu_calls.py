"""TPUEstimators beside what works with any Estimator: strategies, early stopping, evaluation in memory, metrics, exports."""

import os

import models
import tensorflow as tf
import tpu_models
from catalogue import V1, program
from computations import outcome
from models import v1
from programs_loop import BEST_RESULTS, FINISHED
from programs_stopping import SIGNAL
from tpu_models import batches, features_only, once


@program("TPUEstimator", "train_distribute")
def tpu_estimator_with_a_strategy(directory):
    strategy = tf.distribute.MirroredStrategy(["/cpu:0"])
    told = []

    def model_fn(features, labels, mode, params):
        told.append([mode, tpu_models.plain(params)])
        return tpu_models.linear(features, labels, mode, params)

    estimator = tpu_models.estimator(directory, model_fn, run_config={"train_distribute": strategy})
    estimator.train(batches, steps=3)
    return {"variables": models.variables(estimator), "metrics": estimator.evaluate(once), "told": told}


@program("TPUEstimator", "make_early_stopping_hook", differs=SIGNAL)
def early_stopping_of_a_tpu_estimator(directory):
    estimator = tpu_models.estimator(directory, run_config={"save_checkpoints_steps": 2})
    os.makedirs(estimator.eval_dir())
    hook = tf.estimator.experimental.make_early_stopping_hook(
        estimator, should_stop_fn=lambda: True, run_every_secs=None, run_every_steps=3
    )
    estimator.train(batches, hooks=[hook], steps=20)
    return {name: estimator.get_variable_value(name) for name in ("global_step", "w", "b")}


@program("TPUEstimator", "InMemoryEvaluatorHook")
def evaluation_in_memory_of_a_tpu_estimator(directory):
    told = []

    def model_fn(features, labels, mode, params):
        told.append([mode, tpu_models.plain(params)])
        return tpu_models.linear(features, labels, mode, params)

    estimator = tpu_models.estimator(directory, model_fn)
    hook = tf.estimator.experimental.InMemoryEvaluatorHook(estimator, once, every_n_iter=4)
    estimator.train(batches, hooks=[hook], steps=8)
    return {"variables": models.variables(estimator), "told": sorted(map(str, told))}


@program("TPUEstimator", "add_metrics")
def metrics_added_to_a_tpu_estimator(directory):
    """An Estimator again, which tells no batch sizes: the input function has to know its own."""
    estimator = tpu_models.estimator(directory).train(batches, steps=3)

    def metric_fn(labels, predictions):
        return {"largest label": v1.metrics.mean(tf.reduce_max(labels))}

    added = tf.estimator.add_metrics(estimator, metric_fn)
    return {
        "metrics": outcome(lambda: added.evaluate(models.once, name="added")),
        "with params": outcome(lambda: added.evaluate(once, name="params")),
    }


@program(
    "TPUEstimator",
    "LatestExporter",
    "BestExporter",
    "local loop",
    differs={**FINISHED, **BEST_RESULTS},
)
def exporters_of_a_tpu_estimator(directory):
    te = tf.estimator
    estimator = tpu_models.estimator(directory, run_config={"save_checkpoints_steps": 3}, export_to_tpu=False)
    metrics, exports = te.train_and_evaluate(
        estimator,
        te.TrainSpec(batches, 9),
        te.EvalSpec(
            once,
            steps=None,
            start_delay_secs=0,
            throttle_secs=0,
            exporters=[
                te.LatestExporter("latest", models.raw_receiver),
                te.BestExporter("best", models.raw_receiver),
                te.FinalExporter("final", models.parsing_receiver),
            ],
        ),
    )
    return {"metrics": metrics, "exported": [export is not None for export in exports]}


@program("TPUEstimator", "export_saved_model", "export_savedmodel", "supervised receiver", "all-modes export")
def exports_of_a_tpu_estimator(directory):
    estimator = tpu_models.estimator(directory).train(batches, steps=3)

    def supervised():
        x, y = (v1.placeholder(tf.float32, [None, 1], name=name) for name in "xy")
        make = tf.estimator.experimental.build_raw_supervised_input_receiver_fn({"x": x}, {"y": y})
        return make()

    def model_fn(features, labels, mode, params):
        y = labels["y"] if isinstance(labels, dict) else labels
        return tpu_models.linear(features, y, mode, params)

    by_mode = tpu_models.estimator(directory, model_fn)

    def path(name):
        return os.path.join(directory, name)

    found = {
        "old": estimator.export_savedmodel(path("old"), models.raw_receiver, strip_default_attrs=True),
        "text": estimator.export_saved_model(path("text"), models.raw_receiver, as_text=True),
        "parsed": estimator.export_saved_model(path("parsed"), models.parsing_receiver),
        "earlier": estimator.export_saved_model(
            path("earlier"),
            models.raw_receiver,
            checkpoint_path=os.path.join(estimator.model_dir, "model.ckpt-0"),
        ),
    }
    for mode in ("eval", "train"):
        by_mode.export_saved_model(path(mode), supervised, experimental_mode=mode)
    by_mode.experimental_export_all_saved_models(
        path("all"), {"infer": models.raw_receiver, "eval": supervised, "train": supervised}
    )
    return {name: models.served(where) for name, where in found.items()}


@program("TPUEstimator", "variables", repeated={V1: {}})
def global_steps_of_a_tpu_estimator(directory):
    """A resource in every mode, also where the other variables are references."""
    kinds = {}

    def model_fn(features, labels, mode, params):
        y = models.line(features["x"])
        kinds[mode] = [
            [one.op.type, one.name, one.dtype.base_dtype.name, one.trainable]
            for one in (v1.train.get_global_step(), *v1.trainable_variables())
        ]
        return tpu_models.regression(mode, y, labels)

    estimator = tpu_models.estimator(directory, model_fn)
    estimator.train(batches, steps=3)
    estimator.evaluate(once)
    list(estimator.predict(features_only))
    return {"kinds": kinds, "variables": models.variables(estimator)}


class Attributes(dict):
    """A dict whose items are attributes as well."""

    def __getattr__(self, name):
        if name in self:
            return self[name]
        raise AttributeError(name)


class HParams:
    """As tf.contrib.training.HParams, and what libraries have kept of it."""

    def __init__(self, **values):
        vars(self).update(values)

    def __contains__(self, name):
        return name in vars(self)

    def add_hparam(self, name, value):
        assert name not in self
        setattr(self, name, value)

    def set_hparam(self, name, value):
        assert name in self
        setattr(self, name, value)


@program("TPUEstimator", "model_fn arguments", "input_fn arguments")
def hyperparameters_of_every_class(directory):
    def seen(name, params):
        told = []

        def input_fn(params):
            told.append(["input", type(params).__name__, params.batch_size])
            return once({"batch_size": params.batch_size})

        def model_fn(features, labels, mode, params):
            told.append([mode, type(params).__name__, params.batch_size, params.use_tpu, params.rate])
            return tpu_models.linear(features, labels, mode, params)

        estimator = tpu_models.estimator(directory, model_fn, name=name, params=params)
        estimator.train(input_fn, steps=1)
        return {
            "metrics": estimator.evaluate(input_fn),
            "told": told,
            "params": type(estimator.params).__name__,
        }

    given = {
        "attributes": Attributes(rate=0.5),
        "hparams": HParams(rate=0.5),
        "hparams with use_tpu": HParams(rate=0.5, use_tpu=True),
        "hparams with batch_size": HParams(rate=0.5, batch_size=3),
    }
    return {
        name: outcome(lambda name=name, params=params: seen(name, params)) for name, params in given.items()
    }
