"""Whether an image of runtime-gpu has what GPUs need, as far as a machine without one can tell.

    docker run --rm -i -v "$PWD/examples/digits:/code:ro" IMAGE python - < hack/gpu_image_contents.py

`make image-gpu` does that. It prints a line for each check, and exits with 1 where one of them failed. What takes a GPU is
not checked: docs/gpu.md says what that leaves.
"""

import ctypes
import importlib.util
import mmap
import re
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

# Package -> the files of it that are loaded: its library, and parts of it that the library itself loads by name later.
LIBRARIES = {
    "nvidia-cuda-runtime-cu12": ("cuda_runtime/lib/libcudart.so.12",),
    "nvidia-cuda-nvrtc-cu12": ("cuda_nvrtc/lib/libnvrtc.so.12",),
    "nvidia-cuda-cupti-cu12": ("cuda_cupti/lib/libcupti.so.12",),
    "nvidia-nvjitlink-cu12": ("nvjitlink/lib/libnvJitLink.so.12",),
    "nvidia-cublas-cu12": ("cublas/lib/libcublas.so.12", "cublas/lib/libcublasLt.so.12"),
    "nvidia-cusparse-cu12": ("cusparse/lib/libcusparse.so.12",),
    "nvidia-cusolver-cu12": ("cusolver/lib/libcusolver.so.11",),
    "nvidia-cufft-cu12": ("cufft/lib/libcufft.so.11",),
    "nvidia-curand-cu12": ("curand/lib/libcurand.so.10",),
    "nvidia-cudnn-cu12": (
        "cudnn/lib/libcudnn.so.9",
        "cudnn/lib/libcudnn_ops.so.9",
        "cudnn/lib/libcudnn_cnn.so.9",
    ),
    "nvidia-nccl-cu12": ("nccl/lib/libnccl.so.2",),
}
# Folders that TensorFlow's libraries have to look into; what these need they find by themselves.
FOUND_BY_TENSORFLOW = [
    "cublas",
    "cuda_cupti",
    "cuda_runtime",
    "cudnn",
    "cufft",
    "cusolver",
    "cusparse",
    "nccl",
]
# XLA compiles with these.
COMPILER = {"nvidia-cuda-nvcc-cu12": ("cuda_nvcc/bin/ptxas", "cuda_nvcc/nvvm/libdevice/libdevice.10.bc")}
STEPS = 20


def packages() -> Path:
    """The folder of NVIDIA's wheels in this environment."""
    found = importlib.util.find_spec("nvidia")
    folders = list(found.submodule_search_locations or ()) if found is not None else []
    assert folders, "no package of NVIDIA's is installed"
    return Path(folders[0])


def library(package: str) -> ctypes.CDLL:
    """The library of a package."""
    return ctypes.CDLL(str(packages() / LIBRARIES[package][0]))


def told_by(package: str, function: str) -> int:
    """The number that a function of the package's library writes where it is told to."""
    number = ctypes.c_int()
    status = library(package)[function](ctypes.byref(number))
    assert status == 0, f"{function} ended with {status}"
    return number.value


def libraries() -> str:
    """Each is loaded with all that it needs, before TensorFlow is, which would load some of it."""
    loaded = [ctypes.CDLL(str(packages() / path)) for paths in LIBRARIES.values() for path in paths]
    return f"{len(loaded)}, of {len(LIBRARIES)} packages"


def search_paths() -> str:
    """TensorFlow's own libraries look for those of CUDA where the packages have put them."""
    import tensorflow as tf

    looked_in: set[str] = set()
    for name in ("libtensorflow_framework.so.2", "libtensorflow_cc.so.2"):
        path = Path(tf.__file__).parent / name
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            looked_in |= {
                found.group(1).decode() for found in re.finditer(rb"ORIGIN/\.\./nvidia/(\w+)/lib", text)
            }
    missing = set(FOUND_BY_TENSORFLOW) - looked_in
    assert not missing, f"TensorFlow does not look for {sorted(missing)}"
    return ", ".join(FOUND_BY_TENSORFLOW)


def versions() -> str:
    """What libraries that need no driver for it say of themselves; TensorFlow was built with the same major versions."""
    import tensorflow as tf

    cuda = told_by("nvidia-cuda-runtime-cu12", "cudaRuntimeGetVersion")
    nccl = told_by("nvidia-nccl-cu12", "ncclGetVersion")
    cudnn = library("nvidia-cudnn-cu12").cudnnGetVersion
    cudnn.restype = ctypes.c_size_t
    built = tf.sysconfig.get_build_info()
    majors = {"cuda_version": cuda // 1000, "cudnn_version": cudnn() // 10000}
    for name, major in majors.items():
        assert str(built[name]).split(".")[0] == str(major), f"{name}: {built[name]} built, {major} installed"
    return (
        f"CUDA {cuda}, cuDNN {cudnn()}, NCCL {nccl}; built with CUDA {built['cuda_version']}, "
        f"cuDNN {built['cudnn_version']}"
    )


def compiler() -> str:
    """The assembler of CUDA runs, and XLA's library of device functions is there."""
    assembler, functions = (packages() / path for path in COMPILER["nvidia-cuda-nvcc-cu12"])
    said = subprocess.run([assembler, "--version"], capture_output=True, text=True, check=True).stdout
    assert functions.stat().st_size > 0
    return said.strip().splitlines()[-1]


def build() -> str:
    """TensorFlow is one for CUDA."""
    import tensorflow as tf

    built = tf.sysconfig.get_build_info()
    assert built["is_cuda_build"], built
    return f"TensorFlow {tf.__version__}, for {', '.join(built['cuda_compute_capabilities'])}"


def no_gpu() -> str:
    """Without a GPU there is no device of that kind, and the log of a job's program says so."""
    with tempfile.NamedTemporaryFile("w", suffix=".py") as program:
        program.write("import tensorflow as tf; print(len(tf.config.list_physical_devices('GPU')))")
        program.flush()
        command = [sys.executable, "-m", "estimator_runtime.job", "--script", program.name]
        told = subprocess.run(command, capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["0"], told.stdout
    lines = [line for line in told.stderr.splitlines() if "sees none" in line]
    assert lines, told.stderr
    return lines[0]


def digits() -> str:
    """The digits example trains on the CPU, by the runtime."""
    sys.path.insert(0, "/code")
    from digits import data, model

    import estimator_runtime as er
    from estimator_runtime import compat

    # As the job runner does; the model is written for tf.estimator.
    compat.install()
    params = {"hidden": [128, 64], "learning_rate": 0.001, "batch_size": 64}
    with tempfile.TemporaryDirectory() as folder:
        estimator = er.Estimator(model.model_fn, folder, params=params)
        estimator.train(lambda: data.train_input_fn(params), steps=STEPS)
        step = int(estimator.get_variable_value("global_step"))
    assert step == STEPS, step
    return f"{STEPS} steps"


CHECKS: dict[str, Callable[[], str]] = {
    "libraries load": libraries,
    "search paths": search_paths,
    "versions": versions,
    "compiler": compiler,
    "build": build,
    "no GPU": no_gpu,
    "digits train": digits,
}


def main() -> int:
    """Makes all checks."""
    failed = 0
    for name, check in CHECKS.items():
        try:
            print(f"{name:16} {check()}", flush=True)
        except Exception:  # noqa: BLE001 - whatever fails is told, and the rest is looked at
            failed += 1
            print(f"{name:16} FAILED\n{traceback.format_exc()}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
