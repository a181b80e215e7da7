"""The prediction loop: a generator over the batches of an input.

The graph is the default one only while hooks see how a batch is computed, never while the caller holds the generator:
several generators may be read in turn, and the caller's own graph stays the caller's.
"""

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import tensorflow as tf

from estimator_runtime import checkpoints
from estimator_runtime.errors import ScalarPredictionError
from estimator_runtime.loop import sessions
from estimator_runtime.loop.steps.merging_session import MergingSession
from estimator_runtime.model.bound_model import BoundModel
from estimator_runtime.model.export_outputs import flat_name
from estimator_runtime.model.model_fn import ModeKeys

_NOT_ENTERED: Any = contextlib.nullcontext()


def begun(model: BoundModel, input_fn: Callable[..., Any] | None, **settings: Any) -> Iterator[Any]:
    """`predict`, of which the first value is computed already: a checkpoint that cannot be read shows by then."""
    predictions = predict(model, input_fn, **settings)
    return itertools.chain(list(itertools.islice(predictions, 1)), predictions)


def predict(
    model: BoundModel,
    input_fn: Callable[..., Any] | None,
    *,
    predict_keys: Sequence[str] | str | None,
    hooks: Sequence[Any],
    checkpoint_path: str | None,
    yield_single_examples: bool,
    kept: Callable[[Any, Any], Any],
    batch_length: Callable[[dict[str, Any]], Any],
) -> Iterator[Any]:
    """Yields predictions of one checkpoint (fresh variables for None): numpy values, or dicts of them.

    Args:
        model: the model.
        input_fn: its input.
        predict_keys: names of the predictions to yield; None for all.
        hooks: the caller's hooks.
        checkpoint_path: where the variables' values come from; None for first values.
        yield_single_examples: yield one example at a time, otherwise whole batches as the model returns them.
        kept: of the model's predictions and `predict_keys`; what is computed, as `kept_predictions`.
        batch_length: of the values of a batch, a dict; the number of its examples, as `batch_length_of`.

    Raises:
        ValueError: `predict_keys` does not fit the predictions, or their first dimensions differ.
    """
    graph = tf.Graph()
    with graph.as_default():
        model.begin_graph(graph)
        batch = model.call_input_fn(input_fn, ModeKeys.PREDICT)
        spec = model.call_model_fn(batch.features, None, ModeKeys.PREDICT)
        model.calls.warm_start(checkpoint_path)
        if checkpoint_path is not None:
            checkpoints.check_trained(checkpoint_path, spec.scaffold.saver)
        predictions = kept(spec.predictions, predict_keys)
        session = sessions.checkpoint_session(
            model.config,
            # A task's own affair: in a cluster nobody need be there, and on the task's server the variables would be
            # shared with whatever else it predicts at the time.
            master="" if model.config.cluster_spec else model.config.master,
            scaffold=spec.scaffold,
            checkpoint_path=checkpoint_path,
            hooks=[*batch.hooks, *hooks, *spec.prediction_hooks],
        )
    # Where its server is another process a session may be made anew, in the default graph.
    is_local = not model.config.master and isinstance(session, MergingSession)

    def leave(*raised: Any) -> Any:
        with graph.as_default():
            return session.__exit__(*raised)

    with contextlib.ExitStack() as stack:
        session.__enter__()
        stack.push(leave)
        while not session.should_stop():
            with _NOT_ENTERED if is_local and session.is_unseen else graph.as_default():
                values = session.run(predictions)
            if yield_single_examples:
                yield from _examples(values, batch_length)
            else:
                yield values


def kept_predictions(predictions: Any, predict_keys: Sequence[str] | str | None) -> Any:
    """Those of a model's predictions that have one of the names; all for no name.

    Raises:
        ValueError: none has, or the predictions have no names.
    """
    if not predict_keys:
        return predictions
    if not isinstance(predictions, dict):
        raise ValueError("predict_keys argument is not valid in case of non-dict predictions.")  # noqa: TRY004 - tf.estimator's type
    wanted = {predict_keys} if isinstance(predict_keys, str) else set(predict_keys)
    kept = {key: value for key, value in predictions.items() if key in wanted or flat_name(key) in wanted}
    if not kept:
        raise ValueError(
            f"Expected to run at least one output from {predictions.keys()}, provided {predict_keys}."
        )
    return kept


def batch_length_of(values: dict[str, Any]) -> int | None:
    """The number of examples in a batch of predictions by name; None for no predictions.

    Raises:
        ValueError: the first dimensions differ, or there is none.
    """
    lengths = {key: value.shape[0] if value.shape else None for key, value in values.items()}
    first = next(iter(lengths.values()), None)
    for key, length in lengths.items():
        if length is None:
            raise ScalarPredictionError(
                f"Batch length of predictions should be same. {key} is a scalar: give it a first dimension, the batch, or "
                "predict with yield_single_examples=False."
            )
        if length != first:
            raise ValueError(
                f"Batch length of predictions should be same. {key} has different batch length than others."
            )
    return first


def _examples(values: Any, batch_length: Callable[[dict[str, Any]], Any]) -> Iterator[Any]:
    """One example after the other, without a line of Python for each."""
    if not isinstance(values, dict):
        return iter(values)
    length = batch_length(values)
    rows = itertools.islice(zip(*values.values(), strict=False), length)
    return map(dict, map(zip, itertools.repeat(tuple(values)), rows))
