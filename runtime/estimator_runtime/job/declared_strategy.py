"""The strategy of a declared training: `spec.strategy` in, what RunConfig's `train_distribute` takes out.

It is made where training steps are made. The evaluator evaluates on its one device, by the same values.

One over several tasks is made in a graph, where its constructor starts nothing and waits for nobody. Made eagerly it starts
the task's server and waits for all others in TensorFlow, which holds Python's lock for that time: no progress is served, no
signal heard, and nobody told who is missing.
"""

from typing import Any

import tensorflow as tf
from pydantic import ValidationError

from estimator_api.constants import ENV_STRATEGY
from estimator_api.strategy import Communication, Strategy
from estimator_runtime.cluster.tf_config import TaskType
from estimator_runtime.job.settings.environment import Environment
from estimator_runtime.job.settings.errors import JobConfigError


def of(environment: Environment) -> Any:
    """Makes the strategy that the environment asks for; None for none.

    Raises:
        JobConfigError: the variable cannot be read.
    """
    if environment.strategy is None or environment.role == TaskType.EVALUATOR:
        return None
    strategy = _parsed(environment.strategy)
    if strategy.kind == "Mirrored":
        return tf.distribute.MirroredStrategy()
    if strategy.kind == "MultiWorkerMirrored":
        options = _options(strategy.communication or Communication())
        with tf.Graph().as_default():
            return tf.distribute.MultiWorkerMirroredStrategy(communication_options=options)
    return None


def _parsed(text: str) -> Strategy:
    try:
        return Strategy.model_validate_json(text)
    except ValidationError as error:
        faults = "; ".join(one["msg"] for one in error.errors(include_url=False, include_input=False))
        raise JobConfigError(f"{ENV_STRATEGY}: {faults}") from error


def _options(said: Communication) -> Any:
    kinds = tf.distribute.experimental.CommunicationImplementation
    return tf.distribute.experimental.CommunicationOptions(
        implementation={"Auto": kinds.AUTO, "Ring": kinds.RING, "NCCL": kinds.NCCL}[said.implementation],
        timeout_seconds=said.timeout_seconds,
    )
