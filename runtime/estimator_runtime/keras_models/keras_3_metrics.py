"""The metrics of a Keras 3 model in an evaluation."""

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from estimator_runtime.keras_models import outputs, stand_ins


class Metrics:
    """The metrics that a model was compiled with, and those of its layers, on local variables of the default graph.

    Args:
        model: the model, built with its metrics.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self.variables: Sequence[Any] = model.metrics_variables
        self.own: Sequence[Any] = stand_ins.of_metrics(self.variables)

    def pairs(
        self, values: stand_ins.Values, renamed: Mapping[str, str] | None
    ) -> dict[str, tuple[Any, Any]]:
        """(value, update) of each metric by its name.

        Args:
            values: the scope in which a batch has been taken into the metrics.
            renamed: dict from a metric's name in Keras to its name in the evaluation.
        """
        update = tf.group(*[own.assign(value) for own, value in values.changes(self.variables, self.own)])
        results = self._values()
        outputs.check_names(renamed, list(results))
        return {(renamed or {}).get(name, name): (value, update) for name, value in results.items()}

    def _values(self) -> dict[str, Any]:
        context = tf.distribute.get_replica_context()
        if not tf.distribute.has_strategy() or context is None:
            return self._read()
        # Outside of the replicas a variable's value is the sum over all.
        return dict(context.merge_call(lambda _: self._read()))

    def _read(self) -> dict[str, Any]:
        with stand_ins.Values(self.variables, self.own):
            results = self._model.get_metrics_result()
        losses = self._losses()
        return {name: tf.convert_to_tensor(value) for name, value in results.items() if name not in losses}

    def _losses(self) -> set[str]:
        """Names under which Keras reports the loss and its parts: an evaluation has a loss of its own."""
        # The parts are called after outputs, keys of a dict of them, or functions; no public name tells which they are.
        parts = self._model._compile_loss  # noqa: SLF001
        return {"loss", *(part.name for part in (parts.metrics if parts is not None else ()))}
