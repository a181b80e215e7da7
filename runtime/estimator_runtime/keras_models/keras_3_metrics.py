"""The metrics of a Keras 3 model in an evaluation."""

import contextlib
import weakref
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf

from estimator_runtime.keras_models import keras_3_building, outputs, stand_ins


class Metrics:
    """The metrics that a model was compiled with, and those of its layers, on local variables of the default graph.

    Args:
        model: the model, built with its metrics.
        first: what they begin with.
    """

    def __init__(self, model: Any, first: "FirstValues") -> None:
        self._model = model
        self.variables: Sequence[Any] = model.metrics_variables
        self.own: Sequence[Any] = stand_ins.of_metrics(self.variables, first.of(self.variables))

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


class FirstValues:
    """What an evaluation by Keras would begin the metrics of a model with.

    Keras resets those that are built, and builds the others, which begin with what their initialisers give. In a graph
    they stay as they were built, for nothing is assigned to them.
    """

    def __init__(self) -> None:
        # With the variables themselves, for ids of objects that are gone are given again.
        self._known: dict[int, tuple[Any, Any]] = {}

    @contextlib.contextmanager
    def noted(self, model: Any) -> Iterator[None]:
        """Surrounds what may build the metrics of the model."""
        before = {id(variable) for variable in model.metrics_variables}
        yield
        every = model.metrics_variables
        if all(id(variable) in self._known for variable in every):
            return
        built, reset = keras_3_building.eagerly(lambda: _values_of(model, every))
        for variable, of_built, of_reset in zip(every, built, reset, strict=True):
            value = of_reset if id(variable) in before else of_built
            self._known.setdefault(id(variable), (variable, value))

    def of(self, variables: Sequence[Any]) -> list[Any]:
        """The first value of each of the variables, a numpy array."""
        return [self._known[id(variable)][1] for variable in variables]


# A model that becomes an Estimator a second time has been built by the first.
_OF_MODELS: weakref.WeakKeyDictionary[Any, FirstValues] = weakref.WeakKeyDictionary()


def first_values(model: Any) -> FirstValues:
    """Those of a model."""
    return _OF_MODELS.setdefault(model, FirstValues())


def _values_of(model: Any, variables: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """(their values, those after a reset) of the variables of a model's metrics, which keep what they have counted."""
    built = [variable.numpy() for variable in variables]
    model.reset_metrics()
    reset = [variable.numpy() for variable in variables]
    for variable, value in zip(variables, built, strict=True):
        variable.assign(value)
    return built, reset
