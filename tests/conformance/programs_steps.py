"""The private methods of Estimator that libraries override and call: when each is called, and with what."""

import models
import tensorflow as tf
from catalogue import program
from models import v1

STEPS = (
    "_actual_eval",
    "_add_meta_graph_for_mode",
    "_call_input_fn",
    "_call_model_fn",
    "_convert_eval_steps_to_hooks",
    "_convert_train_steps_to_hooks",
    "_create_and_assert_global_step",
    "_create_global_step",
    "_export_all_saved_models",
    "_extract_batch_length",
    "_extract_keys",
    "_get_features_and_labels_from_input_fn",
    "_get_features_from_input_fn",
    "_maybe_warm_start",
    "_train_model",
    "_train_with_estimator_spec",
    "_validate_features_in_predict_input",
)


def faces():
    return {"v2": tf.estimator, "v1": v1.estimator}


def shown(value):
    """What can be compared of an argument."""
    if value is None or isinstance(value, bool | int | str):
        return value if not (isinstance(value, str) and "/" in value) else "a path"
    if isinstance(value, list | tuple):
        return f"{len(value)} of a list"
    if isinstance(value, dict):
        return sorted(map(str, value))
    for kind in (tf.Graph, tf.estimator.EstimatorSpec, tf.estimator.RunConfig):
        if isinstance(value, kind):
            return kind.__name__
    return "a function" if callable(value) else "a value"


def recording(base, calls):
    def step(name):
        def noted(self, *given, **settings):
            calls.append([name, [shown(one) for one in given], {k: shown(v) for k, v in settings.items()}])
            return getattr(base, name)(self, *given, **settings)

        return noted

    guard = {"_assert_members_are_not_overridden": lambda self: None}
    return type("Recording", (base,), {**guard, **{name: step(name) for name in STEPS}})


def exporting(features, labels, mode):
    spec = models.linear(features, labels, mode)
    outputs = {"y": tf.estimator.export.PredictOutput({"y": spec.predictions["y"]})}
    return spec._replace(export_outputs=outputs) if mode == "infer" else spec


def receiver():
    x = v1.placeholder(tf.float32, [None, 1])
    return tf.estimator.export.ServingInputReceiver({"x": x}, {"x": x})


@program("subclass", "train steps", "evaluate steps", "predict keys", "export_saved_model")
def steps_of_calls(directory):
    def noted(face, name):
        calls, found = [], {}
        estimator = recording(face.Estimator, calls)(exporting, f"{directory}/{name}")
        made = {
            "train": lambda: estimator.train(models.batches, steps=2),
            "train to a step": lambda: estimator.train(models.batches, max_steps=3),
            "train no more": lambda: estimator.train(models.batches, max_steps=3),
            "evaluate": lambda: estimator.evaluate(models.batches, steps=1),
            "evaluate all": lambda: estimator.evaluate(models.once, name="all"),
            "predict": lambda: len(list(estimator.predict(models.features_only, predict_keys=["y"]))),
            "predict batches": lambda: len(
                list(estimator.predict(models.features_only, yield_single_examples=False))
            ),
            "export": lambda: estimator.export_saved_model(f"{directory}/{name}-exports", receiver),
        }
        for what, call in made.items():
            call()
            found[what], calls[:] = list(calls), []
        return found

    return {name: noted(face, name) for name, face in faces().items()}


@program("subclass", "constructor")
def steps_that_a_class_may_override(directory):
    def taken(face, name):
        kind = type("Kind", (face.Estimator,), {name: lambda self, *given, **settings: None})
        try:
            kind(models.linear, directory)
        except ValueError:
            return False
        return True

    return {
        face: {name: taken(module, name) for name in (*STEPS, "eval_dir", "latest_checkpoint", "predict")}
        for face, module in faces().items()
    }


@program("subclass", "train steps")
def steps_called_by_a_program(directory):
    def trained(face, name):
        estimator = face.Estimator(models.linear, f"{directory}/{name}")
        with tf.Graph().as_default() as graph:
            step = estimator._create_and_assert_global_step(graph)
            features, labels, hooks = estimator._get_features_and_labels_from_input_fn(
                models.batches, "train"
            )
            spec = estimator._call_model_fn(features, labels, "train", estimator.config)
            stop = estimator._convert_train_steps_to_hooks(3, None)
            loss = estimator._train_with_estimator_spec(spec, list(hooks), stop, step, [])
        return {
            "loss": float(loss),
            "stop": [isinstance(hook, v1.train.StopAtStepHook) for hook in stop],
            "no stop": len(estimator._convert_train_steps_to_hooks(None, None)),
            "w": estimator.get_variable_value("w"),
            "keys": sorted(estimator._extract_keys({"a": 1, "b": 2}, ["b"])),
        }

    return {name: trained(face, name) for name, face in faces().items()}
