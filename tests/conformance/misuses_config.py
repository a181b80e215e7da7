"""What RunConfig and TF_CONFIG refuse."""

import models
import tensorflow as tf
from catalogue import misuse


def run_config(**arguments):
    return lambda directory: tf.estimator.RunConfig(**arguments)


for name, arguments in {
    "model_dir empty": {"model_dir": ""},
    "both intervals": {"save_checkpoints_steps": 1, "save_checkpoints_secs": 1},
    "save_summary_steps -1": {"save_summary_steps": -1},
    "save_checkpoints_steps -1": {"save_checkpoints_steps": -1},
    "save_checkpoints_secs -1": {"save_checkpoints_secs": -1},
    "keep_checkpoint_max -1": {"keep_checkpoint_max": -1},
    "keep_checkpoint_every_n_hours 0": {"keep_checkpoint_every_n_hours": 0},
    "log_step_count_steps 0": {"log_step_count_steps": 0},
    "session_creation_timeout_secs 0": {"session_creation_timeout_secs": 0},
    "session_config is a dict": {"session_config": {"a": 1}},
    "tf_random_seed is a float": {"tf_random_seed": 1.0},
    "tf_random_seed is a string": {"tf_random_seed": "1"},
    "worker delay is a float": {"experimental_max_worker_delay_secs": 0.5},
    "device_fn is a string": {"device_fn": "/cpu:0"},
    "device_fn of another argument": {"device_fn": lambda operation: "/cpu:0"},
    "device_fn of two arguments": {"device_fn": lambda op, more: "/cpu:0"},
    "protocol unknown": {"protocol": "http"},
}.items():
    misuse(f"RunConfig: {name}", run_config(**arguments))

misuse("RunConfig: an unknown argument", run_config(colour="red"))

# Taken, as long as it is false: programs pass on the 0 or "" of a command line.
REFUSED_EARLY = (
    "tf.estimator takes it, and the first training or evaluation fails at an attribute of it; refused by name where it is "
    "written"
)
for field in ("train_distribute", "eval_distribute", "experimental_distribute"):
    for name, value in {"0": 0, "False": False, "an empty text": "", "an empty list": []}.items():
        misuse(f"RunConfig: {field} is {name}", run_config(**{field: value}))
    misuse(
        f"RunConfig: {field} is a word",
        run_config(**{field: "mirrored"}),
        wording="says which there are" if field == "experimental_distribute" else None,
        outcome=None if field == "experimental_distribute" else REFUSED_EARLY,
    )
misuse(
    "RunConfig: a strategy that is false, used",
    lambda d: (
        models.estimator(d, train_distribute=0, eval_distribute="")
        .train(models.batches, steps=1)
        .evaluate(models.once)
    ),
)


def replacing(**arguments):
    return lambda directory: tf.estimator.RunConfig().replace(**arguments)


ONE_MORE = "names the field that is this runtime's own as well, steps_per_loop"
misuse("RunConfig.replace: a property", replacing(task_type="chief"), wording=ONE_MORE)
misuse("RunConfig.replace: a name that is none", replacing(colour="red"), wording=ONE_MORE)
misuse("RunConfig.replace: both intervals", replacing(save_checkpoints_steps=1, save_checkpoints_secs=1))
misuse("RunConfig.replace: model_dir empty", replacing(model_dir=""))
misuse("RunConfig.replace: tf_random_seed is a float", replacing(tf_random_seed=0.5))

CLUSTER = {"chief": ["c:1"], "worker": ["w:1"], "ps": ["p:1"]}
CHIEF = {"type": "chief", "index": 0}

for name, document in {
    "not JSON": "{",
    "task alone is a chief": {"task": {"type": "chief"}},
    "task alone has index 1": {"task": {"type": "worker", "index": 1}},
    "no chief": {"cluster": {"worker": ["w:1"]}, "task": {"type": "worker", "index": 0}},
    "two chiefs": {"cluster": {"chief": ["c:1", "c:2"]}, "task": CHIEF},
    "two masters": {"cluster": {"master": ["c:1", "c:2"]}, "task": {"type": "master", "index": 0}},
    "chief and master": {"cluster": {**CLUSTER, "master": ["m:1"]}, "task": CHIEF},
    "evaluator of a master": {"cluster": {"master": ["m:1"]}, "task": {"type": "evaluator", "index": 0}},
    "no task": {"cluster": CLUSTER},
    "no task type": {"cluster": CLUSTER, "task": {"index": 0}},
    "no task index": {"cluster": CLUSTER, "task": {"type": "chief"}},
    "negative index": {"cluster": CLUSTER, "task": {"type": "worker", "index": -1}},
    "index too large": {"cluster": CLUSTER, "task": {"type": "worker", "index": 7}},
    "index is a word": {"cluster": CLUSTER, "task": {"type": "worker", "index": "first"}},
    "task type of no job": {"cluster": CLUSTER, "task": {"type": "reader", "index": 0}},
    "service is a list": {"service": [1]},
    "model_dir empty": {"model_dir": ""},
}.items():
    misuse(
        f"TF_CONFIG: {name}",
        lambda d, document=document: _with(document, tf.estimator.RunConfig),
    )

misuse(
    "TF_CONFIG: another model_dir",
    lambda d: _with({"model_dir": "/a"}, lambda: tf.estimator.RunConfig(model_dir="/b")),
)
misuse(
    "TF_CONFIG: another model_dir than the Estimator's",
    lambda d: _with({"model_dir": "/a"}, lambda: tf.estimator.Estimator(models.linear, "/b")),
    wording="ends with a full stop",
)


def _with(document, make):
    with models.tf_config(document):
        return make()
