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
    "_call_model_fn_eval",
    "_convert_eval_steps_to_hooks",
    "_convert_train_steps_to_hooks",
    "_create_and_assert_global_step",
    "_create_global_step",
    "_evaluate_build_graph",
    "_evaluate_run",
    "_export_all_saved_models",
    "_extract_batch_length",
    "_extract_keys",
    "_get_features_and_labels_from_input_fn",
    "_get_features_from_input_fn",
    "_maybe_warm_start",
    "_train_model",
    "_train_model_default",
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


OF_STRATEGIES = (
    "_actual_train_model_distributed",
    "_call_input_fn",
    "_call_model_fn",
    "_call_model_fn_eval_distributed",
    "_create_and_assert_global_step",
    "_evaluate_build_graph",
    "_evaluate_run",
    "_get_iterator_from_input_fn",
    "_train_model",
    "_train_model_distributed",
    "_train_with_estimator_spec",
)


@program(
    "subclass",
    "train_distribute",
    differs={
        f"result/*/trained/{place}": "the graph has its global step before the iterator, with a strategy as without"
        for place in (3, 4, 5)
    },
)
def steps_with_a_strategy(directory):
    def noted(face, name):
        calls = []

        def step(method):
            def recorded(self, *given, **settings):
                calls.append(method)
                return getattr(face.Estimator, method)(self, *given, **settings)

            return recorded

        guard = {"_assert_members_are_not_overridden": lambda self: None}
        kind = type("Recording", (face.Estimator,), {**guard, **{m: step(m) for m in OF_STRATEGIES}})
        strategy = tf.distribute.MirroredStrategy(["/cpu:0"])
        config = models.config(train_distribute=strategy, eval_distribute=strategy)
        estimator = kind(models.linear, f"{directory}/{name}", config)
        estimator.train(models.batches, steps=2)
        trained, calls[:] = list(calls), []
        metrics = estimator.evaluate(models.once)
        return {"trained": trained, "evaluated": calls, "metrics": metrics}

    return {name: noted(face, name) for name, face in faces().items()}


@program("subclass", "evaluate", "evaluate hooks", "InMemoryEvaluatorHook")
def an_evaluation_of_its_own(directory):
    """A class that adds a metric and a hook to what is built, and a number to what has run."""

    def told(face, name):
        calls = []

        class Own(face.Estimator):
            def _assert_members_are_not_overridden(self):
                pass

            def _evaluate_build_graph(self, input_fn, hooks=None, checkpoint_path=None):
                scaffold, update, values, hooks = super()._evaluate_build_graph(
                    input_fn, hooks, checkpoint_path
                )
                value, count = v1.metrics.mean(tf.constant(3.0), name="three")
                hooks = [*hooks, models.Recorder("own", calls)]
                return scaffold, tf.group(update, count), {**values, "three": value}, hooks

            def _evaluate_run(self, checkpoint_path, scaffold, update_op, eval_dict, all_hooks, output_dir):
                results = super()._evaluate_run(
                    checkpoint_path, scaffold, update_op, eval_dict, all_hooks, output_dir
                )
                return {**results, "more": 1}

        estimator = Own(models.linear, f"{directory}/{name}", models.config())
        in_memory = face.experimental.InMemoryEvaluatorHook(estimator, models.once, every_n_iter=2)
        estimator.train(models.batches, steps=4, hooks=[in_memory])
        in_training, calls[:] = list(calls), []
        return {
            "in training": in_training,
            "results": estimator.evaluate(models.once),
            "steps": estimator.evaluate(models.batches, steps=3, name="steps"),
            "calls": calls,
        }

    return {name: told(face, name) for name, face in faces().items()}


@program("subclass", "evaluate")
def an_evaluation_by_its_steps(directory):
    """As libraries do it: the graph is their own."""

    def told(face, name):
        estimator = face.Estimator(models.linear, f"{directory}/{name}", models.config())
        estimator.train(models.batches, steps=2)
        with tf.Graph().as_default():
            path = estimator.latest_checkpoint()
            stop = estimator._convert_eval_steps_to_hooks(2)
            scaffold, update, values, hooks = estimator._evaluate_build_graph(models.batches, stop, path)
            kinds = [isinstance(hook, v1.train.SessionRunHook) for hook in hooks]
            results = estimator._evaluate_run(path, scaffold, update, values, hooks, f"{directory}/{name}-e")
        with tf.Graph().as_default() as graph:
            estimator._create_and_assert_global_step(graph)
            parts = estimator._call_model_fn_eval(models.once, estimator.config)
        return {
            "values": sorted(values),
            "kinds": kinds,
            "results": results,
            "parts": [type(parts[0]).__name__, len(parts[1]), len(parts[2]), sorted(parts[4])],
        }

    return {name: told(face, name) for name, face in faces().items()}
