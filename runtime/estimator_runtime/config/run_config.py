"""RunConfig: how an Estimator runs, from its arguments and from TF_CONFIG.

A RunConfig is a value: `replace` returns a changed deep copy, nothing changes in place, and every property may be
overridden by a subclass. Every argument is used by the Estimator or by `train_and_evaluate`; distribution strategies
that nothing here runs are refused instead of being ignored.
"""

import copy
import os
from collections.abc import Callable
from typing import Any, Final, Self

import tensorflow as tf

from estimator_runtime import interruption
from estimator_runtime.cluster import tf_config as tf_configs
from estimator_runtime.cluster.tf_config import TaskType
from estimator_runtime.config import field_rules, strategies

__all__ = ["RunConfig", "TaskType"]

_BOTH_INTERVALS = "`save_checkpoints_steps` and `save_checkpoints_secs` cannot be both set."
_DEFAULT_SAVE_CHECKPOINTS_SECS = 600
_STRATEGIES = ("train_distribute", "eval_distribute")


class _Unset:
    """The type of the default that tells "not given" from None, which disables checkpoints."""

    def __repr__(self) -> str:
        return "<unset>"


_UNSET: Final = _Unset()

_REPLACEABLE = (
    "model_dir",
    "tf_random_seed",
    "save_summary_steps",
    "save_checkpoints_steps",
    "save_checkpoints_secs",
    "session_config",
    "keep_checkpoint_max",
    "keep_checkpoint_every_n_hours",
    "log_step_count_steps",
    "train_distribute",
    "device_fn",
    "protocol",
    "eval_distribute",
    "experimental_distribute",
    "experimental_max_worker_delay_secs",
    "session_creation_timeout_secs",
    "checkpoint_save_graph_def",
    "steps_per_loop",
)


class RunConfig:
    """Configuration of an Estimator's runs; see the properties for the fields.

    Args:
        model_dir: directory of checkpoints, summaries and exports; must agree with TF_CONFIG's if both are set.
        tf_random_seed: graph-level random seed.
        save_summary_steps: steps between summaries; 0 or None for none.
        save_checkpoints_steps: steps between checkpoints; excludes `save_checkpoints_secs`.
        save_checkpoints_secs: seconds between checkpoints; 600 when neither interval is given. Both None: no
            checkpoints.
        session_config: a `tf.compat.v1.ConfigProto`.
        keep_checkpoint_max: newest checkpoints to keep; 0 or None keeps all.
        keep_checkpoint_every_n_hours: additionally keep one checkpoint every so many hours.
        log_step_count_steps: steps between log lines of loss and speed.
        train_distribute: a tf.distribute strategy to train with: on one host `MirroredStrategy`, `OneDeviceStrategy` or
            `CentralStorageStrategy`; in TF_CONFIG's cluster of chief and workers `MultiWorkerMirroredStrategy`, or
            tf.compat.v1's `ParameterServerStrategy` with parameter servers, which is the same as None.
        device_fn: function of one argument `op` that returns a device; default places variables on the ps tasks.
        protocol: None, "grpc" or "grpc+verbs".
        eval_distribute: likewise, to evaluate with.
        experimental_distribute: object whose `train_distribute` and `eval_distribute` stand for those two.
        experimental_max_worker_delay_secs: upper bound of a worker's start delay; 60 when None.
        session_creation_timeout_secs: seconds that a worker waits for the chief to initialise variables.
        checkpoint_save_graph_def: whether a checkpoint comes with a `.meta` file.
        steps_per_loop: how many training steps, or batches of an evaluation, one call of the session makes at most: "auto" (the default, also None) for
            as many as no hook looks at, within a tenth of a second; 1 for single steps, as tf.estimator makes them; or a
            number.

    Raises:
        ValueError: a value or TF_CONFIG breaks a rule.
        TypeError: TF_CONFIG's `service` is not a dict.
    """

    _model_dir: str | None
    _tf_random_seed: int | None
    _save_summary_steps: int | None
    _save_checkpoints_steps: int | None
    _save_checkpoints_secs: float | None
    _session_config: Any
    _keep_checkpoint_max: int | None
    _keep_checkpoint_every_n_hours: float | None
    _log_step_count_steps: int | None
    _train_distribute: Any
    _eval_distribute: Any
    _device_fn: Callable[[Any], Any] | None
    _protocol: str | None
    _experimental_max_worker_delay_secs: int | None
    _session_creation_timeout_secs: float | None
    _checkpoint_save_graph_def: bool
    _experimental_distribute: Any
    _steps_per_loop: str | int | None

    def __init__(
        self,
        model_dir: str | bytes | os.PathLike[str] | None = None,
        tf_random_seed: int | None = None,
        save_summary_steps: int | None = 100,
        save_checkpoints_steps: int | _Unset | None = _UNSET,
        save_checkpoints_secs: float | _Unset | None = _UNSET,
        session_config: Any = None,
        keep_checkpoint_max: int | None = 5,
        keep_checkpoint_every_n_hours: float | None = 10000,
        log_step_count_steps: int | None = 100,
        train_distribute: Any = None,
        device_fn: Callable[[Any], Any] | None = None,
        protocol: str | None = None,
        eval_distribute: Any = None,
        experimental_distribute: Any = None,
        experimental_max_worker_delay_secs: int | None = None,
        session_creation_timeout_secs: float | None = 7200,
        checkpoint_save_graph_def: bool = True,
        steps_per_loop: str | int | None = "auto",
    ) -> None:
        if isinstance(save_checkpoints_steps, _Unset) and isinstance(save_checkpoints_secs, _Unset):
            save_checkpoints_secs = _DEFAULT_SAVE_CHECKPOINTS_SECS
        if isinstance(save_checkpoints_steps, _Unset):
            save_checkpoints_steps = None
        if isinstance(save_checkpoints_secs, _Unset):
            save_checkpoints_secs = None
        if save_checkpoints_steps is not None and save_checkpoints_secs is not None:
            raise ValueError(_BOTH_INTERVALS)

        document = tf_configs.read_tf_config()
        if document:
            tf.compat.v1.logging.info("TF_CONFIG environment variable: %s", document)
        self._assign(
            model_dir=tf_configs.choose_model_dir(document, tf_configs.directory_of(model_dir)),
            tf_random_seed=tf_random_seed,
            save_summary_steps=save_summary_steps,
            save_checkpoints_steps=save_checkpoints_steps,
            save_checkpoints_secs=save_checkpoints_secs,
            session_config=session_config,
            keep_checkpoint_max=keep_checkpoint_max,
            keep_checkpoint_every_n_hours=keep_checkpoint_every_n_hours,
            log_step_count_steps=log_step_count_steps,
            train_distribute=train_distribute,
            device_fn=device_fn,
            protocol=protocol,
            eval_distribute=eval_distribute,
            experimental_distribute=experimental_distribute,
            experimental_max_worker_delay_secs=experimental_max_worker_delay_secs,
            session_creation_timeout_secs=session_creation_timeout_secs,
            checkpoint_save_graph_def=checkpoint_save_graph_def,
            steps_per_loop=steps_per_loop,
        )
        placement = tf_configs.place_task(document)
        self._task_type = placement.task_type
        self._task_id = placement.task_id
        self._cluster_spec = placement.cluster_spec
        self._master = placement.master
        self._evaluation_master = placement.evaluation_master
        self._is_chief = placement.is_chief
        self._num_ps_replicas = placement.num_ps_replicas
        self._num_worker_replicas = placement.num_worker_replicas
        self._global_id_in_cluster = placement.global_id_in_cluster
        self._service = placement.service
        if self._session_config is None and self._cluster_spec:
            self._session_config = tf_configs.session_config(self._task_type, self._task_id)

    def _assign(self, **values: Any) -> None:
        for name, value in values.items():
            is_path = name == "model_dir" and isinstance(value, os.PathLike | bytes)
            setattr(self, f"_{name}", os.fsdecode(value) if is_path else value)
        for name, accepts, message in field_rules.RULES:
            value = getattr(self, f"_{name}")
            if value is not None and not accepts(value):
                raise ValueError(message)
        strategies.check_experimental(self._experimental_distribute)
        for name in _STRATEGIES:
            strategies.check(name, self._strategy(name))
        if any(map(strategies.spans_tasks, (self.train_distribute, self.eval_distribute))):
            interruption.keep_handler()

    def _strategy(self, name: str) -> Any:
        return strategies.choose(name, getattr(self, f"_{name}"), self._experimental_distribute)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        # Strategies are shared: a model's variables belong to one strategy, not to one that equals it.
        shared = [self._experimental_distribute, *map(self._strategy, _STRATEGIES)]
        memo.update({id(value): value for value in shared})
        memo[id(self)] = copied = object.__new__(type(self))
        vars(copied).update(copy.deepcopy(vars(self), memo))
        return copied

    def replace(self, **kwargs: Any) -> Self:
        """Returns a deep copy with the given constructor fields changed.

        Setting one of `save_checkpoints_steps` and `save_checkpoints_secs` clears the other; None for one leaves the
        other as it is.

        Raises:
            ValueError: a name is not a constructor field, both intervals are given, or a value breaks a rule.
        """
        for name in kwargs:
            if name not in _REPLACEABLE:
                raise ValueError(
                    f"Replacing {name} is not supported. Allowed properties are {list(_REPLACEABLE)}."
                )
        if (
            kwargs.get("save_checkpoints_steps") is not None
            and kwargs.get("save_checkpoints_secs") is not None
        ):
            raise ValueError(_BOTH_INTERVALS)
        # None for one interval leaves the other alone: it says that there is none of this kind, not that there are no
        # checkpoints.
        if kwargs.get("save_checkpoints_steps") is not None:
            kwargs["save_checkpoints_secs"] = None
        elif kwargs.get("save_checkpoints_secs") is not None:
            kwargs["save_checkpoints_steps"] = None
        changed = copy.deepcopy(self)
        changed._assign(**kwargs)  # noqa: SLF001 - of the same class
        return changed

    @property
    def cluster_spec(self) -> Any:
        """The `tf.train.ClusterSpec`; empty outside a cluster and for the evaluator."""
        return self._cluster_spec

    @property
    def task_type(self) -> str:
        """Name of this task's job: chief, worker, ps, evaluator or master."""
        return self._task_type

    @property
    def task_id(self) -> int:
        """Index of this task in its job."""
        return self._task_id

    @property
    def global_id_in_cluster(self) -> int | None:
        """Chief 0, then the other jobs by name and index, ps last; None for the evaluator."""
        return self._global_id_in_cluster

    @property
    def is_chief(self) -> bool:
        """Whether this task initialises variables and writes checkpoints."""
        return self._is_chief

    @property
    def master(self) -> str:
        """Address of the training session's server; "" runs in process."""
        if not self._master and strategies.is_collective(self.train_distribute, self._cluster_spec):
            # The strategy places what it makes on this task, also where that is the only one.
            return tf_configs.own_address(self._cluster_spec, self._task_type, self._task_id)
        return self._master

    @property
    def evaluation_master(self) -> str:
        """Address of the evaluation session's server; "" runs in process."""
        return self._evaluation_master

    @property
    def num_ps_replicas(self) -> int:
        """Number of parameter servers."""
        return self._num_ps_replicas

    @property
    def num_worker_replicas(self) -> int:
        """Number of tasks that train, the chief among them."""
        return self._num_worker_replicas

    @property
    def service(self) -> dict[str, Any] | None:
        """TF_CONFIG's section for the platform that runs the job."""
        return self._service

    @property
    def model_dir(self) -> str | None:
        """Directory of checkpoints, summaries and exports."""
        return self._model_dir

    @property
    def tf_random_seed(self) -> int | None:
        """Graph-level random seed."""
        return self._tf_random_seed

    @property
    def save_summary_steps(self) -> int | None:
        """Steps between summaries."""
        return self._save_summary_steps

    @property
    def save_checkpoints_steps(self) -> int | None:
        """Steps between checkpoints."""
        return self._save_checkpoints_steps

    @property
    def save_checkpoints_secs(self) -> float | None:
        """Seconds between checkpoints."""
        return self._save_checkpoints_secs

    @property
    def session_config(self) -> Any:
        """The `tf.compat.v1.ConfigProto` of sessions; None leaves the Estimator's default."""
        return self._session_config

    @property
    def keep_checkpoint_max(self) -> int | None:
        """Number of newest checkpoints kept."""
        return self._keep_checkpoint_max

    @property
    def keep_checkpoint_every_n_hours(self) -> float | None:
        """Hours between checkpoints that are kept for ever."""
        return self._keep_checkpoint_every_n_hours

    @property
    def log_step_count_steps(self) -> int | None:
        """Steps between log lines of loss and speed."""
        return self._log_step_count_steps

    @property
    def train_distribute(self) -> Any:
        """The tf.distribute strategy that trains, or None."""
        return self._strategy("train_distribute")

    @property
    def eval_distribute(self) -> Any:
        """The tf.distribute strategy that evaluates, or None."""
        return self._strategy("eval_distribute")

    @property
    def device_fn(self) -> Callable[[Any], Any] | None:
        """Function of one argument `op` that returns a device, or None for the default placement."""
        return self._device_fn

    @property
    def protocol(self) -> str | None:
        """Protocol of the cluster's servers; None means grpc."""
        return self._protocol

    @property
    def experimental_max_worker_delay_secs(self) -> int | None:
        """Upper bound in seconds of a worker's start delay; 60 when None."""
        return self._experimental_max_worker_delay_secs

    @property
    def session_creation_timeout_secs(self) -> float | None:
        """Seconds that a worker waits for the chief to initialise variables."""
        return self._session_creation_timeout_secs

    @property
    def checkpoint_save_graph_def(self) -> bool:
        """Whether a checkpoint comes with a `.meta` file."""
        return self._checkpoint_save_graph_def

    @property
    def steps_per_loop(self) -> str | int:
        """The most training steps that one call of the session makes, or "auto"."""
        return "auto" if self._steps_per_loop is None else self._steps_per_loop
