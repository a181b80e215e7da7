"""A model function together with everything an Estimator calls it with.

The loops (training, evaluation, prediction, export) take a BoundModel and know nothing of the Estimator around it.
"""

import functools
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

import tensorflow as tf

from estimator_runtime import arguments
from estimator_runtime.config import input_pipelines
from estimator_runtime.config.run_config import RunConfig
from estimator_runtime.inputs import model_input
from estimator_runtime.keras import layer_names, legacy_api, metric_variables, seed_states
from estimator_runtime.model.model_fn import EstimatorSpec, ModeKeys
from estimator_runtime.model.warm_start import WarmStartSettings

MODEL_FN_ARGUMENTS = ("features", "labels", "mode", "params", "config", "model_dir")


class BuiltModel(NamedTuple):
    """An input and a model in a graph.

    Attributes:
        spec: what the model function returned.
        input_hooks: hooks that the source of the batches needs.
    """

    spec: EstimatorSpec
    input_hooks: tuple[Any, ...]


class Calls(NamedTuple):
    """How an Estimator does what the loops ask of it: by methods of its own, each of which a class may override.

    Attributes:
        create_global_step: of a graph; makes its global step and returns it, or None where the model function makes it.
        call_input_fn: of an input function, a mode and, for a strategy's replicas, their InputContext; what it returns.
        features_and_labels: of an input function and a mode; (features, labels, hooks) of one batch.
        features: the same for predictions; (features, hooks).
        call_model_fn: of features, labels, mode and RunConfig; the EstimatorSpec.
        train_with_spec: of the EstimatorSpec, the input's hooks, the caller's hooks, the global step and saving listeners;
            trains, and returns the last step's loss or None.
        warm_start: of the path of a checkpoint or None; gives the variables first values if it is None.
        iterator: of an input function, a mode and a strategy; (iterator over the replicas' batches, hooks).
        model_for_evaluation: of an input function and a strategy or None; what `evaluation.build_model` returns.
        build_evaluation: of an input function, hooks and the path of a checkpoint or None; the fields of
            `evaluation.EvaluationParts`.
        run_evaluation: of these fields, by name, and `checkpoint_path` and `output_dir`; the metrics by name.
        keeps_evaluations: whether an evaluation may use the session of an earlier one: no class has a step of its own.
    """

    create_global_step: Callable[[Any], Any]
    call_input_fn: Callable[..., Any]
    features_and_labels: Callable[[Any, str], tuple[Any, Any, Sequence[Any]]]
    features: Callable[[Any, str], tuple[Any, Sequence[Any]]]
    call_model_fn: Callable[..., EstimatorSpec]
    train_with_spec: Callable[[EstimatorSpec, list[Any], list[Any], Any, list[Any]], Any]
    warm_start: Callable[[str | None], None]
    iterator: Callable[[Any, str, Any], tuple[Any, Sequence[Any]]]
    model_for_evaluation: Callable[[Any, Any], Any]
    build_evaluation: Callable[[Any, list[Any], str | None], Any]
    run_evaluation: Callable[..., dict[str, Any]]
    keeps_evaluations: Callable[[], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundModel:
    """Everything that stays the same over the calls of one model function.

    Attributes:
        model_fn: the user's function.
        copy_of_params: makes the hyperparameters that a call is given.
        copy_of_config: makes the RunConfig that a call is given.
        config: the RunConfig, with model_dir and session_config filled in.
        device_fn: placement of operations while training, or None. Nothing else may place variables on parameter servers:
            restoring a checkpoint there would overwrite those that the cluster trains.
        warm_start: where first values come from, or None.
        calls: by what the loops call all this.
        around_model_fn: what each call of the model function is made in.
        call_input: calls an input function, as `model_input.result_of`.
    """

    model_fn: Callable[..., Any]
    copy_of_params: Callable[[], dict[str, Any]]
    copy_of_config: Callable[[], RunConfig]
    config: RunConfig
    device_fn: Any
    warm_start: WarmStartSettings | None
    calls: Calls
    around_model_fn: Callable[[], AbstractContextManager[Any]] = nullcontext
    call_input: Callable[..., Any] = model_input.result_of

    @property
    def model_dir(self) -> str:
        """Directory of checkpoints, summaries and exports."""
        model_dir = self.config.model_dir
        assert model_dir is not None, "the Estimator fills in model_dir"
        return model_dir

    def begin_graph(self, graph: Any) -> Any:
        """Seeds the (default) graph and creates its global step, which is returned."""
        tf.compat.v1.random.set_random_seed(self.config.tf_random_seed)
        return self.calls.create_global_step(graph)

    def result_of_input_fn(
        self, input_fn: Callable[..., Any] | None, mode: str, input_context: Any = None
    ) -> Any:
        """What `input_fn` returns; see `model_input.result_of`.

        `input_context` is that of a strategy. Without one an input function that cannot be called without it is told
        the task's own, see `input_pipelines`; where the argument has a default, that is kept, as in tf.estimator.
        """
        if input_context is None and callable(input_fn) and self._is_told_its_pipeline(input_fn, mode):
            input_context = input_pipelines.context(self.config, is_training=mode == ModeKeys.TRAIN)
        return self.call_input(
            input_fn,
            mode=mode,
            params=self.copy_of_params(),
            config=self.copy_of_config(),
            input_context=input_context,
        )

    def _is_told_its_pipeline(self, input_fn: Callable[..., Any], mode: str) -> bool:
        if "input_context" in arguments.required(input_fn):
            return True
        # Of a strategy that has no replicas here: one with parameter servers.
        return mode == ModeKeys.TRAIN and bool(self.config.train_distribute)

    def call_input_fn(self, input_fn: Callable[..., Any] | None, mode: str) -> model_input.ModelInput:
        """One batch of `input_fn`; without its labels in PREDICT mode."""
        if mode == ModeKeys.PREDICT:
            features, hooks = self.calls.features(input_fn, mode)
            labels = None
        else:
            features, labels, hooks = self.calls.features_and_labels(input_fn, mode)
        model_input.check_graph(features, labels)
        return model_input.ModelInput(features, labels, tuple(hooks))

    def build(
        self, input_fn: Callable[..., Any] | None, mode: str, config: RunConfig | None = None
    ) -> BuiltModel:
        """Builds input and model in the default graph, which has been begun; `config` is as in `call_model_fn`."""
        batch = self.call_input_fn(input_fn, mode)
        return BuiltModel(self.call_model_fn(batch.features, batch.labels, mode, config), batch.hooks)

    def call_model_fn(
        self, features: Any, labels: Any, mode: str, config: RunConfig | None = None
    ) -> EstimatorSpec:
        """Builds the model in the default graph, as the Estimator does it; without a `config`, by a copy of the model's.

        Raises:
            ValueError: as `spec`.
        """
        with self.around_model_fn():
            return self.calls.call_model_fn(
                features, labels, mode, self.copy_of_config() if config is None else config
            )

    def call_model_fn_by_name(self, features: Any, labels: Any, mode: str) -> EstimatorSpec:
        """As `call_model_fn`, for an export: tf.estimator's gives its arguments by name, and a step that is overridden sees it.

        Raises:
            ValueError: as `spec`.
        """
        config = self.copy_of_config()
        with self.around_model_fn():
            return self.calls.call_model_fn(features=features, labels=labels, mode=mode, config=config)

    def spec(self, features: Any, labels: Any, mode: str, config: RunConfig | None) -> EstimatorSpec:
        """What the model function returns.

        Raises:
            ValueError: there are labels that the model function does not take, or it returns no EstimatorSpec.
        """
        # Replicas are threads, which number their layers each by itself: who builds them all has begun anew.
        if tf.distribute.in_cross_replica_context() or not tf.distribute.has_strategy():
            layer_names.restart()
        declared = arguments.declared(self.model_fn)
        if labels is not None and "labels" not in declared:
            raise ValueError("model_fn does not take labels, but input_fn returns labels.")
        offered: dict[str, Callable[[], Any]] = {
            "features": lambda: features,
            "labels": lambda: labels,
            "mode": lambda: mode,
            "params": self.copy_of_params,
            "config": lambda: self.copy_of_config() if config is None else config,
            "model_dir": lambda: self.model_dir,
        }
        passed = {name: value() for name, value in offered.items() if name in declared}
        tf.compat.v1.logging.info("Calling model_fn.")
        with legacy_api.explained(), model_input.explained(features), metric_variables.explained():
            spec = self.model_fn(**passed)
        if mode != ModeKeys.TRAIN:
            seed_states.make_local()
        tf.compat.v1.logging.info("Done calling model_fn.")
        if not isinstance(spec, EstimatorSpec):
            raise ValueError(  # noqa: TRY004 - tf.estimator's type
                f"model_fn should return an EstimatorSpec, but returned {type(spec)}."
            )
        scaffold = metric_variables.with_initialisers(spec.scaffold)
        return spec if scaffold is spec.scaffold else spec._replace(scaffold=scaffold)

    def warm_start_unless(self, checkpoint_path: str | None) -> None:
        """Gives the default graph's variables their first values, unless a checkpoint will."""
        if checkpoint_path is None and self.warm_start is not None:
            tf.compat.v1.logging.info("Warm-starting with WarmStartSettings: %s", self.warm_start)
            self.warm_start.apply()

    def first_values_unless(self, checkpoint_path: str | None) -> Callable[[], Any] | None:
        """What adds the operation that gives the variables their first values after they are initialised.

        None where there are no such values, or a checkpoint has others.
        """
        if checkpoint_path is not None or self.warm_start is None:
            return None
        tf.compat.v1.logging.info("Warm-starting with WarmStartSettings: %s", self.warm_start)
        return self.warm_start.assignment


def check_arguments(model_fn: Callable[..., Any], params: Any) -> None:
    """Holds a model function's arguments against the six that an Estimator can pass.

    Raises:
        ValueError: it is a tf.function, whose variables and hooks an Estimator's graph would not have, `features` is not
            among them, there are params to pass and no argument for them, or an argument
            is not one of the six.
    """
    _check_untraced(model_fn)
    declared = arguments.declared(model_fn)
    if "features" not in declared:
        raise ValueError(f"model_fn ({model_fn}) must include features argument.")
    if params is not None and "params" not in declared:
        raise ValueError(
            f"model_fn ({model_fn}) does not include params argument, but params ({params}) is passed to Estimator."
        )
    if params is None and "params" in declared:
        tf.compat.v1.logging.warning(
            "Estimator's model_fn (%s) includes params argument, but params are not passed to Estimator.",
            model_fn,
        )
    unexpected = arguments.unexpected(model_fn, MODEL_FN_ARGUMENTS)
    if unexpected:
        raise ValueError(
            f"model_fn ({model_fn}) has following not expected args: {unexpected}. "
            f"It may have any of {list(MODEL_FN_ARGUMENTS)}."
        )


def _check_untraced(model_fn: Any) -> None:
    inner = model_fn
    while isinstance(inner, functools.partial):
        inner = inner.func
    if isinstance(inner, tf.types.experimental.PolymorphicFunction):
        raise ValueError(  # noqa: TRY004 - as what else is wrong with a model_fn
            f"model_fn must not be a tf.function, given: {model_fn}. An Estimator calls it in a graph already, and takes the "
            "variables and hooks that it makes: give the function without the decorator (its `python_function`)."
        )
