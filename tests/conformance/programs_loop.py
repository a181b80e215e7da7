"""train_and_evaluate: alone, as each task of a cluster, with exporters."""

import os
import socket

import models
import tensorflow as tf
from catalogue import V1, program
from models import Listener, Recorder, v1


def specs(
    max_steps=10, *, eval_name=None, exporters=None, steps=2, throttle_secs=0, train=None, **eval_fields
):
    return (
        tf.estimator.TrainSpec(models.batches, max_steps, **(train or {})),
        tf.estimator.EvalSpec(
            models.once,
            steps=steps,
            name=eval_name,
            exporters=exporters,
            start_delay_secs=0,
            throttle_secs=throttle_secs,
            **eval_fields,
        ),
    )


def all_exporters(directory):
    te, extra = tf.estimator, os.path.join(directory, "extra.txt")
    with open(extra, "w") as file:
        file.write("more")
    return [
        te.LatestExporter("latest", models.raw_receiver, exports_to_keep=2),
        te.FinalExporter("final", models.raw_receiver, assets_extra={"extra.txt": extra}, as_text=True),
        te.BestExporter("best", models.raw_receiver, exports_to_keep=1),
        te.BestExporter(
            "lowest_mae",
            models.raw_receiver,
            compare_fn=lambda best_eval_result, current_eval_result: (
                best_eval_result["mae"] > current_eval_result["mae"]
            ),
        ),
    ]


BEST_RESULT = "BestExporter keeps what its best model was worth beside the models, for the next start"
FINISHED = {
    "files/model/*finished*": "the end of training is marked in the model directory, for the evaluator"
}
LIVE = {
    "files/model/live_variables": "the model directory tells a restarted chief that the servers' variables are its own"
}
BEST_RESULTS = {"files/*best_eval_result.json": BEST_RESULT}
UNEVALUATED = "what an earlier process trained to its end and nobody evaluated is evaluated"


@program("local loop", "TrainSpec", "EvalSpec", "evaluate name", differs=FINISHED, repeated={V1: FINISHED})
def local_loop(directory):
    calls = []
    estimator = models.estimator(directory, save_checkpoints_steps=4)
    result = tf.estimator.train_and_evaluate(
        estimator,
        *specs(
            eval_name="held_out",
            train={"hooks": [Recorder("train", calls)], "saving_listeners": [Listener("listener", calls)]},
            hooks=[Recorder("eval", calls)],
        ),
    )
    return {"result": result, "calls": calls}


@program("local loop", differs=FINISHED)
def throttled_loop(directory):
    estimator = models.estimator(directory, save_checkpoints_steps=2)
    return tf.estimator.train_and_evaluate(estimator, *specs(throttle_secs=600))


@program("local loop", differs=FINISHED)
def loop_until_the_input_ends(directory):
    train_spec = tf.estimator.TrainSpec(lambda: models.once().repeat(3))
    estimator = models.estimator(directory, save_checkpoints_steps=4)
    return tf.estimator.train_and_evaluate(estimator, train_spec, specs()[1])


@program(
    "local loop",
    "train max_steps",
    differs={**FINISHED, "result/*": UNEVALUATED, "*model/eval*": UNEVALUATED},
)
def loop_that_is_done_already(directory):
    estimator = models.estimator(directory).train(models.batches, steps=5)
    return tf.estimator.train_and_evaluate(estimator, *specs(max_steps=5))


@program(
    "LatestExporter",
    "FinalExporter",
    "BestExporter",
    "final export",
    differs={**FINISHED, **BEST_RESULTS},
    repeated={V1: {**FINISHED, **BEST_RESULTS}},
)
def exporters_of_a_loop(directory):
    estimator = models.estimator(directory, save_checkpoints_steps=3)
    metrics, exports = tf.estimator.train_and_evaluate(
        estimator, *specs(max_steps=9, exporters=all_exporters(directory))
    )
    return {"metrics": metrics, "exported": [export is not None for export in exports]}


@program("Exporter", "EvalSpec", differs=FINISHED)
def exporter_of_ones_own(directory):
    calls = []

    class Mine(tf.estimator.Exporter):
        @property
        def name(self):
            return "mine"

        def export(self, estimator, export_path, checkpoint_path, eval_result, is_the_final_export):
            calls.append([export_path, checkpoint_path, sorted(eval_result), is_the_final_export])
            return len(calls)

    estimator = models.estimator(directory, save_checkpoints_steps=4)
    _, results = tf.estimator.train_and_evaluate(estimator, *specs(exporters=Mine()))
    return {"calls": calls, "results": results}


@program(
    "BestExporter",
    differs={"*": f"a worse model after a restart does not replace the better one; {BEST_RESULT}"},
)
def best_exporter_after_a_restart(directory):
    estimator = models.estimator(directory).train(models.batches, steps=1)
    path = os.path.join(directory, "export")

    def exported(*losses):
        exporter = tf.estimator.BestExporter(serving_input_receiver_fn=models.raw_receiver)
        return [
            exporter.export(estimator, path, estimator.latest_checkpoint(), {"loss": loss}, False) is not None
            for loss in losses
        ]

    return {"first": exported(3.0, 2.0, 4.0), "restarted with a worse one": exported(2.5)}


@program("BestExporter", differs=BEST_RESULTS)
def comparisons_of_best_exporter(directory):
    estimator = models.estimator(directory).train(models.batches, steps=1)
    checkpoint = estimator.latest_checkpoint()

    def exported(name, compare_fn, *results):
        exporter = tf.estimator.BestExporter(
            name, models.raw_receiver, compare_fn=compare_fn, exports_to_keep=None
        )
        path = os.path.join(directory, name)
        return [exporter.export(estimator, path, checkpoint, result, False) is not None for result in results]

    def higher(best_eval_result, current_eval_result):
        return current_eval_result["accuracy"] > best_eval_result["accuracy"]

    accuracies = [{"accuracy": value, "loss": 1.0} for value in (0.5, 0.4, 0.5, 0.7)]
    return {"accuracy": exported("accuracy", higher, *accuracies)}


def in_cluster(document, directory, **config):
    with models.tf_config(document):
        return models.estimator(directory, **config)


@program("chief", "TF_CONFIG chief", differs=FINISHED)
def chief_alone_in_its_cluster(directory):
    document = {"cluster": {"chief": ["localhost:1"]}, "task": {"type": "chief", "index": 0}}
    estimator = in_cluster(document, directory)
    with models.tf_config(document):
        result = tf.estimator.train_and_evaluate(estimator, *specs())
    return {"result": result, "variables": models.variables(estimator)}


@program("master", "TF_CONFIG master", differs=FINISHED)
def master_alone_in_its_cluster(directory):
    document = {"cluster": {"master": ["localhost:1"]}, "task": {"type": "master", "index": 0}}
    estimator = in_cluster(document, directory)
    with models.tf_config(document):
        return tf.estimator.train_and_evaluate(
            estimator, *specs(exporters=tf.estimator.FinalExporter("final", models.raw_receiver))
        )


@program("evaluator", "TF_CONFIG evaluator", "final export")
def evaluator(directory):
    models.estimator(directory).train(models.batches, steps=10)
    document = {
        "cluster": {"chief": ["localhost:1"], "ps": ["localhost:2"]},
        "task": {"type": "evaluator", "index": 0},
    }
    estimator = in_cluster(document, directory)
    with models.tf_config(document):
        return tf.estimator.train_and_evaluate(
            estimator,
            *specs(eval_name="held_out", exporters=tf.estimator.FinalExporter("final", models.raw_receiver)),
        )


def free_port():
    with socket.socket() as server:
        server.bind(("localhost", 0))
        return server.getsockname()[1]


@program("chief", "ps", "worker", "summaries", differs=FINISHED | LIVE)
def chief_with_parameter_servers(directory):
    """The servers live in this process: it is the placement and the sharded checkpoints that are looked at."""
    cluster = {"chief": [f"localhost:{free_port()}"], "ps": [f"localhost:{free_port()}" for _ in range(2)]}
    servers = [v1.train.Server(cluster, "ps", index) for index in range(2)]
    document = {"cluster": cluster, "task": {"type": "chief", "index": 0}}
    devices = {}

    class Look(v1.train.SessionRunHook):
        def begin(self):
            devices.update({v.op.name: v.device for v in v1.global_variables()})

    # Of every step: a hook that waits for a step reads it while a server counts it, before or after as it comes, and is a
    # step late then. In which step it looked is read anew.
    estimator = in_cluster(document, directory, save_summary_steps=1)
    with models.tf_config(document):
        tf.estimator.train_and_evaluate(estimator, *specs(train={"hooks": [Look()]}))
    return {
        "variables": models.variables(estimator),
        "devices": devices,
        "servers": [len(server.target) > 0 for server in servers],
    }


@program("TrainSpec", "EvalSpec")
def fields_of_specs(directory):
    te = tf.estimator
    hook, listener = Recorder("hook", []), Listener("listener", [])
    exporter = te.FinalExporter("final", models.raw_receiver)
    train = te.TrainSpec(models.once, 3, [hook], [listener])
    evaluation = te.EvalSpec(models.once, None, "name", [hook], exporter, 1, 2)
    plain = te.EvalSpec(models.once)
    return {
        "train": [train._fields, train.max_steps, len(train.hooks), type(train.saving_listeners).__name__],
        "defaults of train": [str(part) for part in te.TrainSpec(models.once)[1:]],
        "eval": [
            evaluation._fields,
            evaluation.steps,
            type(evaluation.exporters).__name__,
            evaluation.throttle_secs,
        ],
        "defaults of eval": [str(part) for part in plain[1:]],
    }
