"""The exporting methods, argument by argument: places, assets, modes, what they leave behind when they fail."""

import os
import pathlib

import models
import tensorflow as tf
from catalogue import program
from computations import outcome
from models import v1
from programs_export import supervised_receiver


def trained(directory, model_fn=models.linear):
    return models.estimator(directory, model_fn).train(models.batches, steps=1)


def signatures(path):
    return sorted(models.served(path))


@program("export_saved_model", "export names")
def places_of_an_export(directory):
    estimator = trained(directory)
    before = os.getcwd()
    os.chdir(directory)
    try:
        places = {
            "slash": os.path.join(directory, "slash") + "/",
            "deep": os.path.join(directory, "a", "b", "c"),
            "relative": "relative",
        }
        seen = {}
        for name, place in places.items():
            path = outcome(
                lambda p=place: tf.compat.as_str_any(estimator.export_saved_model(p, models.raw_receiver))
            )
            parts = path.split("/")
            seen[name] = ["/".join(parts[:-1]), len(parts[-1]), signatures(path) if len(parts) > 1 else path]
        return seen
    finally:
        os.chdir(before)


@program("assets", "export_saved_model")
def extra_assets_of_an_export(directory):
    source = os.path.join(directory, "source.txt")
    with open(source, "w") as file:
        file.write("more")
    estimator = trained(directory)

    def left(name, assets):
        base = os.path.join(directory, name)

        def export():
            path = tf.compat.as_str_any(
                estimator.export_saved_model(base, models.raw_receiver, assets_extra=assets)
            )
            extra = os.path.join(path, "assets.extra")
            return sorted(
                os.path.relpath(os.path.join(f, n), extra) for f, _, names in os.walk(extra) for n in names
            )

        return [outcome(export), len(os.listdir(base)) if os.path.exists(base) else 0]

    return {
        "none": left("none", None),
        "empty": left("empty", {}),
        "deep": left("deep", {"a/b/c.txt": source}),
        "two of one": left("two", {"a.txt": source, "b.txt": source}),
        "a path as the source": left("path", {"a.txt": pathlib.Path(source)}),
    }


@program("export_saved_model")
def an_export_that_fails_leaves_nothing(directory):
    estimator = trained(directory)
    base = os.path.join(directory, "export")
    failures = {
        "receiver": lambda: estimator.export_saved_model(base, lambda: 1 / 0),
    }
    seen = {name: outcome(failure) for name, failure in failures.items()}
    complete = estimator.export_saved_model(base, models.raw_receiver)
    names = [name for name in os.listdir(base) if not name.startswith("temp-")]
    return {"seen": seen, "exports": len(names), "served": signatures(complete)}


@program("export_saved_model", "supervised receiver")
def modes_of_an_export(directory):
    estimator = trained(directory)
    modes = {
        "predict": tf.estimator.ModeKeys.PREDICT,
        "a text": "infer",
        "in capitals": "INFER",
        "None": None,
        "serving": "serving",
    }
    return {
        name: outcome(
            lambda name=name, mode=mode: signatures(
                estimator.export_saved_model(
                    os.path.join(directory, name), models.raw_receiver, experimental_mode=mode
                )
            )
        )
        for name, mode in modes.items()
    }


@program("all-modes export", "supervised receiver")
def receivers_of_all_modes(directory):
    estimator = trained(directory)
    te_keys = tf.estimator.ModeKeys
    maps = {
        "predict alone": {te_keys.PREDICT: models.raw_receiver},
        "evaluation alone": {te_keys.EVAL: supervised_receiver},
        "an unknown one beside": {te_keys.PREDICT: models.raw_receiver, "more": models.raw_receiver},
        "one is None": {te_keys.PREDICT: models.raw_receiver, te_keys.EVAL: None},
        "empty": {},
        "None": None,
        "a receiver": models.raw_receiver,
    }

    def export(name, receivers):
        path = estimator.experimental_export_all_saved_models(os.path.join(directory, name), receivers)
        return sorted(os.listdir(path))

    return {
        name: outcome(lambda name=name, receivers=receivers: export(name, receivers))
        for name, receivers in maps.items()
    }


@program("all-modes export", "export_saved_model")
def serving_receivers_in_training_and_evaluation(directory):
    """A receiver without labels: the model function is called with labels None."""
    seen = []

    def model_fn(features, labels, mode):
        seen.append([mode, labels is None])
        y = models.line(features["x"])
        labels = tf.zeros_like(y) if labels is None else labels
        return models.regression(mode, y, labels)

    estimator = trained(directory, model_fn)
    for mode in ("train", "eval"):
        path = os.path.join(directory, mode)
        seen.append(
            outcome(
                lambda p=path, m=mode: (
                    len(estimator.export_saved_model(p, models.raw_receiver, experimental_mode=m)) > 0
                )
            )
        )
    return seen


@program("all-modes export", "supervised receiver")
def metrics_in_an_exported_evaluation(directory):
    """An update that is an operation is wrapped, for a signature holds tensors; nested values are refused."""

    def exported(name, metrics):
        estimator = models.estimator(directory, models.linear_in("eval", eval_metric_ops=metrics))
        return outcome(
            lambda: (
                len(
                    estimator.export_saved_model(
                        os.path.join(directory, name), supervised_receiver, experimental_mode="eval"
                    )
                )
                > 0
            )
        )

    trained(directory)
    return {
        "operation": exported("operation", lambda y: {"m": (tf.reduce_mean(y), tf.no_op())}),
        "of a name with a slash": exported("slash", lambda y: {"a/b": v1.metrics.mean(y)}),
        "none": exported("none", lambda y: {}),
        "nested": exported("nested", lambda y: {"m": ((y, y), tf.no_op())}),
        "an operation as value": exported("value", lambda y: {"m": (tf.no_op(), tf.no_op())}),
    }


@program("export_saved_model", "assets")
def variables_and_tables_of_an_export(directory):
    """Local variables and tables are initialised by the export itself, and what is not trained is in it."""

    def model_fn(features, labels, mode):
        y = models.line(features["x"])
        seen = models.variable("seen", trainable=False, value=3.0)
        local = v1.get_local_variable("local", initializer=tf.constant(5.0))
        keys = tf.lookup.KeyValueTensorInitializer([0, 1], [1.0, 2.0], tf.int64, tf.float32)
        looked_up = tf.lookup.StaticHashTable(keys, 0.0).lookup(tf.constant(1, tf.int64))
        return models.regression(mode, y + seen + local + looked_up, labels)

    estimator = trained(directory, model_fn)
    return models.served(estimator.export_saved_model(os.path.join(directory, "export"), models.raw_receiver))


@program("export_saved_model")
def a_variable_among_exported_predictions(directory):
    """A learned weight beside what is predicted, as an output of its own."""

    def model_fn(features, labels, mode):
        y = models.line(features["x"])
        (w,) = (variable for variable in v1.global_variables() if variable.op.name == "w")
        if mode != "infer":
            return models.regression(mode, y, labels)
        return tf.estimator.EstimatorSpec(mode, predictions={"y": y, "w": tf.identity(w)})

    estimator = trained(directory, model_fn)
    return {
        "batch": next(estimator.predict(models.features_only, yield_single_examples=False)),
        "served": models.served(
            estimator.export_saved_model(os.path.join(directory, "export"), models.raw_receiver)
        ),
    }
