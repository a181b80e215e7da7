"""`tf.estimator` on a TensorFlow that has none."""

import copy
import importlib
import importlib.util
import inspect
import pickle
import re
import subprocess
import sys

import linear_model
import pytest
import tensorflow as tf

import estimator_runtime
from estimator_runtime import compat, faces
from estimator_runtime.compat.deep_modules import DEEP_MODULES
from estimator_runtime.compat.forwarded_modules import FORWARDED
from estimator_runtime.compat.replaced_names import REPLACED_MODULES, REPLACED_NAMES


@pytest.fixture(scope="module")
def module():
    return compat.install()


def test_every_way_of_importing_the_v2_face(module):
    import tensorflow.compat.v2 as tf2
    from tensorflow import estimator
    from tensorflow.estimator.export import ServingInputReceiver
    from tensorflow_estimator.python.estimator.api._v2 import estimator as estimator2

    for found in (estimator, estimator2, tf.estimator, tf2.estimator):
        assert found is module
    assert tf.compat.v1.compat.v2.estimator is module
    assert importlib.import_module("tensorflow.estimator") is module
    assert ServingInputReceiver is estimator_runtime.export.ServingInputReceiver
    assert not hasattr(module, "inputs")


def test_every_way_of_importing_the_v1_face(module):
    import tensorflow.compat.v1 as tf1
    import tensorflow_estimator as tfe
    from tensorflow.compat.v1 import estimator
    from tensorflow.compat.v1.estimator.inputs import numpy_input_fn
    from tensorflow_estimator._api.v1 import estimator as estimator2
    from tensorflow_estimator.python.estimator.api._v1 import estimator as estimator3

    for found in (tf1.estimator, tf.compat.v1.estimator, tf1.compat.v1.estimator, tfe.estimator):
        assert found is estimator
    for found in (estimator2, estimator3):
        assert found is estimator
    assert estimator is not module
    assert numpy_input_fn is estimator.inputs.numpy_input_fn
    assert callable(estimator.inputs.pandas_input_fn)


@pytest.mark.parametrize("face", [faces.V1, faces.V2], ids=["v1", "v2"])
def test_all_names_of_a_face_can_be_had(face, module):
    installed = tf.compat.v1.estimator if face is faces.V1 else module
    pairs = [(installed, face), *((getattr(installed, n), below) for n, below in face.submodules.items())]
    for holder, below in pairs:
        assert set(holder.__all__) <= set(dir(holder))
        for name, value in inspect.getmembers(holder):
            assert name in below.names() or name.startswith("_") or name in ("missing", "submodules")
            assert value is getattr(holder, name)


def test_the_package_itself_shows_the_v2_face():
    errors = {"DistributionNotSupportedError", "EstimatorError", "EstimatorNotTrainedError", "MetricsError"}
    # Names that were TensorFlow's and Keras' own.
    own = errors | {"CheckpointInputPipelineHook", "model_to_estimator"}
    assert set(estimator_runtime.__all__) - own == set(faces.OWN.names()) == set(faces.V2.names())
    for name in faces.OWN.homes:
        assert getattr(estimator_runtime, name) is faces.OWN.resolve(name)
    of_this_package_alone = {"experimental": {"KMeans", "same_graph_each_time"}}
    for name, below in faces.V2.submodules.items():
        shown = set(getattr(estimator_runtime, name).__all__)
        assert shown - of_this_package_alone.get(name, set()) == set(below.names())


def test_what_is_left_out_gives_the_reason(module):
    with pytest.raises(
        AttributeError, match=r"tensorflow.estimator.tpu is not among .*compat.v1.estimator.tpu"
    ):
        tf.estimator.tpu  # noqa: B018
    for face in (tf.estimator, tf.compat.v1.estimator):
        with pytest.raises(AttributeError, match="no kernels .*tensorflow-decision-forests"):
            face.BoostedTreesClassifier  # noqa: B018
    with pytest.raises(ImportError, match="BoostedTreesRegressor .*no kernels .*tensorflow-decision-forests"):
        from tensorflow.estimator import BoostedTreesRegressor  # noqa: F401
    with pytest.raises(AttributeError, match="estimator.Estimater is not among .* Estimator, EstimatorSpec"):
        tf.estimator.Estimater  # noqa: B018
    assert not hasattr(tf.estimator, "__wrapped__")


@pytest.mark.parametrize("path", ["estimator.export.export", "estimator"])
def test_a_deep_module_by_an_empty_list_of_names(path, module):
    """As code writes it that is older than `importlib`: without names `__import__` returns the outermost package."""
    full = f"tensorflow_estimator.python.{path}"
    assert __import__(full, fromlist=[""]) is importlib.import_module(full)


def test_modules_inside_tensorflow_estimator(module):
    from tensorflow_estimator.python.estimator import estimator_lib, model_fn, run_config
    from tensorflow_estimator.python.estimator.estimator import Estimator, EstimatorV2
    from tensorflow_estimator.python.estimator.export.export import ServingInputReceiver
    from tensorflow_estimator.python.estimator.export.export_output import PredictOutput
    from tensorflow_estimator.python.estimator.inputs import numpy_io

    assert (Estimator, EstimatorV2) == (tf.compat.v1.estimator.Estimator, tf.estimator.Estimator)
    assert issubclass(EstimatorV2, Estimator)
    assert issubclass(Estimator, estimator_runtime.Estimator)
    assert model_fn.ModeKeys is estimator_runtime.ModeKeys
    assert (run_config.RunConfig, run_config.TaskType.PS) == (estimator_runtime.RunConfig, "ps")
    assert ServingInputReceiver is estimator_runtime.export.ServingInputReceiver
    assert PredictOutput is estimator_runtime.export.PredictOutput
    assert estimator_lib.inputs.numpy_input_fn is numpy_io.numpy_input_fn


def test_keras_has_its_estimator_module_however_it_is_imported(module):
    """An import below tensorflow.keras would make `tf.keras` another module."""
    from tensorflow.keras.estimator import model_to_estimator
    from tensorflow.keras.layers import Dense  # noqa: F401

    assert tf.keras.estimator.model_to_estimator is model_to_estimator
    assert tf.compat.v1.keras.estimator.model_to_estimator is model_to_estimator
    assert estimator_runtime.model_to_estimator is not model_to_estimator, "makes this package's Estimators"
    from tensorflow_estimator.python.estimator import keras_lib

    with pytest.raises(ValueError, match="Either `keras_model` or"):
        keras_lib.model_to_estimator(use_v2_estimator=True)


def test_other_modules_inside_tensorflow_estimator_say_what_to_do(module):
    with pytest.raises(ModuleNotFoundError, match=r"tpu\.none'.* Import the name from tf.estimator"):
        import tensorflow_estimator.python.estimator.tpu.none  # noqa: F401


def test_modules_that_tensorflow_handed_on(module):
    from tensorflow.python.estimator import canned, run_config
    from tensorflow.python.estimator.canned.head import _Head
    from tensorflow_estimator.python.estimator.canned import head

    assert run_config.RunConfig is estimator_runtime.RunConfig
    assert _Head is head._Head is canned.head._Head
    with pytest.raises(ModuleNotFoundError, match=r"estimator\.none'.* Import the name from tf.estimator"):
        importlib.import_module("tensorflow.python.estimator.none")


def test_modules_of_tpus_that_tensorflow_handed_on(module):
    from tensorflow.python.tpu import tpu_config, tpu_estimator
    from tensorflow.python.tpu.tpu_estimator import TPUEstimator, TPUEstimatorSpec

    tpu = tf.compat.v1.estimator.tpu
    assert (TPUEstimator, TPUEstimatorSpec) == (tpu.TPUEstimator, tpu.TPUEstimatorSpec)
    assert tpu_estimator.TPUEstimator is TPUEstimator
    assert tpu_config.TPUConfig is tpu.TPUConfig
    assert tpu_config.RunConfig is tpu.RunConfig
    with pytest.raises(ImportError, match="Nothing"):
        from tensorflow.python.tpu.tpu_config import Nothing  # noqa: F401


@pytest.mark.parametrize("path", sorted(DEEP_MODULES))
def test_every_name_of_an_internal_module_can_be_had(path, module):
    found = importlib.import_module(f"tensorflow_estimator.python.estimator.{path}")
    for name in DEEP_MODULES[path].homes:
        assert getattr(found, name) is getattr(found, name)
    if path in FORWARDED.values():
        handed_on = next(own for own, home in FORWARDED.items() if home == path)
        assert set(importlib.import_module(f"tensorflow.python.estimator.{handed_on}").__all__) == set(
            found.__all__
        )


@pytest.mark.parametrize("path", sorted(REPLACED_MODULES))
def test_a_module_without_meaning_says_what_takes_its_place(path, module):
    roots = ["tensorflow_estimator.python.estimator"]
    if not path.startswith(("head.", "hooks.", "tpu.")):  # TensorFlow handed on no module of these packages
        roots.append("tensorflow.python.estimator")
    for root in roots:
        with pytest.raises(ModuleNotFoundError, match=re.escape(REPLACED_MODULES[path])):
            importlib.import_module(f"{root}.{path}")


@pytest.mark.parametrize("path", sorted(p for p in REPLACED_NAMES if not p.startswith("estimator_lib.")))
def test_a_name_without_meaning_says_what_takes_its_place(path, module):
    parent, _, name = path.rpartition(".")
    module_name = f"tensorflow_estimator.python.estimator.{parent}"
    with pytest.raises(AttributeError, match=re.escape(REPLACED_NAMES[path])):
        getattr(importlib.import_module(module_name), name)
    with pytest.raises(ImportError, match=re.escape(REPLACED_NAMES[path])):
        exec(f"from {module_name} import {name}", {})


REAL = """
import sys
from estimator_runtime import compat
from pathlib import Path
import importlib
python = importlib.import_module("tensorflow.python")
package = Path(sys.argv[1]) / "estimator"
package.mkdir()
(package / "__init__.py").write_text("")
(package / "run_config.py").write_text("RunConfig = 'its own'")
python.__path__.append(sys.argv[1])
compat.install()
from tensorflow.python.estimator.run_config import RunConfig
assert RunConfig == "its own", RunConfig
try:
    import tensorflow.python.estimator.training
except ModuleNotFoundError as error:
    assert "estimator_runtime" not in str(error)
else:
    raise AssertionError("a module is added to another's package")
"""
UNINSTALLED = """
import estimator_runtime
try:
    import tensorflow.python.estimator
except ModuleNotFoundError:
    pass
else:
    raise AssertionError("it is there before compat is installed")
"""


@pytest.mark.parametrize("program", [REAL, UNINSTALLED], ids=["a real package", "not installed"])
def test_tensorflows_own_modules_are_not_hidden(program, tmp_path):
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "name",
    [
        "tensorflow_estimator",
        "tensorflow.python.estimator.run_config",
        "tensorflow_estimator.python.estimator.run_config",
        "tensorflow.estimator",
        "tensorflow.compat.v1.estimator.inputs",
    ],
)
def test_modules_have_specs_and_can_be_imported_again(name, module, monkeypatch):
    assert importlib.util.find_spec(name).name == name
    before = importlib.import_module(name)
    monkeypatch.delitem(sys.modules, name)
    assert importlib.util.find_spec(name).name == name
    assert importlib.import_module(name) is before


def test_what_is_pickled_is_the_same_afterwards(module):
    estimator = tf.estimator
    for value in (
        estimator.Estimator,
        estimator.RunConfig(save_checkpoints_steps=7),
        estimator.WarmStartSettings("from"),
        estimator.TrainSpec(linear_model.train_input, max_steps=3),
        estimator.EvalSpec(linear_model.eval_input, steps=3),
    ):
        restored = pickle.loads(pickle.dumps(value))
        assert type(restored) is type(value)
        if isinstance(value, tuple | type):
            assert restored == copy.deepcopy(value) == value
        else:
            assert restored.save_checkpoints_steps == 7


def test_what_was_pickled_by_tf_estimator_is_understood(module):
    pickled = b"ctensorflow_estimator.python.estimator.run_config\nRunConfig\n."
    assert pickle.loads(pickled) is estimator_runtime.RunConfig


def test_classes_can_be_inspected(module):
    kind = tf.estimator.Estimator
    assert inspect.getmodule(kind).__name__ == "estimator_runtime.compat.estimators"
    assert inspect.getsource(kind).startswith("class EstimatorV2(")
    assert list(inspect.signature(kind).parameters)[:5] == [
        "model_fn",
        "model_dir",
        "config",
        "params",
        "warm_start_from",
    ]


def test_names_can_be_patched(module, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(tf.estimator, "train_and_evaluate", len)
        assert tf.estimator.train_and_evaluate is len
    assert tf.estimator.train_and_evaluate is estimator_runtime.train_and_evaluate


def test_a_second_installation_changes_nothing(module):
    assert compat.install() is module
    assert tf.estimator is module


BEFORE = """
import sys
from estimator_runtime import compat
compat.install()
assert "tensorflow" not in sys.modules, "importing TensorFlow is the program's business"
from tensorflow import estimator
import tensorflow as tf
import importlib, inspect
assert tf.estimator is estimator
assert tf.compat.v1.estimator.inputs and not hasattr(estimator, "inputs")
assert estimator.RunConfig().save_summary_steps == 100
assert type(tf.__spec__.loader) is importlib.machinery.SourceFileLoader
assert inspect.getsource(tf)
"""

AFTER = """
import tensorflow.compat.v1 as tf
from tensorflow import compat as held
from estimator_runtime import compat
compat.install()
assert tf.estimator is held.v1.estimator
assert tf.estimator.inputs and not hasattr(held.v2.estimator, "inputs")
"""


@pytest.mark.parametrize("program", [BEFORE, AFTER], ids=["before", "after"])
def test_installing_before_and_after_tensorflow(program):
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
