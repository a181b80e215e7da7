"""What a task is told of the GPUs that it does not have.

TensorFlow itself says `failed call to cuInit: UNKNOWN ERROR (303)` where there is no driver, and nothing where there is a
driver and no GPU. A training goes on, on the CPU, for as long as it takes.

CUDA is not asked: whoever asks has it look at CUDA_VISIBLE_DEVICES once and for all, which a program may set by itself.
"""

import ctypes
import os
from pathlib import Path

import tensorflow as tf

DEVICES = Path("/dev")
DRIVER = "libcuda.so.1"
_MISSING = (
    "This image's TensorFlow is made for GPUs and sees none: it computes on the CPU. The role has to ask for nvidia.com/gpu, and "
    "its node needs NVIDIA's driver and device plugin."
)
_HIDDEN = ("", "-1")


def tell_of_missing_gpus() -> None:
    """Warns where TensorFlow is built for GPUs and has none, unless CUDA_VISIBLE_DEVICES hides them."""
    if (
        os.environ.get("CUDA_VISIBLE_DEVICES") in _HIDDEN
        or not tf.sysconfig.get_build_info()["is_cuda_build"]
    ):
        return
    if not (_devices() and _has_driver()):
        tf.get_logger().warning(_MISSING)


def _devices() -> list[Path]:
    """Those of NVIDIA's driver, and the one by which Windows lends its own to Linux."""
    return [path for pattern in ("nvidia[0-9]*", "dxg") for path in DEVICES.glob(pattern)]


def _has_driver() -> bool:
    try:
        ctypes.CDLL(DRIVER)
    except OSError:
        return False
    return True
