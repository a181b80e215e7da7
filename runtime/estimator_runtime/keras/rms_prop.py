"""RMSProp as the optimizers of Keras compute it, in a graph."""

from typing import Any

import tensorflow as tf

v1 = tf.compat.v1


class RMSPropFromZero(tf.compat.v1.train.RMSPropOptimizer):  # type: ignore[misc]  # TensorFlow has no types
    """RMSProp whose mean of squares begins with 0, as Keras' does, and not with 1."""

    def _create_slots(self, var_list: list[Any]) -> None:
        for variable in var_list:
            for slot in ("rms", "momentum", *(["mg"] if self._centered else [])):
                self._zeros_slot(variable, slot, self._name)


class RMSPropOfKeras2(RMSPropFromZero):
    """What tf.estimator makes of the name "RMSProp": RMSProp without momentum of Keras 2.

    Its epsilon is added to the root and not under it, which for small gradients is a step of another size, and the mean
    of squares of all rows of an embedding decays in each step. It has the slots of `RMSPropFromZero`, so either goes on
    with the other's checkpoints.
    """

    def _apply_dense(self, gradient: Any, variable: Any) -> Any:
        rms = self.get_slot(variable, "rms")
        decay = tf.cast(self._decay_tensor, gradient.dtype)
        mean = v1.assign(rms, decay * rms + (1 - decay) * tf.square(gradient), use_locking=self._use_locking)
        return v1.assign_sub(variable, self._step(gradient, mean), use_locking=self._use_locking).op

    _resource_apply_dense = _apply_dense

    def _apply_sparse(self, gradient: Any, variable: Any) -> Any:
        return self._resource_apply_sparse(gradient.values, variable, gradient.indices)

    def _resource_apply_sparse(self, gradient: Any, variable: Any, indices: Any) -> Any:
        rms = self.get_slot(variable, "rms")
        decay = tf.cast(self._decay_tensor, gradient.dtype)
        decayed = v1.assign(rms, decay * rms, use_locking=self._use_locking)
        with tf.control_dependencies([decayed.op]):
            added = v1.scatter_add(rms, indices, (1 - decay) * tf.square(gradient), self._use_locking)
        with tf.control_dependencies([added.op]):
            step = self._step(gradient, tf.gather(rms, indices))
        return v1.scatter_sub(variable, indices, step, self._use_locking).op

    def _step(self, gradient: Any, mean: Any) -> Any:
        rate = tf.cast(self._learning_rate_tensor, gradient.dtype)
        return rate * gradient / (tf.sqrt(mean) + tf.cast(self._epsilon_tensor, gradient.dtype))
