"""Which models become exports, which exports stay, and what a restart may not do."""

import json
import os
from unittest import mock

import linear_model
import numpy as np
import pytest
import tensorflow as tf

from estimator_runtime import BestExporter, Estimator, EvalSpec, FinalExporter, LatestExporter

v1 = tf.compat.v1


def receiver_fn():
    return None


class Exports:
    """A stand-in for an estimator that makes numbered export directories."""

    def __init__(self, root):
        self.model_dir = str(root)
        self.path = str(root / "export" / "best")
        self.count = 0
        self.calls = []

    def export_saved_model(self, export_path, fn, assets_extra=None, as_text=False, checkpoint_path=None):
        self.calls.append((fn, assets_extra, as_text, checkpoint_path))
        self.count += 1
        directory = os.path.join(export_path, str(1_500_000_000 + self.count))
        os.makedirs(directory)
        return directory

    def names(self):
        return sorted(name for name in os.listdir(self.path) if name.isdigit())

    def add_evaluation(self, step, folder="eval", **metrics):
        with tf.Graph().as_default():
            writer = v1.summary.FileWriter(os.path.join(self.model_dir, folder), filename_suffix=f".{step}")
            values = [v1.Summary.Value(tag=name, simple_value=value) for name, value in metrics.items()]
            writer.add_summary(v1.Summary(value=values), step)
            writer.close()


@pytest.fixture
def exports(tmp_path):
    return Exports(tmp_path)


def judge(exporter, exports, loss, step=1, final=False):
    return exporter.export(exports, exports.path, f"ckpt-{step}", {"loss": loss, "global_step": step}, final)


def test_the_estimator_is_called_as_tf_estimator_calls_it(tmp_path):
    estimator = mock.create_autospec(Estimator, instance=True)
    estimator.model_dir = str(tmp_path)
    estimator.export_saved_model.return_value = "exported"
    assets = {"from/path": "to/path"}
    for exporter in (
        LatestExporter("x", receiver_fn, assets, as_text=False, exports_to_keep=5),
        FinalExporter("x", receiver_fn, assets, as_text=False),
        BestExporter("x", receiver_fn, assets_extra=assets, as_text=False),
    ):
        estimator.export_saved_model.reset_mock()
        assert exporter.name == "x"
        path = str(tmp_path / "export" / "x")
        assert exporter.export(estimator, path, "checkpoint_path", {"loss": 1.0}, True) == "exported"
        estimator.export_saved_model.assert_called_once_with(
            path, receiver_fn, assets_extra=assets, as_text=False, checkpoint_path="checkpoint_path"
        )


def test_latest_keeps_the_newest(exports):
    exporter = LatestExporter("latest", receiver_fn, exports_to_keep=2)
    os.makedirs(os.path.join(exports.path, "keep-me"))
    os.makedirs(os.path.join(exports.path, "123"))
    made = [os.path.basename(judge(exporter, exports, 1.0)) for _ in range(4)]
    assert sorted(os.listdir(exports.path)) == ["123", *made[2:], "keep-me"]


def test_none_keeps_all(exports):
    exporter = LatestExporter("latest", receiver_fn, exports_to_keep=None)
    for _ in range(7):
        judge(exporter, exports, 1.0)
    assert len(exports.names()) == 7


@pytest.mark.parametrize(
    "error",
    [
        tf.errors.NotFoundError(None, None, "gone"),
        tf.errors.FailedPreconditionError(None, None, "a server on another host has a file of it open"),
        tf.errors.PermissionDeniedError(None, None, "not yours"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_old_export_that_cannot_be_deleted_fails_no_new_one(exports, monkeypatch, tf_log, error):
    exporter = LatestExporter("latest", receiver_fn, exports_to_keep=1)

    def refuse(path):
        raise error

    monkeypatch.setattr(tf.compat.v1.gfile, "DeleteRecursively", refuse)
    judge(exporter, exports, 1.0)
    assert judge(exporter, exports, 1.0).endswith("1500000002")
    assert "Can not delete" in tf_log[-1]


@pytest.mark.parametrize("make", [LatestExporter, BestExporter])
@pytest.mark.parametrize("count", [0, -1])
def test_exports_to_keep_is_positive(make, count):
    with pytest.raises(ValueError, match="`exports_to_keep`, if provided, must be a positive number"):
        make("x", receiver_fn, exports_to_keep=count)


def test_final_exports_once_training_has_ended(exports):
    exporter = FinalExporter("final", receiver_fn)
    assert judge(exporter, exports, 1.0, final=False) is None
    assert judge(exporter, exports, 1.0, final=True).endswith("1500000001")


def test_best_exports_what_is_better(exports):
    exporter = BestExporter("best", receiver_fn)
    assert judge(exporter, exports, 0.5)
    assert judge(exporter, exports, 0.6) is None
    assert judge(exporter, exports, 0.5) is None
    assert judge(exporter, exports, 0.4)
    assert len(exports.calls) == 2


def test_best_keeps_the_newest_exports(exports):
    exporter = BestExporter("best", receiver_fn, exports_to_keep=2)
    for loss in (5, 4, 3, 2):
        assert judge(exporter, exports, loss)
    assert exports.names() == ["1500000003", "1500000004"]


def test_best_keeps_the_better_model_across_a_restart(exports):
    for step, loss in ((1, 0.5), (2, 0.4)):
        exports.add_evaluation(step, loss=loss)
        assert judge(BestExporter("best", receiver_fn), exports, loss, step)
    exports.add_evaluation(3, loss=0.9)
    restarted = BestExporter("best", receiver_fn)
    assert judge(restarted, exports, 0.9, 3) is None
    assert judge(restarted, exports, 0.45, 4) is None
    assert judge(restarted, exports, 0.3, 5)


def test_a_best_evaluation_that_was_never_exported_is_no_obstacle(exports):
    """The evaluator may be killed between evaluating and exporting: the event file then promises too much."""
    assert judge(BestExporter("best", receiver_fn), exports, 0.5, 1)
    exports.add_evaluation(2, loss=0.1)
    assert judge(BestExporter("best", receiver_fn), exports, 0.2, 3)


def test_exports_without_a_record_are_judged_by_the_event_files(exports):
    """Such exports come from tf.estimator. The evaluation at hand is in the event files as well."""
    os.makedirs(os.path.join(exports.path, "1400000000"))
    exports.add_evaluation(1, loss=0.5)
    exports.add_evaluation(2, loss=0.6)
    assert judge(BestExporter("best", receiver_fn), exports, 0.6, 2) is None
    exports.add_evaluation(3, loss=0.4)
    assert judge(BestExporter("best", receiver_fn), exports, 0.4, 3)


def test_the_first_model_is_exported_whatever_the_event_files_say(exports):
    exports.add_evaluation(1, loss=50)
    exporter = BestExporter("best", receiver_fn)
    assert judge(exporter, exports, 100, 2)
    assert judge(exporter, exports, 10, 3)
    assert judge(exporter, exports, 20, 4) is None


def test_event_files_of_a_named_evaluation(exports):
    os.makedirs(os.path.join(exports.path, "1400000000"))
    exports.add_evaluation(1, folder="eval_test", loss=0.5)
    best = BestExporter("best", receiver_fn, event_file_pattern="eval_test/*.tfevents.*")
    assert judge(best, exports, 0.6, 2) is None
    assert judge(BestExporter("best", receiver_fn), exports, 0.6, 2)
    assert judge(BestExporter("best", receiver_fn, event_file_pattern=None), exports, 0.7, 2) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}"])
def test_a_damaged_record_counts_as_none(exports, text):
    assert judge(BestExporter("best", receiver_fn), exports, 0.5, 1)
    with open(os.path.join(exports.path, "best_eval_result.json"), "w") as file:
        file.write(text)
    assert judge(BestExporter("best", receiver_fn), exports, 0.9, 2)


def test_a_failed_export_is_not_the_best(exports, monkeypatch):
    exporter = BestExporter("best", receiver_fn)
    judge(exporter, exports, 0.5)
    with monkeypatch.context() as patch:
        patch.setattr(exports, "export_saved_model", mock.Mock(side_effect=OSError))
        with pytest.raises(OSError):
            judge(exporter, exports, 0.4)
    assert judge(exporter, exports, 0.45)


def test_best_compares_as_told(exports):
    def more_accurate(best_eval_result, current_eval_result):
        return current_eval_result["accuracy"] > best_eval_result["accuracy"]

    for restart, (accuracy, exported) in enumerate([(0.5, True), (0.4, False), (0.6, True), (0.6, False)]):
        exporter = BestExporter("best", receiver_fn, compare_fn=more_accurate)
        result = {"accuracy": accuracy, "confusion": [[1, 2]], "name": b"x", "global_step": restart}
        assert bool(exporter.export(exports, exports.path, "c", result, False)) is exported
    with open(os.path.join(exports.path, "best_eval_result.json")) as file:
        assert json.load(file) == {"accuracy": 0.6, "global_step": 2}


NAN = float("nan")


def higher_auc(best_eval_result, current_eval_result):
    return current_eval_result["auc"] > best_eval_result["auc"]


@pytest.mark.parametrize("restarts", [False, True])
def test_the_first_number_beats_a_loss_that_is_nan(exports, restarts):
    exporter = BestExporter("best", receiver_fn)
    exported = []
    for step, loss in enumerate([NAN, NAN, 0.5, NAN, 0.6, 0.4]):
        if restarts:
            exporter = BestExporter("best", receiver_fn)
        exported.append(bool(judge(exporter, exports, np.float32(loss), step)))
    assert exported == [True, False, True, False, False, True]


def test_a_metric_that_is_nan_is_never_better_to_a_comparison_that_reads_it(exports):
    exporter = BestExporter("best", receiver_fn, compare_fn=higher_auc)
    results = [{"auc": auc, "loss": NAN if auc > 0.5 else 1.0} for auc in (NAN, 0.5, NAN, 0.4, 0.6)]
    made = [bool(exporter.export(exports, exports.path, "c", result, False)) for result in results]
    assert made == [True, True, False, False, True]


def test_a_comparison_that_negates_does_not_prefer_nan(exports):
    def not_worse(best_eval_result, current_eval_result):
        return not current_eval_result["loss"] >= best_eval_result["loss"]

    exporter = BestExporter("best", receiver_fn, compare_fn=not_worse)
    assert [bool(judge(exporter, exports, loss)) for loss in (0.5, NAN, 0.4)] == [True, False, True]


def test_a_comparison_that_knows_nan_decides_where_both_are(exports):
    def auc_or_loss(best_eval_result, current_eval_result):
        if np.isnan(current_eval_result["auc"]) and np.isnan(best_eval_result["auc"]):
            return current_eval_result["loss"] < best_eval_result["loss"]
        return higher_auc(best_eval_result, current_eval_result)

    exporter = BestExporter("best", receiver_fn, compare_fn=auc_or_loss)
    results = [{"auc": NAN, "loss": loss} for loss in (3, 2, 4)]
    made = [bool(exporter.export(exports, exports.path, "c", result, False)) for result in results]
    assert made == [True, True, False]


def test_event_files_that_begin_with_nan_do_not_hide_the_best(exports):
    os.makedirs(os.path.join(exports.path, "1400000000"))
    for step, loss in ((1, NAN), (2, 0.3), (3, NAN)):
        exports.add_evaluation(step, loss=loss)
    assert judge(BestExporter("best", receiver_fn), exports, 0.4, 4) is None
    assert judge(BestExporter("best", receiver_fn), exports, 0.2, 5)


@pytest.fixture
def foreign(exports):
    """Exports of before there was a record, and event files in which others than the evaluation wrote as well."""
    os.makedirs(os.path.join(exports.path, "1400000000"))
    exports.add_evaluation(1, examples_per_sec=7.0)
    exports.add_evaluation(2, loss=0.3, auc=0.6)
    exports.add_evaluation(3, loss=0.1)
    exports.add_evaluation(4, examples_per_sec=9.0)
    return exports


def test_steps_of_the_event_files_without_a_loss_are_passed_over(foreign):
    assert judge(BestExporter("best", receiver_fn), foreign, 0.2, 5) is None
    assert judge(BestExporter("best", receiver_fn), foreign, 0.05, 5)


def test_steps_of_the_event_files_without_what_the_comparison_reads_are_passed_over(foreign):
    def export(auc):
        exporter = BestExporter("best", receiver_fn, compare_fn=higher_auc)
        result = {"auc": auc, "loss": 1.0, "global_step": 5}
        return exporter.export(foreign, foreign.path, "c", result, False)

    assert export(0.5) is None
    assert export(0.7)


def test_a_comparison_that_fails_with_what_every_evaluation_has_is_not_passed_over(foreign):
    def mistaken(best_eval_result, current_eval_result):
        raise ValueError("mistaken")

    with pytest.raises(ValueError, match="mistaken"):
        judge(BestExporter("best", receiver_fn, compare_fn=mistaken), foreign, 0.2, 5)


def test_event_files_that_end_in_half_a_record_are_read_up_to_it(foreign, tmp_path, tf_log):
    (written,) = (tmp_path / "eval").glob("*.3")
    written.write_bytes(written.read_bytes()[:-3])
    assert judge(BestExporter("best", receiver_fn), foreign, 0.2, 5)
    assert any(line.startswith("Ignoring data corruption of") for line in tf_log)


def test_a_record_without_what_the_comparison_reads_counts_as_none(exports):
    def by_worst_class(best_eval_result, current_eval_result):
        return current_eval_result["recalls"].min() > best_eval_result["recalls"].min()

    for restart in range(2):
        exporter = BestExporter("best", receiver_fn, compare_fn=by_worst_class)
        result = {"recalls": np.array([0.1 * restart, 0.5]), "loss": 1.0}
        assert exporter.export(exports, exports.path, "c", result, False)


def test_a_comparison_that_reads_what_no_evaluation_has_fails(exports):
    exporter = BestExporter("best", receiver_fn, compare_fn=higher_auc)
    judge(exporter, exports, 0.5)
    with pytest.raises(KeyError, match="auc"):
        judge(BestExporter("best", receiver_fn, compare_fn=higher_auc), exports, 0.4)


@pytest.mark.parametrize(
    ("compare_fn", "text"),
    [
        (None, "`compare_fn` must not be None."),
        (lambda current_eval_result: True, "must include best_eval_result argument"),
        (lambda best_eval_result: True, "must include current_eval_result argument"),
        (
            lambda best_eval_result, current_eval_result, more: True,
            r"has following not expected args: \['more'\]",
        ),
    ],
)
def test_refused_compare_fn(compare_fn, text):
    with pytest.raises(ValueError, match=text):
        BestExporter("best", receiver_fn, compare_fn=compare_fn)


@pytest.mark.parametrize("result", [{}, {"accuracy": 1.0}])
def test_the_default_comparison_needs_a_loss(exports, result):
    exporter = BestExporter("best", receiver_fn)
    judge(exporter, exports, 0.5)
    with pytest.raises(ValueError, match="current_eval_result cannot be empty or no loss is found in it"):
        exporter.export(exports, exports.path, "c", result, False)


def test_exporting_a_real_model(trained, tmp_path):
    result = trained.evaluate(linear_model.eval_input)
    path = str(tmp_path / "best")
    exported = BestExporter("best", linear_model.raw_receiver).export(
        trained, path, trained.latest_checkpoint(), result, False
    )
    assert os.path.exists(os.path.join(exported, "saved_model.pb"))
    again = BestExporter("best", linear_model.raw_receiver)
    assert again.export(trained, path, trained.latest_checkpoint(), result, False) is None
    assert EvalSpec(linear_model.eval_input, exporters=again).exporters == (again,)


def test_what_nobody_has_evaluated_is_exported_and_never_the_best(exports):
    exporter = BestExporter("best", receiver_fn)
    given = (exports, exports.path, "checkpoint")
    assert exporter.export(*given, None, False)
    assert exporter.export(*given, None, False)
    assert not os.path.exists(os.path.join(exports.path, "best_eval_result.json"))
    assert exporter.export(*given, {"loss": 1.0}, False)
    assert exporter.export(*given, {"loss": 2.0}, False) is None
    with pytest.raises(ValueError, match="current_eval_result cannot be empty"):
        exporter.export(*given, None, False)
