"""What each task of a cluster does in `train_and_evaluate`."""

import time
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from estimator_runtime import checkpoints
from estimator_runtime.cluster import finished, server, tf_config
from estimator_runtime.config import strategies
from estimator_runtime.training import evaluator, local
from estimator_runtime.training.checkpoint_evaluator import ContinuousEvalListener
from estimator_runtime.training.specs import EvalSpec, TrainSpec

_MAX_DELAY_SECS = 60
_DELAY_SECS_PER_WORKER = 5

Role = Callable[[Any, TrainSpec, EvalSpec], None]


def train(estimator: Any, train_spec: TrainSpec) -> None:
    """Does the part of this task, if it has any, in a training without evaluations; also without a cluster."""
    config = estimator.config
    if config.task_type == tf_config.TaskType.PS:
        _serve(estimator, train_spec)
    elif config.is_chief:
        with finished.announcing(estimator, train_spec.max_steps) as anything_left:
            if anything_left:
                _train(estimator, train_spec, train_spec.saving_listeners)
    else:
        run_worker(estimator, train_spec)


def run_chief(estimator: Any, train_spec: TrainSpec, eval_spec: EvalSpec) -> None:
    """Trains, writes checkpoints, and leaves the `finished` marker."""
    del eval_spec
    with finished.announcing(estimator, train_spec.max_steps) as anything_left:
        if anything_left:
            _train(estimator, train_spec, train_spec.saving_listeners)


def run_worker(estimator: Any, train_spec: TrainSpec, eval_spec: EvalSpec | None = None) -> None:
    """Trains on the variables that the chief initialised."""
    del eval_spec
    with finished.taking_part(estimator):
        _train(estimator, train_spec, None)


def run_master(
    estimator: Any, train_spec: TrainSpec, eval_spec: EvalSpec, *, asked: ContinuousEvalListener | None = None
) -> None:
    """A chief that also evaluates, after saving: the form of old clusters, which have no evaluator."""
    listener = local.evaluation_listener(estimator, train_spec, eval_spec, asked=asked)
    with finished.announcing(estimator, train_spec.max_steps) as anything_left:
        if anything_left:
            _train(estimator, train_spec, (*train_spec.saving_listeners, listener))


def run_ps(estimator: Any, train_spec: TrainSpec, eval_spec: EvalSpec) -> None:
    """Serves variables until training has ended and those who trained are gone, or it is stopped from outside."""
    del eval_spec
    _serve(estimator, train_spec)


def run_evaluator(
    estimator: Any, train_spec: TrainSpec, eval_spec: EvalSpec, *, asked: ContinuousEvalListener | None = None
) -> None:
    """Evaluates and exports checkpoints as they appear."""
    with finished.taking_part(estimator):
        evaluator.run(estimator, train_spec.max_steps, eval_spec, asked)


ROLES: dict[str, Role] = {
    tf_config.TaskType.CHIEF: run_chief,
    tf_config.TaskType.EVALUATOR: run_evaluator,
    tf_config.TaskType.MASTER: run_master,
    tf_config.TaskType.PS: run_ps,
    tf_config.TaskType.WORKER: run_worker,
}


def _serve(estimator: Any, train_spec: TrainSpec) -> None:
    config = estimator.config
    end = server.ClusterEnd(config, finished.directory(estimator), train_spec.max_steps)
    with finished.taking_part(estimator):
        server.join(server.start(config), end=end)


def _train(estimator: Any, train_spec: TrainSpec, saving_listeners: tuple[Any, ...] | None) -> None:
    config = estimator.config
    # The server starts before the delay: the other tasks' sessions wait for it.
    if config.cluster_spec and not tf_config.is_google_environment():
        spans_tasks = strategies.spans_tasks(config.train_distribute)
        server.start(config, config.train_distribute if spans_tasks else None)
    delay = _start_delay_secs(config)
    if delay > 0 and not _is_under_way(estimator):
        tf.compat.v1.logging.info("Waiting %d secs before starting training.", delay)
        time.sleep(delay)
    estimator.train(
        input_fn=train_spec.input_fn,
        max_steps=train_spec.max_steps,
        hooks=list(train_spec.hooks),
        saving_listeners=saving_listeners,
    )


def _start_delay_secs(config: Any) -> int:
    """Workers start one after another: asynchronous training converges better when it begins with few of them."""
    if config.is_chief or config.task_type != tf_config.TaskType.WORKER:
        return 0
    if strategies.spans_tasks(config.train_distribute):
        return 0
    longest = config.experimental_max_worker_delay_secs
    longest = _MAX_DELAY_SECS if longest is None else int(longest)
    return min(longest, (int(config.task_id) + 1) * _DELAY_SECS_PER_WORKER)


def _is_under_way(estimator: Any) -> bool:
    """Tells whether the training has begun before: a worker that joins it would only stand still for a while."""
    model_dir = finished.directory(estimator)
    return model_dir is not None and checkpoints.global_step(model_dir) > 0
