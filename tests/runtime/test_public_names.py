"""The package as a user meets it: its names, what importing it does, and the first program of the README."""

import ast
import os
import re
import subprocess
import sys
import traceback
from pathlib import Path

import linear_model
import processes
import pytest
import tensorflow as tf
from code_blocks import code_blocks

import estimator_runtime
from estimator_runtime.loop import hooks

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "runtime" / "estimator_runtime").rglob("*.py"))


def test_names():
    assert sorted(set(estimator_runtime.__all__)) == estimator_runtime.__all__
    assert {
        "BestExporter",
        "Estimator",
        "EstimatorSpec",
        "EvalSpec",
        "FinalExporter",
        "LatestExporter",
        "ModeKeys",
        "RunConfig",
        "TrainSpec",
        "WarmStartSettings",
        "experimental",
        "export",
        "train_and_evaluate",
    } <= set(estimator_runtime.__all__)
    for module in (estimator_runtime, estimator_runtime.export, estimator_runtime.experimental):
        for name in module.__all__:
            assert name in hooks.__all__ or getattr(module, name).__doc__, name


def public_members(kind):
    return [
        member.fget if isinstance(member, property) else member
        for name, member in vars(kind).items()
        if not name.startswith("_") and (callable(member) or isinstance(member, property))
    ]


@pytest.mark.parametrize("name", [n for n in estimator_runtime.__all__ if n not in hooks.__all__])
def test_public_members_are_documented(name):
    value = getattr(estimator_runtime, name)
    if isinstance(value, type) and value.__module__.startswith("estimator_runtime"):
        assert [member.__name__ for member in public_members(value) if not member.__doc__] == []


def test_hooks_are_tensorflows_own():
    for name in hooks.__all__:
        assert getattr(estimator_runtime, name) is getattr(tf.compat.v1.train, name)


# But tensorflow.python.estimator, and modules below tensorflow.python.tpu and .distribute that TensorFlow has no more: compat has them
# again for libraries.
PRIVATE = re.compile(
    r"^(tf|tensorflow)\.(.*\.)?(python(?!\.(?:estimator|tpu|distribute)$)|core|compiler|_api|__internal__|lite\.python)(\.|$)|^(keras|tf_keras)\.src\b"
)


def dotted(node):
    """ "a.b.c" of such an expression, "" of every other."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def names_in(source):
    """Every module, name of a module, chain of attributes and string (a module may be imported by it) in a source."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module or ''}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Attribute):
            yield dotted(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value.split("\n")[0]


@pytest.mark.parametrize(
    "source",
    [
        "import tensorflow.python.framework.ops",
        "from tensorflow import python",
        "from tensorflow.python.training import session_manager as s",
        "from tensorflow.core.protobuf import config_pb2",
        "from keras.src import backend",
        "import tensorflow as tf\ntf.__internal__.types.Tensor",
        "importlib.import_module('tensorflow.python')",
        "tf.compat.v1._api.x",
    ],
)
def test_private_names_are_recognized(source):
    assert any(PRIVATE.search(name) for name in names_in(source))


# No public function starts the numbering of one thread's layers anew, and none tells in which scopes Keras is; where the first
# is missing there is another way, and without the second variables have other names. The public name of TensorFlow's layers is
# refused beside Keras 3, which is what they are there for. TensorFlow has names for Keras, for a layer of feature columns.
DECLARED = {
    "feature_columns.py": {"tf.__internal__", "tf.__internal__.feature_column"},
    "layer_names.py": {"keras.src.utils.naming", "keras.src.backend.common.name_scope"},
    "keras_layers.py": {"tensorflow.python.layers.layers"},
    "first_replicas.py": {"tensorflow.python.distribute.summary_op_util"},
}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "runtime")))
def test_only_public_names_of_tensorflow_are_used(path):
    private = {name for name in names_in(path.read_text()) if PRIVATE.search(name)}
    assert private == DECLARED.get(path.name, set())


def test_tensorflow_is_imported_when_it_is_needed():
    program = (
        "import sys, estimator_runtime\n"
        "assert 'Estimator' in dir(estimator_runtime)\n"
        "assert not hasattr(estimator_runtime, 'other')\n"
        "assert not {'tensorflow', 'numpy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


# In processes of their own


def in_process(target, *arguments, log):
    process = processes.CONTEXT.Process(target=run, args=(target, arguments, str(log)), daemon=True)
    process.start()
    process.join(100)
    assert process.exitcode == 0, log.read_text()


def run(target, arguments, log):
    with open(log, "w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    try:
        target(*arguments)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        raise


def import_changes_nothing():
    assert tf.executing_eagerly()
    assert tf.compat.v1.resource_variables_enabled()
    # Refused once a device has been initialised.
    tf.config.threading.set_inter_op_parallelism_threads(2)
    tf.config.set_visible_devices([], "GPU")


def test_importing_changes_nothing_of_tensorflow(tmp_path):
    in_process(import_changes_nothing, log=tmp_path / "log")


def run_without_v2_behavior(directory):
    tf.compat.v1.disable_v2_behavior()
    estimator = linear_model.estimator(directory).train(linear_model.train_input, steps=6)
    assert estimator.evaluate(linear_model.eval_input)["global_step"] == 6
    assert len(list(estimator.predict(linear_model.eval_input))) == 8
    path = estimator.export_saved_model(os.path.join(directory, "export"), linear_model.raw_receiver)
    assert os.path.exists(os.path.join(path, "saved_model.pb"))
    metrics, _ = estimator_runtime.train_and_evaluate(
        estimator,
        estimator_runtime.TrainSpec(linear_model.train_input, max_steps=8),
        estimator_runtime.EvalSpec(linear_model.eval_input, throttle_secs=0),
    )
    assert metrics["global_step"] == 8


def test_everything_works_without_v2_behavior(tmp_path):
    in_process(run_without_v2_behavior, str(tmp_path / "model"), log=tmp_path / "log")


def first_program(directory):
    program = next(text for language, text in code_blocks(ROOT / "README.md") if language == "python")
    os.chdir(directory)
    exec(compile(program, "README.md", "exec"), {"__name__": "__main__"})


def test_the_first_program_of_the_readme(tmp_path):
    in_process(first_program, str(tmp_path), log=tmp_path / "log")
    printed = (tmp_path / "log").read_text()
    (loss,) = re.findall(r"'loss': np\.float32\(([-+.e\d]+)\)", printed)
    (predicted,) = re.findall(r"\{'y': array\(\[([.\d]+)\]", printed)
    assert float(loss) < 0.1
    assert abs(float(predicted) - 2) < 0.5
    assert tf.train.latest_checkpoint(str(tmp_path / "model")).endswith("model.ckpt-500")
