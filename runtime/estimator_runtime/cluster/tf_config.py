"""TF_CONFIG: what a task knows about the cluster that it is part of.

One pure function, `place_task`, turns the JSON document of the environment variable into a `Placement`. The rules and
the error texts are those of `tf.estimator`:

* without a cluster the task is worker 0, its own chief;
* with a cluster there is exactly one `chief` (or, in old clusters, one `master`, which has no evaluator);
* the evaluator is never part of the cluster: an `evaluator` job inside `cluster` is left out of everybody's view.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from estimator_runtime.cluster import environment_files, proxies
from estimator_runtime.errors import ClusterKindError

ENVIRONMENT_VARIABLE = "TF_CONFIG"
LOCAL_MASTER = ""
ELASTIC = "elastic"
"""Member of TF_CONFIG's `service`: true where `cluster` lists more workers than there are, which come and go."""
_GRPC_SCHEME = "grpc://"
_FROM_ENVIRONMENT = "Note that these values may be coming from the TF_CONFIG environment variable."


class TaskType:
    """The names that a job can have in a cluster."""

    MASTER = "master"
    PS = "ps"
    WORKER = "worker"
    CHIEF = "chief"
    EVALUATOR = "evaluator"


@dataclass(frozen=True, slots=True)
class Placement:
    """One task's place in the cluster, as `RunConfig` shows it.

    Attributes:
        task_type: name of the task's job.
        task_id: index in that job.
        cluster_spec: `tf.train.ClusterSpec`, empty outside a cluster and for the evaluator.
        master: address of the session's server, "" for an in-process session.
        evaluation_master: the same for evaluations; "" in a task of the cluster, which evaluates in process.
        is_chief: whether this task initialises variables and writes checkpoints.
        num_ps_replicas: parameter servers in the cluster.
        num_worker_replicas: tasks that train, the chief among them; 0 for the evaluator.
        global_id_in_cluster: 0 for the chief, then the other jobs by name, ps last; None for the evaluator.
        service: the platform's own section of TF_CONFIG.
    """

    task_type: str
    task_id: int
    cluster_spec: Any
    master: str
    evaluation_master: str
    is_chief: bool
    num_ps_replicas: int
    num_worker_replicas: int
    global_id_in_cluster: int | None
    service: dict[str, Any] | None


def read_tf_config() -> dict[str, Any]:
    """Returns the parsed TF_CONFIG environment variable, `{}` when it is unset or empty.

    What of it is too large for an environment is read from its file, also in a process without the job runner.
    """
    environment_files.load()
    proxies.leave_out()
    document = json.loads(os.environ.get(ENVIRONMENT_VARIABLE) or "{}")
    if not isinstance(document, dict):
        raise ClusterKindError(f"TF_CONFIG must be a JSON object. Given {type(document)}")
    return document


def is_elastic(service: Mapping[str, Any] | None) -> bool:
    """Tells whether the workers of TF_CONFIG's cluster come and go, by its `service`."""
    return bool((service or {}).get(ELASTIC))


def is_google_environment() -> bool:
    """Tells whether TF_CONFIG says that servers are started by the platform."""
    tf_config = read_tf_config()
    if not tf_config:
        tf.compat.v1.logging.warning("TF_CONFIG should not be empty in distributed environment.")
    return tf_config.get("environment") == "google"


def directory_of(given: Any) -> str | None:
    """The directory that a program names, as text; None, False and 0 name none, and "" is for the caller to refuse."""
    return os.fsdecode(given) if given or given == "" else None


def choose_model_dir(tf_config: Mapping[str, Any], model_dir: str | None) -> str | None:
    """Returns the one model_dir that the argument and TF_CONFIG agree on.

    Raises:
        ValueError: either is empty, or they differ.
    """
    if model_dir == "":
        raise ValueError("model_dir should be non-empty.")
    configured: str | None = tf_config.get("model_dir")
    if configured == "":
        raise ValueError("model_dir in TF_CONFIG should be non-empty.")
    if configured and model_dir and configured != model_dir:
        raise ValueError(
            "`model_dir` provided in RunConfig construct, if set, must have the same value as the model_dir in "
            f'TF_CONFIG. model_dir: {model_dir}\nTF_CONFIG["model_dir"]: {configured}.\n'
        )
    return configured or model_dir


def place_task(tf_config: Mapping[str, Any]) -> Placement:
    """Computes the task's place from the TF_CONFIG document.

    Raises:
        ValueError: the cluster or the task breaks a rule of the module docstring.
        TypeError: `service` is not a dict.
    """
    service = tf_config.get("service")
    if service is not None and not isinstance(service, dict):
        raise TypeError(f'If "service" is set in TF_CONFIG, it must be a dict. Given {type(service)}')
    cluster = tf_config.get("cluster") or {}
    if not isinstance(cluster, Mapping):
        raise ClusterKindError(
            f'"cluster" in TF_CONFIG must be a dict from the jobs to their addresses. Given {type(cluster)}'
        )
    jobs = dict(cluster)
    jobs.pop(TaskType.EVALUATOR, None)
    task: Mapping[str, Any] = tf_config.get("task") or {}
    if not jobs:
        return _place_alone(tf_config, task, service)
    cluster_spec = tf.train.ClusterSpec(jobs)
    if TaskType.MASTER in cluster_spec.jobs:
        return _place_in_cluster(tf_config, cluster_spec, task, service, chief_type=TaskType.MASTER)
    return _place_in_cluster(tf_config, cluster_spec, task, service, chief_type=TaskType.CHIEF)


def _place_alone(
    tf_config: Mapping[str, Any], task: Mapping[str, Any], service: dict[str, Any] | None
) -> Placement:
    task_type = task.get("type", TaskType.WORKER)
    task_id = int(task.get("index", 0))
    if task_type != TaskType.WORKER:
        raise ValueError('If "cluster" is not set in TF_CONFIG, task type must be WORKER.')
    if task_id != 0:
        raise ValueError('If "cluster" is not set in TF_CONFIG, task index must be 0.')
    return Placement(
        task_type=task_type,
        task_id=task_id,
        cluster_spec=tf.train.ClusterSpec({}),
        master=tf_config.get("session_master", LOCAL_MASTER),
        evaluation_master=tf_config.get("eval_session_master", LOCAL_MASTER),
        is_chief=True,
        num_ps_replicas=0,
        num_worker_replicas=1,
        global_id_in_cluster=0,
        service=service,
    )


def _place_in_cluster(
    tf_config: Mapping[str, Any],
    cluster_spec: Any,
    task: Mapping[str, Any],
    service: dict[str, Any] | None,
    *,
    chief_type: str,
) -> Placement:
    if chief_type == TaskType.MASTER and TaskType.CHIEF in cluster_spec.jobs:
        raise ValueError("If `master` node exists in `cluster`, job `chief` is not supported.")
    task_type, task_id = _read_task(cluster_spec, task, chief_type)
    if task_type == TaskType.EVALUATOR:
        if chief_type == TaskType.MASTER:
            raise ValueError("If `master` node exists in `cluster`, task_type `evaluator` is not supported.")
        return Placement(
            task_type=task_type,
            task_id=task_id,
            cluster_spec=tf.train.ClusterSpec({}),
            master=LOCAL_MASTER,
            evaluation_master=tf_config.get("eval_session_master", LOCAL_MASTER),
            is_chief=False,
            num_ps_replicas=0,
            num_worker_replicas=0,
            global_id_in_cluster=None,
            service=service,
        )
    return Placement(
        task_type=task_type,
        task_id=task_id,
        cluster_spec=cluster_spec,
        master=_session_master(tf_config, cluster_spec, task_type, task_id),
        evaluation_master=LOCAL_MASTER,
        is_chief=task_type == chief_type,
        num_ps_replicas=_count_tasks(cluster_spec, TaskType.PS),
        num_worker_replicas=_count_tasks(cluster_spec, TaskType.WORKER)
        + _count_tasks(cluster_spec, chief_type),
        global_id_in_cluster=_global_id(cluster_spec, task_type, task_id, chief_type),
        service=service,
    )


def _count_tasks(cluster_spec: Any, job: str) -> int:
    return int(cluster_spec.num_tasks(job)) if job in cluster_spec.jobs else 0


def _read_task(cluster_spec: Any, task: Mapping[str, Any], chief_type: str) -> tuple[str, int]:
    chiefs = _count_tasks(cluster_spec, chief_type)
    if chiefs == 0:
        raise ValueError(f'If "cluster" is set in TF_CONFIG, it must have one "{chief_type}" node.')
    if chiefs > 1:
        raise ValueError(f'The "cluster" in TF_CONFIG must have only one "{chief_type}" node.')
    task_type = task.get("type")
    if not task_type:
        raise ValueError('If "cluster" is set in TF_CONFIG, task type must be set.')
    if task.get("index") is None:
        raise ValueError('If "cluster" is set in TF_CONFIG, task index must be set.')
    task_id = int(task["index"])
    if task_id < 0:
        raise ValueError("Task index must be non-negative number.")
    if task_type == TaskType.EVALUATOR:
        return task_type, task_id
    if task_type not in cluster_spec.jobs:
        raise ValueError(
            f"{task_type} is not a valid task_type in the cluster_spec:\n{cluster_spec}\n\n{_FROM_ENVIRONMENT}"
        )
    if task_id not in cluster_spec.task_indices(task_type):
        raise ValueError(
            f"{task_id} is not a valid task_id for task_type {task_type} in the cluster_spec:\n{cluster_spec}\n\n"
            f"{_FROM_ENVIRONMENT}"
        )
    return task_type, task_id


def _session_master(tf_config: Mapping[str, Any], cluster_spec: Any, task_type: str, task_id: int) -> str:
    if "session_master" in tf_config:
        return str(tf_config["session_master"])
    if sum(_count_tasks(cluster_spec, job) for job in cluster_spec.jobs) == 1:
        return LOCAL_MASTER
    return own_address(cluster_spec, task_type, task_id)


def own_address(cluster_spec: Any, task_type: str, task_id: int) -> str:
    """The address of a task's server, as a session's master."""
    return _GRPC_SCHEME + str(cluster_spec.task_address(task_type, task_id))


def _global_id(cluster_spec: Any, task_type: str, task_id: int, chief_type: str) -> int:
    def rank(job: str) -> tuple[bool, bool, str]:
        return job != chief_type, job == TaskType.PS, job

    earlier = (job for job in cluster_spec.jobs if rank(job) < rank(task_type))
    return sum(_count_tasks(cluster_spec, job) for job in earlier) + task_id


def session_config(task_type: str, task_id: int) -> Any | None:
    """Session options inside a cluster; None for a task of a job that tf.estimator does not know.

    The device filters keep a session from waiting for tasks that it does not use: tasks start in any order and
    outlive one another.
    """
    filters = {
        TaskType.MASTER: ["/job:ps", "/job:master"],
        TaskType.CHIEF: ["/job:ps", "/job:chief"],
        TaskType.WORKER: ["/job:ps", f"/job:worker/task:{task_id}"],
        TaskType.PS: ["/job:ps", "/job:worker", "/job:chief", "/job:master"],
    }
    if task_type not in filters:
        return None
    config = tf.compat.v1.ConfigProto(allow_soft_placement=True, device_filters=filters[task_type])
    config.graph_options.rewrite_options.meta_optimizer_iterations = 1
    return config
