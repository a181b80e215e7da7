"""TPUConfig and the RunConfig of a TPUEstimator: every field, what is refused, and where TF_CONFIG comes in."""

import importlib
import json

import models
import tensorflow as tf
import tpu_models
from attempts import outcomes
from catalogue import program
from computations import outcome
from tpu_models import tpu

ROOT = "tensorflow_estimator.python.estimator.tpu"
PROPERTIES = (
    "cluster_spec",
    "evaluation_master",
    "global_id_in_cluster",
    "is_chief",
    "keep_checkpoint_max",
    "log_step_count_steps",
    "master",
    "model_dir",
    "num_ps_replicas",
    "num_worker_replicas",
    "save_checkpoints_secs",
    "save_checkpoints_steps",
    "save_summary_steps",
    "service",
    "task_id",
    "task_type",
    "tf_random_seed",
    "tpu_config",
)


def properties(config):
    seen = {name: getattr(config, name) for name in PROPERTIES}
    seen["cluster_spec"] = config.cluster_spec.as_dict()
    return {**seen, "tpu_config": list(config.tpu_config or []), "has cluster": config.cluster is not None}


@program("TPUConfig")
def fields_of_a_tpu_config(directory):
    kinds = tpu().InputPipelineConfig
    default = tpu().TPUConfig()
    full = tpu().TPUConfig(
        "30s",
        8,
        2,
        kinds.PER_HOST_V2,
        "job",
        3,
        [[1, 2], None],
        kinds.SLICED,
        5,
        True,
        models.Recorder,
    )
    return {
        "default": [list(default._fields), list(default), isinstance(default, tuple)],
        "full": [*full[:-1], full.experimental_feed_hook is models.Recorder],
        "replaced": list(default._replace(iterations_per_loop=7)),
        "kinds": {name: getattr(kinds, name) for name in sorted(dir(kinds)) if name.isupper()},
    }


@program("TPUConfig")
def values_of_a_tpu_config(directory):
    three = {"num_cores_per_replica": 2, "per_host_input_for_training": 3}
    given = {
        "iterations_per_loop": (
            *(0, -1, 1.5, None, True, False, 1, 10**9),
            *("30s", "5m", "1h", "0s", "10", "x", "1d", "-1s", " 3s", "1.5s", "", "s", "030s", "1S"),
        ),
        "num_shards": (0, -1, 1, 2, None, 1.5, "2", True),
        "num_cores_per_replica": (0, 1, 2, 3, 8, 128, 256, "2", None, True),
        "per_host_input_for_training": (True, False, 1, 3, 4, 5, 6, None, "x"),
        "initial_infeed_sleep_secs": (0, 1, -1, 1.5, "1", None),
        "input_partition_dims": ([], [[1]], [[1], [2]], [[1], [2], [3]], 3, None),
        "eval_training_input_configuration": (1, 2, 3, 4, 5, 6, None, True),
        "experimental_host_call_every_n_steps": (0, -1, "x", None),
        "tpu_job_name": ("", "job", 3),
    }

    def made(name, value):
        more = three if name == "input_partition_dims" else {}
        return list(tpu().TPUConfig(**{**more, name: value}))

    found = {
        name: {repr(value): outcome(lambda n=name, v=value: made(n, v)) for value in values}
        for name, values in given.items()
    }
    found["partitions by host"] = outcome(lambda: list(tpu().TPUConfig(input_partition_dims=[[1]])))
    return found


@program("TPUConfig", "TF_CONFIG none")
def name_of_the_tpu_job(directory):
    with models.tf_config({"service": {"tpu_worker_job_name": "workers", "other": 1}}):
        named = [tpu().TPUConfig().tpu_job_name, tpu().TPUConfig(tpu_job_name="mine").tpu_job_name]
        service = tpu().RunConfig().service
    with models.tf_config({"service": {}}):
        empty = tpu().TPUConfig().tpu_job_name
    return {"named": named, "service": service, "empty": empty}


@program("tpu RunConfig", "RunConfig properties")
def properties_of_a_tpu_run_config(directory):
    cases = {
        "default": {},
        "master": {"master": "grpc://a:1"},
        "empty master": {"master": ""},
        "evaluation_master": {"evaluation_master": "grpc://e:1"},
        "both masters": {"master": "grpc://a:1", "evaluation_master": ""},
        "tpu_config": {"tpu_config": tpu().TPUConfig(5, num_shards=2)},
        "others": {
            "model_dir": directory,
            "save_checkpoints_secs": 3,
            "log_step_count_steps": None,
            "keep_checkpoint_max": 0,
            "tf_random_seed": 4,
            "session_config": tf.compat.v1.ConfigProto(),
        },
        "unknown": {"unknown": 1},
        "both intervals": {"save_checkpoints_secs": 1, "save_checkpoints_steps": 1},
        "no seconds": {"save_checkpoints_secs": -1},
        "no resolver": {"cluster": 3},
    }
    return {
        name: outcome(lambda case=case: properties(tpu().RunConfig(**case))) for name, case in cases.items()
    }


@program("tpu RunConfig", "TF_CONFIG chief", "TF_CONFIG evaluator", "TF_CONFIG master")
def tpu_run_config_in_a_cluster(directory):
    cluster = {"chief": ["a:1"], "worker": ["b:1", "b:2"], "ps": ["c:1"]}
    found = {}
    for role, index in (("chief", 0), ("worker", 1), ("ps", 0), ("evaluator", 0)):
        for name, given in {"": {}, " and a master": {"master": "grpc://m:1"}}.items():
            document = {"cluster": cluster, "task": {"type": role, "index": index}, "model_dir": directory}
            with models.tf_config(document):
                found[f"{role}{name}"] = properties(tpu().RunConfig(**given))
    with models.tf_config({"cluster": {"master": ["a:1"]}, "task": {"type": "master", "index": 0}}):
        found["master"] = properties(tpu().RunConfig())
    return found


@program("tpu RunConfig", "session_config")
def cluster_resolvers_of_a_tpu_run_config(directory):
    spec = tf.train.ClusterSpec({"worker": ["localhost:1", "localhost:2"]})

    def resolver(master="grpc://localhost:1"):
        return tf.distribute.cluster_resolver.SimpleClusterResolver(spec, master=master)

    config = tpu().RunConfig(cluster=resolver())
    own = tf.compat.v1.ConfigProto(log_device_placement=True)
    with_own = tpu().RunConfig(cluster=resolver(), session_config=own, evaluation_master="grpc://e:1")
    return {
        "properties": [properties(config), properties(with_own)],
        "session": [str(config.session_config), str(with_own.session_config)],
        "kept": config.replace(model_dir="/elsewhere").cluster.master(),
        "and a master": outcome(lambda: tpu().RunConfig(cluster=resolver(), master="grpc://m:1")),
    }


@program("tpu RunConfig", "RunConfig replace")
def replaced_fields_of_a_tpu_run_config(directory):
    config = tpu_models.config(tpu().TPUConfig(5), model_dir=directory)
    changes = {
        "tpu_config": {"tpu_config": tpu().TPUConfig(7)},
        "tpu_config and more": {"tpu_config": tpu().TPUConfig(7), "log_step_count_steps": 3},
        "no tpu_config": {"tpu_config": None},
        "others": {"save_checkpoints_secs": 9, "model_dir": "/elsewhere"},
        "master": {"master": "grpc://m:1"},
        "evaluation_master": {"evaluation_master": "grpc://m:1"},
        "cluster": {"cluster": None},
        "wrong": {"keep_checkpoint_max": -1},
    }
    found = {
        name: outcome(lambda change=change: properties(config.replace(**change)))
        for name, change in changes.items()
    }
    return {**found, "unchanged": properties(config), "kind": type(config.replace()).__name__}


@program("TPUEstimator", "constructor")
def arguments_of_a_tpu_estimator(directory):
    def made(**arguments):
        run_config = arguments.pop("of_config", {})
        if "config" not in arguments:
            return tpu_models.estimator(directory, run_config=run_config, **arguments).params
        return tpu().TPUEstimator(tpu_models.linear, use_tpu=False, **arguments).params

    cases = {
        "config of an Estimator": {"config": tf.estimator.RunConfig()},
        "no config": {"config": None},
        "params": {"params": {"a": 1, "use_tpu": 5}},
        "reserved batch_size": {"params": {"batch_size": 1}},
        "reserved context": {"params": {"context": 1}},
        "params that are a number": {"params": 3},
        "no model_fn": {"model_fn": None},
        "a word for a model_fn": {"model_fn": "model_fn"},
        "no TPUConfig": {"tpu_config": 3},
        "model_dir too": {"model_dir": "/elsewhere"},
        "batch sizes": {"train_batch_size": 0, "eval_batch_size": "x", "predict_batch_size": -1.5},
        "of a TPU": {"batch_axis": [0], "eval_on_tpu": False, "export_to_tpu": False, "export_to_cpu": False},
        "one shard": {"tpu_config": tpu().TPUConfig(num_shards=1)},
        "model_fn without features": {"model_fn": lambda labels, mode, params: None},
        "model_fn without params": {"model_fn": lambda features, labels, mode: None, "params": {"a": 1}},
        "model_fn with more": {"model_fn": lambda features, labels, mode, params, more: None},
    }
    return outcomes({name: lambda case=case: made(**case) for name, case in cases.items()})


@program("TPUEstimator", "TPUConfig")
def names_of_the_tpu_modules(directory):
    names = {
        "tpu_config": ("InputPipelineConfig", "RunConfig", "TPUConfig"),
        "tpu_estimator": (
            "EmbeddingConfigSpec",
            "ExportSavedModelApiVersion",
            "TPUEstimator",
            "TPUEstimatorSpec",
        ),
    }
    modules = {name: importlib.import_module(f"{ROOT}.{name}") for name in names}
    estimator = modules["tpu_estimator"]
    embedding = tf.compat.v1.estimator.tpu.experimental.EmbeddingConfigSpec
    versions = estimator.ExportSavedModelApiVersion
    return {
        "names": json.dumps(
            {name: [hasattr(modules[name], one) for one in inside] for name, inside in names.items()}
        ),
        "one class": [
            estimator.TPUEstimator is tpu().TPUEstimator,
            estimator.EmbeddingConfigSpec is embedding,
            modules["tpu_config"].RunConfig is tpu().RunConfig,
            issubclass(tpu().RunConfig, tf.estimator.RunConfig),
        ],
        "public": sorted(name for name in dir(tpu()) if name[0] not in "_s"),
        "embedding": list(embedding._fields),
        "versions": [versions.V1.value, versions.V2.value],
        "in tf.estimator": hasattr(tf.estimator, "tpu"),
        "TensorFlow's own": [hasattr(tf.compat.v1.tpu, name) for name in ("CrossShardOptimizer", "rewrite")],
    }
