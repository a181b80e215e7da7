"""A Scaffold that saves with a tf.train.Checkpoint: training, evaluation, prediction, what is exported, checkpoints both ways."""

import os
import shutil

import models
import tensorflow as tf
from catalogue import program
from computations import outcome
from models import v1


def model_fn(features, labels, mode):
    weight = v1.get_variable("w", [], initializer=v1.constant_initializer(0.5), use_resource=True)
    step = v1.train.get_or_create_global_step()
    scaffold = v1.train.Scaffold(saver=tf.train.Checkpoint(weight=weight, step=step))
    predictions = features["x"] * weight
    outputs = {"serving_default": tf.estimator.export.PredictOutput({"y": predictions})}
    if mode == "infer":
        return tf.estimator.EstimatorSpec(
            mode, predictions=predictions, export_outputs=outputs, scaffold=scaffold
        )
    loss = tf.reduce_mean((predictions - labels) ** 2)
    train_op = v1.train.GradientDescentOptimizer(0.1).minimize(loss, step)
    return tf.estimator.EstimatorSpec(
        mode, predictions=predictions, loss=loss, train_op=train_op, scaffold=scaffold
    )


def input_fn():
    return tf.data.Dataset.from_tensors(({"x": tf.constant([[1.0]])}, tf.constant([[2.0]])))


def receiver():
    x = v1.placeholder(tf.float32, [None, 1], "x")
    return tf.estimator.export.ServingInputReceiver({"x": x}, {"x": x})


def answer(path):
    with tf.Graph().as_default(), v1.Session() as session:
        signature = v1.saved_model.load(session, ["serve"], path).signature_def["serving_default"]
        return float(session.run(signature.outputs["y"].name, {signature.inputs["x"].name: [[2.0]]})[0][0])


@program(
    "scaffold",
    "saver",
    "export_saved_model",
    "final export",
    "LatestExporter",
    "BestExporter",
    differs={
        "files/model/*finished*": "the end of training is marked in the model directory, for the evaluator",
        "files/*best_eval_result.json": "BestExporter keeps the result of the model that it exported last",
    },
)
def a_saver_of_objects(directory):
    estimator = tf.estimator.Estimator(model_fn, f"{directory}/model")
    exporters = [
        tf.estimator.LatestExporter("latest", receiver),
        tf.estimator.FinalExporter("final", receiver),
        tf.estimator.BestExporter("best", receiver),
    ]
    tf.estimator.train_and_evaluate(
        estimator,
        tf.estimator.TrainSpec(input_fn, max_steps=1),
        tf.estimator.EvalSpec(input_fn, exporters=exporters, start_delay_secs=0),
    )
    exported = {
        name: [answer(path) for path in tf.io.gfile.glob(f"{directory}/model/export/{name}/[0-9]*")]
        for name in ("latest", "final", "best")
    }
    more = estimator.export_saved_model(f"{directory}/more", receiver)
    return {
        "exported": exported,
        "export_saved_model": outcome(lambda: answer(more.decode())),
        "predicted": [float(one[0]) for one in estimator.predict(input_fn)],
        "evaluated": {name: float(value) for name, value in estimator.evaluate(input_fn).items()},
        "variables": estimator.get_variable_names(),
    }


@program("saver", "scaffold", meets=True)
def resuming_a_saver_of_objects(directory, own, other):
    """Trained further, evaluated and asked, from what `a_saver_of_objects` has left in each environment."""
    found = {}
    for whose, results in (("own", own), ("other", other)):
        target = os.path.join(directory, whose)
        source = os.path.join(results, "a_saver_of_objects", "model")
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("eval", "export", "finished"))
        estimator = tf.estimator.Estimator(model_fn, target)
        before = {"metrics": estimator.evaluate(input_fn), "predictions": list(estimator.predict(input_fn))}
        estimator.train(lambda: input_fn().repeat(), steps=2)
        found[whose] = {**before, "variables": models.variables(estimator)}
    return found
