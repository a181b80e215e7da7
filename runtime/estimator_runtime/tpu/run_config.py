"""RunConfig of a TPUEstimator: that of an Estimator, with a TPUConfig and where a TPU's master would be."""

from typing import Any, Self

import tensorflow as tf

from estimator_runtime.config import run_config
from estimator_runtime.tpu.tpu_config import TPUConfig


class RunConfig(run_config.RunConfig):
    """Configuration of a TPUEstimator's runs.

    Args:
        tpu_config: a `TPUConfig`; None for the default one.
        evaluation_master: address of the evaluation session's server; None for TF_CONFIG's, or else `master`.
        master: address of the training session's server; None for that of `cluster`, or else TF_CONFIG's.
        cluster: a `tf.distribute.cluster_resolver.ClusterResolver`, whose master and cluster are used; excludes `master`.
        **kwargs: what `tf.estimator.RunConfig` takes.

    Raises:
        ValueError: both master and cluster are given, or as `tf.estimator.RunConfig`.
    """

    def __init__(
        self,
        tpu_config: TPUConfig | None = None,
        evaluation_master: str | None = None,
        master: str | None = None,
        cluster: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._tpu_config = tpu_config or TPUConfig()
        self._cluster = cluster
        if master is not None and cluster is not None:
            raise ValueError("Both master and cluster are set. Give one of them.")
        if master is not None:
            self._master = master
        elif cluster is not None:
            self._master = cluster.master()
        if evaluation_master is not None:
            self._evaluation_master = evaluation_master
        elif not self._evaluation_master and self.task_type != run_config.TaskType.EVALUATOR:
            self._evaluation_master = self._master
        if cluster is not None:
            self._cluster_spec = cluster.cluster_spec()
            self._add_cluster_to_session_config()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        # A resolver holds connections.
        memo[id(self._cluster)] = self._cluster
        return super().__deepcopy__(memo)

    @property
    def tpu_config(self) -> TPUConfig:
        """The `TPUConfig`."""
        return self._tpu_config

    @property
    def cluster(self) -> Any:
        """The cluster resolver, or None."""
        return self._cluster

    def replace(self, **kwargs: Any) -> Self:
        """As `tf.estimator.RunConfig.replace`, also of `tpu_config`."""
        new = {name: kwargs.pop(name) for name in ("tpu_config",) if name in kwargs}
        changed = super().replace(**kwargs)
        changed._tpu_config = new.get("tpu_config", changed._tpu_config)  # noqa: SLF001 - of the same class
        return changed

    def _add_cluster_to_session_config(self) -> None:
        if self._session_config is None:
            self._session_config = tf.compat.v1.ConfigProto(
                allow_soft_placement=True, isolate_session_state=True
            )
        if self._cluster_spec:
            self._session_config.cluster_def.CopyFrom(self._cluster_spec.as_cluster_def())
