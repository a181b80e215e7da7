"""Evaluation inside a training session: no checkpoint between the model in training and the model evaluated.

The evaluation has a graph and a session of its own, into which the values of the training's variables are copied. The
graph is built once, when training begins.
"""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from estimator_runtime import observation
from estimator_runtime.estimator import Estimator
from estimator_runtime.loop import evaluation, hook_types, sessions, summaries
from estimator_runtime.loop.stretches.looks import Look

_SessionRunHook: Any = tf.compat.v1.train.SessionRunHook


class InMemoryEvaluatorHook(_SessionRunHook, Look):  # type: ignore[misc] # TensorFlow is untyped
    """Evaluates at the start of training, every `every_n_iter` steps and at the end, without a checkpoint.

    The results are written to `estimator.eval_dir(name)`. For training in one process only.

    Args:
        estimator: the `Estimator` that trains with the hook.
        input_fn: input of the evaluation.
        steps: number of batches of each evaluation; None for all.
        hooks: list of SessionRunHook for the evaluations.
        name: name of the evaluation.
        every_n_iter: steps between two evaluations.

    Raises:
        ValueError: `every_n_iter` or `steps` is not positive, the Estimator is in a cluster, or (when training begins) its
            model function brings a saver or an init_fn, which would give the variables other values, or its training
            has something to save that is no variable, such as a lookup table: its contents cannot be copied.
        TypeError: a hook is no SessionRunHook.
    """

    def __init__(
        self,
        estimator: Estimator,
        input_fn: Callable[..., Any],
        steps: int | None = None,
        hooks: Sequence[Any] | None = None,
        name: str | None = None,
        every_n_iter: int = 100,
    ) -> None:
        if every_n_iter is None or every_n_iter <= 0:
            raise ValueError(f"invalid every_n_iter={every_n_iter}.")
        if estimator.config.num_ps_replicas > 0 or estimator.config.num_worker_replicas > 1:
            raise ValueError("InMemoryEvaluator supports only single machine (aka Local) setting.")
        if steps is not None and steps <= 0:
            raise ValueError(f"Must specify steps > 0, given: {steps}")
        self._model = estimator._bound  # noqa: SLF001 - of this package
        self._eval_dir = estimator.eval_dir(name)
        self._input_fn = input_fn
        self._hooks = [
            *hook_types.checked_hooks(hooks),
            *estimator._convert_eval_steps_to_hooks(steps),  # noqa: SLF001 - as above
        ]
        self._every_steps = every_n_iter
        self._timer = tf.compat.v1.train.SecondOrStepTimer(every_steps=every_n_iter)
        self._iteration = 0
        self._graph: Any = None
        self._evaluation: Any = None
        self._trained: dict[str, Any] = {}
        self._placeholders: dict[str, Any] = {}
        self._copy: Any = None

    def begin(self) -> None:
        """Builds the evaluation's graph."""
        self._timer.reset()
        self._iteration = 0
        _check_saveables()
        self._graph = tf.Graph()
        with self._graph.as_default():
            self._evaluation = evaluation.EvaluationParts(
                *self._model.calls.build_evaluation(self._input_fn, self._hooks, None)
            )
            _check_scaffold(self._evaluation.scaffold)
            evaluated = {variable.op.name: variable for variable in tf.compat.v1.global_variables()}
        # Out here the training's graph is the default one again.
        trained = {variable.op.name: variable for variable in tf.compat.v1.global_variables()}
        self._trained = {name: variable for name, variable in trained.items() if name in evaluated}
        with self._graph.as_default():
            self._placeholders = {
                name: tf.compat.v1.placeholder(evaluated[name].dtype.base_dtype) for name in self._trained
            }
            assignments = [
                tf.compat.v1.assign(evaluated[name], placeholder, validate_shape=False)
                for name, placeholder in self._placeholders.items()
            ]
            self._copy = tf.group(*assignments)

    def after_create_session(self, session: Any, coord: Any) -> None:
        """Evaluates the model as training finds it."""
        del coord
        self._evaluate(session)

    def after_run(self, run_context: Any, run_values: Any) -> None:
        """Evaluates when it is time to."""
        del run_values
        self._iteration += 1
        if self._timer.should_trigger_for_step(self._iteration):
            self._evaluate(run_context.session)

    @property
    def period(self) -> int:
        """Steps between two evaluations."""
        return self._every_steps

    def quiet_steps(self, step: int) -> int:
        """Up to the step of the next evaluation."""
        del step
        return int(self._timer.last_triggered_step()) + self._every_steps - 1 - self._iteration

    def passed(self, steps: int, step: int, run_context: Any) -> None:
        """Counts the steps."""
        del step, run_context
        self._iteration += steps

    def end(self, session: Any) -> None:
        """Evaluates the model as training leaves it."""
        self._evaluate(session)

    def _evaluate(self, session: Any) -> None:
        self._timer.update_last_triggered_step(self._iteration)
        values = session.run(self._trained)
        feeds = {placeholder: values[name] for name, placeholder in self._placeholders.items()}

        def session_with(hooks: list[Any]) -> Any:
            scaffold = tf.compat.v1.train.Scaffold(
                init_fn=lambda _, own: own.run(self._copy, feeds),
                copy_from_scaffold=self._evaluation.scaffold,
            )
            creator = tf.compat.v1.train.ChiefSessionCreator(
                scaffold=scaffold, config=self._model.config.session_config
            )
            return sessions.created_session(self._model.config, creator, hooks)

        observer = observation.current()
        with observer.evaluating(), self._graph.as_default():
            results = evaluation.run(self._evaluation, session_with)
        if isinstance(results, evaluation.EmptyResult):
            return
        summaries.write_metrics(self._eval_dir, results, int(results[evaluation.GLOBAL_STEP]))
        observer.evaluated(results, None)


def _check_scaffold(scaffold: Any) -> None:
    if scaffold.saver:
        raise ValueError("InMemoryEvaluator does not support custom saver")
    if scaffold.init_fn:
        raise ValueError("InMemoryEvaluator does not support custom init_fn")


def _check_saveables() -> None:
    """Refuses a default graph whose checkpoint holds more than variables."""
    saveables = tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.SAVEABLE_OBJECTS)
    if saveables:
        names = ", ".join(str(getattr(saveable, "name", saveable)) for saveable in saveables)
        raise ValueError(
            f"InMemoryEvaluator does not support saveables other than global variables. Given: {names}. Evaluate "
            "checkpoints instead, by train_and_evaluate."
        )
