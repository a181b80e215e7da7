"""`tf.estimator` for programs that were written when TensorFlow had it.

`install()` gives TensorFlow the two faces it had: `tf.estimator` and `tf.compat.v2.estimator` are one,
`tf.compat.v1.estimator` is the other (with `inputs`, and the canned Estimators' first versions).
`tf.data.experimental.CheckpointInputPipelineHook` is there again, too, and so are the parameters of embeddings on TPUs
(`tf.compat.v1.tpu.experimental.AdagradParameters` and others), and beside Keras 3 `tf.compat.v1.layers`,
`tf.compat.v1.nn.rnn_cell` and names of tf.keras that Keras 3 dropped. tensorflow_estimator becomes importable, whether or
not a package of that name is installed; its `estimator` is the v1 face, as it was. Afterwards these work as they stand,
in the program and in everything it imports:

    import tensorflow as tf                              # tf.estimator.Estimator(...)
    from tensorflow import estimator
    import tensorflow.compat.v1 as tf                    # tf.estimator.inputs.numpy_input_fn(...)
    from tensorflow.compat.v1 import estimator
    from tensorflow_estimator import estimator
    from tensorflow_estimator.python.estimator.run_config import RunConfig
    from tensorflow.python.estimator.model_fn import ModeKeys

TensorFlow may be imported before or after; importing this package does not import it. What tf.estimator had and this
package has not raises an AttributeError that gives the reason.
"""

import importlib
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from estimator_runtime.compat import keras_layers, keras_module, keras_names
from estimator_runtime.compat.deep_modules import DEEP_MODULES
from estimator_runtime.compat.finder import EstimatorModules, WhenTensorFlowComes
from estimator_runtime.compat.forwarded_modules import DISTRIBUTE_MODULES, FORWARDED, FORWARDED_TPU
from estimator_runtime.compat.modules import FaceModule
from estimator_runtime.compat.replaced_names import REPLACED_IN_FACES, REPLACED_MODULES, REPLACED_NAMES
from estimator_runtime.faces import V1, V2

_OLD_PACKAGE = "tensorflow_estimator"
_OLD_ROOT = f"{_OLD_PACKAGE}.python.estimator"
# TensorFlow's own package of modules that handed on those of tensorflow_estimator, until they were removed.
_FORWARDING_PACKAGE = "tensorflow.python.estimator"
_TPU_PACKAGE = "tensorflow.python.tpu"
_DISTRIBUTE_PACKAGE = "tensorflow.python.distribute"
# Other names of the modules inside tensorflow_estimator that hold the two faces.
_V1_ALIASES = (
    "tensorflow_estimator._api.v1.estimator",
    "tensorflow_estimator.estimator",
    "tensorflow_estimator.python.estimator.api._v1.estimator",
)
_V2_ALIASES = (
    "tensorflow_estimator._api.v2.estimator",
    "tensorflow_estimator.python.estimator.api._v2.estimator",
)
# What TensorFlow had for an EmbeddingConfigSpec.
_OPTIMIZATION_PARAMETERS = (
    "AdagradParameters",
    "AdamParameters",
    "FtrlParameters",
    "StochasticGradientDescentParameters",
)


class _Installed:
    """The face that `tf.estimator` is, once there is one in this process."""

    v2: FaceModule | None = None


def install() -> ModuleType:
    """Makes `tf.estimator` present in this process; a second call changes nothing.

    Returns:
        The module `tf.estimator`.
    """
    if _Installed.v2 is not None:
        return _Installed.v2
    v1 = FaceModule("tensorflow.compat.v1.estimator", V1, replaced=REPLACED_IN_FACES)
    v2 = FaceModule("tensorflow.estimator", V2, replaced=REPLACED_IN_FACES)
    modules: dict[str, ModuleType] = {}
    for face, aliases in ((v1, _V1_ALIASES), (v2, ("tensorflow.compat.v2.estimator", *_V2_ALIASES))):
        for name in (face.__name__, *aliases):
            modules[name] = face
            modules.update({f"{name}.{child}": module for child, module in face.submodules().items()})
    modules.update(_internal_modules(_OLD_ROOT, {path: path for path in DEEP_MODULES}))
    of_keras = keras_module.module()
    modules[keras_module.NAME] = of_keras
    _add_packages(modules, _OLD_PACKAGE)
    forwarding = _internal_modules(_FORWARDING_PACKAGE, FORWARDED)
    _add_packages(forwarding, _FORWARDING_PACKAGE)
    sys.modules.update(modules)
    sys.meta_path.insert(0, EstimatorModules(modules, _OLD_PACKAGE, REPLACED_MODULES))
    sys.meta_path.append(EstimatorModules(forwarding, _FORWARDING_PACKAGE, REPLACED_MODULES))
    others = _internal_modules(_TPU_PACKAGE, FORWARDED_TPU)
    for path, names in DISTRIBUTE_MODULES.items():
        name = f"{_DISTRIBUTE_PACKAGE}.{path}"
        others[name] = FaceModule(name, names, f"distribute.{path}.", REPLACED_NAMES)
    for name, module in others.items():
        sys.meta_path.append(EstimatorModules({name: module}, name))
    _Installed.v2 = v2

    def give() -> None:
        _give_to_tensorflow(v1, v2)
        tf = importlib.import_module("tensorflow")
        keras_module.give(tf, of_keras)
        keras_names.give(tf)

    if "tensorflow" in sys.modules:
        give()
    else:
        sys.meta_path.insert(0, WhenTensorFlowComes(give))
    return v2


def _internal_modules(root: str, paths: Mapping[str, str]) -> dict[str, ModuleType]:
    """Modules below the package `root`, of the names that DEEP_MODULES gives the paths that `paths` maps theirs to."""
    return {
        f"{root}.{path}": FaceModule(f"{root}.{path}", DEEP_MODULES[home], f"{home}.", REPLACED_NAMES)
        for path, home in paths.items()
    }


def _add_packages(modules: dict[str, ModuleType], root: str) -> None:
    """Adds `root` and the packages between it and the modules, and makes every module its parent's attribute."""
    for name in [name for name in modules if name.startswith(f"{root}.")]:
        child = name
        while child != root:
            parent, _, attribute = child.rpartition(".")
            if parent not in modules:
                modules[parent] = _package(parent)
            setattr(modules[parent], attribute, modules[child])
            child = parent


def _package(name: str) -> ModuleType:
    package = ModuleType(name, "A package of estimator_runtime's; see estimator_runtime.compat.")
    package.__path__ = []
    package.__spec__ = importlib.machinery.ModuleSpec(name, loader=None, is_package=True)
    return package


def _give_to_tensorflow(v1: FaceModule, v2: FaceModule) -> None:
    """Makes the faces attributes of TensorFlow's modules.

    `import tensorflow.compat.v1` makes a module that is not the one that was `tf.compat.v1` until then; who holds the
    earlier one needs the name too.
    """
    tf: Any = importlib.import_module("tensorflow")
    holders: list[tuple[Any, FaceModule]] = [(tf, v2)]
    for compat in (tf.compat, tf.compat.v1.compat, tf.compat.v2.compat):
        holders += [(compat.v1, v1), (compat.v2, v2)]
    for name, face in (("tensorflow.compat.v1", v1), ("tensorflow.compat.v2", v2)):
        holders.append((importlib.import_module(name), face))
    for holder, face in holders:
        holder.estimator = face
    # TensorFlow's own name, for programs that train with an Estimator alone.
    inputs: Any = importlib.import_module("estimator_runtime.inputs.pipeline_checkpoints")
    modules = (importlib.import_module(f"tensorflow.compat.{version}") for version in ("v1", "v2"))
    for holder in (tf, tf.compat.v1, tf.compat.v2, *modules):
        holder.data.experimental.CheckpointInputPipelineHook = inputs.CheckpointInputPipelineHook
    of_tpu: Any = importlib.import_module("estimator_runtime.tpu.optimization_parameters")
    faces_of_1 = (tf.compat.v1, importlib.import_module("tensorflow.compat.v1"))
    keras_layers.give(faces_of_1)
    for holder in faces_of_1:
        for name in _OPTIMIZATION_PARAMETERS:
            setattr(holder.tpu.experimental, name, getattr(of_tpu, name))
