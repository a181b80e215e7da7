"""The RunConfig that an Estimator works with: the caller's, with nothing left open."""

import os
import tempfile

import tensorflow as tf

from estimator_runtime.cluster import tf_config
from estimator_runtime.config import strategies
from estimator_runtime.config.run_config import RunConfig
from estimator_runtime.loop import sessions


def completed(config: RunConfig | None, model_dir: str | bytes | os.PathLike[str] | None) -> RunConfig:
    """The configuration with its model_dir and session_config filled in.

    Args:
        config: what the Estimator was given; None for the defaults and TF_CONFIG.
        model_dir: what the Estimator was given; None (or "" when `config` has none) for the configuration's, or
            else a temporary directory.

    Raises:
        ValueError: `config` is no RunConfig, or the two model directories differ.
        DistributionNotSupportedError: (a ValueError) a strategy that cannot run is set, or one to train with
            in a cluster of several tasks.
    """
    if config is None:
        config = RunConfig()
        tf.compat.v1.logging.info("Using default config.")
    if not isinstance(config, RunConfig):
        raise ValueError(f"config must be an instance of `RunConfig`, but provided {config}.")  # noqa: TRY004 - tf.estimator's type
    # RunConfig has checked its own fields; a subclass may still return others.
    strategies.check("train_distribute", config.train_distribute)
    strategies.check("eval_distribute", config.eval_distribute)
    strategies.check_cluster(
        config.train_distribute,
        cluster_spec=config.cluster_spec,
        task_type=config.task_type,
        is_elastic=tf_config.is_elastic(config.service),
    )
    if config.session_config is None:
        config = RunConfig.replace(config, session_config=sessions.default_session_config())
    config = _with_collectives(config)
    config = _with_devices_of_replicas(config)
    given = tf_config.directory_of(model_dir)
    if given is not None and config.model_dir is not None and given != config.model_dir:
        raise ValueError(
            "`model_dir` are set both in constructor and `RunConfig`, but with different values. In constructor: "
            f"'{given}', in `RunConfig`: '{config.model_dir}'."
        )
    if given:
        return RunConfig.replace(config, model_dir=given)
    if config.model_dir is None:
        temporary = tempfile.mkdtemp()
        tf.compat.v1.logging.warning("Using temporary folder as model directory: %s", temporary)
        return RunConfig.replace(config, model_dir=temporary)
    return config


def _with_collectives(config: RunConfig) -> RunConfig:
    """The configuration whose sessions know the leader and the devices of a strategy that spans the tasks."""
    if not strategies.is_collective(config.train_distribute, config.cluster_spec):
        return config
    session_config = config.train_distribute.update_config_proto(config.session_config)
    return RunConfig.replace(config, session_config=session_config)


def _with_devices_of_replicas(config: RunConfig) -> RunConfig:
    """The configuration whose sessions have the CPU devices that its strategies are on.

    A session has one CPU device unless it is told of more. Two replicas that are placed there wait for each other for
    ever, and so does their input.
    """
    needed = max(map(strategies.cpu_devices, (config.train_distribute, config.eval_distribute)))
    if needed <= max(1, config.session_config.device_count.get("CPU", 1)):
        return config
    session_config = tf.compat.v1.ConfigProto()
    session_config.CopyFrom(config.session_config)
    session_config.device_count["CPU"] = needed
    return RunConfig.replace(config, session_config=session_config)
