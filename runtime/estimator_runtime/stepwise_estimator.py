"""The steps that an Estimator's calls are made of, each a method by the name that tf.estimator had for it.

Libraries derive from Estimator and override these, or call them: input and model in a graph of their own, hooks of their
own for a number of steps. The loops go by them (`bound_model.Calls`), so what a class overrides is called whenever
tf.estimator called it, with the same arguments.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from estimator_runtime import checkpoints
from estimator_runtime.config import strategies
from estimator_runtime.config.run_config import RunConfig
from estimator_runtime.distribution import replicas
from estimator_runtime.exporting_estimator import ExportingEstimator
from estimator_runtime.inputs import model_input
from estimator_runtime.loop import evaluation, prediction, training
from estimator_runtime.loop.stretches import evaluated_batches
from estimator_runtime.loop.stretches.default_hooks import StopHook
from estimator_runtime.model.bound_model import Calls
from estimator_runtime.model.model_fn import EstimatorSpec

_InputFn = Callable[..., Any] | None


class StepwiseEstimator(ExportingEstimator):
    """What `Estimator` has for the steps of its calls."""

    _model_fn: Callable[..., Any]
    _train_distribution: Any
    _eval_distribution: Any

    @property
    def config(self) -> RunConfig:
        """A deep copy of the configuration."""
        return self._bound.copy_of_config()

    def _calls_of_loops(self) -> Calls:
        """The methods, looked up when they are called: programs replace them in the class and in the object."""

        def late(name: str) -> Callable[..., Any]:
            return lambda *given, **named: getattr(self, name)(*given, **named)  # noqa: PLW0108 - the method is looked up in the call

        return Calls(
            create_global_step=late("_create_and_assert_global_step"),
            call_input_fn=late("_call_input_fn"),
            features_and_labels=late("_get_features_and_labels_from_input_fn"),
            features=late("_get_features_from_input_fn"),
            call_model_fn=late("_call_model_fn"),
            train_with_spec=late("_train_with_estimator_spec"),
            warm_start=late("_maybe_warm_start"),
            iterator=late("_get_iterator_from_input_fn"),
            model_for_evaluation=self._model_for_evaluation,
            build_evaluation=late("_evaluate_build_graph"),
            run_evaluation=late("_evaluate_run"),
            keeps_evaluations=self._keeps_evaluations,
        )

    def _model_for_evaluation(self, input_fn: _InputFn, strategy: Any) -> Any:
        """What the step of an evaluation with or without a strategy returns."""
        step = self._call_model_fn_eval_distributed if strategy else self._call_model_fn_eval
        return step(input_fn, self.config)

    def _keeps_evaluations(self) -> bool:
        """Whether none of the steps of an evaluation is a program's own: a session that is kept goes past them."""
        return all(
            getattr(type(self), name) is getattr(StepwiseEstimator, name) and name not in vars(self)
            for name in ("_evaluate_build_graph", "_call_model_fn_eval", "_evaluate_run")
        )

    def _call_input_fn(self, input_fn: _InputFn, mode: str, input_context: Any = None) -> Any:
        """What `input_fn` returns, called with whichever of `mode`, `params`, `config` and `input_context` it declares."""
        return self._bound.result_of_input_fn(input_fn, mode, input_context)

    def _get_features_and_labels_from_input_fn(
        self, input_fn: _InputFn, mode: str
    ) -> tuple[Any, Any, list[Any]]:
        """(features, labels, hooks that they need) of one batch."""
        batch = model_input.read(self._call_input_fn(input_fn, mode))
        return batch.features, batch.labels, list(batch.hooks)

    def _get_features_from_input_fn(self, input_fn: _InputFn, mode: str) -> tuple[Any, list[Any]]:
        """(features, hooks that they need) of one batch to predict for."""
        batch = model_input.read(self._call_input_fn(input_fn, mode))
        self._validate_features_in_predict_input(batch.features)
        return batch.features, list(batch.hooks)

    def _validate_features_in_predict_input(self, result: Any) -> None:
        """Warns when nothing in the default graph ends the input."""
        del result
        if not model_input.ends(tf.compat.v1.get_default_graph()):
            tf.compat.v1.logging.warning(
                "Input graph does not contain a QueueRunner, nor does it use tf.data.Dataset. "
                "That means predict yields forever. This is probably a mistake."
            )

    def _call_model_fn(self, features: Any, labels: Any, mode: str, config: RunConfig) -> EstimatorSpec:
        """What the model function returns: the one that is there now, for libraries put a wrapper in its place."""
        bound = dataclasses.replace(self._bound, model_fn=self._model_fn)
        return bound.spec(features, labels, mode, config)

    def _create_global_step(self, graph: Any) -> Any:
        """The graph's new global step; a subclass may make its own kind."""
        return tf.compat.v1.train.create_global_step(graph)

    def _create_and_assert_global_step(self, graph: Any) -> Any:
        """That of `_create_global_step`, looked at; a subclass may leave it to its model function, and return None."""
        step = self._create_global_step(graph)
        assert step is tf.compat.v1.train.get_global_step(graph), "the graph already had another global step"
        assert step.dtype.is_integer, "a global step is an integer"
        return step

    def _maybe_warm_start(self, checkpoint_path: str | None) -> None:
        """Gives the variables of the default graph first values, unless a checkpoint will."""
        self._bound.warm_start_unless(checkpoint_path)

    def _convert_train_steps_to_hooks(self, steps: int | None, max_steps: int | None) -> list[Any]:
        """The hooks that end a training after `steps`, or at the global step `max_steps`; none for no limit."""
        if steps is None and max_steps is None:
            return []
        most = steps or (max_steps or 0) - checkpoints.global_step(self.model_dir)
        return [StopHook(steps, max_steps, most_steps=most)]

    def _convert_eval_steps_to_hooks(self, steps: int | None) -> list[Any]:
        """The hooks that end an evaluation after `steps` batches; none for all of the input."""
        return [] if steps is None else [evaluated_batches.StopAfterBatchesHook(steps)]

    def _get_iterator_from_input_fn(
        self, input_fn: _InputFn, mode: str, distribution: Any = None
    ) -> tuple[Any, list[Any]]:
        """(iterator over the batches, hooks that it needs); with a strategy, over the batches of all its replicas."""
        if distribution is not None:
            return replicas.iterator(self._bound, distribution, input_fn, mode)
        iterator = tf.compat.v1.data.make_initializable_iterator(self._call_input_fn(input_fn, mode))
        return iterator, [model_input.IteratorInitializerHook(iterator.initializer)]

    def _train_model(self, input_fn: _InputFn, hooks: Sequence[Any], saving_listeners: Sequence[Any]) -> Any:
        """Trains until a hook stops it or the input ends; the loss of the last step, or None."""
        train = self._train_model_distributed if self._train_distribution else self._train_model_default
        return train(input_fn, hooks, saving_listeners)

    def _train_model_default(
        self, input_fn: _InputFn, hooks: Sequence[Any], saving_listeners: Sequence[Any]
    ) -> Any:
        """Trains without a strategy."""
        return training.train(self._bound, input_fn, hooks=hooks, saving_listeners=saving_listeners)

    def _train_model_distributed(
        self, input_fn: _InputFn, hooks: Sequence[Any], saving_listeners: Sequence[Any]
    ) -> Any:
        """Trains with the strategy of the configuration."""
        return self._actual_train_model_distributed(
            self._train_distribution, input_fn, hooks, saving_listeners
        )

    def _actual_train_model_distributed(
        self, strategy: Any, input_fn: _InputFn, hooks: Sequence[Any], saving_listeners: Sequence[Any]
    ) -> Any:
        """Trains on the replicas of a strategy, which is the one of the configuration."""
        del strategy
        return training.train(self._bound, input_fn, hooks=hooks, saving_listeners=saving_listeners)

    def _train_with_estimator_spec(
        self,
        estimator_spec: EstimatorSpec,
        worker_hooks: Sequence[Any],
        hooks: Sequence[Any],
        global_step_tensor: Any,
        saving_listeners: Sequence[Any],
    ) -> Any:
        """Trains the model that is in the default graph; the loss of the last step, or None.

        Args:
            estimator_spec: what the model function returned.
            worker_hooks: hooks that the input needs.
            hooks: the caller's hooks, with those that end the training.
            global_step_tensor: the global step.
            saving_listeners: list of CheckpointSaverListener.
        """
        return training.train_with_spec(
            self._bound,
            estimator_spec,
            worker_hooks,
            hooks=hooks,
            step=global_step_tensor,
            saving_listeners=saving_listeners,
        )

    def _evaluate_build_graph(
        self, input_fn: _InputFn, hooks: Sequence[Any] | None = None, checkpoint_path: str | None = None
    ) -> tuple[Any, Any, dict[str, Any], list[Any]]:
        """Builds an evaluation in the default graph.

        Args:
            input_fn: its input.
            hooks: the caller's hooks, with those that end it.
            checkpoint_path: what is going to be restored; None for first values.

        Returns:
            (scaffold, operation that takes a batch into all metrics, dict from name to a metric's value, all hooks).
        """
        return tuple(
            evaluation.build(
                self._bound,
                input_fn,
                hooks=hooks or (),
                checkpoint_path=checkpoint_path,
                strategy=strategies.evaluating(self._eval_distribution),
            )
        )

    def _call_model_fn_eval(
        self, input_fn: _InputFn, config: RunConfig
    ) -> tuple[Any, Sequence[Any], Sequence[Any], Any, dict[str, Any]]:
        """Builds input, model and metrics of an evaluation in the default graph.

        Returns:
            (scaffold, the model's hooks, the input's hooks, operation that takes a batch into all metrics, dict from name to
            a metric's value).
        """
        return evaluation.build_model(self._bound, input_fn, config, None)

    def _call_model_fn_eval_distributed(
        self, input_fn: _InputFn, config: RunConfig
    ) -> tuple[Any, Sequence[Any], Sequence[Any], Any, dict[str, Any]]:
        """As `_call_model_fn_eval`, on the replicas of the configuration's strategy."""
        return evaluation.build_model(
            self._bound, input_fn, config, strategies.evaluating(self._eval_distribution)
        )

    def _evaluate_run(
        self,
        checkpoint_path: str | None,
        scaffold: Any,
        update_op: Any,
        eval_dict: Mapping[str, Any],
        all_hooks: Sequence[Any],
        output_dir: str,
    ) -> dict[str, Any]:
        """Runs the evaluation that is in the default graph, and writes its result to event files.

        Args:
            checkpoint_path: what is restored; None for first values.
            scaffold: of the session.
            update_op: takes a batch into all metrics.
            eval_dict: dict from name to a metric's value.
            all_hooks: the session's hooks; one of them ends it, or the input does.
            output_dir: directory of the event files.

        Returns:
            The metrics by name.
        """
        parts = evaluation.EvaluationParts(scaffold, update_op, dict(eval_dict), list(all_hooks))
        return evaluation.run_checkpoint(
            self._bound, parts, checkpoint_path=checkpoint_path, eval_dir=output_dir
        )

    def _extract_keys(self, predictions: Any, predict_keys: Sequence[str] | str | None) -> Any:
        """Those of the predictions that have one of the names."""
        return prediction.kept_predictions(predictions, predict_keys)

    def _extract_batch_length(self, preds_evaluated: Mapping[str, Any]) -> Any:
        """The number of examples in a batch of predictions."""
        return prediction.batch_length_of(dict(preds_evaluated))
