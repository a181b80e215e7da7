"""Which tf.distribute strategies an Estimator runs, and what each means for the tasks of TF_CONFIG's cluster.

* MirroredStrategy, OneDeviceStrategy, CentralStorageStrategy: all replicas in this one process. In a cluster of several
  tasks they would be a second way of spreading, and are refused.
* MultiWorkerMirroredStrategy: replicas in the chief and all workers, which make every step together. Without a cluster it
  is a MirroredStrategy.
* tf.compat.v1's ParameterServerStrategy: what chief, worker and ps do without any strategy, and is done so.
"""

from typing import Any

import tensorflow as tf

from estimator_runtime.cluster.tf_config import TaskType
from estimator_runtime.errors import DistributionNotSupportedError

_WAY_OUT = (
    "To train over several tasks describe them in TF_CONFIG's cluster: chief, worker and ps with None here, or chief and "
    "worker with a MultiWorkerMirroredStrategy; to train on one device leave it None."
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


def _multi_worker() -> tuple[type, ...]:
    return (
        tf.distribute.MultiWorkerMirroredStrategy,
        tf.compat.v1.distribute.experimental.MultiWorkerMirroredStrategy,
    )


def _parameter_server() -> tuple[type, ...]:
    return (tf.compat.v1.distribute.experimental.ParameterServerStrategy,)


def spans_tasks(strategy: Any) -> bool:
    """Whether the strategy's replicas are in all tasks that train, which make every step together."""
    return isinstance(strategy, _multi_worker())


def is_collective(strategy: Any, cluster_spec: Any) -> bool:
    """Whether this task makes every step together with others: the strategy spans tasks, and the task is in a cluster."""
    return bool(cluster_spec) and spans_tasks(strategy)


def replicating(strategy: Any) -> Any:
    """The strategy, if there are replicas to build by it; None where a model is built once.

    A ParameterServerStrategy puts variables on the parameter servers and computes on the task's one device: so does a
    training without a strategy.
    """
    return None if not strategy or isinstance(strategy, _parameter_server()) else strategy


def evaluating(strategy: Any) -> Any:
    """The strategy, if an evaluation has replicas to build by it; None where the model is built once.

    One task evaluates. A strategy over several tasks leaves it to that task's one device; its values are the same.
    """
    if spans_tasks(strategy) and strategy.cluster_resolver.cluster_spec().jobs:
        return None
    return replicating(strategy)


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
    if not strategy or isinstance(strategy, (*_single_host(), *_multi_worker())):
        return
    if isinstance(strategy, _parameter_server()):
        _check_one_device(name, strategy)
        return
    raise DistributionNotSupportedError(
        f"{name} may be a MirroredStrategy, OneDeviceStrategy, CentralStorageStrategy, MultiWorkerMirroredStrategy or "
        f"tf.compat.v1's ParameterServerStrategy, given: {type(strategy).__module__}.{type(strategy).__qualname__}. "
        f"{_WAY_OUT}"
    )


def _check_one_device(name: str, strategy: Any) -> None:
    devices = len(strategy.extended.worker_devices)
    if devices > 1:
        raise DistributionNotSupportedError(
            f"{name} is a {type(strategy).__name__} with {devices} devices in this task, of which one would be used. Give "
            "each task one device (CUDA_VISIBLE_DEVICES), or use a MultiWorkerMirroredStrategy, which uses all."
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


def check_cluster(strategy: Any, *, cluster_spec: Any, task_type: str, is_elastic: bool = False) -> None:
    """Holds `train_distribute` against the cluster of this task.

    Raises:
        DistributionNotSupportedError: (a ValueError) the strategy does not run in such a cluster.
    """
    if replicating(strategy) is None or task_type == TaskType.EVALUATOR or not cluster_spec:
        return
    tasks = {job: cluster_spec.num_tasks(job) for job in cluster_spec.jobs}
    name = type(strategy).__name__
    if not spans_tasks(strategy):
        if sum(tasks.values()) > 1:
            raise DistributionNotSupportedError(
                f"train_distribute is a {name}, whose replicas are all on one host, and TF_CONFIG's "
                f"cluster has several tasks: {tasks}. {_WAY_OUT}"
            )
        return
    others = sorted(tasks.keys() - {TaskType.CHIEF, TaskType.WORKER})
    if others:
        raise DistributionNotSupportedError(
            f"train_distribute is a {name}, which trains on chief and workers alone, and TF_CONFIG's cluster has "
            f"{tasks}. Leave out {' and '.join(others)}"
            f"{', and name the master chief' if TaskType.MASTER in others else ''}; or leave train_distribute None for "
            "asynchronous training with parameter servers."
        )
    if is_elastic:
        raise DistributionNotSupportedError(
            f"train_distribute is a {name}, whose tasks make every step together, and this job's workers come and go. Give "
            "it a fixed number of workers, or leave train_distribute None for asynchronous training."
        )


def cpu_devices(strategy: Any) -> int:
    """How many CPU devices a session must have for those of a strategy to be among them; 0 for none."""
    if replicating(strategy) is None:
        return 0
    devices = (*strategy.extended.worker_devices, *strategy.extended.parameter_devices)
    specs = map(tf.DeviceSpec.from_string, devices)
    return max((spec.device_index + 1 for spec in specs if spec.device_type == "CPU"), default=0)
