"""train_and_evaluate: one call that does, in every task of a job, what that task is there for."""

from typing import Any

import tensorflow as tf

from estimator_runtime.cluster.tf_config import TaskType
from estimator_runtime.loop import event_writers
from estimator_runtime.loop.kept import keeping
from estimator_runtime.training import local, roles
from estimator_runtime.training.specs import EvalSpec, TrainSpec


def train_and_evaluate(estimator: Any, train_spec: TrainSpec, eval_spec: EvalSpec) -> tuple[Any, Any] | None:
    """Trains, evaluates and exports; the task that TF_CONFIG names decides which of them happen here.

    Without a cluster all happen in this process: an evaluation after each checkpoint (at most every
    `eval_spec.throttle_secs`) and at the end. In a cluster chief and workers train, parameter servers hold the
    variables until those have ended, and the evaluator evaluates and exports until training has ended.

    Args:
        estimator: the `Estimator`.
        train_spec: the `TrainSpec`.
        eval_spec: the `EvalSpec`.

    Returns:
        Without a cluster the last evaluation's metrics and the list of what the exporters returned (both None when
        nothing was evaluated); None in a cluster.

    Raises:
        TypeError: an argument is of the wrong class.
        ValueError: the task is none of chief, worker, ps, evaluator and master, or a second evaluator.
        RuntimeError: the configuration does not say which server to start.
    """
    check_types(estimator, train_spec, eval_spec)
    task_type = task_type_of(estimator.config)
    with event_writers.call(), keeping.call():
        if task_type is None:
            return local.run(estimator, train_spec, eval_spec)
        roles.ROLES[task_type](estimator, train_spec, eval_spec)
    return None


def check_types(estimator: Any, train_spec: Any, eval_spec: Any) -> None:
    """Holds the arguments of `train_and_evaluate` against their classes.

    Raises:
        TypeError: one is of another.
    """
    # Imported late: the Estimator's module is free to build on this one.
    from estimator_runtime.estimator import Estimator

    for value, name, wanted in (
        (eval_spec, "eval_spec", EvalSpec),
        (train_spec, "train_spec", TrainSpec),
        (estimator, "estimator", Estimator),
    ):
        if not isinstance(value, wanted):
            raise TypeError(f"`{name}` must have type `tf.estimator.{wanted.__name__}`. Got: {type(value)}")


def task_type_of(config: Any) -> str | None:
    """Which part of a training is this task's: a key of `roles.ROLES`, or None without a cluster.

    Raises:
        ValueError: it is none of them, or a second evaluator.
    """
    if config.task_type == TaskType.EVALUATOR and config.task_id > 0:
        raise ValueError(
            "For distributed training, there can only be one `evaluator` task (with task id 0).  "
            f"Given task id {config.task_id}"
        )
    if not config.cluster_spec and config.task_type != TaskType.EVALUATOR:
        tf.compat.v1.logging.info("Running training and evaluation locally (non-distributed).")
        return None
    if not config.task_type:
        raise ValueError(
            "`estimator.config` must have task_type set. This usually means TF_CONFIG environment is not set correctly."
        )
    if config.task_type == "local":
        raise ValueError(
            "`task.type` in TF_CONFIG cannot be `local`. Leaving `cluster` and `task` properties in TF_CONFIG absent "
            "triggers train and evaluate `Estimator` locally (non-distributed)."
        )
    if config.task_type not in roles.ROLES:
        raise ValueError(
            f"Task type {config.task_type} is not supported. Supported task types are {sorted(roles.ROLES)}"
        )
    return str(config.task_type)
