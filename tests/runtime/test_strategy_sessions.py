"""The sessions of a training and an evaluation on replicas have the devices that these are on."""

import pytest
import replicated
import tensorflow as tf
from replicated import v1

from estimator_runtime import Estimator, RunConfig
from estimator_runtime.config import strategies


@pytest.fixture(scope="module")
def in_two_devices():
    """Calls a function in a process that has two CPU devices."""
    with replicated.executor() as executor:
        yield lambda function, *args, **kwargs: executor.submit(function, *args, **kwargs).result()


# In the process with two devices


def all_devices():
    return tf.distribute.MirroredStrategy()


def trained_and_evaluated(model_dir, strategy, session_config):
    """The CPU devices of the sessions; the slope after three steps, and the loss of an evaluation."""
    make = replicated.STRATEGIES.get(strategy, all_devices)
    given = None if session_config is None else v1.ConfigProto(**session_config)
    before = None if given is None else given.SerializeToString()
    config = RunConfig(
        train_distribute=make(),
        eval_distribute=make(),
        session_config=given,
        save_checkpoints_steps=100,
        save_summary_steps=1,
    )
    estimator = Estimator(replicated.model(), str(model_dir), config)
    devices = dict(estimator.config.session_config.device_count)
    if devices.get("CPU", 1) < 2:
        return devices, None, None  # it would wait for ever
    estimator.train(replicated.train_input, steps=3)
    assert given is None or given.SerializeToString() == before, "the caller's own is left alone"
    loss = estimator.evaluate(replicated.batches_of_two)["loss"]
    return devices, estimator.get_variable_value("w").item(), float(loss)


GIVEN = {
    "nothing": None,
    "placement": {"allow_soft_placement": True},
    "one device": {"device_count": {"CPU": 1}},
    "three devices": {"device_count": {"CPU": 3, "GPU": 0}},
}
DEVICES = dict.fromkeys(GIVEN, {"CPU": 2}) | {"three devices": {"CPU": 3, "GPU": 0}}


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("strategy", ["mirrored", "mirrored v1", "central", "all devices"])
def test_replicas_run_on_two_cpu_devices_whatever_session_config_is_given(
    in_two_devices, tmp_path, strategy, given
):
    devices, w, loss = in_two_devices(trained_and_evaluated, tmp_path, strategy, GIVEN[given])
    assert devices == DEVICES[given]
    # Of two batches each, whose squares have the means 7.5, 43.5 and 7.5.
    assert w == pytest.approx(3 - 2.5 * (1 - 0.02 * 7.5) * (1 - 0.02 * 43.5) * (1 - 0.02 * 7.5))
    assert loss == pytest.approx((w - 3) ** 2 * 25.5)


def test_one_device_is_what_every_session_has():
    assert strategies.cpu_devices(None) == 0
    assert strategies.cpu_devices(tf.distribute.OneDeviceStrategy("/cpu:0")) == 1
    for strategy in (None, tf.distribute.OneDeviceStrategy("/cpu:0")):
        config = RunConfig(train_distribute=strategy)
        estimator = Estimator(replicated.model(), config=config)
        assert not estimator.config.session_config.device_count
