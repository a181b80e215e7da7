"""What the module `estimator` of tf.estimator had beside the class."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from estimator_runtime import checkpoints
from estimator_runtime.loop import hook_types, summaries
from estimator_runtime.model import metrics


def load_global_step_from_checkpoint_dir(checkpoint_dir: str) -> int:
    """The step of the newest checkpoint of a directory; 0 where there is none or it cannot be read."""
    return checkpoints.global_step(checkpoint_dir)


def check_checkpoint_available(model_dir: str) -> None:
    """Looks for a checkpoint in a directory.

    Raises:
        ValueError: there is none.
    """
    checkpoints.trained(model_dir)


def check_listeners_type(saving_listeners: Any) -> tuple[Any, ...]:
    """The listeners, checked.

    Raises:
        TypeError: one is no CheckpointSaverListener.
    """
    return tuple(hook_types.checked_listeners(saving_listeners))


def dict_to_str(dictionary: Mapping[str, Any]) -> str:
    """The values as "name = value, ...", by name; those of bytes are left out."""
    shown = [(name, value) for name, value in sorted(dictionary.items()) if not isinstance(value, bytes)]
    return ", ".join(f"{name} = {value!s}" for name, value in shown)


def write_dict_to_summary(output_dir: str, dictionary: Mapping[str, Any], current_global_step: int) -> None:
    """Writes the result of an evaluation to the event files of a directory.

    Args:
        output_dir: the directory.
        dictionary: dict from name to number, array, or bytes of a serialized Summary.
        current_global_step: the step that it is of.
    """
    summaries.write_metrics(output_dir, dictionary, current_global_step)


def write_checkpoint_path_to_summary(output_dir: str, checkpoint_path: str, current_global_step: int) -> None:
    """Writes to the event files of a directory which checkpoint was evaluated at a step."""
    summaries.write_checkpoint_path(output_dir, checkpoint_path, current_global_step)


def extract_metric_update_ops(
    eval_dict: Mapping[str, Any], distribution: Any = None
) -> tuple[Any, dict[str, Any]]:
    """(one operation that takes a batch into all metrics, dict from name to value); without metrics the first is None.

    Args:
        eval_dict: dict from name to (value, update) or to a Keras metric.
        distribution: a strategy, on which nothing depends here.
    """
    del distribution
    pairs = metrics.checked(eval_dict)
    updates = [update for _, update in pairs.values()]
    return (tf.group(*updates) if updates else None), {name: value for name, (value, _) in pairs.items()}


class UsageGauge:
    """Counts nothing: tf.estimator told TensorFlow's monitoring with it which of its parts a process used."""

    def get_cell(self, *labels: str) -> "UsageGauge":
        """The gauge itself."""
        del labels
        return self

    def set(self, value: Any) -> None:
        """Forgets `value`."""


USAGE_GAUGE = UsageGauge()
