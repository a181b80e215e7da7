"""train_and_evaluate as an object, for programs that give it a listener or do one task's part of it."""

from typing import Any

from estimator_runtime.loop import event_writers
from estimator_runtime.loop.kept import keeping
from estimator_runtime.training import dispatch, local, roles
from estimator_runtime.training.checkpoint_evaluator import ContinuousEvalListener
from estimator_runtime.training.specs import EvalSpec, TrainSpec


def assert_eval_spec(eval_spec: Any) -> None:
    """Refuses what is no EvalSpec.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(eval_spec, EvalSpec):
        raise TypeError(f"`eval_spec` must have type `tf.estimator.EvalSpec`. Got: {type(eval_spec)}")


class TrainingExecutor:
    """One call of `train_and_evaluate`; see there.

    Args:
        estimator: the `Estimator`.
        train_spec: the `TrainSpec`.
        eval_spec: the `EvalSpec`.
        train_hooks: list of SessionRunHook for training, beside those of `train_spec`.
        continuous_eval_listener: a `ContinuousEvalListener`, which may end the evaluations, and without a cluster the
            training too.

    Raises:
        TypeError: an argument is of the wrong class.
    """

    def __init__(
        self,
        estimator: Any,
        train_spec: TrainSpec,
        eval_spec: EvalSpec,
        train_hooks: Any = None,
        continuous_eval_listener: ContinuousEvalListener | None = None,
    ) -> None:
        dispatch.check_types(estimator, train_spec, eval_spec)
        if continuous_eval_listener and not isinstance(continuous_eval_listener, ContinuousEvalListener):
            raise TypeError(
                "`continuous_eval_listener` must have type `_ContinuousEvalListener`. Got: "
                f"{type(continuous_eval_listener)}"
            )
        self._estimator = estimator
        self._train_spec = TrainSpec(
            train_spec.input_fn,
            train_spec.max_steps,
            [*train_spec.hooks, *(train_hooks or ())],
            train_spec.saving_listeners,
        )
        self._eval_spec = eval_spec
        self._listener = continuous_eval_listener or ContinuousEvalListener()

    @property
    def estimator(self) -> Any:
        """The Estimator."""
        return self._estimator

    def run(self) -> Any:
        """Does the part of the task that TF_CONFIG names, by one of the methods below.

        Returns:
            As `train_and_evaluate`.

        Raises:
            ValueError: the task is none of chief, worker, ps, evaluator and master, or a second evaluator.
        """
        task_type = dispatch.task_type_of(self._estimator.config)
        return self.run_local() if task_type is None else getattr(self, f"run_{task_type}")()

    def run_local(self) -> Any:
        """Trains and evaluates in this process."""
        with event_writers.call(), keeping.call():
            return local.run(self._estimator, self._train_spec, self._eval_spec, asked=self._listener)

    def run_chief(self) -> None:
        """Trains and writes checkpoints."""
        self._do(roles.run_chief)

    def run_worker(self) -> None:
        """Trains on the variables that the chief initialised."""
        self._do(roles.run_worker)

    def run_ps(self) -> None:
        """Serves variables."""
        self._do(roles.run_ps)

    def run_master(self) -> None:
        """Trains, and evaluates after saving."""
        self._do(roles.run_master, asked=self._listener)

    def run_evaluator(self) -> None:
        """Evaluates and exports checkpoints as they appear."""
        self._do(roles.run_evaluator, asked=self._listener)

    def _do(self, role: Any, **listener: Any) -> None:
        with event_writers.call(), keeping.call():
            role(self._estimator, self._train_spec, self._eval_spec, **listener)


def should_run_distribute_coordinator(config: Any) -> bool:
    """False: training by a strategy over several tasks is `train_and_evaluate`'s, as that without one.

    Args:
        config: the RunConfig.
    """
    del config
    return False
