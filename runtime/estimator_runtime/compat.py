"""`tf.estimator` for programs that were written when TensorFlow had it.

`install()` gives TensorFlow 2.21 the names `tf.estimator`, `tf.compat.v1.estimator` and `tf.compat.v2.estimator`, and
makes `tensorflow_estimator` importable; all of them are the Estimator of this package. Afterwards these work as they
stand:

    import tensorflow as tf                 # tf.estimator.Estimator(...)
    from tensorflow import estimator
    import tensorflow.compat.v1 as tf       # tf.estimator.Estimator(...)
    import tensorflow_estimator as tfe      # tfe.estimator.Estimator(...)

A name of the old module that this package does not have (the canned Estimators, heads, `inputs`) raises an
AttributeError that says so.
"""

import importlib
import sys
from types import ModuleType
from typing import Any

import tensorflow as tf

import estimator_runtime
from estimator_runtime import experimental, export

_NAMES = (
    "BestExporter",
    "CheckpointSaverHook",
    "CheckpointSaverListener",
    "Estimator",
    "EstimatorSpec",
    "EvalSpec",
    "Exporter",
    "FeedFnHook",
    "FinalExporter",
    "FinalOpsHook",
    "GlobalStepWaiterHook",
    "LatestExporter",
    "LoggingTensorHook",
    "ModeKeys",
    "NanLossDuringTrainingError",
    "NanTensorHook",
    "ProfilerHook",
    "RunConfig",
    "SecondOrStepTimer",
    "SessionRunArgs",
    "SessionRunContext",
    "SessionRunHook",
    "SessionRunValues",
    "StepCounterHook",
    "StopAtStepHook",
    "SummarySaverHook",
    "TrainSpec",
    "VocabInfo",
    "WarmStartSettings",
    "train_and_evaluate",
)
_SUBMODULES = {"experimental": experimental, "export": export}


class _EstimatorModule(ModuleType):
    """The module `tf.estimator`: what this package offers, and a plain word about what it does not."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        raise AttributeError(
            f"tf.estimator.{name} is not among what estimator_runtime offers: "
            f"{', '.join(sorted((*_NAMES, *_SUBMODULES)))}"
        )


def install() -> ModuleType:
    """Makes `tf.estimator` present in this process; a second call changes nothing.

    Returns:
        The module.
    """
    installed = sys.modules.get("tensorflow.estimator")
    if isinstance(installed, _EstimatorModule):
        return installed
    module = _EstimatorModule("tensorflow.estimator", "The Estimator of estimator_runtime.")
    for name in _NAMES:
        setattr(module, name, getattr(estimator_runtime, name))
    for name, submodule in _SUBMODULES.items():
        setattr(module, name, submodule)
    package = ModuleType("tensorflow_estimator", "The Estimator of estimator_runtime.")
    package.__path__ = []
    sys.modules["tensorflow_estimator"] = package
    # `import tensorflow.compat.v1` makes a module that is not the one that was `tf.compat.v1` until then; who holds
    # the earlier one needs the name too.
    parents: list[Any] = [tf.compat.v1, tf.compat.v2]
    for name in ("tensorflow", "tensorflow.compat.v1", "tensorflow.compat.v2", "tensorflow_estimator"):
        parents.append(importlib.import_module(name))
        sys.modules[f"{name}.estimator"] = module
        for sub, submodule in _SUBMODULES.items():
            sys.modules[f"{name}.estimator.{sub}"] = submodule
    for parent in parents:
        parent.estimator = module
    return module
