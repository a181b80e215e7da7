"""RunConfig and TF_CONFIG: odd values, forms of directories, copies, subclasses; and what an Estimator makes of them."""

import copy
import os
import pathlib
import pickle

import models
import numpy as np
import tensorflow as tf
from attempts import kind
from catalogue import program
from computations import outcome
from models import v1
from programs_run_config import PROPERTIES, described, task

NUMBERS = {
    "numpy integer": np.int64(3),
    "numpy float": np.float32(3.5),
    "float": 2.5,
    "zero": 0,
    "True": True,
    "text": "3",
    "list": [3],
    "minus": -1,
    "None": None,
    "infinite": float("inf"),
}


@program("RunConfig properties")
def odd_values_of_run_config(directory):
    fields = (
        "tf_random_seed", "save_summary_steps", "save_checkpoints_steps", "save_checkpoints_secs", "keep_checkpoint_max",
        "keep_checkpoint_every_n_hours", "log_step_count_steps", "session_creation_timeout_secs",
        "experimental_max_worker_delay_secs", "checkpoint_save_graph_def", "protocol", "device_fn", "session_config",
        )  # fmt: skip
    return {
        field: {
            name: outcome(lambda f=field, n=number: str(getattr(tf.estimator.RunConfig(**{f: n}), f)))
            for name, number in NUMBERS.items()
        }
        for field in fields
    }


@program("RunConfig replace")
def odd_values_in_replace(directory):
    config = tf.estimator.RunConfig(save_checkpoints_steps=5)
    changes = {
        "nothing": {},
        "numpy": {"save_summary_steps": np.int64(2)},
        "minus": {"save_summary_steps": -2},
        "a text": {"log_step_count_steps": "a"},
        "model_dir None": {"model_dir": None},
        "steps None": {"save_checkpoints_steps": None},
        "secs None": {"save_checkpoints_secs": None},
        "both None": {"save_checkpoints_steps": None, "save_checkpoints_secs": None},
        "steps and secs None": {"save_checkpoints_steps": 3, "save_checkpoints_secs": None},
        "steps None and secs": {"save_checkpoints_steps": None, "save_checkpoints_secs": 3},
        "steps 0": {"save_checkpoints_steps": 0},
        "session_config": {"session_config": v1.ConfigProto(allow_soft_placement=True)},
        "session_config None": {"session_config": None},
        "worker delay": {"experimental_max_worker_delay_secs": 3},
        "protocol": {"protocol": "grpc"},
        "experimental_distribute None": {"experimental_distribute": None},
        "master": {"master": "grpc://a:1"},
        "cluster_spec": {"cluster_spec": {}},
        "is_chief": {"is_chief": False},
    }
    return {
        name: outcome(lambda given=given: described(config.replace(**given)))
        for name, given in changes.items()
    }


@program("RunConfig model_dir")
def forms_of_a_configured_directory(directory):
    path = pathlib.Path(directory, "model")
    forms = {
        "path": path,
        "slash": f"{path}/",
        "relative": "model",
        "home": "~/model",
        "bytes": os.fsencode(path),
        "text of blanks": " ",
        "address": "ram://model",
    }
    return {
        name: [
            outcome(lambda f=form: str(tf.estimator.RunConfig(form_of(f)).model_dir)),
            outcome(lambda f=form: str(tf.estimator.RunConfig().replace(model_dir=form_of(f)).model_dir)),
        ]
        for name, form in forms.items()
        if name != "bytes"
    }


def form_of(value):
    return value


@program("RunConfig model_dir", "constructor")
def forms_of_a_model_directory(directory):
    path = pathlib.Path(directory, "model")
    forms = {
        "path": (path, None),
        "slash": (f"{path}/", None),
        "text": (str(path), None),
        "the same twice": (str(path), str(path)),
        "a path and the same text": (path, str(path)),
        "a slash and none": (f"{path}/", str(path)),
        "empty and configured": ("", str(path)),
        "address": ("ram://forms", None),
    }
    seen = {}
    for name, (given, configured) in forms.items():
        made = outcome(
            lambda g=given, c=configured: tf.estimator.Estimator(models.linear, g, models.config(model_dir=c))
        )
        seen[name] = (
            made if isinstance(made, str) else [made.model_dir, made.config.model_dir, made.eval_dir("a")]
        )
    return seen


@program("RunConfig model_dir", "train steps")
def training_in_a_relative_directory(directory):
    before = os.getcwd()
    os.chdir(directory)
    try:
        estimator = tf.estimator.Estimator(models.linear, "model", models.config()).train(
            models.batches, steps=1
        )
        again = tf.estimator.Estimator(models.linear, "./model/", models.config())
        return [estimator.latest_checkpoint(), again.latest_checkpoint(), again.evaluate(models.once)]
    finally:
        os.chdir(before)


@program("RunConfig model_dir", "train steps")
def training_in_memory(directory):
    """`ram://` is TensorFlow's file system in memory."""
    estimator = tf.estimator.Estimator(models.linear, "ram://training_in_memory/model", models.config())
    estimator.train(models.batches, steps=2)
    return {
        "metrics": estimator.evaluate(models.once),
        "latest": estimator.latest_checkpoint(),
        "variables": models.variables(estimator),
    }


@program(
    "RunConfig properties",
    differs={
        "result/public/steps_per_loop": "how many steps a call of the session makes is this runtime's own field"
    },
)
def a_run_config_is_a_value(directory):
    config = tf.estimator.RunConfig(model_dir="/a", save_checkpoints_steps=3)
    return {
        "pickled": outcome(lambda: described(pickle.loads(pickle.dumps(config)))),
        "copied": described(copy.copy(config)),
        "set": {name: outcome(lambda name=name: setattr(config, name, 1)) for name in PROPERTIES},
        "public": {name: True for name in dir(tf.estimator.RunConfig) if not name.startswith("_")},
        "positional": described(
            tf.estimator.RunConfig(
                "/m", 1, 2, 3, None, None, 4, 5, 6, None, None, "grpc", None, None, 7, 8, False
            )
        ),
        "one class in both faces": tf.estimator.RunConfig is v1.estimator.RunConfig,
        "equal": config == tf.estimator.RunConfig(model_dir="/a", save_checkpoints_steps=3),
    }


@program("RunConfig properties", "subclass")
def subclasses_of_run_config(directory):
    """What a subclass overrides is what the Estimator uses."""

    class Mine(tf.estimator.RunConfig):
        @property
        def save_checkpoints_steps(self):
            return 2

        @property
        def save_checkpoints_secs(self):
            return None

        @property
        def tf_random_seed(self):
            return 7

        @property
        def keep_checkpoint_max(self):
            return 2

    seeds = []

    def model_fn(features, labels, mode, config):
        seeds.append([v1.get_default_graph().seed, config.tf_random_seed, type(config).__name__])
        return models.linear(features, labels, mode)

    estimator = tf.estimator.Estimator(model_fn, os.path.join(directory, "model"), Mine())
    estimator.train(models.batches, steps=6)
    return {"seeds": seeds, "type": type(estimator.config).__name__}


@program("session_config", "constructor")
def session_configs_of_an_estimator(directory):
    given = v1.ConfigProto(allow_soft_placement=False, inter_op_parallelism_threads=1)

    class Look(v1.train.SessionRunHook):
        def __init__(self):
            self.seen = []

        def after_create_session(self, session, coord):
            self.seen.append(str(session._config) if hasattr(session, "_config") else "")

    hook = Look()
    estimator = models.estimator(directory, session_config=given)
    estimator.train(models.batches, hooks=[hook], steps=1)
    return {"kept": str(estimator.config.session_config), "seen": hook.seen}


@program("constructor", "model_fn arguments")
def forms_of_params(directory):
    got = []

    class Bag:
        def __init__(self):
            self.factor = 3

    def model_fn(features, labels, mode, params):
        got.append([kind(params), params.factor if isinstance(params, Bag) else params])
        return models.linear(features, labels, mode)

    forms = {
        "dict": {"a": 1},
        "empty": {},
        "object": Bag(),
        "list": [1],
        "number": 0,
        "text": "a",
        "None": None,
    }
    seen = {}
    for name, params in forms.items():
        made = outcome(lambda p=params: models.estimator(directory, model_fn, params=p))
        seen[name] = made if isinstance(made, str) else kind(made.params)
        if not isinstance(made, str):
            outcome(lambda e=made: e.train(models.batches, max_steps=1))
            got.append(outcome(lambda e=made: kind(next(e.predict(models.features_only)))))
    return {"made": seen, "got": got}


@program("properties", "constructor")
def an_estimators_properties(directory):
    estimator = models.estimator(directory, params=None)
    names = ("config", "params", "model_dir", "model_fn")
    return {
        "set": {name: outcome(lambda name=name: setattr(estimator, name, 1)) for name in names},
        "config is a copy": estimator.config is estimator.config,
        "params is a copy": estimator.params is estimator.params,
        "directory is made": os.path.isdir(estimator.model_dir),
        "type": isinstance(estimator, v1.estimator.Estimator),
        "subclass": issubclass(tf.estimator.Estimator, v1.estimator.Estimator),
        "public": sorted(
            name
            for name in dir(tf.estimator.Estimator)
            if not name.startswith("_") and name != "export_savedmodel"
        ),
    }


@program("subclass", "constructor")
def what_a_subclass_overrides(directory):
    def overriding(name, value):
        return outcome(
            lambda: kind(
                type("Mine", (tf.estimator.Estimator,), {name: value})(
                    models.linear, directory, models.config()
                )
            )
        )

    names = (
        "train", "evaluate", "predict", "export_saved_model", "config", "params", "model_dir", "eval_dir",
        "get_variable_names", "get_variable_value", "latest_checkpoint", "model_fn",
        "experimental_export_all_saved_models", "more", "_more", "__repr__", "__call__",
    )  # fmt: skip
    return {name: overriding(name, lambda self, *arguments: None) for name in names}


DOCUMENTS = {
    "empty text": "",
    "cluster empty": {"cluster": {}},
    "cluster None": {"cluster": None},
    "task None": {"task": None},
    "task empty": {"task": {}},
    "task index None": {"task": {"type": "worker", "index": None}},
    "task index as text": {"task": {"type": "worker", "index": "0"}},
    "task a list": {"task": ["worker", 0]},
    "environment": {"environment": "google"},
    "unknown keys": {"colour": "red", "task": {"type": "worker", "index": 0, "trial": "1"}},
    "address alone": task("chief", 0, {"chief": "c:1"}),
    "index a float": task("worker", 1.0, {"chief": ["c:1"], "worker": ["w:1", "w:2"]}),
    "index True": task("worker", True, {"chief": ["c:1"], "worker": ["w:1", "w:2"]}),
    "type in capitals": task("Chief", 0, {"chief": ["c:1"]}),
    "type None": {"cluster": {"chief": ["c:1"]}, "task": {"type": None, "index": 0}},
    "a ps alone": task("ps", 0, {"ps": ["p:1"]}),
    "addresses with a scheme": task("chief", 0, {"chief": ["grpc://c:1"], "ps": ["grpc://p:1"]}),
    "session_master empty": task("chief", 0, {"chief": ["c:1"], "ps": ["p:1"]}, session_master=""),
    "evaluator alone": {"task": {"type": "evaluator", "index": 0}},
    "evaluator of a chief": task("evaluator", 0, {"chief": ["c:1"]}),
    "evaluator 3": task("evaluator", 3, {"chief": ["c:1"]}),
    "service None": {"service": None},
    "service a text": {"service": "a"},
    "model_dir a number": {"model_dir": 3},
}


@program(
    "TF_CONFIG none",
    "TF_CONFIG chief",
    "TF_CONFIG evaluator",
    differs={
        f"result/{name}*": "a platform that fills in TF_CONFIG for every pod leaves what it has not empty: nothing is set"
        for name in ("empty text", "cluster None", "task None")
    },
)
def odd_documents_in_tf_config(directory):
    seen = {}
    for name, document in DOCUMENTS.items():
        with models.tf_config(document):
            seen[name] = outcome(lambda: described(tf.estimator.RunConfig()))
    return seen
