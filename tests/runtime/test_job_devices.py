"""A task whose TensorFlow is made for GPUs is told when it has none."""

import logging

import pytest
import tensorflow as tf

from estimator_runtime.job import devices

C_LIBRARY = "libc.so.6"


@pytest.fixture
def told(monkeypatch, caplog, tmp_path):
    """The warnings for a build, device nodes, a library of the driver and CUDA_VISIBLE_DEVICES."""

    def told(*, is_cuda_build=True, nodes=(), driver=C_LIBRARY, visible=None):
        monkeypatch.setattr(tf.sysconfig, "get_build_info", lambda: {"is_cuda_build": is_cuda_build})
        monkeypatch.setattr(devices, "DEVICES", tmp_path)
        for name in nodes:
            (tmp_path / name).touch()
        monkeypatch.setattr(devices, "DRIVER", driver)
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        if visible is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        monkeypatch.setattr(tf.get_logger(), "propagate", True)
        with caplog.at_level(logging.WARNING, "tensorflow"):
            devices.tell_of_missing_gpus()
        return caplog.messages

    return told


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({}, id="no device"),
        pytest.param({"nodes": ["nvidiactl", "nvidia-uvm", "null"]}, id="the driver's own nodes"),
        pytest.param({"nodes": ["nvidia0"], "driver": "libnone.so.1"}, id="no driver"),
        pytest.param({"visible": "0"}, id="one is asked for"),
    ],
)
def test_a_build_for_gpus_without_one_says_so_and_what_is_needed(told, given):
    (line,) = told(**given)
    assert "sees none: it computes on the CPU" in line
    assert "nvidia.com/gpu" in line


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"nodes": ["nvidia0", "nvidiactl"]}, id="one"),
        pytest.param({"nodes": ["dxg"]}, id="one of Windows"),
        pytest.param({"is_cuda_build": False}, id="made for CPUs"),
        pytest.param({"visible": ""}, id="hidden"),
        pytest.param({"visible": "-1"}, id="hidden by a number"),
    ],
)
def test_nobody_is_warned_of_what_is_as_it_should_be(told, given):
    assert told(**given) == []
