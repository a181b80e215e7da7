"""Exporters: what they are asked, in which order, what they keep, and what they return."""

import os

import models
import numpy as np
import tensorflow as tf
from attempts import kind
from catalogue import program
from computations import outcome

BEST = {"files*": "BestExporter keeps what its best model was worth beside the models, for the next start"}


class Recording:
    """Stands where an estimator is asked to export, and writes down what it is asked."""

    def __init__(self, directory, fails=False):
        self.model_dir = directory
        self.asked = []
        self.fails = fails

    def export_saved_model(self, export_dir_base, serving_input_receiver_fn, **arguments):
        self.asked.append([export_dir_base, serving_input_receiver_fn, arguments])
        if self.fails:
            raise KeyError("fails")
        path = os.path.join(export_dir_base, str(1_500_000_000 + len(self.asked)))
        os.makedirs(path)
        return path.encode()


def exported(directory, exporter, results=({"loss": 1.0},), final=False, fails=False):
    """What an exporter returned for each result, and what it asked the estimator for."""
    estimator = Recording(directory, fails)
    path = os.path.join(directory, "exports")
    returned = [
        outcome(lambda result=result: exporter.export(estimator, path, "checkpoint", result, final))
        for result in results
    ]
    left = [name for name in os.listdir(path) if name.isdigit()] if os.path.exists(path) else []
    return {"returned": returned, "asked": estimator.asked, "left": len(left)}


@program("LatestExporter", "FinalExporter", "BestExporter", differs=BEST)
def what_exporters_ask_the_estimator(directory):
    makes = {
        "latest": tf.estimator.LatestExporter("a", "receiver", {"x": "y"}, True, 3),
        "final": tf.estimator.FinalExporter("a", "receiver", {"x": "y"}, True),
        "best": tf.estimator.BestExporter("a", "receiver", "eval*", lambda best_eval_result, current_eval_result: True, {"x": "y"}, True, 3),
        "latest with defaults": tf.estimator.LatestExporter("a", "receiver"),
        "final with defaults": tf.estimator.FinalExporter("a", "receiver"),
        "best with defaults": tf.estimator.BestExporter(serving_input_receiver_fn="receiver"),
    }  # fmt: skip
    return {
        name: [exporter.name, exported(os.path.join(directory, name), exporter, final=True)]
        for name, exporter in makes.items()
    }


@program("FinalExporter")
def a_final_exporter_that_is_asked_early(directory):
    exporter = tf.estimator.FinalExporter("final", models.raw_receiver)
    early = exported(directory, exporter, final=False)
    return {"early": early["returned"], "asked": len(early["asked"]), "falsy": [
        outcome(lambda value=value: exporter.export(Recording(directory), directory, "c", {}, value))
        for value in (0, None, "")
    ]}  # fmt: skip


@program("LatestExporter")
def exports_that_are_collected(directory):
    """Only directories named by ten digits count, and only the oldest of those go."""
    path = os.path.join(directory, "exports")
    others = ["1400000000", "1400000001", "temp-1400000002", "14000000", "14000000000", "best", "140000000a"]
    for name in others:
        os.makedirs(os.path.join(path, name))
    with open(os.path.join(path, "1400000003"), "w") as file:
        file.write("a file")
    estimator = Recording(directory)
    exporter = tf.estimator.LatestExporter("latest", models.raw_receiver, exports_to_keep=2)
    ended = outcome(lambda: exporter.export(estimator, path, "checkpoint", {}, False) is not None)
    return {"outcome": ended, "left": [f"name {name}" for name in sorted(os.listdir(path))]}


@program("LatestExporter")
def exports_that_are_all_kept(directory):
    keep_all = tf.estimator.LatestExporter("latest", models.raw_receiver, exports_to_keep=None)
    return exported(directory, keep_all, [{}] * 7)["left"]


@program("LatestExporter", "BestExporter")
def odd_numbers_of_exports_to_keep(directory):
    numbers = {
        "None": None,
        "numpy": np.int64(2),
        "float": 1.5,
        "True": True,
        "False": False,
        "zero": 0,
        "text": "3",
    }
    return {
        name: [
            outcome(
                lambda n=number: tf.estimator.LatestExporter("a", models.raw_receiver, exports_to_keep=n).name
            ),
            outcome(
                lambda n=number: tf.estimator.BestExporter("a", models.raw_receiver, exports_to_keep=n).name
            ),
        ]
        for name, number in numbers.items()
    }


@program("BestExporter", differs=BEST)
def what_a_comparison_is_given(directory):
    """The first result is exported without a comparison; then the best and the current one, in that order."""
    compared = []

    def compare(best_eval_result, current_eval_result):
        compared.append([best_eval_result, current_eval_result])
        return current_eval_result["a"] > best_eval_result["a"]

    exporter = tf.estimator.BestExporter("best", models.raw_receiver, compare_fn=compare)
    results = [{"a": value, "loss": 1.0} for value in (2.0, 1.0, 3.0, 3.0, 2.5, 4.0)]
    return [exported(directory, exporter, results)["returned"], compared]


@program("BestExporter", differs=BEST)
def truth_of_a_comparison(directory):
    """What a comparison returns is taken for true or false as Python does."""
    seen = {}
    for name, value in {"numpy": np.bool_(True), "one": 1, "text": "no", "None": None, "empty": []}.items():
        exporter = tf.estimator.BestExporter("best", models.raw_receiver, compare_fn=returning(value))
        outcome = exported(os.path.join(directory, name), exporter, [{"loss": 1.0}, {"loss": 2.0}])
        seen[name] = [kind(part) for part in outcome["returned"]]
    return seen


def returning(value):
    def compare(best_eval_result, current_eval_result):
        return value

    return compare


@program("BestExporter", differs=BEST)
def results_of_every_kind(directory):
    """A loss may be a numpy value; NaN is never better."""
    values = {
        "numpy": [np.float32(2.0), np.float32(1.0)],
        "arrays": [np.array(2.0), np.array(1.0)],
        "integers": [2, 1],
        "equal": [1.0, 1.0],
        "NaN later": [1.0, float("nan")],
        "infinite first": [float("inf"), 1.0],
        "text": ["b", "a"],
        "None": [None, 1.0],
    }
    return {
        name: [
            kind(part)
            for part in exported(
                os.path.join(directory, name),
                tf.estimator.BestExporter("best", models.raw_receiver),
                [{"loss": loss} for loss in losses],
            )["returned"]
        ]
        for name, losses in values.items()
    }


@program("BestExporter", differs=BEST)
def a_first_result_of_every_kind(directory):
    """The first one is exported whatever it is: nothing is compared."""
    results = {"empty": {}, "no loss": {"a": 1.0}, "more": {"loss": 1.0, "text": "a", "array": np.ones([2])}}
    return {
        name: kind(
            exported(
                os.path.join(directory, name),
                tf.estimator.BestExporter("best", models.raw_receiver),
                [result],
            )["returned"][0]
        )
        for name, result in results.items()
    }


@program("BestExporter", differs=BEST)
def exports_of_what_nobody_has_evaluated(directory):
    def asked(name, results, **settings):
        exporter = tf.estimator.BestExporter("best", models.raw_receiver, **settings)
        return [kind(part) for part in exported(os.path.join(directory, name), exporter, results)["returned"]]

    def unless_none(best_eval_result, current_eval_result):
        return current_eval_result is None

    return {
        "first": asked("first", [None, None]),
        "before a result": asked("before", [None, {"loss": 1.0}, {"loss": 2.0}]),
        "after a result": asked("after", [{"loss": 1.0}, None]),
        "what is compared": asked("compared", [{"loss": 1.0}, None, {"loss": 0.5}], compare_fn=unless_none),
    }


@program("BestExporter", differs=BEST)
def an_export_that_fails(directory):
    """It was not exported, so it is no best."""
    exporter = tf.estimator.BestExporter("best", models.raw_receiver)
    first = exported(directory, exporter, [{"loss": 2.0}])
    failed = exported(directory, exporter, [{"loss": 1.0}], fails=True)
    return [first["returned"], failed["returned"]]


@program("Exporter")
def exporters_that_are_incomplete(directory):
    class NoName(tf.estimator.Exporter):
        def export(self, estimator, export_path, checkpoint_path, eval_result, is_the_final_export):
            return None

    class NoExport(tf.estimator.Exporter):
        @property
        def name(self):
            return "a"

    class Named(NoName):
        name = "a plain attribute"

    class Duck:
        name = "duck"

        def export(self, *arguments):
            return None

    makes = {"no name": NoName, "no export": NoExport, "attribute": Named, "abstract": tf.estimator.Exporter}
    return {
        **{name: outcome(lambda make=make: make().name) for name, make in makes.items()},
        "duck": outcome(lambda: kind(tf.estimator.EvalSpec(models.once, exporters=Duck()).exporters)),
        "attribute in a spec": outcome(
            lambda: tf.estimator.EvalSpec(models.once, exporters=Named()).exporters[0].name
        ),
    }


@program(
    "EvalSpec",
    "Exporter",
    differs={
        "result/generator*": "a generator is not used up by the look at the names: its exporters are called"
    },
)
def forms_of_exporters(directory):
    def final(name="a"):
        return tf.estimator.FinalExporter(name, models.raw_receiver)

    forms = {
        "one": final(),
        "list": [final("a"), final("b")],
        "tuple": (final(),),
        "generator": (final(name) for name in "ab"),
        "set": {final()},
        "dict": {final(): 1},
        "empty": [],
        "text": "ab",
        "empty text": "",
        "zero": 0,
        "None among them": [final(), None],
        "a class": tf.estimator.FinalExporter,
    }
    return {
        name: outcome(
            lambda form=form: [
                one.name for one in tf.estimator.EvalSpec(models.once, exporters=form).exporters
            ]
        )
        for name, form in forms.items()
    }


@program("Exporter", "local loop")
def a_loop_with_an_exporter_that_fails(directory):
    class Fail(tf.estimator.Exporter):
        name = "fail"

        def export(self, estimator, export_path, checkpoint_path, eval_result, is_the_final_export):
            raise KeyError("fails")

    estimator = models.estimator(directory, save_checkpoints_steps=2)
    specs = (
        tf.estimator.TrainSpec(models.batches, 4),
        tf.estimator.EvalSpec(models.once, exporters=Fail(), start_delay_secs=0, throttle_secs=0),
    )
    return [
        outcome(lambda: tf.estimator.train_and_evaluate(estimator, *specs)),
        int(estimator.get_variable_value("global_step")),
    ]


@program("LatestExporter", "BestExporter", "export_saved_model", differs=BEST)
def exporters_without_a_loop(directory):
    """Called by hand with an Estimator and a checkpoint that is not the latest one."""
    estimator = models.estimator(directory).train(models.batches, steps=2)
    first = os.path.join(estimator.model_dir, "model.ckpt-0")
    served = {}
    for exporter in (
        tf.estimator.LatestExporter("latest", models.raw_receiver),
        tf.estimator.BestExporter("best", models.raw_receiver),
    ):
        path = os.path.join(directory, exporter.name)
        exported_to = exporter.export(estimator, path, first, {"loss": 1.0}, False)
        served[exporter.name] = models.served(exported_to)
    return served
