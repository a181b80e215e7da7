"""RunConfig: every property, for arguments and for TF_CONFIG."""

import copy
import functools
import os
import pathlib

import models
import tensorflow as tf
from catalogue import program
from models import v1

PROPERTIES = (
    "cluster_spec", "device_fn", "eval_distribute", "evaluation_master", "experimental_max_worker_delay_secs",
    "global_id_in_cluster", "is_chief", "keep_checkpoint_every_n_hours", "keep_checkpoint_max", "log_step_count_steps",
    "master", "model_dir", "num_ps_replicas", "num_worker_replicas", "protocol", "save_checkpoints_secs",
    "save_checkpoints_steps", "save_summary_steps", "service", "session_config", "session_creation_timeout_secs",
    "task_id", "task_type", "tf_random_seed", "train_distribute", "checkpoint_save_graph_def",
)  # fmt: skip

CLUSTER = {"chief": ["c:1"], "worker": ["w:1", "w:2"], "ps": ["p:1", "p:2"]}
OLD_CLUSTER = {"master": ["m:1"], "worker": ["w:1", "w:2"], "ps": ["p:1"]}


def task(kind, index=0, cluster=CLUSTER, **more):
    return {"cluster": cluster, "task": {"type": kind, "index": index}, **more}


TF_CONFIGS = {
    "none": None,
    "empty": {},
    "task alone": {"task": {"type": "worker", "index": 0}},
    "masters alone": {"session_master": "grpc://a:1", "eval_session_master": "grpc://b:1"},
    "chief": task("chief"),
    "worker": task("worker", 1),
    "index as text": task("worker", "1"),
    "ps": task("ps", 1),
    "evaluator": task("evaluator", eval_session_master="grpc://e:1"),
    "single chief": task("chief", cluster={"chief": ["c:1"]}),
    "session masters": task("worker", session_master="grpc://a:1", eval_session_master="grpc://b:1"),
    "service": task("chief", service={"key": "value"}),
    "other job": task("reader", 0, {**CLUSTER, "reader": ["r:1"], "able": ["a:1"]}),
    "worker beside other jobs": task("worker", 0, {**CLUSTER, "reader": ["r:1"], "able": ["a:1"]}),
    "master": task("master", 0, OLD_CLUSTER),
    "worker of a master": task("worker", 1, OLD_CLUSTER),
    "ps of a master": task("ps", 0, OLD_CLUSTER),
    "model_dir": {"model_dir": "/somewhere"},
    "sparse cluster": task("worker", 3, {"chief": ["c:1"], "worker": {"1": "w:1", "3": "w:3"}}),
}


def described(config):
    values = {name: getattr(config, name) for name in PROPERTIES}
    cluster = values["cluster_spec"]
    values["cluster_spec"] = cluster.as_dict() if hasattr(cluster, "as_dict") else cluster
    for name in ("session_config", "device_fn"):
        values[name] = None if values[name] is None else str(values[name])
    return values


@program("RunConfig properties", "session_config")
def arguments_of_run_config(directory):
    make = tf.estimator.RunConfig
    session_config = v1.ConfigProto(log_device_placement=True)
    arguments = {
        "defaults": {},
        "steps": {"save_checkpoints_steps": 7},
        "secs": {"save_checkpoints_secs": 9},
        "no checkpoints": {"save_checkpoints_steps": None, "save_checkpoints_secs": None},
        "steps None": {"save_checkpoints_steps": None},
        "secs None": {"save_checkpoints_secs": None},
        "many": {
            "model_dir": "/m",
            "tf_random_seed": 3,
            "save_summary_steps": 0,
            "session_config": session_config,
            "keep_checkpoint_max": 0,
            "keep_checkpoint_every_n_hours": 2,
            "log_step_count_steps": 5,
            "protocol": "grpc",
            "experimental_max_worker_delay_secs": 1,
            "session_creation_timeout_secs": 10,
            "checkpoint_save_graph_def": False,
        },
        "nones": dict.fromkeys(
            [
                "save_summary_steps",
                "keep_checkpoint_max",
                "log_step_count_steps",
                "session_creation_timeout_secs",
            ]
        ),
    }
    return {name: described(make(**given)) for name, given in arguments.items()}


@program(
    "TF_CONFIG none",
    "TF_CONFIG chief",
    "TF_CONFIG evaluator",
    "TF_CONFIG master",
    "global id",
    "device filters",
)
def properties_for_tf_config(directory):
    seen = {}
    for name, document in TF_CONFIGS.items():
        with models.tf_config(document):
            seen[name] = described(tf.estimator.RunConfig())
    return seen


@program("RunConfig replace")
def replaced_run_configs(directory):
    class Mine(tf.estimator.RunConfig):
        def __init__(self, mine, **kwargs):
            super().__init__(**kwargs)
            self.mine = mine

    config = tf.estimator.RunConfig(save_checkpoints_steps=3)
    mine = Mine([1], keep_checkpoint_max=2)
    changed = mine.replace(keep_checkpoint_max=9)
    mine.mine.append(2)
    return {
        "secs": described(config.replace(save_checkpoints_secs=4)),
        "steps": described(config.replace(save_checkpoints_steps=8)),
        "none": described(config.replace(save_checkpoints_steps=None)),
        "other": described(config.replace(model_dir="/x", tf_random_seed=2)),
        "subclass": [
            type(changed).__name__,
            changed.mine,
            changed.keep_checkpoint_max,
            mine.keep_checkpoint_max,
        ],
        "copy": described(copy.deepcopy(config)),
    }


@program("RunConfig model_dir", "properties", "constructor", "session_config")
def where_the_model_is(directory):
    estimator = tf.estimator.Estimator
    with models.tf_config({"model_dir": os.path.join(directory, "from TF_CONFIG")}):
        of_tf_config = estimator(models.linear).model_dir
        agreeing = tf.estimator.RunConfig(model_dir=os.path.join(directory, "from TF_CONFIG")).model_dir
    of_config = estimator(models.linear, config=models.config(model_dir=os.path.join(directory, "config")))
    path_like = estimator(models.linear, pathlib.Path(directory, "path"))
    temporary = estimator(models.linear)
    made = os.path.isdir(temporary.model_dir)
    os.rmdir(temporary.model_dir)
    return {
        "TF_CONFIG": of_tf_config,
        "agreeing": agreeing,
        "config": of_config.model_dir,
        "config's": described(of_config.config),
        "argument": path_like.model_dir,
        "temporary directory is made": made,
        "session_config": str(temporary.config.session_config),
    }


@program("properties", "constructor")
def properties_are_copies(directory):
    params = {"list": [1]}

    def model_fn(features, labels, mode, params):
        params["list"].append(3)
        return models.linear(features, labels, mode)

    estimator = models.estimator(directory, model_fn, params=params)
    params["list"].append(2)
    estimator.params["list"].append(4)
    estimator.train(models.batches, steps=1)
    with tf.Graph().as_default():
        v1.train.create_global_step()
        spec = estimator.model_fn({"x": tf.constant(models.X)}, None, "infer", estimator.config)
    return {
        "params": estimator.params,
        "configs": estimator.config is estimator.config,
        "spec": [type(spec).__name__, sorted(spec.predictions), sorted(spec.export_outputs)],
        "fields": spec._fields,
        "no params": models.estimator(directory).params,
    }


@program("ModeKeys", "EstimatorSpec")
def keys_and_specs(directory):
    te = tf.estimator
    keys = {name: getattr(te.ModeKeys, name) for name in ("TRAIN", "EVAL", "PREDICT")}
    with tf.Graph().as_default():
        y = models.line(v1.placeholder(tf.float32, [None, 1]))
        loss = tf.reduce_mean(y)
        specs = {
            "train": te.EstimatorSpec("train", loss=loss, train_op=tf.no_op()),
            "eval": te.EstimatorSpec(
                "eval", loss=tf.reshape(loss, [1]), eval_metric_ops={"m": v1.metrics.mean(y)}
            ),
            "infer": te.EstimatorSpec("infer", predictions=y),
            "outputs": te.EstimatorSpec(
                "infer", predictions={"y": y}, export_outputs={"a": te.export.RegressionOutput(y)}
            ),
        }
        replaced = specs["infer"]._replace(predictions={"z": y})
        return {
            "keys": keys,
            "specs": {
                name: {
                    "loss": None if spec.loss is None else str(spec.loss.shape),
                    "predictions": sorted(spec.predictions)
                    if isinstance(spec.predictions, dict)
                    else "tensor",
                    "metrics": sorted(spec.eval_metric_ops),
                    "outputs": sorted(spec.export_outputs or []),
                    "hooks": [spec.training_hooks, spec.training_chief_hooks, spec.evaluation_hooks],
                    "scaffold": type(spec.scaffold).__name__,
                }
                for name, spec in {**specs, "replaced": replaced}.items()
            },
        }


@program("subclass", "constructor")
def subclasses(directory):
    class Quiet(tf.estimator.Estimator):
        def __init__(self, directory):
            super().__init__(self.mine, os.path.join(directory, "model"), models.config(), {"rate": 0.2})

        def mine(self, features, labels, mode, params):
            optimizer = v1.train.GradientDescentOptimizer(params["rate"])
            return models.regression(mode, models.line(features["x"]), labels, optimizer=optimizer)

        def latest_checkpoint(self):
            return super().latest_checkpoint()

    return models.variables(Quiet(directory).train(models.batches, steps=3))


@program("model_fn arguments")
def arguments_of_model_functions(directory):
    got = []

    def note(features, labels, mode, **given):
        got.append(
            [
                mode,
                labels is not None,
                {k: v if isinstance(v, dict | int) else type(v).__name__ for k, v in given.items()},
            ]
        )
        return models.linear(features, labels, mode)

    class Callable:
        def __call__(self, features, labels, mode, config):
            return note(features, labels, mode, config=config)

        def method(self, mode, labels, features):
            return note(features, labels, mode)

    forms = {
        "in another order": (lambda mode, params, labels, features: note(features, labels, mode, params=params), {"a": 1}),
        "callable object": (Callable(), None),
        "method": (Callable().method, None),
        "partial": (functools.partial(lambda features, labels, mode, extra: note(features, labels, mode, extra=extra), extra=4), None),
        "params unused": (lambda features, labels, mode, params: note(features, labels, mode, params=params), None),
    }  # fmt: skip
    for name, (model_fn, params) in forms.items():
        models.estimator(directory, model_fn, params=params, name=name).train(models.batches, steps=1)
    return got
