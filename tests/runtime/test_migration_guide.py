"""Every code block of the migration guide: programs and commands are run, manifests are held against the API."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from code_blocks import code_blocks

from estimator_api import EstimatorJob

GUIDE = Path(__file__).parents[2] / "docs/migration.md"
BLOCKS = code_blocks(GUIDE)
OLD = "import tensorflow as tf\n\nwith tf.Session() as session:\n    print(session.run(tf.placeholder_with_default(1, [])))\n"
pytestmark = pytest.mark.timeout(300)


def blocks(language):
    return [text for kind, text in BLOCKS if kind == language]


def manifest(kind):
    return next(one for one in map(yaml.safe_load, blocks("yaml")) if one["kind"] == kind)


def test_no_kind_of_block_is_left_out():
    assert {kind for kind, _ in BLOCKS} == {"python", "console", "yaml"}
    assert len(blocks("yaml")) == 2


def test_programs_and_commands_run_in_the_order_of_the_guide(tmp_path):
    (tmp_path / "old.py").write_text(OLD)
    (tmp_path / "line.yaml").write_text(yaml.safe_dump(manifest("EstimatorJob")))
    script, unnamed = ["set -euxo pipefail"], []
    for number, (kind, text) in enumerate(BLOCKS):
        if kind == "console":
            assert all(line.startswith("$ ") for line in text.splitlines()), text
            script += [line[2:] for line in text.splitlines()]
        elif kind == "python":
            named = re.match(r"# (\w+\.py)\n", text)
            name = named[1] if named else f"block_{number}.py"
            (tmp_path / name).write_text(text)
            unnamed += [] if named else [name]
    # One process for all: importing TensorFlow takes longer than they do.
    (tmp_path / "unnamed.py").write_text(f"import runpy\nfor name in {unnamed}:\n    runpy.run_path(name)\n")
    script.append("python unnamed.py")
    environment = {name: value for name, value in os.environ.items() if name != "TF_CONFIG"}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    answer = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    for folder, step in (
        ("model", 200),
        ("model-of-start", 200),
        ("model-of-er", 200),
        ("model-of-line", 2000),
        ("model-with-metrics", 2),
    ):
        state = (tmp_path / folder / "checkpoint").read_text()
        latest = re.search(r'model_checkpoint_path: "model.ckpt-(\d+)"', state)
        assert int(latest[1]) >= step, folder
    assert "tf.compat.v1.Session" in (tmp_path / "new.py").read_text()
    assert "line/kernel" in answer.stdout


def test_the_two_manifests_are_the_same_job():
    old = manifest("TFJob")["spec"]
    job = EstimatorJob.model_validate(manifest("EstimatorJob"))
    new = manifest("EstimatorJob")["spec"]
    replicas = {role.lower(): one["replicas"] for role, one in old["tfReplicaSpecs"].items()}
    assert {role: job.spec.replicas(role) for role in replicas} == replicas
    assert new["runPolicy"] == old["runPolicy"]
    pod = old["tfReplicaSpecs"]["Chief"]["template"]["spec"]
    assert new["image"] == pod["containers"][0]["image"]
    claim = pod["volumes"][0]["persistentVolumeClaim"]
    assert new["modelDir"]["persistentVolumeClaim"] == claim


def test_the_symptoms_are_what_tensorflow_says(monkeypatch):
    import tensorflow as tf

    from estimator_runtime import EstimatorSpec
    from estimator_runtime.keras import keras_optimizers

    guide = GUIDE.read_text()
    v1 = tf.compat.v1
    # Another test of this process may have called compat.install(), after which it is there, as below.
    monkeypatch.delattr(tf.keras.layers, "DenseFeatures", raising=False)

    def dense():
        asked = getattr(v1.layers, "_asked", v1.layers)
        asked.dense(v1.placeholder(tf.float32, [None, 1]), 1)

    def keras_optimizer():
        keras_optimizers.translated(tf.keras.optimizers.Lion())

    outside = tf.keras.metrics.Mean()

    def keras_metric():
        EstimatorSpec("eval", loss=tf.constant(1.0), eval_metric_ops={"mean": outside})

    for provoke, symptom in (
        (lambda: tf.Session, "module 'tensorflow' has no attribute 'Session'"),
        (lambda: tf.contrib, "module 'tensorflow' has no attribute 'contrib'"),
        (dense, "`dense` is not available with Keras 3"),
        (keras_metric, "was made outside of this call of model_fn"),
        (keras_optimizer, "The optimizer Lion of Keras has no counterpart"),
        (lambda: tf.keras.Sequential().updates, "'Sequential' object has no attribute 'updates'"),
        (lambda: tf.keras.layers.DenseFeatures, "has no attribute 'DenseFeatures'"),
        (lambda: tf.feature_column.input_layer, "has no attribute 'input_layer'"),
        (
            lambda: tf.data.Dataset.range(1).make_one_shot_iterator,
            "has no attribute 'make_one_shot_iterator'",
        ),
    ):
        assert symptom in guide
        with (
            tf.Graph().as_default(),
            pytest.raises((AttributeError, TypeError, ValueError), match=re.escape(symptom)),
        ):
            provoke()
