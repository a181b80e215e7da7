"""The Estimator: a model function, a directory and a configuration, and what can be done with them.

This class checks arguments and decides which checkpoint is meant; the loops are in `training`, `evaluation`,
`prediction` and `saved_model`, the methods that export in `exporting_estimator`. It differs from tf.estimator where the
Estimator's own document says so: `train` takes `steps` before `hooks` (both orders are understood), and evaluating or
predicting an untrained model is an error.
"""

import copy
import dataclasses
import numbers
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

import tensorflow as tf

from estimator_runtime import checkpoints, observation
from estimator_runtime.checkpoints import object_based, paths
from estimator_runtime.config import strategies
from estimator_runtime.config.run_config import RunConfig, TaskType
from estimator_runtime.errors import EstimatorNotTrainedError
from estimator_runtime.loop import evaluation, hook_types, prediction, run_settings, sessions
from estimator_runtime.model import warm_start
from estimator_runtime.model.bound_model import BoundModel, check_arguments
from estimator_runtime.model.model_fn import EstimatorSpec
from estimator_runtime.stepwise_estimator import StepwiseEstimator


class Estimator(StepwiseEstimator):
    """Trains, evaluates, predicts with and exports a TensorFlow model.

    Args:
        model_fn: function that builds the model and returns an `EstimatorSpec`. It is called by keyword with those
            of these six arguments that it declares: `features` (required; Tensor or dict of Tensors), `labels` (the
            same, or None), `mode` (a `ModeKeys` value), `params`, `config` and `model_dir`. In PREDICT mode
            `labels` is None.
        model_dir: directory for checkpoints, summaries and exports; training goes on from the checkpoints in it.
            None: that of `config`, or else a temporary directory.
        config: a `RunConfig`; None for the default one.
        params: dict of hyperparameters for `model_fn`.
        warm_start_from: path of a checkpoint or SavedModel, or `WarmStartSettings`: first values of the variables
            when `model_dir` has no checkpoint.
        fresh_variables_if_untrained: evaluate and predict with freshly initialised variables when there is no
            checkpoint, as tf.estimator does, instead of raising `EstimatorNotTrainedError`. None: the class's rule, which
            is to raise; `tf.estimator.Estimator` does not.

    Raises:
        ValueError: `model_fn` is missing or its arguments do not fit `params`, `config` is no RunConfig, or a
            subclass overrides a member that it must not.
    """

    # Whether evaluating and predicting need no checkpoint; compat's Estimators do not.
    _runs_untrained: ClassVar[bool] = False

    def __init__(
        self,
        model_fn: Callable[..., Any] | None = None,
        model_dir: str | bytes | os.PathLike[str] | None = None,
        config: RunConfig | None = None,
        params: Mapping[str, Any] | None = None,
        warm_start_from: Any = None,
        *,
        fresh_variables_if_untrained: bool | None = None,
    ) -> None:
        # As of its class: programs replace it by a static method, too.
        type(self)._assert_members_are_not_overridden(self)  # noqa: SLF001 - of this class
        self._config = run_settings.completed(config, model_dir)
        tf.compat.v1.logging.info("Using config: %s", vars(self._config))
        if model_fn is None:
            raise ValueError("model_fn must be provided to Estimator.")
        check_arguments(model_fn, params)
        self._model_fn = model_fn
        self._params: Any = copy.deepcopy(params or {})
        self._fresh_variables_if_untrained = (
            self._runs_untrained if fresh_variables_if_untrained is None else fresh_variables_if_untrained
        )
        # By the names that libraries read and assign in tf.estimator.
        self._model_dir = self._config.model_dir
        self._session_config = self._config.session_config
        self._device_fn = self._config.device_fn or sessions.replica_device_fn(self._config)
        self._train_distribution = self._config.train_distribute
        self._eval_distribution = self._config.eval_distribute
        self._warm_start_settings = warm_start.settings_of(warm_start_from)
        self._bound = BoundModel(
            model_fn=model_fn,
            config=self._config,
            device_fn=self._device_fn,
            warm_start=self._warm_start_settings,
            **self._own_calls(),
        )

    @property
    def _bound(self) -> BoundModel:
        """What the loops go by: another one when one of the attributes above has been assigned since, or this is a copy."""
        now = self._assignable()
        is_changed = any(one is not before for one, before in zip(now, self._was_assigned, strict=True))
        if is_changed or self._bound_for != id(self):
            config = RunConfig.replace(
                self._config,
                model_dir=self._model_dir,
                session_config=self._session_config,
                train_distribute=self._train_distribution,
                eval_distribute=self._eval_distribution,
            )
            self._bound = dataclasses.replace(
                self._made_bound,
                config=run_settings.completed(config, None),
                device_fn=self._device_fn,
                warm_start=warm_start.settings_of(self._warm_start_settings),
                **self._own_calls(),
            )
        return self._made_bound

    @_bound.setter
    def _bound(self, bound: BoundModel) -> None:
        self._made_bound, self._was_assigned, self._bound_for = bound, self._assignable(), id(self)

    def _own_calls(self) -> dict[str, Any]:
        return {
            "copy_of_params": lambda: copy.deepcopy(self._params),
            "copy_of_config": lambda: copy.deepcopy(self._config),
            "calls": self._calls_of_loops(),
        }

    def _assignable(self) -> tuple[Any, ...]:
        return (
            self._config,
            self._model_dir,
            self._session_config,
            self._device_fn,
            self._train_distribution,
            self._eval_distribution,
            self._warm_start_settings,
        )

    @property
    def params(self) -> Any:
        """A deep copy of the hyperparameters."""
        return copy.deepcopy(self._params)

    @property
    def model_fn(self) -> Callable[[Any, Any, str, RunConfig], EstimatorSpec]:
        """The model function bound to `params`: `(features, labels, mode, config)` to EstimatorSpec."""

        def bound_model_fn(features: Any, labels: Any, mode: str, config: RunConfig) -> EstimatorSpec:
            return self._call_model_fn(features, labels, mode, config)

        return bound_model_fn

    def eval_dir(self, name: str | None = None) -> str:
        """Directory with the summaries of the evaluation called `name`."""
        return checkpoints.eval_dir(self.model_dir, name)

    def get_variable_names(self) -> list[str]:
        """Returns the names of all variables in the latest checkpoint.

        Raises:
            EstimatorNotTrainedError: (a ValueError) there is no checkpoint.
        """
        return checkpoints.variable_names(self.model_dir)

    def get_variable_value(self, name: str) -> Any:
        """Returns the value of one variable in the latest checkpoint as a numpy array.

        Args:
            name: name of the variable, as `get_variable_names` has it.

        Raises:
            EstimatorNotTrainedError: (a ValueError) there is no checkpoint.
            tf.errors.NotFoundError: there is no such variable.
        """
        return checkpoints.variable_value(self.model_dir, name)

    def train(
        self,
        input_fn: Callable[..., Any] | None = None,
        steps: Any = None,
        hooks: Any = None,
        max_steps: int | None = None,
        saving_listeners: Sequence[Any] | None = None,
    ) -> Self:
        """Trains the model until `steps`, `max_steps`, the end of the input or a hook's request to stop.

        Two calls with `steps=100` make 200 steps; of two calls with `max_steps=100` the second makes none.

        Args:
            input_fn: function that returns a tf.data.Dataset of (features, labels), or the pair itself. It is
                passed whichever of `mode`, `params`, `config` and `input_context` it declares. The last is a
                `tf.distribute.InputContext`, by which each chief and worker of TF_CONFIG can read a share of the input;
                where it has a default, that is kept unless there is a strategy.
            steps: number of steps of this call; None for no limit. Excludes `max_steps`.
            hooks: list of SessionRunHook. tf.estimator's order of arguments, `hooks` before `steps`, is understood.
            max_steps: number of steps over all calls; None for no limit.
            saving_listeners: list of CheckpointSaverListener, told of every checkpoint.

        Returns:
            self, for chaining.

        Raises:
            ValueError: both steps and max_steps are given, one is not positive, there is no input_fn, this task
                does not train, or nothing saves checkpoints and there are saving_listeners.
            TypeError: a hook or listener is not of its type.
            NanLossDuringTrainingError: the loss became NaN.
        """
        if isinstance(steps, list | tuple) or (_is_count(hooks) and steps is None):
            steps, hooks = hooks, steps
        if self._config.task_type in (TaskType.EVALUATOR, TaskType.PS):
            raise ValueError(
                "Train has been called wrong configuration. Please use tf.estimator.train_and_evaluate which calls "
                f"proper API according to given configuration. A task of type {self._config.task_type} does not train."
            )
        if steps is not None and max_steps is not None:
            raise ValueError("Can not provide both steps and max_steps.")
        _check_positive(steps=steps, max_steps=max_steps)
        paths.check_directory(self.model_dir)
        latest_step = checkpoints.global_step(self.model_dir)
        with observation.current().training(
            model_dir=self.model_dir,
            is_chief=self._config.is_chief,
            max_steps=max_steps if steps is None else latest_step + steps,
        ):
            if max_steps is not None and max_steps <= latest_step:
                tf.compat.v1.logging.info("Skipping training since max_steps has already saved.")
                return self
            hooks = [*hook_types.checked_hooks(hooks), *self._convert_train_steps_to_hooks(steps, max_steps)]
            listeners = hook_types.checked_listeners(saving_listeners)
            with object_based.explained(lambda: checkpoints.latest(self.model_dir)):
                self._train_model(input_fn, hooks, listeners)
        return self

    def evaluate(
        self,
        input_fn: Callable[..., Any] | None = None,
        steps: int | None = None,
        hooks: Sequence[Any] | None = None,
        checkpoint_path: str | bytes | os.PathLike[str] | None = None,
        name: str | None = None,
    ) -> dict[str, Any]:
        """Evaluates a checkpoint on `steps` batches, or on all of the input.

        Args:
            input_fn: as in `train`; without `steps` it must come to an end.
            steps: number of batches; None for all.
            hooks: list of SessionRunHook.
            checkpoint_path: which checkpoint; None for the latest.
            name: name of this evaluation; its summaries go to `eval_dir(name)`.

        Returns:
            The metrics of the model function by name, `loss` (mean over batches) and `global_step`.

        Raises:
            EstimatorNotTrainedError: (a ValueError) there is no checkpoint and nothing to start from.
            ValueError: steps is not positive, there is no input_fn, or a metric has a reserved name.
            TypeError: a hook is no SessionRunHook; or a metric is of a wrong kind (`MetricsError`, which is also a
                ValueError).
        """
        return self._actual_eval(
            input_fn,
            strategy=strategies.evaluating(self._eval_distribution),
            steps=steps,
            hooks=hooks,
            checkpoint_path=checkpoint_path,
            name=name,
        )

    def _actual_eval(
        self,
        input_fn: Callable[..., Any] | None,
        strategy: Any = None,
        steps: int | None = None,
        hooks: Sequence[Any] | None = None,
        checkpoint_path: str | bytes | os.PathLike[str] | None = None,
        name: str | None = None,
    ) -> dict[str, Any]:
        """As `evaluate`, which calls it; `strategy` is the one of the configuration."""
        del strategy
        hooks = hook_types.checked_hooks(hooks)
        _check_positive(steps=steps)
        hooks = [*hooks, *self._convert_eval_steps_to_hooks(steps)]
        return checkpoints.on_newest(
            lambda: self._checkpoint_for(checkpoint_path, "evaluate"),
            lambda path: evaluation.evaluate(
                self._bound,
                input_fn,
                hooks=hooks,
                checkpoint_path=path,
                eval_dir=self.eval_dir(name),
            ),
            given=bool(checkpoint_path),
        )

    def predict(
        self,
        input_fn: Callable[..., Any] | None = None,
        predict_keys: Sequence[str] | str | None = None,
        hooks: Sequence[Any] | None = None,
        checkpoint_path: str | bytes | os.PathLike[str] | None = None,
        yield_single_examples: bool = True,
    ) -> Iterator[Any]:
        """Yields predictions until the input ends; nothing runs before the first one is asked for.

        Args:
            input_fn: function that returns features, or (features, labels) of which the labels are dropped, or a
                tf.data.Dataset of either.
            predict_keys: names of the predictions to yield, if they are a dict; None for all.
            hooks: list of SessionRunHook.
            checkpoint_path: which checkpoint; None for the latest.
            yield_single_examples: yield example by example rather than batch by batch.

        Yields:
            Values of the predictions: numpy values, or dicts of them.

        Raises:
            EstimatorNotTrainedError: (a ValueError) there is no checkpoint and nothing to start from.
            ValueError: the predictions have different batch lengths, or `predict_keys` does not fit them.
            TypeError: a hook is no SessionRunHook.
        """
        hooks = hook_types.checked_hooks(hooks)
        yield from checkpoints.on_newest(
            lambda: self._checkpoint_for(checkpoint_path, "predict"),
            lambda path: prediction.begun(
                self._bound,
                input_fn,
                predict_keys=predict_keys,
                hooks=hooks,
                checkpoint_path=path,
                yield_single_examples=yield_single_examples,
                kept=self._extract_keys,
                batch_length=self._extract_batch_length,
            ),
            given=bool(checkpoint_path),
        )

    def _assert_members_are_not_overridden(self) -> None:
        """Refuses members that the object's own class overrides; one that means to overrides this, or replaces it.

        Raises:
            ValueError: the class overrides a member that the loops do not ask for. What classes between it and Estimator
                do is theirs, as in tf.estimator.
        """
        check_overrides(type(self))

    def _checkpoint_for(self, given: str | bytes | os.PathLike[str] | None, what: str) -> str | None:
        """The checkpoint to evaluate or predict with; None when fresh variables are wanted.

        An empty path means the same as None.
        """
        path = paths.prefix(given) if given else paths.readable(self.latest_checkpoint())
        if path:
            return path
        if self._bound.warm_start is None and not self._fresh_variables_if_untrained:
            raise EstimatorNotTrainedError(f"Could not find trained model in model_dir: {self.model_dir}.")
        tf.compat.v1.logging.info(
            "Could not find trained model in model_dir: %s, running initialization to %s.",
            self.model_dir,
            what,
        )
        return None


# What a subclass may replace without more ado: tf.estimator's list, and this package's own two rules. A class that
# overrides another step replaces `_assert_members_are_not_overridden` as well, as it had to.
_OVERRIDABLE = frozenset(
    {
        "_assert_members_are_not_overridden",
        "_create_and_assert_global_step",
        "_export_all_saved_models",
        "_exports_without_outputs",
        "_runs_untrained",
        "latest_checkpoint",
        "model_fn",
    }
)


def check_overrides(cls: type[Estimator]) -> None:
    """Refuses a class that overrides a member of Estimator itself; see `Estimator._assert_members_are_not_overridden`.

    Raises:
        ValueError: it does.
    """
    members = {name: value for kind in reversed(Estimator.__mro__[:-1]) for name, value in vars(kind).items()}
    fixed = {name for name in members if not name.startswith("__")} - _OVERRIDABLE
    overridden = sorted(name for name in fixed & set(vars(cls)) if vars(cls)[name] is not members[name])
    if overridden:
        raise ValueError(
            f"Subclasses of Estimator cannot override members of Estimator. {cls} does override {overridden}"
        )


def _is_count(value: Any) -> bool:
    return isinstance(value, numbers.Integral)


def _check_positive(**counts: int | None) -> None:
    for name, count in counts.items():
        if count is not None and count <= 0:
            raise ValueError(f"Must specify {name} > 0, given: {count}")
