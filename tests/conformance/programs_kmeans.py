"""KMeans: the centers of every step, first centers, distances, features, ends, exports, and checkpoints both ways."""

import inspect
import os
import shutil

import kmeans_points
import models
import numpy as np
import tensorflow as tf
from catalogue import EVERYWHERE, program
from computations import outcome
from kmeans_points import POINTS, batches, in_one_order, kmeans, once, trained
from models import v1
from programs_loop import FINISHED

EXPORTS = {
    "exports/*/inputs/x/2": "the placeholder of a feature that is given as an eager tensor has the feature's name",
    "exports/*/collections/*": "tf.estimator builds loss, metrics and a step of training also where it only predicts",
}


@program("KMeans")
def kmeans_names(directory):
    kind = v1.estimator.experimental.KMeans
    from tensorflow_estimator.python.estimator.canned.kmeans import KMeansClustering

    return {
        "name": kind.__name__,
        "inside": KMeansClustering is kind,
        "is an Estimator": issubclass(kind, v1.estimator.Estimator),
        "of the other face": hasattr(tf.estimator.experimental, "KMeans"),
        "constructor": {name: str(one.default) for name, one in inspect.signature(kind).parameters.items()},
        "methods": {
            name: list(inspect.signature(getattr(kind, name)).parameters)
            for name in ("predict_cluster_index", "score", "transform", "cluster_centers")
        },
        "constants": {name: getattr(kind, name) for name in dir(kind) if name.isupper()},
    }


@program("KMeans", repeated=EVERYWHERE)
def kmeans_of_random_points(directory):
    return {
        "squared": trained(directory, 3, name="squared"),
        "cosine": trained(directory, 3, name="cosine", distance_metric="cosine"),
        "whole": trained(directory, 3, name="whole", use_mini_batch=False, input_fn=batches(20)),
        "whole cosine": trained(
            directory, 3, name="both", use_mini_batch=False, distance_metric="cosine", input_fn=batches(20)
        ),
    }


@program("KMeans", repeated=EVERYWHERE)
def kmeans_plus_plus(directory):
    def of(name, **settings):
        return trained(directory, 3, name=name, initial_clusters="kmeans_plus_plus", **settings)

    return {
        "squared": of("squared"),
        "cosine": of("cosine", distance_metric="cosine"),
        "whole": of("whole", use_mini_batch=False, kmeans_plus_plus_num_retries=5, input_fn=batches(20)),
        "no retries": of("none", kmeans_plus_plus_num_retries=0),
        "another seed": of("seed", seed=8),
    }


@program("KMeans", repeated=EVERYWHERE)
def kmeans_of_several_steps(directory):
    return {
        str(steps): trained(
            directory, 3, name=str(steps), mini_batch_steps_per_iteration=steps, steps=8, **settings
        )
        for steps, settings in (
            (2, {}),
            (3, {"distance_metric": "cosine"}),
            (4, {"initial_clusters": POINTS[:3]}),
            (0, {}),
        )
    }


@program("KMeans")
def kmeans_of_several_first_batches(directory):
    return {
        "repeated": trained(directory, 12, name="repeated"),
        "several steps": trained(directory, 7, name="several", mini_batch_steps_per_iteration=2),
    }


@program("KMeans", repeated=EVERYWHERE)
def kmeans_of_given_centers(directory):
    centers = POINTS[[3, 4, 5]]
    return {
        "array": trained(directory, 3, name="array", initial_clusters=centers),
        "list": trained(directory, 3, name="list", initial_clusters=centers.tolist()),
        "another number": trained(directory, 5, name="number", initial_clusters=centers),
        "no number": trained(directory, None, name="none", initial_clusters=centers),
        "cosine": trained(directory, 3, name="cosine", initial_clusters=centers, distance_metric="cosine"),
        "function": trained(
            directory, 3, name="function", initial_clusters=lambda parts, missing: parts[0][:missing]
        ),
        "one by one": trained(
            directory, 3, name="one", initial_clusters=lambda parts, missing: parts[0][missing : missing + 1]
        ),
    }


@program("KMeans", "feature columns")
def kmeans_of_features(directory):
    fc = tf.feature_column
    by_name = {"b": POINTS, "a": POINTS[:, :1] * 2, "c": POINTS[:, 1:] - 1}
    first, second = fc.numeric_column("b", shape=[2]), v1.feature_column.numeric_column("a")

    def of(name, features, **settings):
        estimator = kmeans(directory, 3, name=name, initial_clusters="kmeans_plus_plus", **settings)
        estimator.train(
            lambda: tf.data.Dataset.from_tensors(features).repeat(), steps=3, hooks=in_one_order()
        )
        once = lambda: tf.data.Dataset.from_tensors(features)
        return {
            "variables": models.variables(estimator),
            "score": estimator.score(once),
            "indices": [int(index) for index in estimator.predict_cluster_index(once)],
        }

    return {
        "dict": of("dict", by_name),
        "columns": of("columns", by_name, feature_columns=[first, second]),
        "columns of a tensor": of("tensor", POINTS, feature_columns=[first]),
        "parts": models.variables(
            kmeans(directory, 3, name="parts", use_mini_batch=False, initial_clusters=POINTS[:3]).train(
                lambda: ([tf.constant(POINTS[:10]), tf.constant(POINTS[10:])], None),
                steps=3,
                hooks=in_one_order(),
            )
        ),
    }


@program("KMeans", "request to stop", "train hooks")
def kmeans_to_a_tolerance(directory):
    def reached(tolerance, **settings):
        estimator = kmeans(
            directory,
            3,
            name=f"{tolerance}{''.join(settings)}",
            initial_clusters=POINTS[[0, 1, 2]] * 3,
            relative_tolerance=tolerance,
            **settings,
        )
        first = int(
            estimator.train(batches(20), steps=30, hooks=in_one_order()).get_variable_value("global_step")
        )
        again = int(
            estimator.train(batches(20), steps=30, hooks=in_one_order()).get_variable_value("global_step")
        )
        return [first, again]

    return {
        "mini": {str(tolerance): reached(tolerance) for tolerance in (0.3, 0.1, 0.03, 0.01, 1e-4)},
        "whole": {
            str(tolerance): reached(tolerance, use_mini_batch=False) for tolerance in (0.3, 0.03, 0.0, -1.0)
        },
    }


@program("KMeans", "export_saved_model", "signatures", differs=EXPORTS)
def kmeans_exports(directory):
    estimator = kmeans(directory, 3).train(batches(), steps=3, hooks=in_one_order())
    several = kmeans(directory, 3, name="several", mini_batch_steps_per_iteration=2).train(
        batches(), steps=3, hooks=in_one_order()
    )
    receiver = v1.estimator.export.build_raw_serving_input_receiver_fn

    def served(made, name):
        path = made.export_saved_model(os.path.join(directory, name), receiver({"x": tf.constant(POINTS)}))
        with tf.Graph().as_default(), v1.Session() as session:
            loaded = v1.saved_model.load(session, ["serve"], tf.compat.as_str_any(path))
            return {
                signature: session.run(
                    {key: info.name for key, info in one.outputs.items()},
                    {info.name: POINTS[:4] for info in one.inputs.values()},
                )
                for signature, one in loaded.signature_def.items()
            }

    return {"one": served(estimator, "export"), "several": served(several, "exports")}


@program("KMeans", "evaluate untrained", "predict untrained")
def kmeans_untrained(directory):
    estimator = kmeans(directory, 3)
    return {
        "centers": outcome(estimator.cluster_centers),
        "score": outcome(lambda: estimator.score(once())),
        "indices": outcome(lambda: list(estimator.predict_cluster_index(once()))),
        "transformed": outcome(lambda: list(estimator.transform(once()))),
    }


@program("KMeans", "local loop", "final export", differs={**EXPORTS, **FINISHED})
def kmeans_in_train_and_evaluate(directory):
    estimator = kmeans(directory, 3)
    te = tf.estimator
    receiver = v1.estimator.export.build_raw_serving_input_receiver_fn({"x": tf.constant(POINTS)})
    metrics, exports = te.train_and_evaluate(
        estimator,
        te.TrainSpec(batches(), max_steps=6, hooks=in_one_order()),
        te.EvalSpec(once(), exporters=te.FinalExporter("final", receiver), throttle_secs=0),
    )
    return {"metrics": metrics, "exports": len(exports), "answers": kmeans_points.asked(estimator)}


@program("KMeans", "checkpoint names")
def kmeans_for_the_other(directory):
    kmeans(directory, 3, name="one").train(batches(), steps=3, hooks=in_one_order())
    kmeans(directory, 3, name="several", mini_batch_steps_per_iteration=2).train(
        batches(), steps=3, hooks=in_one_order()
    )
    return {}


@program("KMeans", "variables", meets=True)
def resuming_kmeans(directory, own, other):
    def resumed(name, **settings):
        found = {}
        for whose, results in (("own", own), ("other", other)):
            target = os.path.join(directory, whose)
            shutil.copytree(os.path.join(results, "kmeans_for_the_other", name), os.path.join(target, name))
            estimator = kmeans(target, 3, name=name, **settings)
            estimator.train(batches(), max_steps=7, hooks=in_one_order())
            found[whose] = models.variables(estimator)
        equal = all(np.allclose(found["own"][name], found["other"][name]) for name in found["own"])
        return {**found, "equal": equal}

    return {"one": resumed("one"), "several": resumed("several", mini_batch_steps_per_iteration=2)}
