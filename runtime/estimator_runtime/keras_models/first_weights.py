"""The weights that a model has when it becomes an Estimator: a checkpoint that the first training begins with.

It is `keras/keras_model.ckpt` in the model directory, as tf.estimator wrote it, so what follows is a warm start:
training, evaluation, prediction and exports before the first step all have these values, and so has the chief of a
cluster. It is written anew as long as the directory has no checkpoint of a training, by the one task that initialises
the variables: another one has drawn other first values for its own model.
"""

import os
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from estimator_runtime import checkpoints
from estimator_runtime.config.run_config import RunConfig
from estimator_runtime.model.warm_start import WarmStartSettings

v1: Any = tf.compat.v1


@dataclass(frozen=True, slots=True)
class Weights:
    """What a model begins with.

    Attributes:
        names: the names of its variables in a graph.
        save: writes them to a checkpoint, given its path prefix and the config of a session.
    """

    names: Collection[str]
    save: Callable[[str, Any], None]


def warm_start(config: RunConfig, weights: Weights | None) -> WarmStartSettings | None:
    """Saves the weights where that is this task's to do.

    Args:
        config: the RunConfig, with model_dir filled in.
        weights: the model's; None for none.

    Returns:
        Settings that give every variable of the model its value, or None where there are no weights or another task
        initialises the variables.
    """
    if weights is None or not weights.names:
        return None
    assert config.model_dir is not None, "it is filled in"
    prefix = os.path.join(config.model_dir, "keras", "keras_model.ckpt")  # noqa: PTH118 - may be a gs:// address
    if config.is_chief and checkpoints.latest(config.model_dir) is None:
        tf.io.gfile.makedirs(os.path.dirname(prefix))  # noqa: PTH120 - may be a gs:// address
        weights.save(prefix, config.session_config)
    elif not tf.io.gfile.exists(f"{prefix}.index"):
        return None
    # A list of expressions is for all variables, one expression for the trainable ones alone.
    return WarmStartSettings(prefix, [f"{re.escape(name)}:0$" for name in weights.names])


def of_values(values: Mapping[str, Any]) -> Weights:
    """Weights that are saved as variables, and nothing beside them.

    Args:
        values: dict from the name of a variable in the graph to its value, a numpy array.
    """

    def save(prefix: str, session_config: Any) -> None:
        with tf.Graph().as_default(), v1.Session(config=session_config) as session:
            step = v1.train.create_global_step()
            variables = [
                v1.get_variable(
                    name, value.shape, tf.as_dtype(value.dtype), v1.zeros_initializer(), use_resource=True
                )
                for name, value in values.items()
            ]
            # Fed, for a graph's constants have less than two gigabytes.
            first = [variable.initializer.inputs[1] for variable in variables]
            session.run(
                [step.initializer, *(variable.initializer for variable in variables)],
                dict(zip(first, values.values(), strict=True)),
            )
            save_variables(session, prefix)

    return Weights(values.keys(), save)


def save_variables(session: Any, prefix: str) -> None:
    """Writes the variables of the default graph, by name; the directory can be moved then."""
    v1.train.Saver(save_relative_paths=True).save(session, prefix)
