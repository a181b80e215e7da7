"""The functions of a TPU program as an Estimator can call them: each is told its batch size, and that there is no TPU."""

import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from estimator_runtime import arguments
from estimator_runtime.errors import ValueKindError
from estimator_runtime.inputs import model_input
from estimator_runtime.model.model_fn import EstimatorSpec
from estimator_runtime.tpu.tpu_estimator_spec import TPUEstimatorSpec

BATCH_SIZE, USE_TPU = "batch_size", "use_tpu"
_NEEDS_PARAMS = (
    f'does not include params argument, required by TPUEstimator to pass batch size as params["{BATCH_SIZE}"]'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostModel:
    """A model function for TPUs, which can be called as one of an Estimator, and how its input functions are called.

    Input functions and the model function on their batches find the mode's batch size in `params`; the model function that
    is built for an export, which has no input function, finds none.

    Attributes:
        model_fn: the program's function; returns a TPUEstimatorSpec or an EstimatorSpec.
        batch_sizes: dict from mode to the batch size, or None where the program gave none.
        speed_hook: makes the hook that tells the speed of a training, or None.
    """

    model_fn: Callable[..., Any]
    batch_sizes: Mapping[str, Any]
    speed_hook: Callable[[], Any]
    # Graphs with the batches of an input function. Threads build models at the same time, each in a graph of its own.
    _fed: "weakref.WeakSet[Any]" = field(default_factory=weakref.WeakSet)

    def __call__(
        self, features: Any, labels: Any, mode: str, params: Any, config: Any, model_dir: str
    ) -> EstimatorSpec:
        """Builds the model. `params` is this call's copy of what the program gave.

        Raises:
            ValueError: the model function takes no `params`, or takes no labels and there are some.
            ValueKindError: (a ValueError) it returns neither kind of spec.
        """
        declared = arguments.declared(self.model_fn)
        if labels is not None and "labels" not in declared:
            raise ValueError("model_fn does not take labels, but input_fn returns labels.")
        if "params" not in declared:
            raise ValueError(f"model_fn ({self.model_fn}) {_NEEDS_PARAMS}")
        is_fed = tf.compat.v1.get_default_graph() in self._fed
        offered = {
            "labels": labels,
            "mode": mode,
            "params": _told(params, **(self._batch_size(mode) if is_fed else {}), **{USE_TPU: False}),
            "config": config,
            "model_dir": model_dir,
        }
        tf.compat.v1.logging.info("Running %s on CPU/GPU", mode)
        spec = self.model_fn(
            features=features, **{name: value for name, value in offered.items() if name in declared}
        )
        if isinstance(spec, TPUEstimatorSpec):
            spec = spec.as_estimator_spec()
        if not isinstance(spec, EstimatorSpec):
            raise ValueKindError(
                f"model_fn should return a TPUEstimatorSpec or an EstimatorSpec, but returned {type(spec)}."
            )
        hook = self.speed_hook()
        return spec if hook is None else spec._replace(training_hooks=(*spec.training_hooks, hook))

    def call_input(
        self, input_fn: Any, *, mode: str, params: Any, config: Any, input_context: Any = None
    ) -> Any:
        """What an input function returns; see `model_input.result_of`.

        Raises:
            ValueError: it takes no `params`.
            TypeError: it is no function.
        """
        arguments.check_input_fn(input_fn)
        if "params" not in arguments.declared(input_fn):
            raise ValueError(f"input_fn ({input_fn}) {_NEEDS_PARAMS}")
        self._fed.add(tf.compat.v1.get_default_graph())
        return model_input.result_of(
            input_fn,
            mode=mode,
            params=_told(params, **self._batch_size(mode)),
            config=config,
            input_context=input_context,
        )

    def _batch_size(self, mode: str) -> dict[str, Any]:
        size = self.batch_sizes.get(mode)
        return {} if size is None else {BATCH_SIZE: size}


def _told(params: Any, **values: Any) -> Any:
    """A copy of hyperparameters, with these values in it: the program's functions get an object of the class that it gave.

    An object with `set_hparam` and `add_hparam`, as HParams of tf.contrib and its successors are, has values by these.
    """
    for name, value in values.items():
        if not hasattr(params, "set_hparam"):
            params[name] = value
        elif name in params:
            params.set_hparam(name, value)
        else:
            params.add_hparam(name, value)
    return params
