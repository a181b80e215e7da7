"""Which tf.distribute strategies an Estimator runs: those whose replicas are all in this one process.

Training over several tasks is TF_CONFIG's business (chief, worker and ps, each with a graph of its own). A strategy
that spreads over tasks, and a one-host strategy in each of several tasks, would be a second way of doing that: both
are refused by name instead of being half done.
"""

from typing import Any

import tensorflow as tf

from estimator_runtime.cluster.tf_config import TaskType
from estimator_runtime.errors import DistributionNotSupportedError

_WAY_OUT = (
    "To train over several tasks leave it None and describe chief, worker and ps tasks in TF_CONFIG's cluster; to "
    "train on one device leave it None."
)


def _single_host() -> tuple[type, ...]:
    # Looked up when asked: programs replace names of TensorFlow.
    return (
        tf.distribute.MirroredStrategy,
        tf.distribute.OneDeviceStrategy,
        tf.distribute.experimental.CentralStorageStrategy,
        tf.compat.v1.distribute.MirroredStrategy,
        tf.compat.v1.distribute.OneDeviceStrategy,
        tf.compat.v1.distribute.experimental.CentralStorageStrategy,
    )


def choose(name: str, given: Any, experimental: Any) -> Any:
    """The strategy of RunConfig's field `name`, or that of `experimental_distribute` by the same name.

    What is false is no strategy, as in tf.estimator: programs pass on the 0 or "" of a command line.

    Raises:
        ValueError: both are set.
    """
    other = getattr(experimental, name, None) if experimental else None
    if not other:
        return given
    if given:
        raise ValueError(f"Either `{name}` or`experimental_distribute.{name}` can be set.")
    return other


def check(name: str, strategy: Any) -> None:
    """Holds the strategy of RunConfig's field `name` against those that can run.

    Raises:
        DistributionNotSupportedError: (a ValueError) it is another.
    """
    if not strategy or isinstance(strategy, _single_host()):
        return
    raise DistributionNotSupportedError(
        f"{name} may be a MirroredStrategy, OneDeviceStrategy or CentralStorageStrategy, given: "
        f"{type(strategy).__module__}.{type(strategy).__qualname__}. {_WAY_OUT}"
    )


def check_experimental(experimental: Any) -> None:
    """Holds RunConfig's `experimental_distribute` against what is understood of it.

    Raises:
        DistributionNotSupportedError: (a ValueError) it has no strategies, or a cluster of its own.
    """
    if not experimental:
        return
    if not (hasattr(experimental, "train_distribute") and hasattr(experimental, "eval_distribute")):
        raise DistributionNotSupportedError(
            "experimental_distribute must have the attributes train_distribute and eval_distribute, given: "
            f"{experimental}."
        )
    if getattr(experimental, "remote_cluster", None) is not None:
        raise DistributionNotSupportedError(
            "experimental_distribute.remote_cluster is not supported: one program does not drive the devices of other "
            f"hosts. {_WAY_OUT}"
        )


def check_cluster(strategy: Any, *, cluster_spec: Any, task_type: str) -> None:
    """Holds `train_distribute` against the cluster of this task.

    Raises:
        DistributionNotSupportedError: (a ValueError) the cluster has several tasks.
    """
    if not strategy or task_type == TaskType.EVALUATOR or not cluster_spec:
        return
    tasks = {job: cluster_spec.num_tasks(job) for job in cluster_spec.jobs}
    if sum(tasks.values()) > 1:
        raise DistributionNotSupportedError(
            f"train_distribute is a {type(strategy).__name__}, whose replicas are all on one host, and TF_CONFIG's "
            f"cluster has several tasks: {tasks}. {_WAY_OUT}"
        )


def cpu_devices(strategy: Any) -> int:
    """How many CPU devices a session must have for those of a strategy to be among them; 0 for none."""
    if not strategy:
        return 0
    devices = (*strategy.extended.worker_devices, *strategy.extended.parameter_devices)
    specs = map(tf.DeviceSpec.from_string, devices)
    return max((spec.device_index + 1 for spec in specs if spec.device_type == "CPU"), default=0)
