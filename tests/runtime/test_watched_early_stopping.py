"""Early stopping by time: events are read beside the training, and what is found ends it."""

import contextlib
import threading

import linear_model
import pytest
import tensorflow as tf
from linear_model import train_input, v1
from watched_training import Each, watching_threads

from estimator_runtime import experimental


def test_early_stopping_by_time_reads_no_events_in_a_step(tmp_path, monkeypatch):
    from estimator_runtime.training import early_stopping

    read_in = []
    reads = early_stopping.read_eval_metrics

    def read(eval_dir):
        read_in.append(threading.current_thread())
        return reads(eval_dir)

    monkeypatch.setattr(early_stopping, "read_eval_metrics", read)
    estimator = linear_model.estimator(tmp_path)
    hook = experimental.stop_if_lower_hook(estimator, "loss", 0.5, run_every_secs=0.001)

    def after_step(number):
        if number == 5:
            write_evaluation(estimator.eval_dir(), 0.1)

    estimator.train(train_input, hooks=[hook, Each(after_step)])
    assert read_in.count(threading.current_thread()) == 1, "before the session"
    assert linear_model.global_step(estimator) > 5
    assert watching_threads() == []


def test_early_stopping_by_time_stops_at_once_where_the_condition_holds_already(tmp_path):
    estimator = linear_model.estimator(tmp_path)
    write_evaluation(estimator.eval_dir(), 0.1)
    estimator.train(train_input, hooks=[experimental.stop_if_lower_hook(estimator, "loss", 0.5)], max_steps=9)
    assert linear_model.global_step(estimator) == 1


def test_a_metric_that_turns_out_to_be_missing_ends_the_training(tmp_path):
    estimator = linear_model.estimator(tmp_path)
    hook = experimental.stop_if_lower_hook(estimator, "accuracy", 0.5, run_every_secs=0.001)

    def after_step(number):
        if number == 5:
            write_evaluation(estimator.eval_dir(), 0.1)

    with pytest.raises(KeyError, match="no evaluation in .* has 'accuracy'"):
        estimator.train(train_input, hooks=[hook, Each(after_step)])
    assert watching_threads() == []


def write_evaluation(directory, loss):
    with tf.Graph().as_default(), contextlib.closing(v1.summary.FileWriter(str(directory))) as writer:
        writer.add_summary(v1.Summary(value=[v1.Summary.Value(tag="loss", simple_value=loss)]), 1)
