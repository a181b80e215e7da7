"""Estimators whose attributes programs assign, and exporters that programs make of tf.estimator's."""

import glob
import os

import models
import numpy as np
import tensorflow as tf
from catalogue import program
from computations import outcome
from models import v1
from programs_exporters import BEST, Recording
from programs_internal_names import deep


def still(features, labels, mode):
    """A model that no step changes."""
    return models.regression(
        mode, models.line(features["x"]), labels, optimizer=v1.train.GradientDescentOptimizer(0.0)
    )


def trained(directory, **fields):
    return models.estimator(directory, **fields).train(models.batches, steps=2)


def named(directory):
    return sorted(os.path.basename(path) for path in glob.glob(os.path.join(directory, "model.ckpt-*.index")))


@program("WarmStartSettings", "train steps")
def a_warm_start_that_is_assigned(directory):
    source = trained(os.path.join(directory, "source"))
    settings = tf.estimator.WarmStartSettings(source.model_dir)
    values = {}
    for name, assigned in (("assigned", settings), ("taken back", None)):
        started = None if name == "assigned" else source.model_dir
        estimator = tf.estimator.Estimator(
            still, os.path.join(directory, name.replace(" ", "_")), warm_start_from=started
        )
        estimator._warm_start_settings = assigned
        estimator.train(models.batches, steps=1)
        values[name] = float(np.squeeze(estimator.get_variable_value("w")))
    values["source"] = float(np.squeeze(source.get_variable_value("w")))
    return values


@program("train steps", "evaluate")
def a_configuration_that_is_assigned(directory):
    estimator = models.estimator(directory, save_checkpoints_steps=100)
    estimator._config = estimator.config.replace(save_checkpoints_steps=2, keep_checkpoint_max=2)
    estimator.train(models.batches, steps=6)
    told = {"checkpoints": named(estimator.model_dir), "config": estimator.config.save_checkpoints_steps}
    estimator._config = estimator.config.replace(save_checkpoints_steps=None, save_checkpoints_secs=None)
    estimator.train(models.batches, steps=2)
    return {
        **told,
        "without": named(estimator.model_dir),
        "step": int(estimator.get_variable_value("global_step")),
    }


@program("train steps", "evaluate", "predict", "export_saved_model")
def a_directory_that_is_assigned(directory):
    other = trained(os.path.join(directory, "other"))
    other.train(models.batches, steps=3)
    estimator = trained(os.path.join(directory, "own"))
    before = int(estimator.evaluate(models.once)["global_step"])
    estimator._model_dir = other.model_dir
    evaluated = estimator.evaluate(models.once)
    exported = estimator.export_saved_model(os.path.join(directory, "export"), models.raw_receiver)
    variables = tf.train.load_checkpoint(os.path.join(exported.decode(), "variables", "variables"))
    return {
        "before": before,
        "evaluated": {name: float(value) for name, value in evaluated.items()},
        "predicted": [float(one["y"][0]) for one in estimator.predict(models.features_only)],
        "exported step": int(variables.get_tensor("global_step")),
        "step": int(estimator.get_variable_value("global_step")),
        "names": os.path.basename(estimator.model_dir),
    }


@program("session_config")
def a_session_config_that_is_assigned(directory):
    class Seen(v1.train.SessionRunHook):
        found = None

        def before_run(self, run_context):
            found = run_context.session
            while not hasattr(found, "_config"):
                found = found._sess
            Seen.found = found._config.intra_op_parallelism_threads

    estimator = models.estimator(directory)
    estimator._session_config = v1.ConfigProto(intra_op_parallelism_threads=1, allow_soft_placement=True)
    estimator.train(models.batches, hooks=[Seen()], steps=1)
    return Seen.found


def recorded(directory, made, results, final=False):
    """What an exporter asked of the estimator, and what it returned."""
    estimator = Recording(directory)
    path = os.path.join(directory, "exports")
    returned = [
        outcome(lambda r=result: made.export(estimator, path, "ckpt", r, final)) for result in results
    ]
    return {"returned": returned, "asked": estimator.asked}


@program("LatestExporter")
def an_internal_exporter(directory):
    exporter = deep("exporter")
    whole = exporter._SavedModelExporter("a", "receiver", {"x": "y"}, True)
    return {
        "defaults": recorded(directory, exporter._SavedModelExporter("a", "receiver"), [{"loss": 1.0}, {}]),
        "all": recorded(directory, whole, [None], final=True),
        "name": whole.name,
        "an exporter": isinstance(whole, tf.estimator.Exporter),
        "of it": [
            issubclass(one, exporter._SavedModelExporter)
            for one in (tf.estimator.LatestExporter, tf.estimator.FinalExporter, tf.estimator.BestExporter)
        ],
    }


@program("BestExporter")
def an_exporter_with_a_rule_of_its_own(directory):
    class OwnRule(tf.estimator.BestExporter):
        """Exports by a rule of its own, with what it inherits."""

        def export(self, estimator, export_path, checkpoint_path, eval_result, is_the_final_export):
            found = None
            if self._best_eval_result is None or self._compare_fn(self._best_eval_result, eval_result):
                found = self._saved_model_exporter.export(
                    estimator, export_path, checkpoint_path, eval_result, is_the_final_export
                )
                self._best_eval_result = eval_result
                self._garbage_collect_exports(export_path)
            return found

    made = OwnRule(serving_input_receiver_fn="receiver", exports_to_keep=1)
    told = recorded(directory, made, [{"loss": 2.0}, {"loss": 1.0}, {"loss": 3.0}])
    left = os.listdir(os.path.join(directory, "exports"))
    return {**told, "best": made._best_eval_result, "left": len(left), "name": made.name}


class Asked:
    """Stands for what exports, as programs put one there."""

    name = "asked"

    def __init__(self):
        self.steps = []

    def export(self, estimator, export_path, checkpoint_path, eval_result, is_the_final_export):
        self.steps.append([checkpoint_path, eval_result, is_the_final_export])
        return b"exported"


@program("LatestExporter", "FinalExporter", "BestExporter", differs=BEST)
def exporters_whose_part_is_replaced(directory):
    told = {}
    for name, made in {
        "latest": tf.estimator.LatestExporter("a", "receiver"),
        "final": tf.estimator.FinalExporter("a", "receiver"),
        "best": tf.estimator.BestExporter(serving_input_receiver_fn="receiver"),
    }.items():
        made._saved_model_exporter = part = Asked()
        path = os.path.join(directory, name)
        os.makedirs(os.path.join(path, "exports"))
        said = recorded(path, made, [{"loss": 1.0}, {"loss": 0.5}], final=True)
        told[name] = {**said, "name": made.name, "steps": part.steps}
    return told


@program("BestExporter", differs=BEST)
def what_a_best_exporter_remembers(directory):
    made = tf.estimator.BestExporter(serving_input_receiver_fn="receiver")
    told = [made._best_eval_result, made._model_dir, made._event_file_pattern, made._exports_to_keep]
    recorded(directory, made, [{"loss": 2.0, "global_step": 1}, {"loss": 3.0, "global_step": 2}])
    return {"before": told, "after": made._best_eval_result, "of its directory": made._model_dir == directory}


@program("BestExporter", "evaluate")
def the_best_of_event_files(directory):
    estimator = models.estimator(directory)
    for _ in range(3):
        estimator.train(models.batches, steps=2).evaluate(models.once)
    made = tf.estimator.BestExporter(
        serving_input_receiver_fn="receiver",
        compare_fn=lambda best_eval_result, current_eval_result: best_eval_result["loss"] < current_eval_result["loss"],
    )  # fmt: skip
    found = made._get_best_eval_result(os.path.join(estimator.eval_dir(), "*.tfevents.*"))
    return {
        "best": {name: round(float(value), 5) for name, value in found.items()},
        "none": made._get_best_eval_result(os.path.join(directory, "none", "*")),
    }


@program("constructor")
def parts_that_copies_of_the_library_import(directory):
    export = deep("estimator_export", "estimator_export")

    def given():
        return "itself"

    with tf.Graph().as_default():
        deep("canned.dnn", "_add_hidden_layer_summary")(tf.zeros([2, 3]), "layer")
        names = sorted(one.name for one in v1.get_collection(v1.GraphKeys.SUMMARIES))
        parts = [models.variable("a", [2], 0.0), [models.variable("b", [2], 1.0)]]
        share = deep("canned.linear", "_compute_fraction_of_zero")(parts)
        with v1.Session() as session:
            session.run(v1.global_variables_initializer())
            zeros = float(session.run(share))
    return {
        "exported": export("estimator.Own", v1=["estimator.Own"])(given)(),
        "of 1": export(v1=["estimator.Own1"])(given)(),
        "summaries": names,
        "zeros": zeros,
    }
