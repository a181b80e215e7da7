import json

import job_model
import pytest
import tensorflow as tf
from linear_model import global_step

from estimator_runtime import Estimator, RunConfig
from estimator_runtime.job import declared, step_target
from estimator_runtime.job.settings import environment, locations, references
from estimator_runtime.job.settings.errors import JobConfigError

SPEC = {
    "modelFn": "job_model:model_fn",
    "train": {"inputFn": "job_model:train_input", "maxSteps": 4},
    "evaluate": {"inputFn": "job_model:endless_eval_input", "steps": 2},
}


def read(tmp_path, **variables):
    return environment.read({"ESTIMATOR_MODEL_DIR": str(tmp_path / "model"), **variables})


def run(spec, tmp_path, **variables):
    declared.run(declared.parse(json.dumps(spec)), read(tmp_path, **variables))


def test_the_environment_of_a_pod():
    tf_config = {"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 3}, "model_dir": "/m"}
    variables = {
        "TF_CONFIG": json.dumps(tf_config),
        "ESTIMATOR_PROGRESS_PORT": "8787",
        "ESTIMATOR_PROGRESS_HOST": "127.0.0.1",
        "ESTIMATOR_JOB_NAME": "digits",
        "ESTIMATOR_NAMESPACE": "ml",
        "ESTIMATOR_ATTEMPT": "2",
        "ESTIMATOR_TERMINATION_LOG": "/t",
    }
    read = environment.read(variables)
    assert (read.role, read.index, read.attempt, read.job) == ("worker", 3, 2, "ml/digits")
    assert (read.progress_host, read.progress_port) == ("127.0.0.1", 8787)
    assert (read.model_dir, read.termination_log, read.spec) == ("/m", "/t", None)
    assert environment.read(variables | {"ESTIMATOR_ROLE": "ps", "ESTIMATOR_INDEX": "1"}).role == "ps"


def test_an_empty_environment_is_that_of_a_chief_alone():
    read = environment.read({"TF_CONFIG": "", "ESTIMATOR_SPEC": ""})
    assert (read.role, read.index, read.attempt, read.model_dir) == ("chief", 0, 0, None)
    assert (read.progress_host, read.progress_port, read.spec) == ("", None, None)


@pytest.mark.parametrize(
    ("variables", "complaint"),
    [
        ({"TF_CONFIG": "{"}, "TF_CONFIG is not JSON"),
        ({"TF_CONFIG": "[]"}, "TF_CONFIG must be a JSON object, not list"),
        ({"ESTIMATOR_PROGRESS_PORT": "http"}, "ESTIMATOR_PROGRESS_PORT must be a number, not 'http'"),
        ({"ESTIMATOR_INDEX": "-1"}, "ESTIMATOR_INDEX must be a number, not '-1'"),
    ],
)
def test_an_environment_that_cannot_be_read(variables, complaint):
    with pytest.raises(JobConfigError, match=complaint.replace("(", r"\(")):
        environment.read(variables)


def test_a_reference_may_name_a_member_of_a_class():
    assert references.resolve("job_model:Pause.after_run", field="f") is job_model.Pause.after_run


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"modelFn": "job_model:missing"}, "estimator.modelFn: job_model:missing cannot be imported: module 'job_model' has no"),
        ({"modelFn": "job_model:NOT_CALLABLE"}, "estimator.modelFn: job_model:NOT_CALLABLE is not callable but of type int"),
        ({"modelFn": "job_model:odd_model"}, "estimator: model_fn .* has following not expected args: .'surprise'.*"),
        ({"params": {"a": 1}}, "estimator: model_fn .* does not include params argument"),
        ({"modelFn": "no reference"}, "ESTIMATOR_SPEC: estimator.modelFn: "),
        ({"evaluate": None}, "ESTIMATOR_SPEC: estimator: mode TrainAndEvaluate or Evaluate needs the section evaluate"),
        ({"train": {"inputFn": "gone:f"}}, "estimator.train.inputFn: gone:f cannot be imported: ModuleNotFoundError: No module named 'gone'"),
        ({"train": SPEC["train"] | {"hooks": ["job_model:no_hook"]}}, r"estimator.train.hooks\[0\]: job_model:no_hook is no SessionRunHook and returns none, but int"),
        ({"train": SPEC["train"] | {"hooks": ["job_model:Pause", "job_model:NOT_CALLABLE"]}}, r"estimator.train.hooks\[1\]: job_model:NOT_CALLABLE is no"),
        ({"evaluate": SPEC["evaluate"] | {"hooks": ["gone:hook"]}}, r"estimator.evaluate.hooks\[0\]: gone:hook cannot"),
        ({"exports": [{"name": "e", "kind": "Final", "servingInputReceiverFn": "gone:f"}]}, r"estimator.exports\[e\].servingInputReceiverFn: gone:f"),
    ],
)  # fmt: skip
def test_a_section_that_cannot_work_is_refused_with_its_field(tmp_path, change, complaint):
    with pytest.raises(JobConfigError, match=complaint):
        run(SPEC | change, tmp_path)
    assert not (tmp_path / "model").exists()


def test_tf_config_that_breaks_a_rule_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", json.dumps({"task": {"type": "ps"}}))
    with pytest.raises(
        JobConfigError, match="estimator: If .cluster. is not set in TF_CONFIG, task type must be"
    ):
        run(SPEC, tmp_path)


def test_a_job_without_a_place_for_the_model_is_refused():
    with pytest.raises(JobConfigError, match="ESTIMATOR_MODEL_DIR is not set"):
        declared.run(declared.parse(json.dumps(SPEC)), environment.read({}))


def test_the_run_config_has_the_sections_settings(tmp_path):
    section = {
        "saveCheckpointsSeconds": 7,
        "saveSummarySteps": 0,
        "keepCheckpointMax": 0,
        "keepCheckpointEveryNHours": 3,
        "logStepCountSteps": 11,
        "tfRandomSeed": 5,
        "iterationsPerLoop": 20,
    }
    parsed = declared.parse(json.dumps(SPEC | {"runConfig": section})).run_config
    config = declared.run_config(parsed, read(tmp_path))
    assert config.model_dir == str(tmp_path / "model")
    assert (config.save_checkpoints_secs, config.save_checkpoints_steps) == (7, None)
    assert (config.save_summary_steps, config.keep_checkpoint_max) == (0, 0)
    assert (config.keep_checkpoint_every_n_hours, config.log_step_count_steps, config.tf_random_seed) == (
        3,
        11,
        5,
    )
    assert config.steps_per_loop == 20
    assert config.experimental_max_worker_delay_secs is None


def test_without_a_section_the_defaults_are_tf_estimators(tmp_path):
    config = declared.run_config(None, read(tmp_path, ESTIMATOR_ATTEMPT="1"))
    plain = RunConfig()
    for setting in (
        "save_checkpoints_secs",
        "save_summary_steps",
        "keep_checkpoint_max",
        "log_step_count_steps",
        "steps_per_loop",
    ):
        assert getattr(config, setting) == getattr(plain, setting)
    assert config.experimental_max_worker_delay_secs == 0


@pytest.mark.parametrize(
    ("goal", "best", "current", "better"),
    [
        ("HigherIsBetter", 0.5, 0.6, True),
        ("HigherIsBetter", 0.5, 0.5, False),
        ("HigherIsBetter", 0.5, float("nan"), False),
        ("HigherIsBetter", float("nan"), 0.1, True),
        ("LowerIsBetter", 0.5, 0.4, True),
        ("LowerIsBetter", 0.5, 0.6, False),
        ("LowerIsBetter", float("nan"), float("nan"), False),
    ],
)
def test_what_is_best(goal, best, current, better):
    improvement = declared.Improvement("auc", higher_is_better=goal == "HigherIsBetter", field="f")
    assert improvement(best_eval_result={"auc": best}, current_eval_result={"auc": current}) is better


def test_a_metric_that_the_evaluation_has_not_is_named():
    improvement = declared.Improvement(
        "auc", higher_is_better=True, field="estimator.exports[best].compareMetric"
    )
    with pytest.raises(
        JobConfigError, match=r"exports\[best\].compareMetric: .* no metric 'auc'; it has loss, mae"
    ):
        improvement(best_eval_result={}, current_eval_result={"mae": 1, "loss": 1})


def test_a_section_trains_evaluates_and_exports(tmp_path):
    asset = tmp_path / "words.txt"
    asset.write_text("one two")
    exports = [
        {
            "name": "newest",
            "kind": "Latest",
            "servingInputReceiverFn": "job_model:raw_receiver",
            "exportsToKeep": 1,
            "asText": True,
            "assetsExtra": [{"destination": "vocabulary/words.txt", "source": str(asset)}],
        }
    ]
    spec = SPEC | {"exports": exports, "evaluate": SPEC["evaluate"] | {"name": "held_out"}}
    run(spec, tmp_path)
    (export,) = (tmp_path / "model/export/newest").iterdir()
    assert (export / "saved_model.pbtxt").exists()
    assert (export / "assets.extra/vocabulary/words.txt").read_text() == "one two"
    assert list((tmp_path / "model/eval_held_out").glob("*tfevents*"))


def test_hooks_may_be_instances_classes_or_functions(tmp_path):
    spec = SPEC | {
        "train": SPEC["train"] | {"hooks": ["job_model:pause", "job_model:Pause", "job_model:make_pause"]}
    }
    before = job_model.Pause.pauses
    run(spec, tmp_path)
    assert job_model.Pause.pauses - before == 3 * 4


def test_mode_train_by_steps_goes_on_to_where_the_run_was_to_end(tmp_path):
    spec = {
        "mode": "Train",
        "modelFn": "job_model:model_fn",
        "train": {"inputFn": "job_model:train_input", "steps": 3},
    }
    model_dir = str(tmp_path / "model")

    def trained(name):
        run(spec, tmp_path, ESTIMATOR_JOB_NAME=name)
        return global_step(Estimator(job_model.model_fn, model_dir))

    assert trained("first") == 3
    assert trained("second") == 6
    assert json.loads((tmp_path / "model/finished").read_text())["maxSteps"] == 6
    # A chief that is restarted before its run has ended.
    step_target.declare(model_dir, run="/third", steps=3)
    Estimator(job_model.model_fn, model_dir).train(job_model.train_input, steps=2)
    assert trained("third") == 9


def test_a_run_by_steps_whose_end_nobody_saw_trains_nothing_more(tmp_path, monkeypatch):
    model_dir = str(tmp_path)
    monkeypatch.setenv("ESTIMATOR_JOB_UID", "one")
    assert step_target.declare(model_dir, run="this", steps=2) == 2
    Estimator(job_model.model_fn, model_dir).train(job_model.train_input, steps=2)
    assert step_target.declare(model_dir, run="this", steps=2) == 2
    assert step_target.await_declared(model_dir, run="this", steps=2, sleep=pytest.fail) == 2
    monkeypatch.setenv("ESTIMATOR_JOB_UID", "another of the same name")
    assert step_target.declare(model_dir, run="this", steps=2) == 4


def test_a_worker_waits_for_its_runs_target(tmp_path):
    model_dir = str(tmp_path)
    sleeps = []

    def sleep(secs):
        sleeps.append(secs)
        if len(sleeps) == 2:
            (tmp_path / "step_target").write_text("no json")
        if len(sleeps) == 3:
            step_target.declare(model_dir, run="another", steps=9)
        if len(sleeps) == 4:
            step_target.declare(model_dir, run="this", steps=5)

    assert step_target.await_declared(model_dir, run="this", steps=5, clock=lambda: 0.0, sleep=sleep) == 5
    assert sleeps == [0.5, 1, 2, 4]


def test_a_worker_believes_a_spent_target_after_a_while(tmp_path):
    model_dir = str(tmp_path)
    step_target.declare(model_dir, run="this", steps=2)
    Estimator(job_model.model_fn, model_dir).train(job_model.train_input, steps=2)
    seconds = []

    def clock():
        return float(len(seconds))

    target = step_target.await_declared(model_dir, run="this", steps=2, clock=clock, sleep=seconds.append)
    assert target == 2
    assert len(seconds) == 60


def test_known_schemes_are_accepted(tmp_path, monkeypatch):
    monkeypatch.setattr(tf.io.gfile, "get_registered_schemes", lambda: ["", "gs", "mine"])
    locations.check_scheme("mine://bucket/model", field="modelDir.uri")
    locations.check_scheme(str(tmp_path), field="modelDir.uri")
    with pytest.raises(
        JobConfigError, match="modelDir.uri: .*file:///m; it knows az://, gs://, mine://, s3:// and paths"
    ):
        locations.check_scheme("file:///m", field="modelDir.uri")
