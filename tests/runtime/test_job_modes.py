"""Modes Evaluate, Predict and Export of the declarative form."""

import json
import os
from pathlib import Path

import job_model
import numpy as np
import pytest
import tensorflow as tf
from cluster_tasks import free_ports
from job_process import Replica

from estimator_runtime import Estimator, EstimatorNotTrainedError, RunConfig, observation
from estimator_runtime.job import declared
from estimator_runtime.job.failures import describe
from estimator_runtime.job.modes.prediction_files import PredictionFiles, plain
from estimator_runtime.job.observer import JobObserver
from estimator_runtime.job.progress.recorder import Recorder
from estimator_runtime.job.settings import environment
from estimator_runtime.job.settings.errors import ExportFailedError, JobConfigError
from estimator_runtime.job.termination import STEP_SECS, Termination

EVALUATE = {
    "mode": "Evaluate",
    "modelFn": "job_model:model_fn",
    "evaluate": {"inputFn": "job_model:train_input"},
}
PREDICT = {
    "mode": "Predict",
    "modelFn": "job_model:model_fn",
    "predict": {"inputFn": "job_model:finite_input"},
}
EXPORT = {
    "mode": "Export",
    "modelFn": "job_model:model_fn",
    "exports": [{"name": "final", "servingInputReceiverFn": "job_model:raw_receiver"}],
}


@pytest.fixture
def model_dir(tmp_path):
    """A model directory with checkpoints of steps 2 and 4."""
    config = RunConfig(save_checkpoints_steps=2)
    Estimator(job_model.model_fn, str(tmp_path / "model"), config).train(job_model.train_input, steps=4)
    return tmp_path / "model"


@pytest.fixture
def recorder():
    """What a replica says of itself while it runs in this process."""
    recorder = Recorder("chief", 0)
    observation.install(JobObserver(recorder, Termination(STEP_SECS, lambda: None)))
    yield recorder
    observation.install(None)


def run(section, model_dir, job="ml/digits", **changes):
    space, _, name = job.partition("/")
    variables = {
        "ESTIMATOR_NAMESPACE": space,
        "ESTIMATOR_JOB_NAME": name,
        "ESTIMATOR_MODEL_DIR": str(model_dir),
    }
    declared.run(declared.parse(json.dumps(section | changes)), environment.read(variables))


def with_section(document, section, /, **more):
    return {**document, section: {**document[section], **more}}


def lines(folder):
    files = sorted(one for one in os.listdir(folder) if one.endswith(".jsonl"))
    return [json.loads(line) for one in files for line in (folder / one).read_text().splitlines()]


# Evaluate -------------------------------------------------------------------------------------------------------
def test_evaluate_the_latest_checkpoint(model_dir, recorder):
    run(with_section(EVALUATE, "evaluate", steps=3), model_dir)
    evaluation = recorder.document().evaluation
    assert evaluation.global_step == 4
    assert evaluation.checkpoint == str(model_dir / "model.ckpt-4")
    assert {"loss", "mae"} <= evaluation.metrics.keys()
    assert recorder.state == "Evaluating"
    assert any("tfevents" in one for one in os.listdir(model_dir / "eval"))


def test_evaluate_a_checkpoint_by_name_with_hooks(model_dir, recorder):
    before = job_model.Pause.pauses
    named = {"checkpointPath": str(model_dir / "model.ckpt-2"), "name": "again", "hooks": ["job_model:Pause"]}
    run(with_section(EVALUATE, "evaluate", steps=2, **named), model_dir)
    assert recorder.document().evaluation.global_step == 2
    assert job_model.Pause.pauses == before + 2
    assert (model_dir / "eval_again").is_dir()


def test_zero_steps_are_the_whole_input(model_dir, recorder):
    section = {"inputFn": "job_model:eval_input", "steps": 0}
    run(EVALUATE, model_dir, evaluate=section, params={"slope": 2}, modelFn="job_model:model_with_params")
    assert recorder.document().evaluation.global_step == 4


# Predict --------------------------------------------------------------------------------------------------------
def test_predict_writes_a_line_for_each_example(model_dir, recorder):
    run(PREDICT, model_dir)
    folder = model_dir / "predictions" / "digits"
    assert sorted(os.listdir(folder)) == ["_SUCCESS", "predictions-00000.jsonl"]
    estimator = Estimator(job_model.model_fn, str(model_dir))
    wanted = [one["y"].tolist() for one in estimator.predict(job_model.finite_input)]
    assert [one["y"] for one in lines(folder)] == wanted
    told = recorder.document().predictions
    assert (told.path, told.examples) == (str(folder), len(job_model.X))
    assert recorder.state == "Predicting"


@pytest.mark.parametrize("output", ["answers", "/absolute"])
def test_predictions_go_where_they_are_wanted(model_dir, recorder, output, tmp_path):
    place = str(tmp_path / "elsewhere") if output.startswith("/") else output
    run(with_section(PREDICT, "predict", output=place), model_dir)
    assert lines(model_dir / place)


def test_values_of_every_kind(model_dir, recorder):
    run(PREDICT, model_dir, modelFn="job_model:two_answers_model")
    for one in lines(model_dir / "predictions" / "digits"):
        assert one["word"] == "wörd"
        assert np.ravel(one["nothing"]).tolist() == ["NaN"]


def test_predictions_without_a_name(model_dir, recorder):
    run(PREDICT, model_dir, modelFn="job_model:bare_model")
    assert all(one.keys() == {"output"} for one in lines(model_dir / "predictions" / "digits"))


def test_only_the_keys_that_are_wanted(model_dir, recorder):
    section = with_section(PREDICT, "predict", predictKeys=["word"])
    run(section, model_dir, modelFn="job_model:two_answers_model")
    assert all(one == {"word": "wörd"} for one in lines(model_dir / "predictions" / "digits"))


def test_a_later_run_leaves_nothing_of_an_earlier_one(model_dir, recorder):
    folder = model_dir / "predictions" / "digits"
    folder.mkdir(parents=True)
    for name in (
        "predictions-00000.jsonl",
        "predictions-00007.jsonl",
        "predictions-00008.jsonl.incomplete",
        "_SUCCESS",
        "mine",
    ):
        (folder / name).write_text("old")
    run(PREDICT, model_dir)
    assert sorted(os.listdir(folder)) == ["_SUCCESS", "mine", "predictions-00000.jsonl"]


@pytest.mark.parametrize(
    "change",
    [
        {"predict": PREDICT["predict"] | {"predictKeys": ["z"]}},
        {"predict": PREDICT["predict"] | {"predictKeys": ["y", "z"]}},
        {"modelFn": "job_model:broken_model"},
        {"modelFn": "job_model:wider_model"},
        {"modelFn": "job_model:complex_model"},
    ],
)
def test_a_run_without_a_first_prediction_leaves_those_that_are_there(model_dir, recorder, change):
    run(PREDICT, model_dir)
    folder = model_dir / "predictions" / "digits"
    before = {one: (folder / one).read_text() for one in os.listdir(folder)}
    with pytest.raises((JobConfigError, RuntimeError, tf.errors.NotFoundError)):
        run(PREDICT, model_dir, **change)
    assert {one: (folder / one).read_text() for one in os.listdir(folder)} == before


def test_what_says_that_all_are_there_goes_first(tmp_path, monkeypatch):
    """Who looks in the middle, or after a process that ended there, finds no part of a set that claims to be whole."""
    names = ["predictions-00000.jsonl", "_SUCCESS", "predictions-00001.jsonl"]
    for name in names:
        (tmp_path / name).touch()
    removed = []
    monkeypatch.setattr(tf.io.gfile, "listdir", lambda _: names)
    monkeypatch.setattr(tf.io.gfile, "remove", lambda path: removed.append(os.path.basename(path)))
    PredictionFiles(str(tmp_path)).__enter__()
    assert removed[0] == "_SUCCESS"
    assert sorted(removed) == sorted(names)


def test_shards_are_whole_or_not_there(tmp_path):
    with PredictionFiles(str(tmp_path), shard_examples=2) as files:
        for number in range(5):
            files.write({"n": number})
            whole = sorted(one for one in os.listdir(tmp_path) if one.endswith(".jsonl"))
            assert len(whole) == (number + 1) // 2
        assert "_SUCCESS" not in os.listdir(tmp_path)
    assert [one["n"] for one in lines(tmp_path)] == [0, 1, 2, 3, 4]
    assert len([one for one in os.listdir(tmp_path) if one.endswith(".jsonl")]) == 3


def test_an_empty_input_is_an_empty_file(tmp_path):
    with PredictionFiles(str(tmp_path)):
        pass
    assert sorted(os.listdir(tmp_path)) == ["_SUCCESS", "predictions-00000.jsonl"]
    assert lines(tmp_path) == []


def test_a_run_that_breaks_off_is_no_success(tmp_path):
    def predict():
        with PredictionFiles(str(tmp_path)) as files:
            files.write({"n": 1})
            files.write({"n": object()})

    with pytest.raises(TypeError):
        predict()
    assert os.listdir(tmp_path) == ["predictions-00000.jsonl.incomplete"]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(7), 7),
        (np.bool_(True), True),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.array([b"a", b"\xff"], object), ["a", {"b64": "/w=="}]),
        (b"plain", "plain"),
        (np.array([np.inf, -np.inf, np.nan]), ["Infinity", "-Infinity", "NaN"]),
        ("text", "text"),
        (None, None),
    ],
)
def test_plain_values(value, written):
    assert plain(value) == written


# Export ---------------------------------------------------------------------------------------------------------
def test_export_the_latest_checkpoint(model_dir, recorder, tmp_path):
    asset = tmp_path / "labels"
    asset.write_text("zero")
    export = EXPORT["exports"][0] | {"assetsExtra": [{"destination": "labels.txt", "source": str(asset)}]}
    run(EXPORT, model_dir, exports=[export, EXPORT["exports"][0] | {"name": "text", "asText": True}])
    final, text = recorder.document().exports
    assert (final.name, final.global_step) == ("final", 4)
    assert os.path.dirname(final.path) == str(model_dir / "export" / "final")
    assert "serving_default" in final.signatures
    assert Path(final.path, "assets.extra", "labels.txt").read_text() == "zero"
    assert os.path.exists(f"{text.path}/saved_model.pbtxt")
    assert "serving_default" in tf.saved_model.load(final.path).signatures
    assert recorder.state == "Exporting"


def test_export_a_checkpoint_by_name(model_dir, recorder):
    export = EXPORT["exports"][0] | {"checkpointPath": str(model_dir / "model.ckpt-2")}
    run(EXPORT, model_dir, exports=[export])
    assert recorder.document().exports[0].global_step == 2


def test_an_export_that_fails_is_named(model_dir, recorder):
    export = EXPORT["exports"][0] | {"servingInputReceiverFn": "job_model:broken_receiver"}
    with pytest.raises(ExportFailedError) as caught:
        run(EXPORT, model_dir, exports=[export])
    assert describe(caught.value) == (1, "estimator.exports[final]: RuntimeError: no receiver today")


# What cannot work -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("section", "complaint"),
    [
        (EVALUATE, "no checkpoint; train first, or name one in estimator.evaluate.checkpointPath"),
        (PREDICT, "no checkpoint; train first, or name one in estimator.predict.checkpointPath"),
        (EXPORT, r"no checkpoint; train first, or name one in estimator.exports\[final\].checkpointPath"),
    ],
)
def test_a_model_that_was_never_trained(tmp_path, section, complaint):
    with pytest.raises(JobConfigError, match=complaint):
        run(section, tmp_path / "model")


@pytest.mark.parametrize(
    ("section", "complaint"),
    [
        (with_section(EVALUATE, "evaluate", checkpointPath="/gone/model.ckpt-9"), "estimator.evaluate.checkpointPath: there is no checkpoint /gone/model.ckpt-9"),
        (with_section(EVALUATE, "evaluate", inputFn="gone:f"), "estimator.evaluate.inputFn: gone:f cannot be imported"),
        (with_section(EVALUATE, "evaluate", hooks=["job_model:no_hook"]), r"estimator.evaluate.hooks\[0\]"),
        (with_section(PREDICT, "predict", checkpointPath="/gone/model.ckpt-9"), "estimator.predict.checkpointPath: there is no"),
        (with_section(PREDICT, "predict", inputFn="gone:f"), "estimator.predict.inputFn: gone:f cannot be imported"),
        (with_section(PREDICT, "predict", output="nowhere://x/y"), "estimator.predict.output: must be a path or a URI of gs://"),
        (with_section(PREDICT, "predict", predictKeys=["z"]), "estimator.predict.predictKeys: Expected to run at least one"),
        (with_section(PREDICT, "predict", predictKeys=["y", "z"]), "estimator.predict.predictKeys: the model makes no prediction z"),
        (with_section(PREDICT, "predict", output="model.ckpt-4.index"), "estimator.predict.output: .*model.ckpt-4.index cannot be a directory"),
        (with_section(PREDICT, "predict", output="model.ckpt-4.index/below"), "estimator.predict.output: .*below cannot be a directory"),
        (PREDICT | {"modelFn": "job_model:complex_model"}, "estimator.predict: the prediction y is of complex numbers, which JSON does not have"),
        (EXPORT | {"exports": [EXPORT["exports"][0] | {"servingInputReceiverFn": "gone:f"}]}, r"estimator.exports\[final\].servingInputReceiverFn: gone:f"),
        (EXPORT | {"exports": [EXPORT["exports"][0] | {"checkpointPath": "/gone/model.ckpt-9"}]}, r"exports\[final\].checkpointPath: there is no"),
        (EXPORT | {"exports": [EXPORT["exports"][0] | {"assetsExtra": [{"destination": "a", "source": "/gone"}]}]}, r"assetsExtra\[a\].source: there is no file /gone"),
        (EXPORT | {"exports": [EXPORT["exports"][0] | {"assetsExtra": [{"destination": "a", "source": "nowhere://x"}]}]}, r"assetsExtra.0.source: must be a path or a URI of gs://"),
        (EXPORT | {"exports": [EXPORT["exports"][0] | {"assetsExtra": [{"destination": "a", "source": "/"}]}]}, r"assetsExtra\[a\].source: / is a directory, not a file"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_with_its_field(model_dir, section, complaint):
    with pytest.raises(JobConfigError, match=complaint):
        run(section, model_dir)
    assert not (model_dir / "export").exists(), "all is looked at before the first export"


# As processes ---------------------------------------------------------------------------------------------------
def train(model_dir):
    Estimator(job_model.model_fn, str(model_dir)).train(job_model.train_input, steps=2)


@pytest.mark.timeout(180)
def test_predict_as_a_process_and_its_sigterm(tmp_path):
    (port,) = free_ports(1)
    endless = with_section(
        PREDICT, "predict", inputFn="job_model:endless_predict_input", hooks=["job_model:Pause"]
    )
    train(tmp_path / "model")
    chief = Replica(tmp_path, port, spec=endless)
    try:
        chief.await_progress(lambda one: one.predictions and one.predictions.examples > 0, "predictions")
        assert chief.terminate().await_end() == 143, chief.text()
        assert chief.message().predictions.examples > 0
    finally:
        chief.end()


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("section", "told"), [(EVALUATE, "evaluation"), (PREDICT, "predictions"), (EXPORT, "exports")]
)
def test_a_mode_as_a_process_to_its_end(tmp_path, section, told):
    (port,) = free_ports(1)
    train(tmp_path / "model")
    chief = Replica(tmp_path, port, spec=section)
    try:
        assert chief.await_end() == 0, chief.text()
        message = chief.message()
        assert (message.state, message.error) == ("Finished", None)
        assert [one for one in ("evaluation", "predictions", "exports") if getattr(message, one)] == [told]
    finally:
        chief.end()


@pytest.mark.timeout(180)
def test_an_export_that_fails_ends_the_process_with_its_name(tmp_path):
    (port,) = free_ports(1)
    train(tmp_path / "model")
    broken = EXPORT["exports"][0] | {"servingInputReceiverFn": "job_model:broken_receiver"}
    chief = Replica(tmp_path, port, spec=EXPORT | {"exports": [broken]})
    try:
        assert chief.await_end() == 1, chief.text()
        assert chief.message().error == "estimator.exports[final]: RuntimeError: no receiver today"
    finally:
        chief.end()


@pytest.mark.timeout(180)
def test_a_process_without_a_checkpoint_says_so(tmp_path):
    (port,) = free_ports(1)
    chief = Replica(tmp_path, port, spec=EVALUATE)
    try:
        assert chief.await_end() == 78
        assert "holds no checkpoint" in chief.message().error
    finally:
        chief.end()


def test_the_estimators_own_rule_is_another(tmp_path):
    """The library raises; the job runner looks first, and so never builds a graph for nothing."""
    with pytest.raises(EstimatorNotTrainedError):
        Estimator(job_model.model_fn, str(tmp_path)).evaluate(job_model.train_input, steps=1)
