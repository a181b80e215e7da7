"""What the modules export, estimator and model_fn inside tf.estimator do, which libraries import."""

import os

import numpy as np
import tensorflow as tf
from catalogue import program
from computations import evaluated, outcome
from models import v1
from programs_internal_names import deep


@program("supervised receiver", "raw receiver")
def internal_receivers(directory):
    export = deep("export.export")

    def shown(receiver):
        def tensors(part):
            if isinstance(part, dict):
                return {str(name): tensors(value) for name, value in part.items()}
            return [part.dtype.name, str(part.shape)] if tf.is_tensor(part) else part

        return {field: tensors(getattr(receiver, field)) for field in receiver._fields}

    def made(make):
        with tf.Graph().as_default():
            return shown(make())

    x = lambda: tf.constant([1.0])
    y = lambda: tf.constant([2])
    receivers = {
        "supervised": lambda: export.SupervisedInputReceiver({"x": x()}, {"y": y()}, {"x": x(), "y": y()}),
        "supervised, single": lambda: export.SupervisedInputReceiver(x(), y(), x()),
        "supervised, no labels": lambda: export.SupervisedInputReceiver(x(), None, x()),
        "supervised, a number": lambda: export.SupervisedInputReceiver(x(), 1, x()),
        "unsupervised": lambda: export.UnsupervisedInputReceiver({"x": x()}, {"x": x()}),
        "unsupervised, single": lambda: export.UnsupervisedInputReceiver(x(), x()),
        "unsupervised, none": lambda: export.UnsupervisedInputReceiver(None, x()),
        "unsupervised, a number": lambda: export.UnsupervisedInputReceiver(1, x()),
    }

    def of_dicts():
        return tf.data.Dataset.from_tensors(({"x": [1.0, 2.0]}, {"y": [[3], [4]]}))

    def of_singles(size):
        return tf.zeros([size, 2]), tf.zeros([size], tf.int64)

    fns = {
        "dataset": lambda: export.build_supervised_input_receiver_fn_from_input_fn(of_dicts),
        "tensors": lambda: export.build_supervised_input_receiver_fn_from_input_fn(of_singles, size=3),
        "wrong argument": lambda: export.build_supervised_input_receiver_fn_from_input_fn(of_singles, n=3),
        "no labels": lambda: export.build_supervised_input_receiver_fn_from_input_fn(lambda: {"x": x()}),
    }

    def wrap(*given):
        return lambda: export.wrap_and_check_input_tensors(*(g() if callable(g) else g for g in given))

    wrapped = {
        "feature": wrap(x, "feature"),
        "receiver": wrap(x, "receiver_tensor"),
        "label": wrap(x, "label"),
        "dict": wrap(lambda: {"a": x()}, "feature"),
        "int key": wrap(lambda: {1: x()}, "feature"),
        "int key allowed": wrap(lambda: {1: x()}, "feature", True),
        "none": wrap(None, "feature"),
        "number": wrap(1, "feature"),
        "other field": wrap(x, "other"),
    }

    def names(make):
        with tf.Graph().as_default():
            return {str(name): value.dtype.name for name, value in make().items()}

    return {
        "receivers": {name: outcome(lambda m=make: made(m)) for name, make in receivers.items()},
        "from input functions": {name: outcome(lambda m=make: made(m())) for name, make in fns.items()},
        "wrapped": {name: outcome(lambda m=make: names(m)) for name, make in wrapped.items()},
        "bases": [
            issubclass(export.UnsupervisedInputReceiver, tf.estimator.export.ServingInputReceiver),
            issubclass(export.SupervisedInputReceiver, tf.estimator.export.ServingInputReceiver),
        ],
    }


@program("signatures", "export names")
def names_and_signatures_of_exports(directory):
    export = deep("export.export")
    base = os.path.join(directory, "exports")
    final = tf.compat.as_str_any(export.get_timestamped_export_dir(base))
    temporary = tf.compat.as_str_any(export.get_temp_export_dir(final))
    outputs = tf.estimator.export

    def signatures(**given):
        with tf.Graph().as_default():
            x = v1.placeholder(tf.float32, [None], "x")
            exported = {
                "serving_default": outputs.PredictOutput({"y": x + 1.0}),
                "scores": outputs.RegressionOutput(x + 2.0),
            }
            given = {name: make(x) if callable(make) else make for name, make in given.items()}
            made = export.build_all_signature_defs({"x": x}, exported, **given)
            return {
                name: [signature.method_name, sorted(signature.inputs), sorted(signature.outputs)]
                for name, signature in made.items()
            }

    return {
        "timestamp": [os.path.dirname(final) == base, len(os.path.basename(final)), os.path.isdir(final)],
        "temporary": [os.path.dirname(temporary) == base, os.path.basename(temporary)[:5]],
        "plain": outcome(signatures),
        "alternatives": outcome(
            lambda: signatures(receiver_tensors_alternatives=lambda x: {"dict": {"z": x}, "single": x})
        ),
        "not for serving": outcome(lambda: signatures(serving_only=False)),
        "outputs of no dict": outcome(lambda: export.build_all_signature_defs({}, [1])),
    }


@program("evaluate summaries", "checkpoint names", "make_early_stopping_hook")
def functions_of_the_estimators_module(directory):
    module = deep("estimator")
    written = os.path.join(directory, "eval")
    with tf.Graph().as_default():
        module._write_dict_to_summary(
            written, {"loss": 2.0, "accuracy": np.float32(0.5), "global_step": 3, "n": np.int64(4)}, 3
        )
        module._write_dict_to_summary(
            output_dir=written, dictionary={"loss": 1.0, "array": np.ones([2])}, current_global_step=7
        )
        module._write_checkpoint_path_to_summary(written, "model.ckpt-7", 7)
    with tf.Graph().as_default(), v1.Session() as session:
        step = v1.train.create_global_step()
        session.run([step.initializer, v1.assign(step, 5)])
        session.run(v1.assign(step, 5))
        v1.train.Saver().save(session, os.path.join(directory, "model", "model.ckpt"), global_step=step)
    read = deep("early_stopping", "read_eval_metrics")
    gauge = module._canned_estimator_api_gauge.get_cell("Classifier")
    gauge.set("DNN")

    def checked(hooks):
        return [type(hook).__name__ for hook in module._check_hooks_type(hooks)]

    def updates():
        with tf.Graph().as_default():
            return module._extract_metric_update_ops({"a": v1.metrics.mean([2.0])})

    update, found = updates()
    return {
        "read": {step: dict(sorted(one.items())) for step, one in read(written).items()},
        "read nothing": outcome(lambda: dict(read(os.path.join(directory, "none")))),
        "step": int(module._load_global_step_from_checkpoint_dir(os.path.join(directory, "model"))),
        "no step": int(module._load_global_step_from_checkpoint_dir(os.path.join(directory, "none"))),
        "text": module._dict_to_str({"b": 1, "a": 2.5, "c": b"x"}),
        "available": outcome(lambda: module._check_checkpoint_available(os.path.join(directory, "model"))),
        "not available": outcome(lambda: module._check_checkpoint_available(os.path.join(directory, "no"))),
        "hooks": outcome(lambda: checked([v1.train.StopAtStepHook(1)])),
        "no hooks": outcome(lambda: checked(None)),
        "other hooks": outcome(lambda: checked([1])),
        "warm start": {
            "none": outcome(lambda: module._get_default_warm_start_settings(None) is None),
            "path": outcome(
                lambda: module._get_default_warm_start_settings("/nowhere").ckpt_to_initialize_from
            ),
            "number": outcome(lambda: module._get_default_warm_start_settings(1)),
        },
        "device": module._get_replica_device_setter(tf.estimator.RunConfig()) is None,
        "updates": [isinstance(update, tf.Operation), sorted(found)],
        "no updates": outcome(lambda: list(module._extract_metric_update_ops({})) == [None, {}]),
        "session config": type(deep("run_config", "get_default_session_config")()).__name__,
    }


@program("EstimatorSpec", "model_fn arguments")
def functions_of_the_model_fn_module(directory):
    module = deep("model_fn")

    def in_graph(call):
        def run():
            with tf.Graph().as_default():
                return call()

        return outcome(run)

    def spec(mode, **given):
        made = module._TPUEstimatorSpec(mode, **given)
        as_spec = made.as_estimator_spec()
        return {
            "fields": list(made._fields),
            "metrics": sorted(as_spec.eval_metric_ops or {}),
            "exports": sorted(as_spec.export_outputs or {}),
            "hooks": [len(as_spec.training_hooks), len(as_spec.evaluation_hooks)],
            "kind": type(as_spec).__name__,
            "scaffold": type(as_spec.scaffold).__name__,
        }

    one = lambda: tf.constant(1.0)
    mean = lambda values: {"mean": v1.metrics.mean(values)}
    return {
        "train": in_graph(lambda: spec("train", loss=one(), train_op=tf.no_op())),
        "eval": in_graph(lambda: spec("eval", loss=one())),
        "eval metrics by name": in_graph(
            lambda: spec("eval", loss=one(), eval_metrics=(mean, {"values": one()}))
        ),
        "eval metrics by place": in_graph(lambda: spec("eval", loss=one(), eval_metrics=(mean, [one()]))),
        "infer": in_graph(lambda: spec("infer", predictions={"a": one()})),
        "scaffold": in_graph(
            lambda: spec("train", loss=one(), train_op=tf.no_op(), scaffold_fn=v1.train.Scaffold)
        ),
        "no loss": in_graph(lambda: spec("train", train_op=tf.no_op())),
        "evaluated": evaluated(
            lambda: (
                module._TPUEstimatorSpec(
                    "eval", loss=one(), eval_metrics=(mean, {"values": tf.constant([1.0, 3.0])})
                )
                .as_estimator_spec()
                .eval_metric_ops
            )
        ),
        "arguments": {
            "fine": outcome(lambda: module.verify_model_fn_args(lambda features, labels: 1, None)),
            "no features": outcome(lambda: module.verify_model_fn_args(lambda labels: 1, None)),
            "params": outcome(lambda: module.verify_model_fn_args(lambda features: 1, {"a": 1})),
            "other": outcome(lambda: module.verify_model_fn_args(lambda features, other: 1, None)),
        },
        "tensor": in_graph(lambda: module._check_is_tensor(one(), "it").dtype.name),
        "no tensor": in_graph(lambda: module._check_is_tensor(1, "it")),
        "operation": in_graph(lambda: type(module._check_is_tensor_or_operation(tf.no_op(), "it")).__name__),
        "no operation": in_graph(lambda: module._check_is_tensor_or_operation("a", "it")),
    }
