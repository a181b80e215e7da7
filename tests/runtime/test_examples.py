"""The example programs as they stand: each in one process, and each as the distributed processes of its job."""

import csv
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import yaml

EXAMPLES = Path(__file__).parents[2] / "examples"
pytestmark = pytest.mark.timeout(400)


def run(*command, cwd):
    """Runs Python and returns what it printed."""
    answer = subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    output = answer.stdout + answer.stderr
    assert answer.returncode == 0, output
    return output


def run_program(example, *arguments):
    """Runs a program of an example in one process, from the folder of the example."""
    return run("estimator_runtime.job", *arguments, cwd=EXAMPLES / example)


def run_job(example, tmp_path, **arguments):
    """Runs an example's job as local processes with some of its program's arguments replaced."""
    manifest = yaml.safe_load((EXAMPLES / example / "job.yaml").read_text())
    program = manifest["spec"]["program"]
    program["args"] += [f"--{name}={value}" for name, value in arguments.items()]
    folder = tmp_path / example
    folder.mkdir()
    kustomization = yaml.safe_load((EXAMPLES / example / "kustomization.yaml").read_text())
    for file in kustomization["configMapGenerator"][0]["files"]:
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).write_bytes((EXAMPLES / example / file).read_bytes())
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    (folder / "job.yaml").write_text(yaml.safe_dump(manifest))
    output = run("estimatorctl", "run", "job.yaml", "--model-dir", "model", cwd=folder)
    assert "Restarts" not in output, output
    return output, folder / "model"


def serve(model_dir, exporter, signature="serving_default"):
    """A signature of the newest export of an exporter."""
    newest = max((model_dir / "export" / exporter).glob("1*"))
    loaded = tf.saved_model.load(str(newest))
    serve.keep = loaded  # the signature alone does not keep the variables alive
    return loaded.signatures[signature]


def last_value(output, name):
    """The last value of a metric in TensorFlow's line 'Saving dict for global step ...'."""
    return float(re.findall(rf"Saving dict for global step .*\b{name} = ([0-9.e-]+)", output)[-1])


def a_trip(pickup, dropoff, hour, distance):
    def one(**value):
        return tf.train.Feature(**value)

    feature = {
        "pickup": one(bytes_list=tf.train.BytesList(value=[pickup])),
        "dropoff": one(bytes_list=tf.train.BytesList(value=[dropoff])),
        "weekday": one(int64_list=tf.train.Int64List(value=[2])),
        "hour": one(float_list=tf.train.FloatList(value=[hour])),
        "passengers": one(float_list=tf.train.FloatList(value=[1])),
        "distance_km": one(float_list=tf.train.FloatList(value=[distance])),
    }
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


def check_fares(model_dir, tolerance):
    """The model knows the fixed price between airport and centre, and that a kilometre costs something."""
    trips = [
        a_trip(b"airport", b"centre", 12, 19.5),
        a_trip(b"market", b"station", 12, 3.0),
        a_trip(b"market", b"station", 12, 6.0),
    ]
    fares = serve(model_dir, "best")(tf.constant(trips))["outputs"].numpy()[:, 0]
    assert abs(fares[0] - 36.0) < tolerance
    assert fares[1] < fares[2]


TRIPS = ("--train-files=data/train.csv", "--eval-files=data/eval.csv")


def test_the_trips_are_those_that_the_script_makes():
    make_trips = runpy.run_path(str(EXAMPLES / "taxi-fares/make_trips.py"))["make_trips"]
    for name, seed in (("train", 1), ("eval", 2)):
        with (EXAMPLES / f"taxi-fares/data/{name}.csv").open() as file:
            rows = list(csv.reader(file))
        assert rows == list(make_trips(len(rows), seed))


def test_taxi_fares_in_one_process(tmp_path):
    program = ["--module", "trainer.task", "--", f"--job-dir={tmp_path}", *TRIPS]
    output = run_program("taxi-fares", *program, "--train-steps=1000", "--eval-throttle=0")
    assert last_value(output, "rmse") < 3.0
    assert output.count(" trips/s") == 3, output  # two of 500 batches, one at the end
    assert "is deprecated and will be removed" not in output
    assert output.count("its notices are left out here") == 1
    check_fares(tmp_path, tolerance=4.0)
    assert tf.train.load_variable(str(tmp_path), "global_step") == 1000
    served = serve(tmp_path, "best", "fares")
    assert served(tf.constant([a_trip(b"hills", b"hills", 1, 1.0)]))["fare"].shape == [1, 1]


def test_taxi_fares_distributed(tmp_path):
    _, model_dir = run_job("taxi-fares", tmp_path, **{"train-steps": 1200, "eval-throttle": 1})
    check_fares(model_dir, tolerance=5.0)
    assert len(list(model_dir.glob("model.ckpt-*.data-00001-of-00002"))) > 0, "two servers, two shards"


def test_wine_in_one_process(tmp_path):
    output = run_program("wine", "--script", "wine.py", "--", f"--model_dir={tmp_path}", "--max_steps=400")
    assert last_value(output, "accuracy") >= 0.95
    assert "accuracy on the held-out wines: " in output
    for exporter in ("latest", "final"):
        check_wine(tmp_path, exporter)


def check_wine(model_dir, exporter):
    with (EXAMPLES / "wine/wine.csv").open() as file:
        rows = list(csv.DictReader(file))[::5]
    truth = [int(row.pop("cultivar")) for row in rows]
    features = {name: tf.constant([float(row[name]) for row in rows]) for name in rows[0]}
    answers = serve(model_dir, exporter)(**features)["cultivar"].numpy()
    assert sum(answers == truth) >= 0.9 * len(truth)


def test_wine_distributed(tmp_path):
    _, model_dir = run_job("wine", tmp_path, max_steps=600, eval_seconds=1)
    check_wine(model_dir, "final")


def test_a_new_store_in_one_process(tmp_path):
    base, model_dir = tmp_path / "base", tmp_path / "model"
    output = run_program(
        "new-store", "--script", "pretrain.py", "--", f"--model-dir={base}", "--max-steps=300"
    )
    assert last_value(output, "mean_absolute_error") < 0.2
    program = ["--script", "finetune.py", "--", f"--model-dir={model_dir}", f"--base={base}"]
    output = run_program("new-store", *program, "--patience=500", "--eval-seconds=0")
    check_store(model_dir, base)
    assert "Requesting early stopping at global step" in output


def check_store(model_dir, base):
    """Training stopped early, began with the base model's weights, and its best export forecasts."""
    assert 0 < int(tf.train.load_variable(str(model_dir), "global_step")) < 50000
    before, after = (tf.train.load_variable(str(one), "hidden_0/kernel") for one in (base, model_dir))
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.9
    sales = runpy.run_path(str(EXAMPLES / "new-store/sales.py"))
    features, sold = sales["windows"]([sales["NEW_SHOP"]], 0, 60)
    forecast = serve(model_dir, "best")(**{name: tf.constant(one) for name, one in features.items()})["sales"]
    assert np.abs(forecast.numpy() - sold).mean() < 0.3


def test_a_new_store_distributed(tmp_path):
    _, model_dir = run_job("new-store", tmp_path, patience=500)
    check_store(model_dir, EXAMPLES / "new-store/base/model.ckpt-2000")


def check_reviews(model_dir):
    """It began with the pre-trained weights, learnt what turns a judgement round, and answered each review."""
    before, after = (
        tf.train.load_variable(str(one), "encoder/word_embeddings")
        for one in (EXAMPLES / "reviews/base/model.ckpt-1500", model_dir)
    )
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.8
    results = dict(line.split(" = ") for line in (model_dir / "eval_results.txt").read_text().splitlines())
    assert float(results["eval_accuracy"]) >= 0.95
    answers = np.loadtxt(model_dir / "test_results.tsv")
    with (EXAMPLES / "reviews/data/test.tsv").open() as file:
        truth = [int(label) for _, label in csv.reader(file, delimiter="\t")]
    assert answers.shape == (len(truth), 2)
    assert np.mean(answers.argmax(axis=1) == truth) >= 0.9
    told = {
        value.tag
        for path in (model_dir / "host").glob("*.v2")
        for event in tf.compat.v1.train.summary_iterator(str(path))
        for value in event.summary.value
    }
    assert {"fine_tuning/loss", "fine_tuning/learning_rate"} <= told


def test_reviews_are_fine_tuned_by_a_program_for_tpus(tmp_path):
    _, model_dir = run_job("reviews", tmp_path)
    check_reviews(model_dir)


def test_reviews_are_pre_trained_and_those_that_the_script_makes(tmp_path):
    made = runpy.run_path(str(EXAMPLES / "reviews/make_reviews.py"))
    for name in made["SIZES"]:
        with (EXAMPLES / f"reviews/data/{name}.tsv").open() as file:
            rows = [tuple(row) for row in csv.reader(file, delimiter="\t")]
        assert rows == [(text, str(label))[: len(rows[0])] for text, label in made["make_reviews"](name)]
    program = ["--script", "run_pretraining.py", "--", f"--output_dir={tmp_path}", "--pretraining_steps=100"]
    output = run_program("reviews", *program)
    assert float(re.findall(r"Loss for final step: ([0-9]+\.[0-9]+)", output)[-1]) < 3.5
    written, kept = (
        tf.train.list_variables(str(one)) for one in (tmp_path, EXAMPLES / "reviews/base/model.ckpt-1500")
    )
    assert written == kept


@pytest.mark.parametrize("example", ["taxi-fares", "wine", "new-store", "reviews"])
def test_an_example_names_nothing_of_ours(example):
    for file in (EXAMPLES / example).rglob("*.py"):
        assert "estimator_runtime" not in file.read_text(), file
