"""What the module `estimator` of tf.estimator had beside the class."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from estimator_runtime import checkpoints
from estimator_runtime.estimator import check_overrides
from estimator_runtime.loop import evaluation, hook_types, summaries
from estimator_runtime.model import bound_model, metrics

# Not `model_dir`, which tf.estimator passed all the same.
VALID_MODEL_FN_ARGS = frozenset({*bound_model.MODEL_FN_ARGUMENTS, "self"} - {"model_dir"})


def assert_members_are_not_overridden(cls: type[Any], obj: Any) -> None:
    """Refuses an object of a subclass of `cls`, an Estimator, whose own class overrides members that it must not.

    Raises:
        ValueError: it does.
    """
    if type(obj) is not cls:
        check_overrides(type(obj))


def verify_and_create_loss_metric(
    eval_metric_ops: dict[str, Any], loss: Any, distribution: Any = None
) -> dict[str, Any]:
    """Adds "loss", the mean of a model's loss over the batches, to its metrics, which are returned.

    Args:
        eval_metric_ops: dict from name to metric, which is changed.
        loss: scalar Tensor.
        distribution: a strategy, on which nothing depends here.

    Raises:
        ValueError: there is a metric of that name.
    """
    del distribution
    evaluation.check_name(evaluation.LOSS, eval_metric_ops)
    eval_metric_ops[evaluation.LOSS] = tf.compat.v1.metrics.mean(loss)
    return eval_metric_ops


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
