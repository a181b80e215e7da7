"""The batches of replicas that are spread over tasks: each task's own input, which ends where any task's does.

An input_fn that takes `input_context` learns which part is this task's: of as many pipelines as there are tasks, the chief's is
number 0 and worker n's is n + 1. Nothing is divided for it. Its batch is that of one replica.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from estimator_runtime.distribution.common_end import CommonEnd
from estimator_runtime.distribution.each_replica import in_each
from estimator_runtime.inputs import model_input
from estimator_runtime.model.bound_model import BoundModel

_ENDED_ALL_THE_SAME = (
    "The input has ended, of which tf.data said that it is endless (INFINITE_CARDINALITY): what it repeats has nothing "
    "the next time. Mend that, or leave out repeat(), and all tasks end together when it ends."
)


def batches(
    model: BoundModel, strategy: Any, input_fn: Callable[..., Any] | None, mode: str
) -> tuple[list[tuple[Any, Any]], list[Any], CommonEnd]:
    """(features, labels) of each of this task's replicas, the hooks that their source needs, and what ends it for all.

    Raises:
        ValueError: `input_fn` returns no dataset.
    """
    context = tf.distribute.InputContext(
        num_input_pipelines=model.config.num_worker_replicas,
        input_pipeline_id=model.config.global_id_in_cluster,
        num_replicas_in_sync=strategy.num_replicas_in_sync,
    )
    dataset = model.calls.call_input_fn(input_fn, mode, context)
    if not model_input.is_dataset(dataset):
        raise ValueError(
            f"input_fn must return a tf.data.Dataset with a {type(strategy).__name__}, so that all tasks see its end "
            f"together, but returned: {dataset}."
        )
    with tf.device("/cpu:0"), model_input.made_inside():
        iterator = tf.compat.v1.data.make_initializable_iterator(dataset)
        # Whose end is that of the input, for tasks that have a batch left.
        ended = tf.compat.v1.data.make_initializable_iterator(dataset.take(0))
    end = CommonEnd(strategy, dataset)

    def read(number: int) -> Any:
        with tf.device("/cpu:0"):
            batch = iterator.get_next_as_optional()
            all_have = end.all_have(number, batch.has_value())

            def get_value() -> Any:
                # One that has no batch where all were said to have one is not at the end: the others need it in this step.
                has_one = tf.debugging.Assert(batch.has_value(), [_ENDED_ALL_THE_SAME])
                with tf.control_dependencies([has_one]):
                    return batch.get_value()

            return tf.cond(all_have, get_value, ended.get_next)

    found = in_each(strategy, read)
    hook = model_input.IteratorInitializerHook([iterator.initializer, ended.initializer])
    return [model_input.features_and_labels(batch) for batch in found], [hook], end
