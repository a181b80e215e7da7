import datetime as dt
import json
import math

import numpy as np

from estimator_api.progress import CheckpointProgress, ExportProgress, parse_progress
from estimator_runtime.job.progress import exposition, termination_message
from estimator_runtime.job.progress.recorder import Recorder
from estimator_runtime.job.progress.step_rate import StepRate

NOON = dt.datetime(2026, 1, 2, 12, 0, 0, 5000, tzinfo=dt.UTC)


def recorder(role="chief"):
    return Recorder(role, 0, clock=lambda: NOON)


def test_a_new_recorder_knows_its_role_and_nothing_else():
    document = recorder("worker").document()
    assert document.to_json() == {
        "version": 1,
        "role": "worker",
        "index": 0,
        "state": "Starting",
        "exports": [],
        "time": "2026-01-02T12:00:00.005Z",
    }


def test_what_is_not_finite_is_not_known():
    taken = recorder()
    taken.step(7, loss=math.nan, steps_per_second=math.inf)
    document = taken.document()
    assert (document.global_step, document.loss, document.steps_per_second) == (7, None, None)
    taken.evaluation(global_step=7, checkpoint=None, metrics={"loss": np.float32("inf"), "auc": 0.5})
    assert json.loads(taken.document().to_text())["evaluation"]["metrics"] == {"loss": None, "auc": 0.5}


def test_an_evaluation_keeps_its_scalar_numbers():
    taken = recorder()
    metrics = {
        "float32": np.float32(0.5),
        "count": np.int64(3),
        "one": np.array([2.0]),
        "curve": np.zeros(3),
        "image": b"bytes",
        "name": "text",
    }
    taken.evaluation(global_step=7, checkpoint="m.ckpt-7", metrics=metrics)
    evaluation = taken.document().evaluation
    assert evaluation.metrics == {"float32": 0.5, "count": 3.0, "one": 2.0}
    assert (evaluation.global_step, evaluation.checkpoint, evaluation.time) == (7, "m.ckpt-7", taken.now())


def test_an_export_has_the_metrics_of_the_evaluation_at_its_step_only():
    taken = recorder()
    taken.evaluation(global_step=7, checkpoint=None, metrics={"auc": 0.5})
    taken.export(ExportProgress(name="best", path="/m/export/best/1", global_step=7))
    taken.export(ExportProgress(name="other", path="/m/export/other/1", global_step=6))
    taken.export(ExportProgress(name="best", path="/m/export/best/2", global_step=7))
    exports = [(one.name, one.path, one.metrics) for one in taken.document().exports]
    assert exports == [("other", "/m/export/other/1", {}), ("best", "/m/export/best/2", {"auc": 0.5})]


def test_a_checkpoint_says_how_far_training_is_at_least():
    taken = recorder()
    taken.step(5, loss=1.0, steps_per_second=None)
    taken.checkpoint(CheckpointProgress(path="m.ckpt-8", global_step=8))
    assert taken.document().global_step == 8
    taken.checkpoint(CheckpointProgress(path="m.ckpt-4", global_step=4))
    assert taken.document().global_step == 8


def test_the_rate_spans_the_looks_and_no_pause():
    rate = StepRate()
    assert rate.look(10.0, 100) is None
    assert rate.look(11.0, 300) == 200
    assert rate.look(13.0, 400) == 100
    rate.restart()
    assert rate.look(60.0, 400) == 100
    assert rate.look(61.0, 450) == 50
    for second in range(62, 80):
        last = rate.look(float(second), 450 + 7 * second)
    assert last == 7


def full(metrics, exports):
    taken = recorder()
    taken.step(5, loss=1.0, steps_per_second=2.0)
    taken.checkpoint(CheckpointProgress(path="m.ckpt-5", global_step=5))
    names = {f"metric-number-{number}": 0.123456789 for number in range(metrics)}
    taken.evaluation(global_step=5, checkpoint="m.ckpt-5", metrics=names)
    for number in range(exports):
        taken.export(ExportProgress(name=f"e{number}", path=f"/m/export/e{number}/1700000000", global_step=5))
    return taken


def written(tmp_path, document):
    path = tmp_path / "message"
    termination_message.write(str(path), document)
    text = path.read_bytes()
    assert len(text) <= 4096
    return parse_progress(text)


def test_a_message_that_is_too_long_loses_metrics_first_and_the_error_last(tmp_path):
    small = full(metrics=3, exports=2).document()
    assert written(tmp_path, small) == small

    message = written(tmp_path, full(metrics=30, exports=4).document())
    assert len(message.evaluation.metrics) == 30
    assert [one.metrics for one in message.exports] == [{}] * 4

    message = written(tmp_path, full(metrics=300, exports=4).document())
    assert message.evaluation is None
    assert len(message.exports) == 4
    assert message.checkpoint.global_step == 5

    taken = full(metrics=300, exports=100)
    taken.failed("ValueError: " + "cause\n" * 5000)
    message = written(tmp_path, taken.document())
    assert message.state == "Failed"
    assert message.error.startswith("ValueError: cause cause")
    assert len(message.error) == 1000
    assert message.global_step == 5


def test_a_message_that_is_too_long_keeps_the_predictions(tmp_path):
    taken = full(metrics=300, exports=100)
    taken.predictions("/m/predictions/digits", 1797)
    taken.failed("ValueError: " + "cause\n" * 5000)
    assert written(tmp_path, taken.document()).predictions == taken.document().predictions


def test_nobody_asked_for_a_message(tmp_path, capfd):
    termination_message.write(None, recorder().document())
    assert capfd.readouterr().err == ""


def test_metrics_for_prometheus():
    taken = full(metrics=0, exports=1)
    taken.enter("Evaluating")
    taken.evaluation(global_step=5, checkpoint=None, metrics={'a"\\\n': 0.5, "nan": math.nan})
    taken.predictions("/m/predictions/digits", 1797)
    lines = exposition.to_text(taken.document()).splitlines()
    assert "estimator_job_predicted_examples 1797" in lines
    assert "# TYPE estimator_job_global_step gauge" in lines
    assert "estimator_job_global_step 5" in lines
    assert "estimator_job_loss 1.0" in lines
    assert 'estimator_job_state{state="Evaluating"} 1.0' in lines
    assert 'estimator_job_state{state="Training"} 0.0' in lines
    assert r'estimator_job_evaluation_metric{metric="a\"\\\n"} 0.5' in lines
    assert 'estimator_job_export_global_step{export="e0"} 5' in lines
    assert not any("nan" in line or "max_steps" in line for line in lines)
    names = [line.split()[2] for line in lines if line.startswith("# HELP")]
    assert len(names) == len(set(names))
