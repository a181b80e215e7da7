"""Keeping the place in the data: a checkpoint of the input's iterators beside the model's.

A training that is started again, after its last step or after a restart, restores the model and reads its input from
the beginning; one that never reaches the end of its data never sees the rest of it. The hook saves the state of every
tf.data iterator of the training graph at the steps at which the model is saved, and puts it back before the first step.

The files are those of TensorFlow's hook of this name, which is gone: `input.ckpt-<step>` in the model directory, listed in
the file `checkpoint_input`; in a cluster each task that trains has its own, `input_<task type>_<task id>.ckpt-<step>`. The
model's own checkpoint does not hold the place, so a model can be restored, evaluated and exported without its data.
"""

from typing import Any

import tensorflow as tf

from estimator_runtime.config import strategies

_SessionRunHook: Any = tf.compat.v1.train.SessionRunHook
_Saver: Any = tf.compat.v1.train.Saver
_ITERATORS = "iterators"
"""The graph's collection of the resources of all its iterators, whoever made them; it has no public name."""


class CheckpointInputPipelineHook(_SessionRunHook):  # type: ignore[misc]  # TensorFlow is untyped
    """Saves and restores the place in the training's data.

    The first session of a directory begins at the beginning. A shuffle buffer is part of the place, and is as large in
    the checkpoint as it is in memory.

    Args:
        estimator: the `Estimator` that trains with the hook: its model_dir and the intervals of its checkpoints.
        external_state_policy: what to do where the data depends on state outside of it (a variable, random numbers
            without a seed), which cannot be saved: "fail" (the default, also None), "warn" or "ignore".

    Raises:
        ValueError: there is no such policy, the Estimator saves no checkpoints, or it trains by a strategy, whose iterators
            have no state that could be saved; and, when training begins, the input
            has no tf.data iterator.
    """

    def __init__(self, estimator: Any, external_state_policy: str | None = None) -> None:
        config = estimator.config
        policy = external_state_policy or "fail"
        if policy not in ("fail", "warn", "ignore"):
            raise ValueError(
                f"external_state_policy must be 'fail', 'warn' or 'ignore', given: {external_state_policy!r}"
            )
        if strategies.replicating(config.train_distribute):
            raise ValueError(
                "CheckpointInputPipelineHook cannot save the place in the data of a tf.distribute strategy."
            )
        task = f"_{config.task_type}_{config.task_id}" if config.num_worker_replicas > 1 else ""
        self._directory = str(estimator.model_dir)
        self._name = f"input{task}"
        self._policy = policy
        self._timer = tf.compat.v1.train.SecondOrStepTimer(
            every_secs=config.save_checkpoints_secs, every_steps=config.save_checkpoints_steps
        )
        self._saver: Any = None
        self._step: Any = None
        self._is_new_session = True

    def begin(self) -> None:
        """Adds the operations that save and restore the iterators."""
        graph = tf.compat.v1.get_default_graph()
        resources = graph.get_collection(_ITERATORS)
        if not resources:
            raise ValueError(
                "CheckpointInputPipelineHook keeps the place of tf.data iterators, and the input has none: return a "
                "tf.data.Dataset from input_fn."
            )
        saveables = [
            tf.data.experimental.make_saveable_from_iterator(_Iterator(resource), self._policy)
            for resource in resources
        ]
        self._saver = _NamedSaver(saveables, f"checkpoint_{self._name}")
        self._step = tf.compat.v1.train.get_global_step(graph)
        self._timer.reset()

    def after_create_session(self, session: Any, coord: Any) -> None:
        """Notes that the iterators of a new session are at the beginning: their initializers may be run after this."""
        del session, coord
        self._is_new_session = True

    def before_run(self, run_context: Any) -> Any:
        """Puts the iterators of a new session in their place."""
        if self._is_new_session:
            self._is_new_session = False
            self._restore_or_save(run_context.session)
        return tf.compat.v1.train.SessionRunArgs(self._step)

    def after_run(self, run_context: Any, run_values: Any) -> None:
        """Saves when the model is saved."""
        if self._timer.should_trigger_for_step(run_values.results + 1):
            step = run_context.session.run(self._step)
            if self._timer.should_trigger_for_step(step):
                self._save(run_context.session, step)

    def end(self, session: Any) -> None:
        """Saves the place at which training ends."""
        step = session.run(self._step)
        if step != self._timer.last_triggered_step():
            self._save(session, step)

    def _restore_or_save(self, session: Any) -> None:
        step = session.run(self._step)
        state = tf.train.get_checkpoint_state(self._directory, f"checkpoint_{self._name}")
        if state is None or not state.model_checkpoint_path:
            self._save(session, step)
            return
        paths = list(state.all_model_checkpoint_paths)
        # The model may have been restored from an earlier checkpoint than the last one.
        at_step = [path for path in paths if path.endswith(f"/{self._name}.ckpt-{step}")]
        self._saver.recover_last_checkpoints(paths)
        self._saver.restore(session, (at_step or [state.model_checkpoint_path])[-1])
        self._timer.update_last_triggered_step(step)

    def _save(self, session: Any, step: int) -> None:
        self._timer.update_last_triggered_step(step)
        prefix = tf.io.gfile.join(self._directory, f"{self._name}.ckpt")
        self._saver.save(session, prefix, global_step=step, write_meta_graph=False)


class _Iterator:
    """As much of an iterator as `make_saveable_from_iterator` looks at."""

    def __init__(self, resource: Any) -> None:
        self._iterator_resource = resource


class _NamedSaver(_Saver):  # type: ignore[misc]  # TensorFlow is untyped
    """A saver with a file of its own for the list of its checkpoints, so that the model's is not touched."""

    def __init__(self, saveables: list[Any], latest_filename: str) -> None:
        super().__init__(saveables, sharded=True, save_relative_paths=True)
        self._latest_filename = latest_filename

    def save(self, sess: Any, save_path: str, **arguments: Any) -> Any:
        """As the saver's, listed in that file."""
        return super().save(sess, save_path, latest_filename=self._latest_filename, **arguments)
